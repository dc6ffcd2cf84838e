"""The example for Alertmanager: what mutes what, as it is written and as a real Alertmanager does it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.alertmanager import RANKS
from alerts.inhibitions import SAME_FAULT, effects, kept, memory
from alerts.registry import ALERTS, NAMES
from alerts.rule import Alert, Severity
from tests import real_servers
from tests.alerts.live import wait
from tests.alerts.test_generation import BUILT, load
from tests.alerts.test_rules import CASES

CONFIG = load(BUILT / "alertmanager.yaml")
RULES: list[dict[str, Any]] = CONFIG["inhibit_rules"]
ROUTE: dict[str, Any] = CONFIG["route"]
EVERY = [(alert.name, str(alert.severity)) for alert in ALERTS]
FLEET = {"cluster": "prod", "namespace": "mimir", "job": "kvmigration"}
Rated = tuple[str, str]


def fits(matchers: list[str], alert: Rated) -> bool:
    """Alertmanager's matchers, of the two labels that ours look at."""
    labels = dict(zip(("alertname", "severity"), alert, strict=True))
    for matcher in matchers:
        name, sign, value = re.fullmatch(r'(\w+)(=~|!~|=)"(.+)"', matcher).groups()  # type: ignore[union-attr]  # all are so
        found = labels[name] == value if sign == "=" else bool(re.fullmatch(value, labels[name]))
        if found is (sign == "!~"):
            return False
    return True


def muted() -> list[tuple[Rated, Rated]]:
    """Every pair of source and target that some inhibition of the file is about."""
    return [
        (source, target)
        for rule in RULES
        for source in EVERY
        for target in EVERY
        if fits(rule["source_matchers"], source) and fits(rule["target_matchers"], target)
    ]


def test_inhibitions_name_alerts_that_exist() -> None:
    for source, target in SAME_FAULT.items():
        for part in f"{source}|{target}".split("|"):
            assert any(re.fullmatch(part, name) for name in NAMES), part


def test_nobody_mutes_what_is_more_severe() -> None:
    pairs = muted()
    assert (
        ("KVMigrationPrimariesMixed", "critical"),
        ("KVMigrationSecondaryLagCritical", "critical"),
    ) in pairs
    for source, target in pairs:
        assert RANKS.index(source[1]) <= RANKS.index(target[1]), (source, target)


def test_whatever_follows_is_muted_where_it_is_no_more_severe() -> None:
    pairs = set(muted())
    for first, others in effects().items():
        sources, targets = ([one for one in EVERY if one[0] in names] for names in ((first,), others))
        wanted = {
            (one, other)
            for one in sources
            for other in targets
            if RANKS.index(one[1]) <= RANKS.index(other[1])
        }
        assert wanted <= pairs


def test_no_alert_inhibits_itself_or_one_that_inhibits_it() -> None:
    pairs = {(source[0], target[0]) for source, target in muted()}
    assert not [pair for pair in pairs if pair[0] == pair[1] or pair[::-1] in pairs]


def test_whatever_fires_beside_a_fault_is_inhibited_by_it() -> None:
    beside = {(case.alert, other) for case in CASES if case.says for other in case.also}
    for source, target in beside:
        assert target in effects().get(source, ()) or source in effects().get(target, ()), (source, target)


LATER = {
    # What follows from it is of other keys: of its own key not every writer mirrors.
    "KVMigrationMirroringPartial",
    # A counter that stands still proves nothing sooner.
    "KVMigrationMirrorWritesStopped",
    # Each process may be down for minutes in a rollout.
    "KVMigrationNoTargets",
}


ONSET = {
    "KVMigrationRingQuorumLost": 60, "KVMigrationSecondaryLagCritical": 60,
    "KVMigrationRingMemberInTransit": 1800, "KVMigrationRolloutStalled": 900,
}  # fmt: skip
"""Seconds after the fault in which the expression cannot hold yet: a heartbeat timeout, or its own limit."""


def mutes() -> list[tuple[Alert, Alert]]:
    """Every cause and effect of which the first may keep the second from being sent."""
    return [
        (cause, effect)
        for cause in ALERTS
        for effect in ALERTS
        if effect.name in effects().get(cause.name, ())
        and RANKS.index(str(cause.severity)) <= RANKS.index(str(effect.severity))
    ]


def test_no_cause_is_told_later_than_its_effects() -> None:
    for cause, effect in mutes():
        if cause.name not in LATER and cause.severity is not Severity.INFO:
            first = effect.wait.seconds + ONSET.get(effect.name, 0)
            assert cause.wait.seconds <= first, (cause.name, effect.name)


def test_after_a_restart_of_prometheus_a_cause_is_sent_before_the_effects_that_it_restores() -> None:
    """A wait of 10 minutes is restored and over; a shorter one begins anew. Evaluations are 15 s apart."""
    (tickets,) = [route for route in ROUTE["routes"] if 'severity="warning"' in route["matchers"]]
    (late,) = tickets["routes"]
    patience = int(late["group_wait"].removesuffix("s"))
    later = [pair for pair in mutes() if pair[1].wait.seconds >= 600 > pair[0].wait.seconds]
    assert len(later) > 20
    for cause, effect in later:
        assert cause.name in LATER or cause.wait.seconds + 2 * 15 <= patience, (cause.name, effect.name)
        assert effect.severity is not Severity.WARNING or fits(late["matchers"], (effect.name, "warning"))


