"""The HTTP application: what an exporter of the Prometheus family answers, and nothing that blocks its loop.

It takes the state it serves from as functions, so it has no state of its own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from aiohttp import web

from exporter.errors import KVMigrationError
from exporter.expose.api.handlers import add_api
from exporter.expose.report.history_and_report import report_out
from exporter.expose.report.html_and_markdown import FORMATS
from exporter.expose.report.redaction import redacted
from exporter.expose.server.access import WebConfigFile, guard, is_own
from exporter.expose.server.probe_endpoint import Prober, add_probe
from exporter.expose.server.state import STATE, TELEMETRY_PATH, ServerState
from exporter.expose.web import add_page

NAME: Final = "kvmigration"
SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY: Final = "Content-Security-Policy"
SECURITY_HEADERS_OF_DEMO: Final[Mapping[str, str]] = {
    **SECURITY_HEADERS,
    POLICY: SECURITY_HEADERS[POLICY].replace("form-action 'none'", "form-action 'self'"),
    "Referrer-Policy": "same-origin",  # else a browser does not send the origin of a form's page
}
_MAX_BODY: Final = 64 * 1024  # nothing here takes a body
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def build(
    state: ServerState,
    *,
    telemetry_path: str = "/metrics",
    web_config: WebConfigFile | None = None,
    prober: Prober | None = None,
) -> web.Application:
    """The application with everything it serves; `/probe` only with a prober.

    Raises `ValueError` if `telemetry_path` is no path such as `/metrics`.
    """
    if not _PATH.fullmatch(telemetry_path):
        raise ValueError(f'telemetry path "{telemetry_path}" is not a path such as /metrics')
    middlewares = [guard(web_config)] if web_config else []
    app = web.Application(middlewares=middlewares, client_max_size=_MAX_BODY)
    app[STATE] = state
    app[TELEMETRY_PATH] = telemetry_path
    app.on_response_prepare.append(_headers(web_config, forms=state.panel is not None))
    app.add_routes(
        [
            web.get(telemetry_path, _metrics),
            web.get("/-/healthy", _healthy),
            web.get("/-/ready", _ready),
            web.get("/config", _config),
            web.get("/targets", _targets),
            web.get("/report.{form:html|md}", _report),
            web.post("/-/reload", _reload),
            web.put("/-/reload", _reload),
        ]
    )
    add_api(app)
    add_page(app)
    if prober is not None:
        add_probe(app, prober)
    return app


def _headers(
    web_config: WebConfigFile | None, *, forms: bool
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def prepare(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = NAME
        response.headers.setdefault("Cache-Control", "no-store")
        wanted = dict(SECURITY_HEADERS_OF_DEMO if forms else SECURITY_HEADERS)
        if web_config is not None:
            wanted |= web_config.current().http_server_config.headers
        for name, value in wanted.items():
            if value:
                response.headers[name] = value

    return prepare


async def _metrics(request: web.Request) -> web.Response:
    accept = ",".join(request.headers.getall("Accept", []))
    encoding = ",".join(request.headers.getall("Accept-Encoding", []))
    made = await request.app[STATE].metrics.render(accept, encoding)
    headers = {"Content-Type": made.content_type, "Vary": "Accept, Accept-Encoding"}
    if made.encoding:
        headers["Content-Encoding"] = made.encoding
    return web.Response(body=made.body, headers=headers)


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text=f"{NAME} is healthy.\n")


async def _ready(request: web.Request) -> web.Response:
    if request.app[STATE].ready:
        return web.Response(text=f"{NAME} is ready.\n")
    return web.Response(status=503, text=f"{NAME} is not ready: the first cycle has not ended.\n")


async def _config(request: web.Request) -> web.Response:
    return web.Response(text=request.app[STATE].config_text(), content_type="application/yaml")


async def _targets(request: web.Request) -> web.Response:
    body = msgspec.json.encode({"status": "success", "data": list(request.app[STATE].targets())})
    return web.Response(body=body, content_type="application/json")


async def _reload(request: web.Request) -> web.Response:
    reload = request.app[STATE].reload
    if reload is None:
        raise web.HTTPForbidden(text="Lifecycle API is not enabled; start with --web.enable-lifecycle.\n")
    if not is_own(request):
        raise web.HTTPForbidden(text="a page of another site may not start a reload\n")
    try:
        await reload()
    except KVMigrationError as error:
        return web.Response(status=500, text=f"failed to reload config: {error}\n")
    return web.Response(text="")


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
