"""The report as a file to save."""

from __future__ import annotations

import asyncio

from aiohttp import web

from exporter.expose.report.history_and_report import report_out
from exporter.expose.report.html_and_markdown import FORMATS
from exporter.expose.report.redaction import redacted
from exporter.expose.server.state import STATE


def add_report(app: web.Application) -> None:
    """Add `/report.html` and `/report.md` to an application that has a `STATE`."""
    app.router.add_get("/report.{form:html|md}", _report)


async def _report(request: web.Request) -> web.Response:
    """The report as a file to save; `?redact=1` has other names in it."""
    state = request.app[STATE]
    snapshot, timeline, config = state.newest(), state.timeline(), state.config_text()
    if snapshot is None:
        raise web.HTTPServiceUnavailable(text="the first cycle has not ended yet; repeat the request\n")
    form = {"html": "html", "md": "markdown"}[request.match_info["form"]]

    def made() -> str:
        report = report_out(snapshot, timeline, state.version, config)
        return FORMATS[form](redacted(report) if request.query.get("redact") == "1" else report)

    text = await asyncio.to_thread(made)
    kind = "text/html" if form == "html" else "text/markdown"
    name = f"kvmigration-report.{request.match_info['form']}"
    response = web.Response(body=text.encode("utf-8", "replace"), content_type=kind, charset="utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
