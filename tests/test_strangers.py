"""Another product's members in the gossip: counted within two cycles, named on the API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import load_text
from exporter.demo import Demo, DemoSettings
from exporter.derive.gate import step_table
from exporter.derive.gate.check_registration import Registered
from exporter.derive.gate.checks import gossip as checks_gossip
from exporter.derive.gate.step_verdicts import nothing_read
from exporter.expose import catalogue
from exporter.expose.api.answers import gossip_out
from exporter.model.facts import Snapshot
from exporter.model.pages import Phase
from exporter.wiring import Watch
from tests.recorded import seen_in

STRANGERS = ["tempo-ingester-0", "tempo-ingester-1"]


def config_of(demo: Demo, **gossip: Any) -> str:
    told: dict[str, Any] = demo.config()
    told["gossip"] |= gossip
    return yaml.safe_dump(told)


async def cycles(watch: Watch, demo: Demo, count: int) -> Snapshot:
    for _ in range(count):
        await demo.advance(5)
        snapshot = await watch.poller.cycle()
    return snapshot


@pytest.mark.asyncio
@pytest.mark.parametrize("phase", [Phase.MULTI, Phase.MIRRORING, Phase.SWITCHED, Phase.MEMBERLIST])
async def test_conjoined_clusters_are_seen_within_two_cycles(phase: Phase) -> None:
    async with Demo(DemoSettings(size=4, start_phase=phase, hold=True, manual=True)) as demo:
        await demo.advance(60)
        async with Watch(load_text(config_of(demo))) as watch:
            before = seen_in(await cycles(watch, demo, 2))
            assert before.value("gossip_unknown_members") == 0
            demo.cluster.set_fault("conjoined", on=True)
            after = await cycles(watch, demo, 2)
            assert seen_in(after).value("gossip_unknown_members") == 2
            told = gossip_out(after)
            assert told is not None
            assert [stranger.name.rpartition("-")[0] for stranger in told.strangers] == STRANGERS
            assert all(len(stranger.seen_by) == 4 and stranger.address for stranger in told.strangers)
            assert seen_in(after).check("disable-mirroring", "gossip-no-strangers").verdict == "fails"


@pytest.mark.asyncio
async def test_members_that_are_expected_are_not_counted() -> None:
    settings = DemoSettings(size=3, start_phase=Phase.MULTI, hold=True, manual=True, faults=("conjoined",))
    async with Demo(settings) as demo:
        await demo.advance(60)
        async with Watch(load_text(config_of(demo, expected_members=["^tempo-ingester-"]))) as watch:
            seen = seen_in(await cycles(watch, demo, 2))
    assert seen.value("gossip_unknown_members") == 0


@pytest.mark.asyncio
async def test_a_foreign_label_is_seen_in_the_gossip_the_labels_and_the_logs() -> None:
    settings = DemoSettings(size=4, start_phase=Phase.MULTI, hold=True, manual=True)
    async with Demo(settings) as demo:
        await demo.advance(60)
        async with Watch(load_text(config_of(demo))) as watch:
            await cycles(watch, demo, 1)
            demo.cluster.set_fault("foreign-label", on=True)
            await demo.advance(60)
            found = await cycles(watch, demo, 2)
    seen = seen_in(found)
    assert seen.value("gossip_clusters") == 2
    assert seen.value("gossip_absent_members") == 1
    assert seen.value("gossip_unknown_members") == 0
    assert seen.values("gossip_label_targets", "label") == {"demo.cortex": 3, "other": 1}
    by_label = seen.values("foreign_label_rejections_total", "label", "target")
    assert any(key.startswith("other ") and value > 0 for key, value in by_label.items())
    assert {key.split()[1] for key in by_label} <= {target.name for target in found.targets}
    assert found.gossip is not None
    assert found.gossip.rollout is not None
    assert len(found.gossip.rollout.conflicts) == 4
    assert len(found.gossip.rollout.unexpected) == 1


ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "labels.md").read_text(encoding="utf-8")


def test_every_anchor_that_a_check_links_to_is_on_the_page() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"(?m)^#+ (.*)$", PAGE)
    }
    questions = [value for value in vars(checks_gossip).values() if isinstance(value, Registered)]
    linked = {question.doc.partition("#")[2] for question in questions}
    linked |= set(re.findall(r"\]\(#([^)]*)\)", PAGE))
    assert len(questions) > 5
    assert linked <= headings


def test_every_metric_alert_and_check_on_the_page_exists() -> None:
    assert set(re.findall(r"kvmigration_[a-z_]+", PAGE)) <= set(catalogue.by_name)
    alerts = (ROOT / "alerts" / "built" / "kvmigration-alerts.yaml").read_text(encoding="utf-8")
    assert all(f"alert: {name}\n" in alerts for name in re.findall(r"KVMigration[A-Za-z]+", PAGE))
    asked = {check(nothing_read()).id for rule in step_table.STEPS for check in rule.checks}
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE)) - set(step_table.NAMES)
    assert named <= asked
