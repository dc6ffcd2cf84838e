"""Consul read directly: the real one, and everything that may stand in its place."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.config import Consul
from exporter.model.pages import Outcome, Reason
from exporter.model.stores import RawStore
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.stores.consul import read_consul
from tests import real_servers
from tests.conftest import Replay
from tests.sources.recorded import stored
from tests.sources.stores.configured import consul_at
from tests.sources.wire import Handler, always, hang, once, request, response, serve

PREFIXES = ("collectors/", "rulers/", "alertmanagers/", "ha-tracker/")
BYTES = bytes(range(256)) * 5
QUICK = FetchSettings(timeout=0.5)
asynchronous = pytest.mark.asyncio


async def _read(settings: Consul, fetch: FetchSettings = QUICK) -> RawStore:
    async with Fetcher(fetch, clock=lambda: 77.0) as fetcher:
        return await read_consul(fetcher, settings)


def _entry(key: str, value: bytes | None = b"v", index: int = 7) -> dict[str, object]:
    encoded = None if value is None else b64encode(value).decode()
    return {"LockIndex": 0, "Key": key, "Flags": 0, "Value": encoded, "CreateIndex": 1, "ModifyIndex": index}


def _consul(answers: dict[str, bytes], asked: list[str] | None = None) -> Handler:
    """Answers by the path and query asked; else Consul's 404."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, _ = await request(reader)
            path = line.split()[1]
            if asked is not None:
                asked.append(path)
            writer.write(answers.get(path, response(status="404 Not Found")))

    return handler


LEADER = {"/v1/status/leader": response(b'"127.0.0.1:8300"')}


@asynchronous
async def test_values_indexes_and_times_are_kept_and_keys_without_value_left_out() -> None:
    entries = [_entry("collectors/ring", BYTES, 391), _entry("collectors/folder/", None)]
    ring = response(json.dumps(entries).encode(), headers={"Date": "Sat, 21 Nov 2026 01:34:52 GMT"})
    asked: list[str] = []
    async with serve(_consul({"/v1/kv/collectors/?recurse&dc=eu": ring}, asked)) as target:
        got = await _read(consul_at(target.url, ("collectors/", "rulers/"), datacenter="eu"))
    assert (got.kind, got.outcome) == ("consul", Outcome.OK)
    assert got.values == {"collectors/ring": BYTES}
    assert got.modified == {"collectors/ring": 391}
    assert got.asked_at == 77.0
    assert {path.partition("?")[0] for path in asked} == {"/v1/kv/collectors/", "/v1/kv/rulers/"}
    assert all("dc=eu" in path for path in asked)


@asynchronous
async def test_a_token_is_read_anew_from_its_file_each_time(tmp_path: Path) -> None:
    tokens: list[str] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, headers = await request(reader)
        tokens.append(headers.get("x-consul-token", ""))
        writer.write(response(json.dumps([_entry("collectors/ring")]).encode()))

    file = tmp_path / "token"
    async with serve(handler) as target:
        settings = consul_at(target.url, ("collectors/",), token_file=file)
        missing = await _read(settings)
        for secret in ("one\n", "two"):
            file.write_text(secret)
            assert (await _read(settings)).outcome is Outcome.OK
    assert (missing.outcome, missing.reason) == (Outcome.FAILED, Reason.DENIED)
    assert tokens == ["one", "one", "two", "two"]


@asynchronous
async def test_a_consul_without_keys_is_empty_and_not_failed() -> None:
    async with serve(_consul(LEADER)) as target:
        got = await _read(consul_at(target.url, PREFIXES))
    assert (got.outcome, got.values) == (Outcome.OK, {})


@asynchronous
@pytest.mark.parametrize("leader", [b'""', b"", b"<html>", b"null"])
async def test_nothing_but_404_from_something_that_is_no_consul_with_a_leader_is_a_failure(
    leader: bytes,
) -> None:
    async with serve(_consul({"/v1/status/leader": response(leader)})) as target:
        got = await _read(consul_at(target.url, PREFIXES))
    assert (got.outcome, got.reason) == (Outcome.FAILED, Reason.DECODE)


@asynchronous
async def test_one_prefix_that_fails_fails_the_store() -> None:
    good = response(json.dumps([_entry("collectors/ring")]).encode())
    bad = response(b"no cluster leader", "500 Internal Server Error")
    answers = {"/v1/kv/collectors/?recurse": good, "/v1/kv/rulers/?recurse": bad}
    async with serve(_consul(answers)) as target:
        got = await _read(consul_at(target.url, PREFIXES))
    assert (got.outcome, got.reason, got.values) == (Outcome.FAILED, Reason.STATUS, {})


