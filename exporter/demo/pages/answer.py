"""An answer of the simulated servers, and the templates they are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import jinja2

from exporter.demo.pages import go_format
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.process import Process

PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
SNIFFED = "text/html"  # as Go's http.ServeContent finds it
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, type and body; `headers` beside them."""

    body: bytes
    content_type: str = PLAIN
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def _environment() -> jinja2.Environment:
    # The pages escape as Go does, by the filters; hostile names are meant to arrive escaped that way.
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # noqa: S701 - the filters escape, as Go does
    )
    found.filters["go"] = go_format.escape
    found.filters["query"] = go_format.in_query
    return found


_TEMPLATES = _environment()


def html(template: str, content_type: str, **values: object) -> Reply:
    """A page from a template."""
    return Reply(_TEMPLATES.get_template(template).render(values).encode(), content_type)


def page(template: str, cluster: Cluster, process: Process, **values: object) -> Reply:
    """A page with the time of the process, as its product serves it."""
    now = go_format.go_time(cluster.clock(process), process.started + process.skew)
    content_type = HTML if cluster.settings.product == "cortex" else SNIFFED
    return html(template, content_type, now=now, **values)


def json_reply(body: str) -> Reply:
    """A JSON answer."""
    return Reply(body.encode(), JSON)


def text(body: str, status: int = 200, content_type: str = PLAIN) -> Reply:
    """A plain answer."""
    return Reply(body.encode(), content_type, status)


NOT_FOUND = text("404 page not found\n", 404)
