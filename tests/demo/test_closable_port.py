"""A port of the demo that closes leaves no connection behind, at whatever moment it was made."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings

import pytest
from aiohttp import web

from exporter.demo.closable_port import HttpDoor, StreamDoor

pytestmark = pytest.mark.asyncio
ASKED = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def answer(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"x" * 8_000_000)


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read(1))


def http() -> HttpDoor:
    return HttpDoor("127.0.0.1", 0, answer)


def stream() -> StreamDoor:
    return StreamDoor("127.0.0.1", 0, talk)


def connected(door: HttpDoor | StreamDoor) -> socket.socket:
    client = socket.create_connection((door.host, door.port))
    client.setblocking(False)
    return client


async def is_ended(client: socket.socket) -> bool:
    try:
        while await asyncio.get_running_loop().sock_recv(client, 65_536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("turns", range(6))  # of the loop, between the connection and the end
@pytest.mark.parametrize("door", [http, stream])
async def test_whoever_has_just_connected_is_ended_with_the_port(door: type[HttpDoor], turns: int) -> None:
    with warnings.catch_warnings(record=True) as unclosed:
        warnings.simplefilter("always")
        port = door()
        await port.open()
        with connected(port) as client:
            for _ in range(turns):
                await asyncio.sleep(0)
            await port.release()
            async with asyncio.timeout(10):
                assert await is_ended(client)
        gc.collect()
    assert [str(each.message) for each in unclosed] == []


async def test_an_answer_that_nobody_reads_is_ended_with_the_port() -> None:
    port = http()
    await port.open()
    with connected(port) as client:
        await asyncio.get_running_loop().sock_sendall(client, ASKED)
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(client, 1)
            await port.release()
            assert port._http is None
            handles = [one for one in gc.get_objects() if isinstance(one, asyncio.Transport)]
            await asyncio.sleep(0)
            assert all(one.is_closing() and one.get_write_buffer_size() == 0 for one in handles)


async def test_a_port_that_stays_open_goes_on_answering() -> None:
    port = stream()
    await port.open()
    with connected(port) as client:
        await asyncio.get_running_loop().sock_sendall(client, b"a")
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b"a"
    await port.release()
    with pytest.raises(ConnectionRefusedError):
        connected(port)
