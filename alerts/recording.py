"""Recording rules: few, for boards and for long ranges. Named level:metric:operation.

No alert needs them: whoever loads only the alerts has all of them working.
"""

from __future__ import annotations

from alerts import thresholds as t
from alerts.groups.mirroring import CLIENT, WRITERS
from alerts.promql import Queries
from alerts.rule import Record
from exporter.expose import catalogue as c
from exporter.expose.metric import Metric

RATE = t.Wait(5 * t.MINUTE, "four scrapes of a minute, the longest interval in use")


def _rate(q: Queries, metric: Metric, *labels: str) -> str:
    return f"max {q.by(*labels)} (rate({q.series(metric)}[{q.span(RATE)}]))"


def _by_phase(q: Queries) -> str:
    clients = q.most(c.CLIENT_PHASE, *CLIENT, matchers=WRITERS)
    return f'count_values {q.by()} ("phase", {clients})'


def _errors(q: Queries) -> str:
    errors, writes = (
        f"sum {q.by('kv_name')} ({_rate(q, metric, *CLIENT)})"
        for metric in (c.MIRROR_WRITE_ERRORS_TOTAL, c.MIRROR_WRITES_TOTAL)
    )
    return f"{errors}\n/ ({writes} > 0)"


def _members(q: Queries) -> str:
    each = q.most(c.RING_MEMBERS, "key", "ring", "state", "member_zone", "group")
    return f"sum {q.by('key', 'ring', 'state')} ({each})"


RECORDS = (
    Record(
        "fleet:kvmigration_client_phase:min",
        lambda q: q.writing_phase("min"),
        "The fleet's phase: the earliest of its writing clients.",
    ),
    Record(
        "fleet:kvmigration_client_phase:max",
        lambda q: q.writing_phase("max"),
        "The phase of the writing client that is furthest ahead.",
    ),
    Record(
        "key:kvmigration_client_phase:min",
        lambda q: q.writing_phase("min", "key", matchers='key!=""'),
        "Each key's phase: the earliest of its writing clients.",
    ),
    Record("phase:kvmigration_client_phase:count", _by_phase, "Writing clients by phase."),
    Record(
        "fleet:kvmigration_secondary_lag_seconds:max",
        lambda q: q.most(c.SECONDARY_LAG_SECONDS),
        "The worst lag of any key.",
    ),
    Record(
        "fleet:kvmigration_secondary_missing_members:sum",
        lambda q: f"sum {q.by()} ({q.most(c.SECONDARY_MISSING_MEMBERS, 'key')})",
        "Members that only the primary has, over all keys.",
    ),
    Record(
        "kv_name:kvmigration_mirror_writes:rate5m",
        lambda q: f"sum {q.by('kv_name')} ({_rate(q, c.MIRROR_WRITES_TOTAL, *CLIENT)})",
        "Mirror writes per second by kind of client.",
    ),
    Record(
        "kv_name:kvmigration_mirror_write_errors:ratio_rate5m", _errors, "Share of mirror writes that fail."
    ),
    Record("key_state:kvmigration_ring_members:sum", _members, "Members of each ring by state."),
    Record(
        "fleet:kvmigration_target_up:ratio",
        lambda q: f"avg {q.by()} ({q.most(c.TARGET_UP, 'target')})",
        "Share of the processes that answer.",
    ),
)
