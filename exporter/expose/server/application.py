"""The complete web application: metrics and health, the API, the page."""

from __future__ import annotations

from aiohttp import web

from exporter.expose.api.handlers import add_api
from exporter.expose.report.downloads import add_report
from exporter.expose.server.access import WebConfigFile
from exporter.expose.server.probe_endpoint import Prober, add_probe
from exporter.expose.server.routes import build_app
from exporter.expose.server.state import ServerState
from exporter.expose.web import add_page


def build(
    state: ServerState,
    *,
    telemetry_path: str = "/metrics",
    web_config: WebConfigFile | None = None,
    prober: Prober | None = None,
) -> web.Application:
    """Build the application with everything it serves; `/probe` only with a prober."""
    app = build_app(state, telemetry_path=telemetry_path, web_config=web_config)
    add_api(app)
    add_page(app)
    add_report(app)
    if prober is not None:
        add_probe(app, prober)
    return app
