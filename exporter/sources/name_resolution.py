"""Names to addresses, in threads of our own.

The loop's common pool has a handful of threads on a small machine. A name server that hangs on a few names
would delay all further names and files.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

from exporter.sources.discovery.target_source import is_no_process

_THREADS = 32
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Resolver(AbstractResolver):
    """The system's resolver, hosts file and search domains included. An address where no process can be, such
    as a cloud's metadata service, is left out.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a name; raises `OSError` where there is none."""
        ask = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, ask)
        except UnicodeError:  # a label over 63 characters: the codec's error, not the resolver's
            raise OSError("not a host name") from None
        allowed = [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=_NUMERIC
            )
            for kind, _, proto, _, address in found
            if not is_no_process(str(address[0]).partition("%")[0])
        ]
        if not allowed:
            raise OSError("the name leads to no address where a process can be")
        return allowed

    async def close(self) -> None:
        """Let go of the threads; one that hangs in the system ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def is_address(host: str) -> bool:
    """Whether this is an address already, so that there is nothing to resolve."""
    if ":" in host:
        return True
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True
