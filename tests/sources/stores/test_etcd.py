"""etcd read directly: the real one, and everything that may stand in its place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.config import Etcd
from exporter.model.pages import Outcome, Reason
from exporter.model.stores import RawStore
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.stores.etcd import read_etcd
from tests import real_servers
from tests.conftest import Replay
from tests.sources.etcd_server import (
    COMPACTED,
    NO_USER,
    OLD_TOKEN,
    UNKNOWN,
    Asked,
    b64,
    etcd_server,
    page,
)
from tests.sources.recorded import stored
from tests.sources.stores.configured import etcd_at
from tests.sources.wire import Handler, Headers, always, hang, once, response, serve

PREFIXES = ("collectors/", "rulers/", "alertmanagers/", "ha-tracker/")
BYTES = bytes(range(256)) * 5
QUICK = FetchSettings(timeout=0.5)
PATIENT = FetchSettings(timeout=30)
asynchronous = pytest.mark.asyncio


async def _read(settings: Etcd, fetch: FetchSettings = QUICK) -> RawStore:
    async with Fetcher(fetch, clock=lambda: 77.0) as fetcher:
        return await read_etcd(fetcher, settings)


@asynchronous
async def test_prefixes_are_read_to_their_end_and_all_pages_at_one_revision() -> None:
    seen: list[Asked] = []

    def answer(_path: str, asked: Asked, _headers: Headers) -> bytes:
        seen.append(asked)
        revision = 40 + len(seen)
        if asked["key"] == "collectors/":
            return page("collectors/a", "collectors/b", more=True, count=3, revision=revision)
        if asked["key"] == "collectors/b\0":
            return page("collectors/c", revision=revision)
        return page(revision=revision)

    async with serve(etcd_server(answer)) as target:
        got = await _read(etcd_at((target.url,), ("collectors/", "rulers/")))
    assert (got.kind, got.outcome, got.asked_at) == ("etcd", Outcome.OK, 77.0)
    assert (got.cluster, got.revision) == ("7", 41)
    assert got.values == dict.fromkeys(("collectors/a", "collectors/b", "collectors/c"), b"v")
    assert got.modified == dict.fromkeys(got.values, 5)
    header, *pages = seen
    assert header.get("count_only") and "revision" not in header
    assert {(ask["key"], ask["range_end"]) for ask in pages} == {
        ("collectors/", "collectors0"),
        ("collectors/b\0", "collectors0"),
        ("rulers/", "rulers0"),
    }
    assert {ask["revision"] for ask in pages} == {"41"}


@asynchronous
async def test_a_server_that_ignores_the_limit_is_understood_by_its_count() -> None:
    keys = [f"collectors/{n:05}" for n in range(1200)]
    asked = 0

    def answer(_path: str, ask: Asked, _headers: Headers) -> bytes:
        nonlocal asked
        asked += 1
        return page(*keys)

    async with serve(etcd_server(answer)) as target:
        got = await _read(etcd_at((target.url,), ("collectors/",)))
    assert (got.outcome, len(got.values), asked) == (Outcome.OK, 1200, 2), "the header and one page"


@asynchronous
async def test_a_server_that_cuts_without_saying_more_is_asked_for_the_rest() -> None:
    def answer(_path: str, ask: Asked, _headers: Headers) -> bytes:
        return page("collectors/a", count=2) if ask["key"] == "collectors/" else page("collectors/b")

    async with serve(etcd_server(answer)) as target:
        got = await _read(etcd_at((target.url,), ("collectors/",)))
    assert sorted(got.values) == ["collectors/a", "collectors/b"]


TRUNCATED = response(page("collectors/a").partition(b"\r\n\r\n")[2][:60])

WRONG: dict[str, tuple[Handler, Reason]] = {
    "hangs": (hang, Reason.TIMEOUT),
    "closes": (once(b""), Reason.CLOSED),
    "denies": (always(UNKNOWN), Reason.DENIED),
    "requires a user": (always(NO_USER), Reason.DENIED),
    "was compacted meanwhile": (always(COMPACTED), Reason.STATUS),
    "has no gateway": (always(response(b"Not Found", "404 Not Found")), Reason.STATUS),
    "answers rubbish": (always(response(b"\0\xff" * 100)), Reason.DECODE),
    "answers HTML": (always(response(b"<html>")), Reason.DECODE),
    "answers truncated JSON": (always(TRUNCATED), Reason.DECODE),
    "answers nothing": (always(response(b"{}")), Reason.DECODE),
    "answers null": (always(response(b"null")), Reason.DECODE),
    "answers without end": (always(response(b'{"x":' + b"[" * 200_000)), Reason.DECODE),
    "announces keys that it never sends": (always(page(count=3)), Reason.DECODE),
    "says more for ever": (always(page("collectors/a", more=True)), Reason.DECODE),
    "answers keys not asked for": (always(page("vault/secret")), Reason.DECODE),
    "answers keys out of order": (always(page("collectors/b", "collectors/a")), Reason.DECODE),
    "answers a key too long": (always(page("collectors/" + "x" * 2000)), Reason.TOO_LARGE),
}


@asynchronous
@pytest.mark.parametrize("case", WRONG)
async def test_an_etcd_that(case: str) -> None:
    handler, reason = WRONG[case]
    async with serve(handler) as target:
        got = await _read(etcd_at((target.url,), PREFIXES))
    assert (got.outcome, got.reason, got.values) == (Outcome.FAILED, reason, {}), got.detail
    assert got.detail.isascii()


@asynchronous
async def test_a_later_prefix_that_fails_fails_the_store() -> None:
    def answer(_path: str, ask: Asked, _headers: Headers) -> bytes:
        return page("collectors/a") if ask["key"].startswith("collectors") else UNKNOWN

    async with serve(etcd_server(answer)) as target:
        got = await _read(etcd_at((target.url,), PREFIXES))
    assert (got.outcome, got.reason, got.values) == (Outcome.FAILED, Reason.DENIED, {})


@asynchronous
async def test_an_empty_prefix_is_never_asked() -> None:
    async with serve(always(page())) as target:
        got = await _read(etcd_at((target.url,), ("",)))
    assert (got.outcome, got.reason) == (Outcome.FAILED, Reason.FORBIDDEN)


@asynchronous
async def test_without_an_endpoint_the_store_is_failed() -> None:
    assert (await _read(etcd_at((), PREFIXES))).outcome is Outcome.FAILED


@asynchronous
async def test_a_login_is_kept_and_renewed_once_when_the_token_ended(tmp_path: Path) -> None:
    logins: list[Asked] = []
    valid = ""

    def answer(path: str, ask: Asked, headers: Headers) -> bytes:
        nonlocal valid
        if path == "/v3/auth/authenticate":
            logins.append(ask)
            valid = f"token-{len(logins)}"
            return response(json.dumps({"header": {"revision": "9"}, "token": valid}).encode())
        return page() if headers.get("authorization") == valid else OLD_TOKEN

    password = tmp_path / "password"
    password.write_text("s3cret\n")
    async with serve(etcd_server(answer)) as target, Fetcher(QUICK) as fetcher:
        settings = etcd_at((target.url,), PREFIXES, "reader", password)
        outcomes = [(await read_etcd(fetcher, settings)).outcome for _ in range(3)]
        assert len(logins) == 1
        valid = "restarted"
        outcomes += [(await read_etcd(fetcher, settings)).outcome for _ in range(2)]
    assert outcomes == [Outcome.OK] * 5
    assert logins == [{"name": "reader", "password": "s3cret"}] * 2


@asynchronous
async def test_a_password_file_that_is_missing_is_denied(tmp_path: Path) -> None:
    async with serve(always(NO_USER)) as target:
        missing = tmp_path / "none"
        got = await _read(etcd_at((target.url,), PREFIXES, "u", missing))
    assert (got.outcome, got.reason) == (Outcome.FAILED, Reason.DENIED)
    assert str(tmp_path) not in got.detail


def _put(url: str, values: dict[str, bytes]) -> None:
    for key, value in values.items():
        real_servers.call("POST", f"{url}/v3/kv/put", {"key": b64(key), "value": b64(value)})


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_servers.Server]:
    with real_servers.etcd(tmp_path_factory.mktemp("etcd")) as server:
        yield server


@pytest.mark.real
@asynchronous
async def test_a_real_etcd_gives_back_every_byte_over_several_pages(etcd: real_servers.Server) -> None:
    written = {f"ha-tracker/user/cluster-{n:04}": str(n).encode() for n in range(1203)}
    written |= {"collectors/ring": BYTES, "ha-tracker/ü/a b&c": b"\0"}
    _put(etcd.url, written | {"vault/secret": b"x", "collectors0": b"behind", "collectors": b"before"})
    first = await _read(etcd_at((etcd.url,), PREFIXES), PATIENT)
    assert (first.outcome, first.detail) == (Outcome.OK, "")
    assert first.values == written
    assert first.clock is not None
    _put(etcd.url, {"collectors/ring": b"new"})
    second = await _read(etcd_at((etcd.url,), PREFIXES), PATIENT)
    assert {key for key in written if first.modified[key] != second.modified[key]} == {"collectors/ring"}


@pytest.mark.real
@asynchronous
async def test_a_real_etcd_without_keys_is_empty(tmp_path: Path) -> None:
    with real_servers.etcd(tmp_path) as server:
        got = await _read(etcd_at((server.url,), PREFIXES), PATIENT)
    assert (got.outcome, got.values) == (Outcome.OK, {})


@pytest.mark.real
@asynchronous
async def test_a_real_etcd_with_authentication(tmp_path: Path) -> None:
    with real_servers.etcd(tmp_path) as server:
        _put(server.url, {"collectors/ring": BYTES, "rulers/ring": b"x"})
        early = await _read(etcd_at((server.url,), PREFIXES, "reader", "s3cret"), PATIENT)
        real_servers.demand_login(server.url)
        urls, rings = (server.url,), ("collectors/",)
        cases = {
            "nobody": etcd_at(urls, rings),
            "wrong password": etcd_at(urls, rings, "reader", "wrong"),
            "unknown user": etcd_at(urls, rings, "stranger", "s3cret"),
            "not allowed everywhere": etcd_at(urls, PREFIXES, "reader", "s3cret"),
        }
        denied = {name: await _read(settings, PATIENT) for name, settings in cases.items()}
        good = await _read(etcd_at(urls, rings, "reader", "s3cret"), PATIENT)
    assert (early.outcome, early.reason) == (Outcome.FAILED, Reason.DENIED)
    assert {name: (got.outcome, got.reason, got.values) for name, got in denied.items()} == dict.fromkeys(
        cases, (Outcome.FAILED, Reason.DENIED, {})
    ), denied
    assert not any("s3cret" in got.detail for got in denied.values())
    assert good.values == {"collectors/ring": BYTES}


@pytest.mark.real
@pytest.mark.slow
@asynchronous
async def test_a_token_that_a_restart_of_a_real_etcd_forgot_is_renewed(tmp_path: Path) -> None:
    """Simple tokens live in the server's memory; here their life is one second."""
    with real_servers.etcd(tmp_path, "--auth-token-ttl=1") as server:
        _put(server.url, {"collectors/ring": BYTES})
        real_servers.demand_login(server.url)
        settings = etcd_at((server.url,), ("collectors/",), "reader", "s3cret")
        async with Fetcher(PATIENT) as fetcher:
            outcomes = []
            for _ in range(2):
                outcomes.append((await read_etcd(fetcher, settings)).outcome)
                await asyncio.sleep(2.5)
    assert outcomes == [Outcome.OK] * 2


