"""The example for Alertmanager: what mutes what, as it is written and as a real Alertmanager does it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.alertmanager import FOLLOWS, RANKS
from alerts.registry import ALERTS, NAMES
from tests import real_servers
from tests.alerts.live import wait
from tests.alerts.test_generation import BUILT, load
from tests.alerts.test_rules import CASES

RULES: list[dict[str, Any]] = load(BUILT / "alertmanager.yaml")["inhibit_rules"]
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
    for source, target in FOLLOWS:
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
    for first, second in FOLLOWS:
        sources, targets = (
            [one for one in EVERY if re.fullmatch(names, one[0])] for names in (first, second)
        )
        wanted = {
            (one, other)
            for one in sources
            for other in targets
            if RANKS.index(one[1]) <= RANKS.index(other[1])
        }
        assert wanted and wanted <= pairs


def test_no_alert_inhibits_itself_or_one_that_inhibits_it() -> None:
    pairs = {(source[0], target[0]) for source, target in muted()}
    assert not [pair for pair in pairs if pair[0] == pair[1] or pair[::-1] in pairs]


def test_whatever_fires_beside_a_fault_is_inhibited_by_it() -> None:
    beside = {(case.alert, other) for case in CASES if case.says for other in case.also}
    assert beside
    for source, target in beside:
        assert any(re.fullmatch(one, source) and re.fullmatch(other, target) for one, other in FOLLOWS)


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
