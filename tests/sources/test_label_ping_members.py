"""Whom the probe asks and when: against the demo's members, which answer as real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import yaml

from exporter.config import load_text
from exporter.demo import Demo, DemoSettings
from exporter.label_evidence import ping_rounds
from exporter.label_evidence.ping_rounds import Probing
from exporter.model.pages import Phase
from exporter.sources import label_ping
from exporter.wiring import Watch
from tests.recorded import Seen, seen_in
from tests.sources.serving import Clock

NEW = 30.0
# A page that a slow machine gives up leaves its member unasked, and that is not looked at here.
UNHURRIED = {"interval": "5m", "http_client": {"timeout": "5m"}}


@asynccontextmanager
async def watching(
    *faults: str, label: str | None = "", **asked: Any
) -> AsyncIterator[tuple[Demo, Watch, Clock]]:
    """A demo of four members and the exporter that probes them, its clock the test's."""
    settings = DemoSettings(
        size=4, start_phase=Phase.MULTI, hold=True, faults=faults, manual=True, label="prod.cortex"
    )
    async with Demo(settings) as demo:
        await demo.advance(60)
        told: dict[str, Any] = demo.config()
        told |= UNHURRIED
        told["gossip"] = {"probe": {"enabled": True, **asked}} | ({"label": label} if label else {})
        config = load_text(yaml.safe_dump(told))
        async with Watch(config) as watch:
            clock = Clock()
            watch.probing = Probing(config.gossip, clock)
            watch.poller.plan.probes = watch.probing.probe
            watch.rejections.use([], watch.probing.ours)
            yield demo, watch, clock


async def looked(watch: Watch) -> Seen:
    return seen_in(await watch.poller.cycle())


def accepted(seen: Seen, kind: str) -> list[float]:
    return sorted(seen.values("label_probe_accepted", "target", kind=kind).values())


@pytest.mark.asyncio
async def test_healthy_members_accept_their_own_label_and_refuse_the_others() -> None:
    async with watching(foreign=True) as (_, watch, _clock):
        seen = await looked(watch)
    assert accepted(seen, "own") == [1, 1, 1, 1]
    assert accepted(seen, "foreign") == [0, 0, 0, 0]
    assert accepted(seen, "no") == [0, 0, 0, 0]


@pytest.mark.asyncio
async def test_a_member_with_another_label_refuses_ours_and_proves_nothing_about_others() -> None:
    async with watching("foreign-label", foreign=True, label="prod.cortex") as (_, watch, _clock):
        seen = await looked(watch)
    assert accepted(seen, "own") == [0, 1, 1, 1]
    assert accepted(seen, "foreign") == [0, 0, 0]


@pytest.mark.asyncio
async def test_without_a_label_in_our_configuration_each_member_is_asked_by_its_own() -> None:
    async with watching("foreign-label") as (_, watch, _clock):
        assert accepted(await looked(watch), "own") == [1, 1, 1, 1]


@pytest.mark.asyncio
async def test_without_verification_any_label_is_accepted() -> None:
    async with watching("verification-off", foreign=True) as (_, watch, _clock):
        seen = await looked(watch)
    assert accepted(seen, "foreign") == accepted(seen, "no") == [1, 1, 1, 1]


@pytest.mark.asyncio
async def test_the_foreign_kinds_are_asked_only_if_that_is_wanted() -> None:
    async with watching() as (_, watch, _clock):
        seen = await looked(watch)
    assert accepted(seen, "own") == [1, 1, 1, 1]
    assert accepted(seen, "foreign") == accepted(seen, "no") == []


@pytest.mark.asyncio
async def test_the_probe_is_off_by_default() -> None:
    async with watching(enabled=False) as (_, watch, _clock):
        assert (await looked(watch)).snapshot.probes == ()


@pytest.mark.asyncio
async def test_each_member_is_asked_for_a_foreign_label_at_most_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    whole = label_ping.ping

    def noted(label: str) -> bytes:
        sent.append(label)
        return whole(label)

    monkeypatch.setattr(label_ping, "ping", noted)
    async with watching(foreign=True, interval="10s") as (_, watch, clock):
        await looked(watch)
        first = list(sent)
        assert sorted(first) == sorted(["prod.cortex", "kvmigration-probe", ""] * 4)
        for _ in range(5):
            clock.now += 10
            seen = await looked(watch)
        assert sorted(sent[len(first) :]) == ["prod.cortex"] * 20
        assert accepted(seen, "foreign") == [0, 0, 0, 0], "what was answered a moment ago still stands"
        clock.now += 10
        await looked(watch)
    assert sent.count("") == sent.count("kvmigration-probe") == 8


@pytest.mark.asyncio
async def test_rejections_of_our_own_pings_are_not_counted_and_others_are() -> None:
    async with watching(foreign=True) as (_, watch, _clock):
        await looked(watch)
        ours = watch.probing.ours
        assert ours("kvmigration-probe", "10.0.0.9:4000"), "another exporter that watches the same members"
        assert ours("", "10.0.0.9:4001")
        assert not ours("", "10.0.0.8:4001")
        assert not ours("other", "10.0.0.9:4001")


@pytest.mark.asyncio
async def test_our_own_pings_do_not_show_among_the_rejections_of_the_logs() -> None:
    settings = DemoSettings(size=2, start_phase=Phase.MULTI, hold=True, manual=True)
    async with Demo(settings) as demo:
        told: dict[str, Any] = demo.config()
        told["gossip"]["probe"] = {"enabled": True, "foreign": True}
        await demo.advance(NEW)
        async with Watch(load_text(yaml.safe_dump(told))) as watch:
            await watch.poller.cycle()
            assert "discarding stream" in demo.log_paths[0].read_text()
            snapshot = await watch.poller.cycle()
    assert len(snapshot.probes) == 6
    assert snapshot.rejections == ()


@pytest.mark.asyncio
async def test_a_member_that_is_gone_takes_its_answers_with_it() -> None:
    async with watching(foreign=True) as (demo, watch, clock):
        await looked(watch)
        demo.cluster.stop(demo.cluster.processes[0], graceful=False)
        await demo.sync()
        clock.now += 60
        seen = await looked(watch)
    assert accepted(seen, "own") == [1, 1, 1]


@pytest.mark.asyncio
async def test_members_that_hang_do_not_hold_the_cycle_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> bool | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr(label_ping, "_exchange", hang)
    monkeypatch.setattr(ping_rounds, "SECONDS", 0.1)
    async with watching() as (_, watch, _clock):
        assert accepted(await looked(watch), "own") == []