def test_a_ticket_with_a_short_wait_is_sent_as_soon_as_it_fires() -> None:
    (tickets,) = [route for route in ROUTE["routes"] if 'severity="warning"' in route["matchers"]]
    short = [alert.name for alert in ALERTS if alert.wait.seconds < 600]
    assert {"KVMigrationGossipSplit", "KVMigrationSecondaryKeyMissing"} <= set(short)
    assert not [name for name in short if fits(tickets["routes"][0]["matchers"], (name, "warning"))]


def test_every_cause_outlives_its_effects_so_that_no_ticket_is_opened_after_recovery() -> None:
    for cause, effect in mutes():
        long, short = kept(cause), kept(effect)
        assert long and short
        assert long.seconds >= short.seconds + memory(effect.name) + 60, (cause.name, effect.name)


def test_an_exporter_that_dies_says_so_before_any_page_is_resolved() -> None:
    waits = [alert.wait.seconds for alert in ALERTS if alert.name == "KVMigrationExporterDown"]
    kept_for = [wait.seconds for alert in ALERTS if (wait := kept(alert))]
    assert max(waits) + 60 <= min(kept_for)


@pytest.mark.parametrize(
    ("cause", "effect"),
    [
        ("GossipSplit", "RingMembersUnhealthy"), ("GossipSplit", "HATrackerElectionsDiffer"),
        ("StoreUnreachable", "RingQuorumLost"), ("StoreUnreachable", "RingMembersUnhealthy"),
        ("PrimariesMixed", "HATrackerElectionsDiffer"), ("MirroringPartial", "HATrackerElectionsDiffer"),
        ("RingForeignMembers", "RingViewsDiverged"), ("RingForeignMembers", "RingTokenConflicts"),
        ("RingForeignMembers", "GossipUnknownKeys"), ("LabelsDisagree", "GossipSplit"),
        ("StoreUnreachable", "MirrorWriteErrors"), ("StoreUnreachable", "SecondaryUnread"),
        ("ClockSkew", "RingMembersUnhealthy"),
        ("TargetsDown", "RingMembersUnhealthy"), ("TargetsDown", "SecondaryLagHigh"),
    ],
)  # fmt: skip
def test_a_cause_explains_its_effects(cause: str, effect: str) -> None:
    assert f"KVMigration{effect}" in effects()[f"KVMigration{cause}"]
    assert f"KVMigration{cause}" not in effects().get(f"KVMigration{effect}", ())


@pytest.mark.parametrize(
    "other", ["GossipSplit", "SecondaryKeyMissing", "SecondaryMembersMissing", "RingWritersMissing"]
)
def test_a_process_that_is_down_for_days_mutes_no_ticket_about_the_other_processes(other: str) -> None:
    assert f"KVMigration{other}" not in effects()["KVMigrationTargetsDown"]


def test_without_an_exporter_all_others_are_muted_and_its_own_are_not() -> None:
    down = ("KVMigrationExporterDown", "critical")
    own = {alert for alert in EVERY if alert[0].startswith("KVMigrationExporter")}
    assert len(own) > 4
    assert {target for source, target in muted() if source == down} == set(EVERY) - own


def test_an_exporter_that_stands_still_mutes_no_page() -> None:
    """It may be one shard of several, or one replica: the others look on."""
    stale = ("KVMigrationExporterStale", "critical")
    targets = {target for source, target in muted() if source == stale}
    assert {severity for _, severity in targets} == {"warning", "info"}


def test_a_missing_shard_mutes_nobody_and_is_muted_where_the_exporter_is_blind() -> None:
    """What the other shards find of their own parts is true: a lost quorum is no smaller for it."""
    missing = ("KVMigrationShardsIncomplete", "critical")
    assert missing in EVERY
    assert {source[0] for source, target in muted() if target == missing} == {"KVMigrationExporterDown"}
    assert not [target for source, target in muted() if source == missing]


def test_inhibitions_are_of_one_fleet() -> None:
    assert all(rule["equal"] == list(FLEET) for rule in RULES)


def fire(url: str, *alerts: Rated) -> None:
    now = datetime.now(UTC).isoformat()
    body = [
        {"labels": {"alertname": name, "severity": severity, **FLEET}, "startsAt": now}
        for name, severity in alerts
    ]
    real_servers.call("POST", f"{url}/api/v2/alerts", body, {"Content-Type": "application/json"})


def silenced(url: str) -> dict[str, bool]:
    """Each alert that Alertmanager has, and whether another one mutes it."""
    found = json.loads(real_servers.call("GET", f"{url}/api/v2/alerts"))
    return {one["labels"]["alertname"]: bool(one["status"]["inhibitedBy"]) for one in found}


@pytest.mark.real
def test_failing_mirror_writes_mute_the_tickets_that_follow_and_not_the_page(tmp_path: Path) -> None:
    sent = {
        ("KVMigrationMirrorWriteErrors", "warning"): False,
        ("KVMigrationSecondaryKeyMissing", "warning"): True,
        ("KVMigrationSecondaryLagCritical", "critical"): False,
    }
    wanted = {name: quiet for (name, _), quiet in sent.items()}
    with real_servers.alertmanager(tmp_path, BUILT / "alertmanager.yaml") as manager:
        fire(manager.url, *sent)
        wait(lambda: silenced(manager.url) == wanted, f"{wanted}", 20)