@asynchronous
async def test_a_list_that_consul_says_is_filtered_is_a_failure() -> None:
    filtered = {"X-Consul-Results-Filtered-By-ACLs": "true"}
    answer = response(json.dumps([_entry("collectors/ring")]).encode(), headers=filtered)
    async with serve(_consul({"/v1/kv/collectors/?recurse": answer})) as target:
        got = await _read(consul_at(target.url, ("collectors/",)))
    assert (got.outcome, got.reason) == (Outcome.FAILED, Reason.DENIED)


def _body(body: bytes) -> Handler:
    return always(response(body))


def _listed(*entries: dict[str, object]) -> bytes:
    return json.dumps(entries).encode()


WRONG: dict[str, tuple[Handler, Reason]] = {
    "hangs": (hang, Reason.TIMEOUT),
    "is denied": (always(response(b"Permission denied", "403 Forbidden")), Reason.DENIED),
    "answers rubbish": (_body(b"\0\xff" * 100), Reason.DECODE),
    "answers HTML": (_body(b"<html>login</html>"), Reason.DECODE),
    "answers truncated JSON": (_body(_listed(_entry("collectors/a"))[:40]), Reason.DECODE),
    "answers another shape": (_body(b'{"Key":"collectors/ring"}'), Reason.DECODE),
    "answers null": (_body(b"null"), Reason.DECODE),
    "answers bad base64": (_body(b'[{"Key":"collectors/a","Value":"%%","ModifyIndex":1}]'), Reason.DECODE),
    "answers a worded index": (
        _body(b'[{"Key":"collectors/a","Value":"","ModifyIndex":"x"}]'),
        Reason.DECODE,
    ),
    "answers no index": (_body(b'[{"Key":"collectors/a","Value":""}]'), Reason.DECODE),
    "answers without end": (_body(b'[{"Key":' + b"[" * 200_000), Reason.DECODE),
    "answers a key not asked for": (_body(_listed(_entry("vault/secret"))), Reason.DECODE),
    "answers a key too long": (_body(_listed(_entry("collectors/" + "x" * 2000))), Reason.TOO_LARGE),
    "answers a proxy's 404": (always(response(b"404 page not found", "404 Not Found")), Reason.STATUS),
    "closes": (once(b""), Reason.CLOSED),
}


@asynchronous
@pytest.mark.parametrize("case", WRONG)
async def test_a_consul_that(case: str) -> None:
    handler, reason = WRONG[case]
    async with serve(handler) as target:
        got = await _read(consul_at(target.url, PREFIXES))
    assert (got.outcome, got.reason, got.values) == (Outcome.FAILED, reason, {}), got.detail
    assert got.detail.isascii()


@asynchronous
@pytest.mark.parametrize("prefixes", [("",), ("collectors/../",), ("a\r\nb",)])
async def test_a_prefix_that_would_be_more_than_itself_is_never_asked(prefixes: tuple[str, ...]) -> None:
    asked: list[str] = []
    async with serve(_consul(LEADER, asked)) as target:
        got = await _read(consul_at(target.url, prefixes))
    assert (got.outcome, got.reason, asked) == (Outcome.FAILED, Reason.FORBIDDEN, [])


@pytest.fixture(scope="module")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_servers.Server]:
    with real_servers.consul(tmp_path_factory.mktemp("consul")) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_servers.Server]:
    with real_servers.consul(tmp_path_factory.mktemp("guarded"), acl=True) as server:
        headers = {"X-Consul-Token": real_servers.MASTER_TOKEN}
        for key in ("collectors/ring", "collectors/distributor"):
            real_servers.call("PUT", f"{server.url}/v1/kv/{key}", BYTES, headers)
        yield server


