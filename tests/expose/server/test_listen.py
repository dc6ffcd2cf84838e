"""Addresses: which are understood, what is said when one cannot be had, and a quick stop."""

from __future__ import annotations

import asyncio
import socket
import time

import aiohttp
import pytest
from aiohttp import web

from exporter.errors import UsageError
from exporter.expose.server.listen import listening, parse_address


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        (":9895", ("", 9895)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:9895", ("::1", 9895)),
        ("localhost:80", ("localhost", 80)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
    ],
)
def test_addresses_are_understood(address: str, parsed: tuple[str, int]) -> None:
    assert parse_address(address) == parsed


@pytest.mark.parametrize(
    "address", ["", "9895", "localhost", "::1:9895", "[::1]", "a:b", ":-1", ":65536", "http://x:1"]
)
def test_an_address_that_is_none_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(UsageError, match=r"write for instance|at most 65535"):
        parse_address(address)


def app() -> web.Application:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response(text="late")

    made = web.Application()
    made.add_routes([web.get("/", hello), web.get("/slow", slow)])
    return made


async def fetched(address: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/") as answer:
        return await answer.text()


@pytest.mark.asyncio
async def test_several_addresses_are_served_on_their_real_ports() -> None:
    async with listening(app(), ["127.0.0.1:0", "localhost:0"]) as addresses:
        assert len(set(addresses)) == 2
        assert [await fetched(address) for address in addresses] == ["hello", "hello"]


@pytest.mark.asyncio
async def test_no_host_is_every_interface_on_one_port() -> None:
    async with listening(app(), [":0"]) as (address,):
        port = address.rsplit(":", 1)[1]
        assert await fetched(f"127.0.0.1:{port}") == "hello"


@pytest.mark.asyncio
async def test_a_port_in_use_is_named_with_the_remedy_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as probe:
        port, free = taken.getsockname()[1], probe.getsockname()[1]
        probe.close()
        wanted = [f"127.0.0.1:{free}", f"127.0.0.1:{port}"]
        with pytest.raises(UsageError) as caught:
            async with listening(app(), wanted):
                pass
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: the port is in use; stop what listens there, or choose another "
        "port with --web.listen-address"
    )
    with socket.create_server(("127.0.0.1", free)):
        pass


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("address", "message"),
    [("192.0.2.1:0", "this machine has no such address"), ("no-such-host.invalid:0", "no such host")],
)
async def test_an_address_of_another_machine_is_said_to_be_one(address: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        async with listening(app(), [address]):
            pass


@pytest.mark.asyncio
async def test_the_stop_does_not_wait_for_a_slow_request_nor_an_idle_connection() -> None:
    async with aiohttp.ClientSession() as session:
        async with listening(app(), ["127.0.0.1:0"]) as (address,):
            assert await (await session.get(f"http://{address}/")).text() == "hello"  # stays open, idle
            slow = asyncio.create_task(session.get(f"http://{address}/slow").__aenter__())
            await asyncio.sleep(0.1)
            began = time.monotonic()
        took = time.monotonic() - began
        with pytest.raises(aiohttp.ClientError):
            await slow
    assert took < 10  # the promise is two seconds; the bound is for a busy machine
