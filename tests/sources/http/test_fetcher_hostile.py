"""The wrapper on targets that do not behave: each costs its own time and nothing else."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
import subprocess
import tracemalloc
from itertools import cycle
from pathlib import Path

import pytest
from zlib_ng import zlib_ng

from exporter.model.pages import Answer, Outcome, Reason, Target
from exporter.sources.http.fetcher import Fetcher, FetchSettings, TargetAccess
from tests.sources.wire import Handler, always, hang, once, request, response, serve

pytestmark = pytest.mark.asyncio
QUICK = FetchSettings(timeout=0.5, max_response_bytes=1_000_000)


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte of the body every 100 ms."""
    await request(reader)
    writer.write(response(length=10_000))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def drip_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte of the headers every 100 ms."""
    await request(reader)
    for char in cycle(b"HTTP/1.1 200 OK\r\nX: "):
        writer.write(bytes([char]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half an answer, then a TCP reset."""
    await request(reader)
    writer.write(response(b"half", length=4000))
    await writer.drain()
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reset_at_once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: and more\r\n" * 100)
        await writer.drain()


async def endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


async def endless_error(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b"x" * 0x1000)
        await writer.drain()


def _bomb(size: int) -> bytes:
    return response(zlib_ng.compress(bytes(size), 6, 31), headers={"Content-Encoding": "gzip"})


def _gzip(body: bytes) -> bytes:
    return response(body, headers={"Content-Encoding": "gzip"})


HEADER_OF_MEGABYTES = response(headers={"X-Big": "x" * 2_000_000})
BROTLI = response(b"x", headers={"Content-Encoding": "br"})
TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x16"
CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

