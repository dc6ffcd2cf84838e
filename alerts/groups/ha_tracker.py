"""HA tracker: are the same replicas elected in both stores, and do they stay elected?"""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries, number
from alerts.rule import COUNT, Alert, Group, Names, Severity
from exporter.expose import catalogue as c
from exporter.model.pages import Phase


def _differ(q: Queries) -> str:
    differing = q.most(c.SECONDARY_MISMATCHED_MEMBERS, "key", matchers='key="ha-tracker/",field="replica"')
    return f"max {q.by()} (\n{q.key_within(f'{differing} > 0', Phase.MIRRORING, Phase.SWITCHED)}\n)"


def changes(q: Queries) -> str:
    """Elected replica changes as each distributor counted them lately."""
    return (
        f"max {q.by('target')} (increase({q.series(c.HA_TRACKER_ELECTIONS_TOTAL)}[{q.span(t.FLAP_WINDOW)}]))"
    )


def _flapping(q: Queries) -> str:
    """Each distributor counts every change: the greatest count is the fleet's, not the sum."""
    most = f"max {q.by()} ({changes(q)})"
    share = f"{number(t.FLAPS)} * {q.most(c.HA_TRACKER_ENTRIES)}"
    return f"{most} > {number(t.FLAPS_LEAST)}\nunless {q.on()} ({most} <= {q.on()} {share})"


GROUP = Group(
    "ha-tracker",
    "The HA tracker",
    board="ha-tracker",
    alerts=(
        Alert(
            "KVMigrationHATrackerElectionsDiffer",
            Severity.WARNING,
            t.ELECTIONS_DIFFER,
            _differ,
            "Primary and secondary have different elected replicas",
            (
                "For {{ $value }} HA cluster(s) of <fleet> the secondary names another elected replica "
                "than the primary. After a switch, distributors would accept samples of the wrong "
                "replica until the next election."
            ),
            "The elected replica differs between primary and secondary.",
            about=("ha-elections-equal",),
        ),
        Alert(
            "KVMigrationHATrackerFlapping",
            Severity.WARNING,
            t.FLAPPING,
            _flapping,
            "The HA tracker changes its elected replicas too often",
            (
                'The HA tracker of <fleet> changed elected replicas {{ $value | printf "%.0f" }} times '
                "in <FLAP_WINDOW>, as counted by <names>. Each change is a gap and duplicates."
            ),
            "Elected replicas change far more often than restarts explain.",
            names=Names(changes, ("target",), value=COUNT),
            memory=t.FLAP_WINDOW,
        ),
    ),
)
