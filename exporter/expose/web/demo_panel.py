"""The demo's own panel: its page may start and end faults of the simulated cluster, and take its next step.

These paths exist only in the process of `kvmigration demo`: `serve` has no panel, and no such path.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from exporter.expose.server.access import is_own
from exporter.expose.server.state import DemoPanel

FAULT: Final = "/demo/fault/{name}"
NEXT: Final = "/demo/next"


def add_demo_panel(app: web.Application, panel: DemoPanel) -> None:
    """Add the paths of the panel's buttons."""

    async def fault(request: web.Request) -> web.Response:
        _refuse_others(request)
        wanted = (await request.post()).get("on")
        if wanted not in ("true", "false"):
            raise web.HTTPBadRequest(text="on is true or false\n")
        try:
            await panel.switch(request.match_info["name"], wanted == "true")
        except LookupError:
            raise web.HTTPNotFound(text="the demo has no such fault\n") from None
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        raise web.HTTPSeeOther("../../")

    async def next_step(request: web.Request) -> web.Response:
        _refuse_others(request)
        await panel.next_step()
        raise web.HTTPSeeOther("../")

    app.router.add_post(FAULT, fault)
    app.router.add_post(NEXT, next_step)


def _refuse_others(request: web.Request) -> None:
    if not is_own(request):
        raise web.HTTPForbidden(text="a page of another site may not change the demo\n")


def state_of(panel: DemoPanel | None) -> str:
    """What the panel shows, as one text: the page is new when it changes."""
    on = [one.name for one in panel.faults() if one.on] if panel else []
    return f"{panel.walk()} {' '.join(on)}" if panel else ""