CASES: dict[str, tuple[Handler, set[Reason]]] = {
    "hangs": (hang, {Reason.TIMEOUT}),
    "drips its body": (drip, {Reason.TIMEOUT}),
    "drips its headers": (drip_head, {Reason.TIMEOUT}),
    "resets in the body": (reset, {Reason.CLOSED}),
    "resets at once": (reset_at_once, {Reason.CLOSED}),
    "closes without a byte": (once(b""), {Reason.CLOSED}),
    "sends less than announced": (once(response(b"half", length=4000)), {Reason.CLOSED}),
    "announces more and waits": (always(response(b"half", length=4000)), {Reason.TIMEOUT}),
    "announces too much": (always(response(b"", length=10**12)), {Reason.TOO_LARGE}),
    "announces nonsense": (once(response(headers={"Content-Length": "-5"})), {Reason.DECODE}),
    "announces two lengths": (
        once(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        {Reason.DECODE},
    ),
    "ends its chunks early": (once((CHUNKED + "10\r\nabc").encode()), {Reason.CLOSED}),
    "sends a bad chunk": (once((CHUNKED + "zz\r\nabc\r\n").encode()), {Reason.CLOSED, Reason.DECODE}),
    "sends a bomb": (always(_bomb(200_000_000)), {Reason.TOO_LARGE}),
    "sends damaged gzip": (always(_gzip(b"not gzip at all")), {Reason.DECODE}),
    "sends half a gzip": (always(_gzip(gzip.compress(bytes(range(256)) * 9)[:60])), {Reason.CLOSED}),
    "sends another compression": (
        always(response(b"x", headers={"Content-Encoding": "br"})),
        {Reason.DECODE},
    ),
    "never ends its headers": (endless_headers, {Reason.DECODE, Reason.TOO_LARGE}),
    "sends a huge header": (once(HEADER_OF_MEGABYTES), {Reason.DECODE, Reason.TOO_LARGE}),
    "never ends its body": (endless_body, {Reason.TOO_LARGE}),
    "speaks something else": (once(b"-ERR unknown command 'GET'\r\n"), {Reason.DECODE}),
    "speaks TLS on a plain port": (once(TLS_ALERT), {Reason.DECODE}),
    "sends rubbish": (once(bytes(range(256)) * 40), {Reason.DECODE}),
    "sends a status of rubbish": (once(b"HTTP/1.1 9999999 \xff\r\n\r\n"), {Reason.DECODE, Reason.STATUS}),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_target_that_misbehaves_ends_as_a_failure_within_its_time(case: str) -> None:
    handler, reasons = CASES[case]
    async with serve(handler) as target, Fetcher(QUICK) as fetcher:
        async with asyncio.timeout(20):
            got = await fetcher.get(target, "/ring")
    assert got.outcome is Outcome.FAILED
    assert got.reason in reasons, got.detail
    assert got.body == b""
    _assert_plain(got)


def _assert_plain(answer: Answer) -> None:
    assert 0 < len(answer.detail) <= 160
    assert answer.detail.isascii()
    assert answer.detail.isprintable()
    assert "127.0.0.1" not in answer.detail


async def test_an_error_page_without_end_is_still_an_absent_page() -> None:
    async with serve(endless_error) as target, Fetcher(QUICK) as fetcher:
        got = await fetcher.get(target, "/ring")
    assert (got.outcome, got.body) == (Outcome.ABSENT, b"unread")


async def test_bytes_behind_the_announced_end_never_become_the_next_page() -> None:
    """A body longer than its Content-Length holds a whole false answer for whoever asks next."""
    false = response(b"false")
    answer = response(b"true" + false, length=4)
    async with serve(always(answer)) as target, Fetcher(QUICK) as fetcher:
        bodies = [(await fetcher.get(target, "/ring")).body for _ in range(5)]
    assert b"false" not in bodies
    assert bodies[0] == b"true"


async def test_a_bomb_stops_long_before_it_is_unpacked() -> None:
    packed = _bomb(500_000_000)
    async with serve(always(packed)) as target, Fetcher(QUICK) as fetcher:
        tracemalloc.start()
        try:
            got = await fetcher.get(target, "/ring")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert got.reason is Reason.TOO_LARGE
    assert peak < 20_000_000


@pytest.mark.parametrize("size", [999_999, 1_000_000, 1_000_001])
@pytest.mark.parametrize("compressed", [False, True])
async def test_the_cap_is_exact_and_counts_after_decompression(size: int, compressed: bool) -> None:
    answer = _bomb(size) if compressed else response(bytes(size))
    async with serve(always(answer)) as target, Fetcher(QUICK) as fetcher:
        got = await fetcher.get(target, "/ring")
    assert (got.outcome is Outcome.OK) == (size <= 1_000_000)
    assert len(got.body) == (size if size <= 1_000_000 else 0)


async def test_nobody_listening_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        async with Fetcher(QUICK) as fetcher:
            got = await fetcher.get(Target("x", url), "/ring")
    assert (got.reason, got.detail) == (Reason.REFUSED, "Connection refused")


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "a" * 70 + ".invalid", "..", "-", "127.0.0.1.invalid"]
)
async def test_a_name_that_does_not_resolve_is_a_failure_of_its_own(host: str) -> None:
    async with Fetcher(FetchSettings(timeout=20)) as fetcher:
        got = await fetcher.get(Target("x", f"http://{host}:80"), "/ring")
    assert got.reason in {Reason.DNS, Reason.FORBIDDEN}, got.detail
    _assert_plain(got)


async def test_a_port_out_of_range_is_refused_without_a_crash() -> None:
    async with Fetcher(QUICK) as fetcher:
        got = await fetcher.get(Target("x", "http://127.0.0.1:99999"), "/ring")
    assert got.reason is Reason.FORBIDDEN


async def test_tls_to_a_plain_port_is_a_tls_failure() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(response(status="400 Bad Request"))
        await writer.drain()

    async with serve(plain) as target, Fetcher(QUICK) as fetcher:
        got = await fetcher.get(Target("x", target.url.replace("http:", "https:")), "/ring")
    assert got.reason is Reason.TLS
    _assert_plain(got)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that nobody signed, for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


async def test_a_certificate_is_checked_and_the_configured_authority_is_trusted(
    certificate: tuple[Path, Path],
) -> None:
    cert, key = certificate
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=str(cert))
    settings = FetchSettings(for_target=lambda target: TargetAccess(ssl=trusting if target.http else True))
    async with serve(always(response(b"x")), ssl=server) as target, Fetcher(settings) as fetcher:
        unknown = await fetcher.get(target, "/ring")
        known = await fetcher.get(Target("x", target.url, http="trusting"), "/ring")
        plain = await fetcher.get(Target("x", target.url.replace("https:", "http:")), "/ring")
    assert unknown.reason is Reason.TLS
    assert "self" in unknown.detail
    assert known.outcome is Outcome.OK
    assert plain.outcome is Outcome.FAILED
    _assert_plain(unknown)