@pytest.mark.real
@asynchronous
async def test_a_real_consul_gives_back_every_byte_and_only_what_was_asked_for(
    consul: real_servers.Server,
) -> None:
    written = {f"collectors/{n:04}": BYTES + str(n).encode() for n in range(1500)}
    written |= {"ha-tracker/user/a cluster?&=%41/b": b"\0", "ha-tracker/ü": b"\xff"}
    ops = [
        {"KV": {"Verb": "set", "Key": key, "Value": b64encode(value).decode()}}
        for key, value in written.items()
    ]
    ops += [{"KV": {"Verb": "set", "Key": "vault/secret", "Value": "eA=="}}]
    for start in range(0, len(ops), 64):
        real_servers.call("PUT", f"{consul.url}/v1/txn", ops[start : start + 64])
    for key in ("collectors/", "collectors/empty"):
        real_servers.call("PUT", f"{consul.url}/v1/kv/{key}", b"")
    first = await _read(consul_at(consul.url, PREFIXES, datacenter="dc1"), FetchSettings(timeout=30))
    assert (first.outcome, first.detail) == (Outcome.OK, "")
    assert first.values == written | {"collectors/empty": b""}, "a folder is no key; an emptied key is one"
    assert first.clock is not None
    real_servers.call("PUT", f"{consul.url}/v1/kv/collectors/0007", b"new")
    second = await _read(consul_at(consul.url, PREFIXES), FetchSettings(timeout=30))
    moved = {key for key in written if first.modified[key] != second.modified[key]}
    assert moved == {"collectors/0007"}


@pytest.mark.real
@asynchronous
async def test_a_real_consul_without_keys_is_empty(tmp_path: Path) -> None:
    with real_servers.consul(tmp_path) as server:
        got = await _read(consul_at(server.url, PREFIXES), FetchSettings(timeout=30))
    assert (got.outcome, got.values) == (Outcome.OK, {})


@pytest.mark.real
@asynchronous
async def test_a_real_consul_that_hides_keys_from_the_token_is_denied_and_never_empty(
    guarded: real_servers.Server, tmp_path: Path
) -> None:
    """Consul 1.8 lists nothing, with a plain 404, to whoever may see nothing."""
    master = {"X-Consul-Token": real_servers.MASTER_TOKEN}
    rules = 'key "collectors/ring" { policy = "read" }'
    policy = json.loads(
        real_servers.call("PUT", f"{guarded.url}/v1/acl/policy", {"Name": "one", "Rules": rules}, master)
    )
    some = json.loads(
        real_servers.call("PUT", f"{guarded.url}/v1/acl/token", {"Policies": [{"ID": policy["ID"]}]}, master)
    )["SecretID"]
    outcomes = {}
    for name, token in {
        "none": "",
        "some": some,
        "wrong": some[:-4] + "0000",
        "all": master["X-Consul-Token"],
    }.items():
        file = tmp_path / name
        file.write_text(token)
        settings = consul_at(guarded.url, ("collectors/",), token_file=file)
        got = await _read(settings, FetchSettings(timeout=30))
        outcomes[name] = (got.outcome, got.reason, len(got.values))
        assert token == "" or token not in got.detail
    denied = (Outcome.FAILED, Reason.DENIED, 0)
    assert outcomes == {"none": denied, "some": denied, "wrong": denied, "all": (Outcome.OK, None, 2)}


@pytest.mark.real
@asynchronous
async def test_a_real_consul_that_hangs_or_stopped_is_a_failure(tmp_path: Path) -> None:
    with real_servers.consul(tmp_path) as server:
        settings = consul_at(server.url, PREFIXES)
        server.freeze()
        frozen = await _read(settings)
        server.thaw()
        server.stop()
        stopped = await _read(settings)
    assert (frozen.outcome, frozen.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert (stopped.outcome, stopped.reason) == (Outcome.FAILED, Reason.REFUSED)


@pytest.mark.real
@asynchronous
async def test_recorded_rings_go_through_a_real_consul_unchanged(tmp_path: Path) -> None:
    written = stored("cortex/2c-mirroring-all-rings", "consul")
    assert "collectors/ring" in written
    with real_servers.consul(tmp_path) as server:
        for key, value in written.items():
            real_servers.call("PUT", f"{server.url}/v1/kv/{key}", value)
        got = await _read(consul_at(server.url, PREFIXES), FetchSettings(timeout=30))
    assert got.values == written


@asynchronous
@pytest.mark.parametrize(
    "recording", ["cortex/0-consul-only", "cortex/2b-mirroring", "cortex/3a-switching-primary"]
)
async def test_a_recorded_consul_reads_as_it_was(recording: str, replay: Callable[..., Replay]) -> None:
    written = stored(recording, "consul")
    urls = replay(recording).ports
    got = await _read(consul_at(urls["consul"], PREFIXES), FetchSettings(timeout=30))
    assert got.values == {key: value for key, value in written.items() if key.startswith(PREFIXES)}
    assert got.values
    assert got.clock is not None
