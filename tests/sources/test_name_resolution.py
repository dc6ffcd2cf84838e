"""Names to addresses in threads of our own."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from exporter.sources.name_resolution import Resolver

pytestmark = pytest.mark.asyncio


async def test_a_name_of_the_hosts_file_resolves_with_its_port() -> None:
    resolver = Resolver()
    found = await resolver.resolve("localhost", 9895, socket.AF_INET)
    await resolver.close()
    assert [(one["hostname"], one["host"], one["port"]) for one in found] == [
        ("localhost", "127.0.0.1", 9895)
    ]


@pytest.mark.parametrize("name", ["x" * 64 + ".invalid", "no-such-host.invalid"])
async def test_a_name_that_is_none_is_an_oserror(name: str) -> None:
    resolver = Resolver()
    with pytest.raises(OSError):
        await resolver.resolve(name)
    await resolver.close()


async def test_the_loops_own_threads_do_not_have_to_be_free() -> None:
    """Files are read in the common pool: a name must resolve while that is full of waiting."""
    loop = asyncio.get_running_loop()
    free = threading.Event()
    waiting = [loop.run_in_executor(None, free.wait, 30) for _ in range(40)]
    resolver = Resolver()
    try:
        assert await asyncio.wait_for(resolver.resolve("localhost", 1, socket.AF_INET), 20)
    finally:
        free.set()
        await asyncio.gather(*waiting)
        await resolver.close()