@pytest.mark.real
@asynchronous
async def test_a_real_etcd_that_hangs_or_stopped_is_a_failure_unless_another_endpoint_answers(
    etcd: real_servers.Server, tmp_path: Path
) -> None:
    with real_servers.etcd(tmp_path) as server:
        settings = etcd_at((server.url,), PREFIXES)
        server.freeze()
        frozen = await _read(settings)
        both = await _read(etcd_at((server.url, etcd.url), PREFIXES), FetchSettings(timeout=5))
        server.thaw()
        server.stop()
        stopped = await _read(settings)
    assert (frozen.outcome, frozen.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert (stopped.outcome, stopped.reason) == (Outcome.FAILED, Reason.REFUSED)
    assert both.outcome is Outcome.OK


@pytest.mark.real
@asynchronous
async def test_recorded_rings_go_through_a_real_etcd_unchanged(tmp_path: Path) -> None:
    written = stored("loki/2-mirroring", "etcd")
    assert "collectors/ring" in written
    with real_servers.etcd(tmp_path) as server:
        _put(server.url, written)
        got = await _read(etcd_at((server.url,), PREFIXES), PATIENT)
    assert got.values == {key: value for key, value in written.items() if key.startswith(PREFIXES)}


@asynchronous
@pytest.mark.parametrize("recording", ["loki/1-multi-mirror-off", "loki/2-mirroring"])
async def test_a_recorded_etcd_reads_as_it_was(recording: str, replay: Callable[..., Replay]) -> None:
    written = stored(recording, "etcd")
    urls = replay(recording).ports
    got = await _read(etcd_at((urls["etcd"],), PREFIXES), PATIENT)
    assert got.values == {key: value for key, value in written.items() if key.startswith(PREFIXES)}
    assert got.values