async def test_a_call_ends_with_the_cycle() -> None:
    async with serve(hang) as target, Fetcher(FetchSettings(timeout=60)) as fetcher:
        deadline = asyncio.get_running_loop().time() + 0.2
        async with asyncio.timeout(10):
            got = await fetcher.get(target, "/ring", deadline=deadline)
    assert (got.outcome, got.reason) == (Outcome.FAILED, Reason.DEADLINE)
    assert fetcher.counts == {("/ring", "failed"): 1}


async def test_a_deadline_that_passed_ends_calls_that_have_no_place_yet() -> None:
    settings = FetchSettings(timeout=60, per_target=1)
    async with serve(hang) as target, Fetcher(settings) as fetcher:
        deadline = asyncio.get_running_loop().time() + 0.2
        async with asyncio.timeout(10):
            answers = await asyncio.gather(
                *(fetcher.get(target, "/ring", deadline=deadline) for _ in range(50))
            )
    assert {answer.reason for answer in answers} == {Reason.DEADLINE}


async def test_after_the_deadline_nothing_is_requested() -> None:
    seen: list[str] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await request(reader))[0])

    async with serve(handler) as target, Fetcher(FetchSettings()) as fetcher:
        got = await fetcher.get(target, "/ring", deadline=asyncio.get_running_loop().time())
    assert (got.outcome, got.reason, seen) == (Outcome.FAILED, Reason.DEADLINE, [])


async def test_a_whole_zone_that_hangs_does_not_keep_the_healthy_waiting() -> None:
    """More hanging calls than places, asked first: the healthy are answered while they still hang."""
    settings = FetchSettings(timeout=60, max_concurrency=16, per_target=4)
    async with serve(hang) as silent, serve(always(response(b"x"))) as healthy, Fetcher(settings) as fetcher:
        deadline = asyncio.get_running_loop().time() + 45
        dead = [Target(f"dead-{n}", f"{silent.url}/p{n}") for n in range(16)]
        waiting = [asyncio.create_task(fetcher.get(one, "/ring", deadline=deadline)) for one in dead * 4]
        await asyncio.sleep(0)
        got = await fetcher.get(healthy, "/ring", deadline=deadline)
        still = sum(not task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert got.outcome is Outcome.OK
    assert still == len(waiting)


async def test_a_target_that_hung_is_asked_one_page_at_a_time_until_it_answers() -> None:
    now = most = 0
    dead = True

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        await request(reader)
        now += 1
        most = max(most, now)
        await (asyncio.Event().wait() if dead else asyncio.sleep(0.02))
        now -= 1
        writer.write(response())

    settings = FetchSettings(timeout=0.3, per_target=4)
    async with serve(handler) as target, Fetcher(settings) as fetcher:
        assert (await fetcher.get(target, "/ring")).reason is Reason.TIMEOUT
        dead, now, most = False, 0, 0
        await asyncio.gather(*(fetcher.get(target, "/ring") for _ in range(5)))
        assert most == 1
        await asyncio.gather(*(fetcher.get(target, "/ring") for _ in range(5)))
        assert most == 4


async def test_three_hundred_targets_of_which_twenty_misbehave_all_end_within_the_deadline() -> None:
    settings = FetchSettings(timeout=3, max_concurrency=64)
    page = always(response(b"[" + b"1," * 50_000 + b"1]"))
    async with serve(page) as good, serve(hang) as silent, serve(once(b"\0\xff" * 500)) as odd:
        targets = [
            Target(f"t{n}", f"{(silent if n % 30 == 7 else odd if n % 30 == 20 else good).url}/p{n}")
            for n in range(300)
        ]
        async with Fetcher(settings) as fetcher, asyncio.timeout(60):
            deadline = asyncio.get_running_loop().time() + 30
            answers = await asyncio.gather(
                *(
                    fetcher.get(target, path, deadline=deadline)
                    for target in targets
                    for path in ("/metrics", "/memberlist", "/ingester/ring")
                )
            )
    ended = [(answer.outcome, answer.reason) for answer in answers]
    assert ended.count((Outcome.OK, None)) == 280 * 3
    assert ended.count((Outcome.FAILED, Reason.TIMEOUT)) == 10 * 3
    assert ended.count((Outcome.FAILED, Reason.DECODE)) == 10 * 3
