"""Listening on the addresses of `--web.listen-address`, and stopping within two seconds."""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from exporter.errors import AddressTakenError, UsageError
from exporter.expose.server.access import WebConfigFile
from exporter.expose.server.connections import HANDSHAKE, KEEPALIVE, Doors
from exporter.log import logger

DEFAULT_ADDRESS: Final = ":9895"
GRACE: Final = 0.8  # seconds for requests under way; aiohttp waits it out twice
_BACKLOG: Final = 128
_ADDRESS = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]*):(?P<port>[0-9]{1,5})")
log = logger(__name__)


@asynccontextmanager
async def listening(
    app: web.Application, addresses: Sequence[str], web_config: WebConfigFile | None = None
) -> AsyncIterator[tuple[str, ...]]:
    """Serve `app` inside the `with`; gives the addresses with their real ports, in order.

    Raises `UsageError` that names the address and the remedy if one cannot be had; then none is open.
    """
    context = web_config.ssl_context if web_config else None
    sockets = await _bound(addresses)
    runner = _runner(app)
    servers: list[asyncio.Server] = []
    doors: Doors | None = None
    try:
        await runner.setup()
        doors = Doors(_handlers(runner))
        for bound in sockets:
            servers.append(await _served(doors, bound, context))
            log.info("listening", address=shown(bound), tls=context is not None)
        yield tuple(shown(bound) for bound in sockets)
    finally:
        for server in servers:
            server.close()
        if doors is not None:
            doors.close()
        await runner.cleanup()
        for bound in sockets:
            bound.close()


def _runner(app: web.Application) -> web.AppRunner:
    return web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=GRACE,
        logger=_http_log(),
        keepalive_timeout=KEEPALIVE,
        lingering_time=1.0,
    )


def _handlers(runner: web.AppRunner) -> web.Server:
    if runner.server is None:
        raise RuntimeError("the runner is not set up")
    return runner.server


async def _served(doors: Doors, bound: socket.socket, context: ssl.SSLContext | None) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(
        doors,
        sock=bound,
        ssl=context,
        backlog=_BACKLOG,
        ssl_handshake_timeout=HANDSHAKE if context is not None else None,
    )


def _http_log() -> logging.Logger:
    """The library's log without its lines about requests that are not HTTP: any client could fill it so."""
    log = logging.getLogger(f"{__name__}.http")
    log.addFilter(_no_bad_requests)
    return log


def _no_bad_requests(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def shown(bound: socket.socket) -> str:
    """A socket's own address: `127.0.0.1:9895`, `[::]:9895`."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _bound(addresses: Sequence[str]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for address in addresses or (DEFAULT_ADDRESS,):
            sockets.append(await _bind(address))  # noqa: PERF401 -- those before a failure must be closed
    except UsageError:
        for bound in sockets:
            bound.close()
        raise
    return sockets


async def refuse_taken(addresses: Sequence[str]) -> None:
    """Raise `UsageError`, as `listening` does, if one of the addresses cannot be had now; keep none open."""
    for bound in await _bound(addresses):
        bound.close()


async def _bind(address: str) -> socket.socket:
    host, port = parse_address(address)
    try:
        if not host:
            return _everywhere(port)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, where = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)[0]
        return socket.create_server(where[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        kind = AddressTakenError if error.errno == errno.EADDRINUSE else UsageError
        raise kind(f"cannot listen on {address}: {_why(error)}") from None


def _everywhere(port: int) -> socket.socket:
    """One socket for IPv4 and IPv6, so that port 0 is one port; only IPv4 where there is no IPv6."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG
            )
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
    return socket.create_server(("", port), backlog=_BACKLOG)


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of `:9895`, `127.0.0.1:0` or `[::1]:9895`; host "" is every interface.

    Raises `UsageError` for anything else.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise UsageError(
            f'"{address}" is not HOST:PORT; write for instance :9895, 127.0.0.1:9895 or [::1]:9895'
        )
    port = int(match["port"])
    if port > 65535:
        raise UsageError(f'"{address}": a port is at most 65535')
    return match["host"].strip("[]"), port


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host; give an address of this machine, or none for all of them"
    remedies = {
        errno.EADDRINUSE: "the port is in use; stop what listens there, or choose another port with "
        "--web.listen-address",
        errno.EACCES: "not allowed; choose a port above 1023",
        errno.EADDRNOTAVAIL: "this machine has no such address; give one it has, or none for all of them",
    }
    return remedies.get(error.errno or 0, (error.strerror or str(error)).lower())
