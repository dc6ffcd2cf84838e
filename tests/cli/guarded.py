"""Something that asks for a name and a password before it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, encode_basic_auth, web


@asynccontextmanager
async def guarded(url: str, name: str, password: str) -> AsyncIterator[str]:
    """A proxy that asks for a name and a password before it passes anything on."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != encode_basic_auth(name, password):
            return web.Response(status=401)
        async with ClientSession() as session, session.get(url + request.path_qs) as told:
            kind = told.headers.get("Content-Type", "text/plain")
            return web.Response(status=told.status, body=await told.read(), headers={"Content-Type": kind})

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
