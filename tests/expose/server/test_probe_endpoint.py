"""`/probe`: one process and nothing else, nobody who is not allowed, and never longer than is waited."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from exporter.config import load_text
from exporter.demo import Demo, DemoSettings
from exporter.errors import UsageError
from exporter.expose.server.listen import listening
from exporter.expose.server.probe_endpoint import DEFAULT_TIMEOUT, LONGEST, Prober, seconds_of
from exporter.expose.server.routes import build
from exporter.model.facts import Snapshot
from exporter.model.pages import Target
from exporter.service import prober_of
from exporter.wiring import Watch, look_once
from tests.expose.conftest import Client, World
from tests.running import Samples, samples_in
from tests.sources import wire

ONE = {"targets": [{"static": {"urls": ["http://127.0.0.1:1"]}}]}
Open = Callable[..., Awaitable[Client]]


@pytest_asyncio.fixture
async def serving() -> AsyncIterator[Open]:
    """`await serving("127.0.0.1:.*")` gives a client of an exporter whose /probe may ask these."""
    async with AsyncExitStack() as stack:

        async def started(*allow: str, enabled: bool = True, most: int = 20, **config: Any) -> Client:
            watch = await stack.enter_async_context(Watch(load_text(yaml.safe_dump({**ONE, **config}))))
            args = argparse.Namespace(probe=enabled, probe_allow=list(allow))
            prober = prober_of(args, watch)
            if prober is not None:
                prober.most = most
            app = build(World().state(), prober=prober)
            (address,) = await stack.enter_async_context(listening(app, ["127.0.0.1:0"]))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Client(session, f"http://{address}")

        yield started


async def probed(client: Client, target: str, timeout: str = "") -> tuple[int, str]:
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": timeout} if timeout else {}
    async with client.get("/probe", params={"target": target}, headers=headers) as answer:
        return answer.status, await answer.text()


async def seen(client: Client, target: str, timeout: str = "") -> Samples:
    status, text = await probed(client, target, timeout)
    assert status == 200, text
    return samples_in(text)


@pytest.mark.asyncio
async def test_it_is_off_by_default(serving: Open) -> None:
    client = await serving(enabled=False)
    status, _ = await probed(client, "127.0.0.1:80")
    assert status == 404


@pytest.mark.asyncio
async def test_a_process_shows_its_own_series_and_nothing_of_fleet_gate_or_exporter(serving: Open) -> None:
    async with Demo(DemoSettings(size=3, tokens=8, hold=True)) as demo:
        client = await serving(r"127\.0\.0\.1:\d+")
        name = demo.urls[0].removeprefix("http://")
        for target in (name, demo.urls[0], f"{demo.urls[0]}/"):
            samples = await seen(client, target)
            assert list(samples["target_up"].values()) == [1.0]
            assert {"target_info", "target_phase", "client_phase", "page_up"} <= set(samples)
            owners = {dict(labels)["target"] for series in samples.values() for labels in series}
            assert owners == {name}
        for mine in ("build_info", "gate_open", "phase", "snapshot_timestamp_seconds", "fetches_total"):
            assert mine not in samples
        assert not any(one.startswith(("process_", "python_")) for one in samples)


@pytest.mark.asyncio
async def test_a_process_that_is_not_there_is_down_and_an_answer_all_the_same(serving: Open) -> None:
    client = await serving(".*")
    samples = await seen(client, "127.0.0.1:1")
    assert list(samples["target_up"].values()) == [0.0]
    assert set(samples) == {"target_up"}


@pytest.mark.asyncio
async def test_it_ends_before_prometheus_stops_waiting(serving: Open) -> None:
    client = await serving(".*")
    async with wire.serve(wire.hang) as silent, asyncio.timeout(20):
        samples = await seen(client, silent.name, "1.2")
        assert list(samples["target_up"].values()) == [0.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", DEFAULT_TIMEOUT - 0.5),
        ("10", 9.5),
        ("10.5", 10.0),
        ("1", 0.5),
        ("0.4", 0.2),
        ("0.000001", 0.1),
        ("1e6", LONGEST),
    ],
)
def test_the_time_is_prometheuss_less_the_way_back(header: str, seconds: float) -> None:
    assert seconds_of(header) == seconds


@pytest.mark.asyncio
@pytest.mark.parametrize("header", ["x", "nan", "inf", "-1", "0", "1,2"])
async def test_a_time_that_is_none_is_refused(serving: Open, header: str) -> None:
    client = await serving(".*")
    assert (await probed(client, "127.0.0.1:1", header))[0] == 400


REFUSED = [
    ("file:///etc/passwd", 400),
    ("gopher://127.0.0.1:70", 400),
    ("ftp://127.0.0.1:21", 400),
    ("HTTP://allowed.example:8080", 400),
    ("http://user:hunter2@allowed.example:8080", 400),
    ("user@allowed.example:8080", 400),
    ("http://allowed.example:8080@169.254.169.254", 400),
    ("http://allowed.example:8080/admin", 400),
    ("http://allowed.example:8080/../x", 400),
    ("http://allowed.example:8080?x=1", 400),
    ("http://allowed.example:8080#x", 400),
    ("http://allowed.example:8080\\@evil", 400),
    ("//allowed.example:8080", 400),
    ("allowed.example:8080\n", 400),
    ("allowed.example:8080\r\nX: y", 400),
    ("allowed.example:80 80", 400),
    ("allowed.example:0", 400),
    ("allowed.example:65536", 400),
    ("allowed.example:١", 400),
    ("аllowed.example:8080", 400),  # a Cyrillic a
    ("[::1", 400),
    ("[fe80::1%25eth0]:80", 400),
    ("", 400),
    ("a" * 300, 400),
    ("169.254.169.254", 403),
    ("http://169.254.169.254:80", 403),
    ("localhost:8080", 403),
    ("[::1]:8080", 403),
    ("2130706433:8080", 403),
    ("allowed.example:22", 403),
    ("allowed.example", 403),
    ("allowed.example.evil:8080", 403),
    ("evil-allowed.example:8080", 403),
    ("evil.example:1?allowed.example:8080", 400),
]


@pytest.mark.asyncio
async def test_no_other_process_is_asked(serving: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one of these opens a connection or resolves a name."""
    asked: list[str] = []
    monkeypatch.setattr(Prober, "snapshot", lambda _, target, __: asked.append(target.name))
    client = await serving(r"allowed\.example:8080")
    for target, status in REFUSED:
        assert (target, (await probed(client, target))[0]) == (target, status)
    for target in ("target=a:1&target=b:2", "target=a:1&module=x", "module=x", ""):
        async with client.get(f"/probe?{target}") as answer:
            assert answer.status == 400
    assert asked == []


