"""All sources together: looking, failing, reloading."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.config import Config, load_text
from exporter.config.targets import KINDS
from exporter.sources.discovery import targets as module
from exporter.sources.discovery.targets import FAILS_FOR, SOURCES, Discovery
from tests.sources.serving import Clock, serving


def _config(*entries: str, rest: str = "") -> Config:
    return load_text("targets:\n" + "".join(f"  - {entry}\n" for entry in entries) + rest)


def _names(discovery: Discovery) -> list[str]:
    return [target.name for target in discovery.targets()]


async def _replace(discovery: Discovery, config: Config) -> None:
    replacement = await discovery.prepare(config)
    discovery.commit(replacement)
    await replacement.close()


async def _until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.asyncio
async def test_static_targets_are_there_after_one_look() -> None:
    config = _config(
        'static: {urls: ["http://mimir-0:8080", "https://mimir-1/mimir"], component: distributor}',
        rest="http_client: {path_prefix: /common}\n",
    )
    discovery = Discovery(config)
    assert discovery.targets() == ()
    await discovery.refresh()
    first, second = discovery.targets()
    assert (first.name, first.url) == ("mimir-0:8080", "http://mimir-0:8080/common")
    assert (second.name, second.url) == ("mimir-1:443", "https://mimir-1:443/mimir")
    assert {target.component for target in discovery.targets()} == {"distributor"}
    assert discovery.targets() is discovery.targets()
    assert discovery.discovered() == {"static": 2}


@pytest.mark.asyncio
async def test_an_entry_with_its_own_settings_names_them() -> None:
    config = _config(
        'static: {urls: ["http://a:1"]}',
        '{static: {urls: ["http://b:1"]}, http_client: {path_prefix: /own}, labels: {region: eu}}',
    )
    discovery = Discovery(config)
    await discovery.refresh()
    a, b = discovery.targets()
    assert (a.http, b.http) == ("", "targets[1]")
    assert b.http in config.http_settings()
    assert (b.url, dict(b.labels)) == ("http://b:1/own", {"region": "eu"})


@pytest.mark.asyncio
async def test_a_source_that_fails_keeps_what_it_had_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    answers = [web.json_response([{"targets": ["a:1"]}]), web.Response(status=503), web.Response(status=503)]

    async def handle(_: web.Request) -> web.Response:
        return answers.pop(0) if answers else web.json_response([{"targets": ["b:1"]}])

    now = Clock()
    async with serving(handle) as url:
        discovery = Discovery(_config(f'http: {{url: "{url}"}}'), now)
        assert discovery.slots[0].ok is None
        await discovery.refresh()
        assert (discovery.slots[0].ok, _names(discovery)) == (True, ["a:1"])
        assert discovery.unsure() == ()
        for now.now in (2000.0, 3000.0):
            await discovery.refresh()
        (status,) = discovery.slots
        assert _names(discovery) == ["a:1"]
        assert (status.kind, len(status.found), status.ok, status.since) == ("http", 1, False, 2000.0)
        assert status.detail == "status: status 503"
        assert discovery.unsure() == ("targets[0] (http): status: status 503",)
        now.now = 2000.0 + FAILS_FOR
        assert discovery.unsure() == (), "it may have been a moment's failure"
        await discovery.refresh()
        assert discovery.unsure() == ()
        assert (discovery.slots[0].ok, _names(discovery)) == (True, ["b:1"])
    bad = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(bad) == 1, "said once; that it answers again is no warning"


@pytest.mark.asyncio
async def test_changes_are_seen_in_the_background(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("- targets: [a:1]\n")
    discovery = Discovery(_config(f'file: {{paths: ["{path}"], refresh: 50ms}}'))
    await discovery.refresh()
    await discovery.start()
    try:
        assert _names(discovery) == ["a:1"]
        path.write_text("- targets: [a:1, b:1]\n")
        await _until(lambda: _names(discovery) == ["a:1", "b:1"])
    finally:
        await discovery.stop()
    assert _names(discovery) == ["a:1", "b:1"]


@pytest.mark.asyncio
async def test_a_source_that_hangs_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_LOOK", 0.1)

    async def handle(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with serving(handle) as url:
        discovery = Discovery(_config('static: {urls: ["http://a:1"]}', f'http: {{url: "{url}"}}'))
        await discovery.refresh()
        assert _names(discovery) == ["a:1"]
        assert discovery.slots[1].detail == "no answer within 0.1s"
        await discovery.stop()


@pytest.mark.asyncio
async def test_an_error_of_our_own_in_one_source_is_logged_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    discovery = Discovery(_config('static: {urls: ["http://a:1"]}', "gossip: {port: 8080}"))

    async def find() -> Any:
        raise KeyError("oops")

    monkeypatch.setattr(discovery.slots[1].source, "find", find)
    await discovery.refresh()
    assert _names(discovery) == ["a:1"]
    assert discovery.slots[1].ok is False
    assert "oops" in caplog.text


@pytest.mark.asyncio
async def test_a_reload_keeps_what_is_in_both_and_looks_before_it_changes() -> None:
    asked = 0

    async def handle(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response([{"targets": ["a:1"]}])

    async with serving(handle) as url:
        http = f'http: {{url: "{url}"}}'
        discovery = Discovery(_config(http, 'static: {urls: ["http://old:1"]}'))
        await discovery.refresh()
        await discovery.start()
        try:
            new = _config(
                'static: {urls: ["http://new:1"]}', f"{{{http}, labels: {{x: y}}, component: querier}}"
            )
            await _replace(discovery, new)
            assert asked == 1
            assert _names(discovery) == ["a:1", "new:1"]
            a = discovery.targets()[0]
            assert (a.component, dict(a.labels)) == ("querier", {"x": "y"})
            assert [status.label for status in discovery.slots] == [
                "targets[0] (static)",
                "targets[1] (http)",
            ]
        finally:
            await discovery.stop()


@pytest.mark.asyncio
async def test_a_reload_with_a_source_that_fails_goes_on_without_it() -> None:
    discovery = Discovery(_config('static: {urls: ["http://a:1"]}'))
    await discovery.refresh()
    new = _config('static: {urls: ["http://a:1"]}', 'http: {url: "http://127.0.0.1:1"}')
    await _replace(discovery, new)
    assert _names(discovery) == ["a:1"]
    assert [status.ok for status in discovery.slots] == [True, False]
    (unsure,) = discovery.unsure()
    assert unsure.startswith("targets[1] (http): "), "it never said whom it knows"


@pytest.mark.asyncio
async def test_a_prepared_reload_changes_nothing_until_it_is_committed() -> None:
    discovery = Discovery(_config('static: {urls: ["http://a:1"]}', "gossip: {port: 1}"))
    await discovery.refresh()
    new = _config("gossip: {port: 1}", 'static: {urls: ["http://b:1"]}')
    await (await discovery.prepare(new)).close()
    assert _names(discovery) == ["a:1"]
    replacement = await discovery.prepare(new)
    assert _names(discovery) == ["a:1"]
    discovery.commit(replacement)
    assert _names(discovery) == ["b:1"]
    await replacement.close()


@pytest.mark.asyncio
async def test_a_reload_that_is_cancelled_changes_nothing_and_leaves_nothing_running() -> None:
    async def handle(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with serving(handle) as url:
        discovery = Discovery(_config('static: {urls: ["http://a:1"]}'))
        await discovery.refresh()
        before = asyncio.all_tasks()
        reload = asyncio.create_task(_replace(discovery, _config(f'http: {{url: "{url}"}}')))
        await asyncio.sleep(0.05)
        reload.cancel()
        await asyncio.gather(reload, return_exceptions=True)
        assert _names(discovery) == ["a:1"]
        assert {task for task in asyncio.all_tasks() - before if "discovery" in str(task)} == set()
        await discovery.stop()


@pytest.mark.asyncio
async def test_nothing_is_left_running_after_stop(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    discovery = Discovery(
        _config(
            'static: {urls: ["http://a:1"]}', f'file: {{paths: ["{tmp_path}/x.yml"]}}', "gossip: {port: 1}"
        )
    )
    await discovery.refresh()
    await discovery.start()
    assert asyncio.all_tasks() > before
    await discovery.stop()
    assert asyncio.all_tasks() == before


@pytest.mark.asyncio
async def test_a_list_that_lost_half_of_itself_goes_on_with_what_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("- targets: [a:1, b:1, c:1, d:1]\n")
    config = _config(f'file: {{paths: ["{path}"]}}')
    discovery = Discovery(config)
    await discovery.refresh()
    path.write_text("- targets: [a:1]\n")
    await discovery.refresh()
    assert [(t.name, t.listed) for t in discovery.targets()] == [
        ("a:1", True), ("b:1", False), ("c:1", False), ("d:1", False),
    ]  # fmt: skip
    discovery.answered({"http://a:1", "http://b:1", "http://c:1"})
    assert _names(discovery) == ["a:1", "b:1", "c:1"]
    discovery.commit(await discovery.prepare(config))
    assert _names(discovery) == ["a:1"], "a reload takes the list as it is"


def test_each_kind_of_targets_has_its_source() -> None:
    assert set(SOURCES) == set(KINDS)
