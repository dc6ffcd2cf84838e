"""The page's paths and files. Every page is rendered from the newest snapshot and kept until the next."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from markupsafe import Markup

from exporter.expose.lag_history import LagHistory
from exporter.expose.plan.answers import plans_out
from exporter.expose.server.state import STATE, TELEMETRY_PATH
from exporter.expose.staleness import Aged
from exporter.expose.web.demo_panel import add_demo_panel, state_of
from exporter.expose.web.documents import IMAGES, images
from exporter.expose.web.environment import HERE, render
from exporter.expose.web.page_contents import (
    PATHS,
    Content,
    NotThere,
    PageRequest,
    document,
    nothing_yet,
    nowhere,
)
from exporter.model.facts import Snapshot

MAX_RENDERED: Final = 32  # rendered pages of one snapshot
LOOK: Final = 1.0  # seconds between checks for a new snapshot
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def _files() -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted((HERE / "static").iterdir()) if path.suffix in _TYPES
    }


@dataclass
class Pages:
    """What the page keeps: the curves' points, its files, and what it rendered of one snapshot."""

    history: LagHistory = field(default_factory=LagHistory)
    files: dict[str, bytes] = field(default_factory=_files)
    of: Snapshot | None = None
    rendered: OrderedDict[str, Rendered] = field(default_factory=OrderedDict)

    @property
    def version(self) -> str:
        """Changes with any of the files."""
        return hashlib.sha256(b"\0".join(self.files.values())).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Rendered:
    """One page's inner part."""

    title: str
    announcement: str
    body: Markup


PAGES: Final = web.AppKey("pages", Pages)


def add_page(app: web.Application) -> None:
    """Add the page, its sub-pages and files, and a page for unknown paths, to an application that has a
    `STATE` and nothing at `/`.
    """
    app[PAGES] = Pages()
    app.cleanup_ctx.append(_remember)
    app.middlewares.append(_not_found)
    app.router.add_get("/docs", _docs)
    app.router.add_get(r"/docs/{picture:.+\.(?:png|svg)}", _image)
    for path, make in PATHS.items():
        app.router.add_get(path, partial(_respond, make=make))
    app.router.add_get("/static/{file}", _static)
    panel = app[STATE].panel
    if panel is not None:
        add_demo_panel(app, panel)


async def _remember(app: web.Application) -> AsyncIterator[None]:
    """Note every snapshot for the curves, whether the page is open anywhere or not."""

    async def look() -> None:
        while True:
            app[PAGES].history.take(app[STATE].newest())
            await asyncio.sleep(LOOK)

    task = asyncio.create_task(look())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _respond(
    request: web.Request, make: Callable[[PageRequest], Content], status: int = 200
) -> web.Response:
    state, pages = request.app[STATE], request.app[PAGES]
    aged = state.newest.aged()
    snapshot, age = aged.snapshot, _headers(aged)
    pages.history.take(snapshot)
    snapshot_id = f"{snapshot.at}-{snapshot.is_withheld:d}" if snapshot else "0"
    shown = hashlib.sha256(state_of(state.panel).encode()).hexdigest()[:8] if state.panel else "0"
    tag = f'"{snapshot_id}-{aged.is_stale:d}-{pages.version}-{shown}"'
    if status == 200 and request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag, **age})
    try:
        inner = await _inner(request, make, snapshot)
    except NotThere as missing:
        content = missing.content
        return await _respond(request, lambda _: content, 404)
    text = _document(request, inner, aged)
    status = 503 if snapshot is None and status == 200 and make is not document else status
    response = web.Response(
        body=text.encode("utf-8", "replace"), status=status, content_type="text/html", charset="utf-8"
    )
    response.headers.update({"ETag": tag, "Vary": "Accept-Encoding", **age})
    response.enable_compression()
    return response


def _headers(aged: Aged) -> dict[str, str]:
    return {} if aged.age is None else {"Snapshot-Age": f"{aged.age:.1f}"}


async def _inner(
    request: web.Request, make: Callable[[PageRequest], Content], snapshot: Snapshot | None
) -> Rendered:
    """A page's inner part, rendered in a thread once per snapshot. Pages for unknown names are not kept."""
    pages, state = request.app[PAGES], request.app[STATE]
    view = PageRequest(
        snapshot,
        pages.history,
        state.interval(),
        dict(request.match_info),
        _query(request),
        _root(request),
        lambda wanted: plans_out(state.plans(snapshot, wanted), state.docs()) if snapshot else (),
        state.timeline(),
        state.boards,
    )
    if pages.of is not snapshot:
        pages.of, pages.rendered = snapshot, OrderedDict()
    rendered, key = pages.rendered, request.raw_path
    if key in rendered and make in PATHS.values():
        rendered.move_to_end(key)
        return rendered[key]
    made = await asyncio.to_thread(_rendered, make, view)
    if make in PATHS.values():
        rendered[key] = made
        if len(rendered) > MAX_RENDERED:
            rendered.popitem(last=False)
    return made


def _rendered(make: Callable[[PageRequest], Content], view: PageRequest) -> Rendered:
    known = view.snapshot is not None or make is document
    content = make(view) if known else nothing_yet(view)
    body = render(
        content.template, root=view.root, boards=view.boards, snapshot=view.snapshot, **content.values
    )
    return Rendered(content.title, content.announcement, Markup(body))  # noqa: S704 - our own template


def _query(request: web.Request) -> dict[str, str]:
    return {
        name: request.query[name][:200]
        for name in ("page", "views", "component", "kind")
        if name in request.query
    }


def _root(request: web.Request) -> str:
    """The way back to `/`, relative, so that a proxy may put a prefix before everything."""
    return "../" * (request.raw_path.partition("?")[0].count("/") - 1) or "./"


def _document(request: web.Request, inner: Rendered, aged: Aged) -> str:
    state, pages = request.app[STATE], request.app[PAGES]
    return render(
        "layout.html",
        inner=inner,
        root=_root(request),
        age=aged.age,
        limit=aged.limit,
        stale=aged.is_stale,
        poll=min(5.0, max(1.0, state.interval() / 3)),
        refresh=max(5, round(state.interval())),
        files=pages.version,
        version=state.version,
        docs=state.docs(),
        boards=state.boards,
        telemetry=request.app[TELEMETRY_PATH].lstrip("/"),
        snapshot=aged.snapshot,
        panel=state.panel if request.path == "/" else None,
    )


async def _docs(_: web.Request) -> web.Response:
    raise web.HTTPMovedPermanently("docs/")


async def _image(request: web.Request) -> web.FileResponse:
    file = images().get(request.match_info["picture"])
    if file is None:
        raise web.HTTPNotFound(text="the docs have no such picture\n")
    return web.FileResponse(file, headers={"Content-Type": IMAGES[file.suffix]})


async def _static(request: web.Request) -> web.Response:
    pages, wanted = request.app[PAGES], request.match_info["file"]
    if wanted not in pages.files:
        raise web.HTTPNotFound(text=f"there is no file {json.dumps(wanted[:100])}\n")
    kind = _TYPES[f".{wanted.rpartition('.')[2]}"]
    response = web.Response(body=pages.files[wanted], content_type=kind, charset="utf-8")
    if request.query.get("v") == pages.version:
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    response.enable_compression()
    return response


@web.middleware
async def _not_found(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A browser gets a page with the paths that exist; programs keep their plain text."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        accepted = request.headers.get("Accept", "")
        if (
            request.method != "GET"
            or "text/html" not in accepted
            or request.path.startswith(("/api/", "/-/", "/static/"))
        ):
            raise
        return await _respond(request, nowhere, 404)