@pytest.mark.asyncio
async def test_with_nothing_allowed_no_process_is_asked(serving: Open) -> None:
    client = await serving()
    assert (await probed(client, "127.0.0.1:8080"))[0] == 403


@pytest.mark.asyncio
async def test_names_are_compared_in_lower_case_and_with_their_port(serving: Open) -> None:
    client = await serving(r"localhost:1", r"127\.0\.0\.1:80")
    for target in ("LocalHost:1", "http://127.0.0.1"):
        assert (await probed(client, target, "1"))[0] == 200


@pytest.mark.asyncio
async def test_a_redirect_leads_nowhere_else(serving: Open) -> None:
    called: list[str] = []

    async def inner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append((await wire.request(reader))[0])

    async with wire.serve(inner) as secret:
        for location in (f"{secret.url}/metrics", "file:///etc/passwd", "/ingester/shutdown"):
            answer = wire.response(status="302 Found", headers={"Location": location})
            async with wire.serve(wire.always(answer)) as target:
                samples = await seen(await serving(f"127.0.0.1:{target.url.rpartition(':')[2]}"), target.name)
                assert list(samples["target_up"].values()) == [0.0]
    assert called == []


@pytest.mark.asyncio
async def test_only_so_many_at_once(serving: Open) -> None:
    client = await serving(".*", most=2)
    async with wire.serve(wire.hang) as silent:
        told = await asyncio.gather(*(probed(client, silent.name, "2") for _ in range(8)))
        statuses = sorted(status for status, _ in told)
        assert statuses == [200, 200, *[503] * 6]
        assert (await probed(client, silent.name, "1"))[0] == 200  # places come back


@pytest.mark.asyncio
async def test_hostile_names_in_a_process_stay_inside_their_quotes(serving: Open) -> None:
    async with Demo(DemoSettings(size=2, tokens=8, hold=True, hostile=True)) as demo:
        client = await serving(r"127\.0\.0\.1:\d+")
        status, text = await probed(client, demo.urls[0])
        assert status == 200
        assert samples_in(text)["target_up"]
        assert all(line.startswith(("# HELP kvmigration_", "# TYPE kvmigration_", "kvmigration_"))
                   for line in text.splitlines())  # fmt: skip


@pytest.mark.asyncio
async def test_it_uses_the_configurations_settings_and_the_newest_of_them() -> None:
    heard: list[str] = []

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, headers = await wire.request(reader)
            heard.append(f"{line} {headers.get('x-scope-orgid', '')}")
            writer.write(wire.response(status="404 Not Found"))

    def config(tenant: str) -> str:
        return yaml.safe_dump(
            {**ONE, "http_client": {"path_prefix": "/p", "headers": {"X-Scope-OrgID": tenant}}}
        )

    async with wire.serve(page) as target, Watch(load_text(config("a"))) as watch:
        ask = partial(look_once, watch)
        await ask(Target(target.name, target.url), 5.0)
        assert heard
        assert all("GET /p/" in line and line.endswith(" a") for line in heard)
        heard.clear()
        await watch.replace(load_text(config("b")))
        snapshot: Snapshot = await ask(Target(target.name, target.url), 5.0)
        assert all(line.endswith(" b") for line in heard)
        assert watch.fetcher.counts.total() == 0, "a probe is none of the cycles' calls"
        assert snapshot.targets[0].name == target.name


@pytest.mark.parametrize(
    ("enabled", "allow", "told"), [(False, [".*"], "no effect"), (True, ["("], "no regular expression")]
)
@pytest.mark.asyncio
async def test_flags_that_cannot_be_meant_are_refused(enabled: bool, allow: list[str], told: str) -> None:
    async with Watch(load_text(yaml.safe_dump(ONE))) as watch:
        with pytest.raises(UsageError, match=told):
            prober_of(argparse.Namespace(probe=enabled, probe_allow=allow), watch)
