"""A healthy fleet of three processes as its exporter shows it, in promtool's notation.

Short names: `secondary_lag_seconds{key="collectors/ring"}` stands for the metric with its prefix and
with the labels that Prometheus adds. One sample a step; `7x40` is 41 samples of 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

STEPS = 220
FLEET = {"cluster": "prod", "namespace": "mimir", "job": "kvmigration", "instance": "exporter-0:9895"}
FLEET_NAME = "kvmigration, cluster prod, namespace mimir"
TARGETS = ("ingester-0", "ingester-1", "ingester-2")
RING, COMPACTOR = 'key="collectors/ring",ring="ingester"', 'key="collectors/compactor",ring="compactor"'
HA, PARTITIONS = (
    'key="ha-tracker/",ring="ha-tracker"',
    'key="collectors/ingester-partitions",ring="ingester-partitions"',
)
KEYS = (RING, COMPACTOR, HA, PARTITIONS)
CLIENTS = (
    ("ingester-lifecycler", "collectors/ring", "true"),
    ("ingester-ring", "collectors/ring", "false"),
    ("compactor-lifecycler", "collectors/compactor", "true"),
    ("ingester-partitions", "collectors/ingester-partitions", "true"),
    ("distributor-hatracker", "ha-tracker/", "true"),
)
_SERIES = re.compile(r"(?P<name>[\w:]+)(?:\{(?P<labels>.*)\})?")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Series = Mapping[str, str]


def identity(short: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """What a series is, whatever the order of its labels."""
    found = _SERIES.fullmatch(short)
    assert found, short
    return found["name"], frozenset(_LABEL.findall(found["labels"] or ""))


def full(short: str) -> str:
    """The series as Prometheus would store it. Labels that are written out win; `cluster=""` removes."""
    name, written = identity(short)
    labels = FLEET | dict(written)
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()) if value)
    whole = name in {"up", "process_start_time_seconds"} or ":" in name  # with colons a rule has recorded it
    return f"{name if whole else 'kvmigration_' + name}{{{inside}}}"


def always(value: float) -> str:
    return f"{value:g}x{STEPS}"


def rising(per_step: float) -> str:
    return f"0+{per_step:g}x{STEPS}"


def _target(target: str, phase: int) -> dict[str, str]:
    mirrors = phase in {2, 3}
    of = f'target="{target}"'
    series = {
        f'target_up{{{of},component="ingester"}}': always(1),
        f"target_clock_skew_seconds{{{of}}}": always(0.1),
        f'page_up{{{of},page="/metrics"}}': always(1),
        f'page_up{{{of},page="/ingester/ring"}}': always(1),
        f"ha_tracker_elections_total{{{of}}}": always(4),
    }
    for name, key, writes in CLIENTS:
        series[f'client_phase{{{of},kv_name="{name}",key="{key}",writes="{writes}"}}'] = always(phase)
        written = rising(20) if mirrors and writes == "true" else always(0)
        series[f'mirror_writes_total{{{of},kv_name="{name}"}}'] = written
        series[f'mirror_write_errors_total{{{of},kv_name="{name}"}}'] = always(0)
    return series | _gossip_of(of)


def period(key: str, seconds: float) -> dict[str, str]:
    """A ring with this heartbeat period; Mimir's own jsonnet has 120 s."""
    return {f"ring_heartbeat_period_seconds{{{key}}}": always(seconds)}


def phases(values: str) -> dict[str, str]:
    """Every KV client of every process goes through these phases."""
    return {
        f'client_phase{{target="{target}",kv_name="{name}",key="{key}",writes="{writes}"}}': values
        for target in TARGETS
        for name, key, writes in CLIENTS
    }


def _gossip_of(of: str) -> dict[str, str]:
    return {
        f'gossip_members{{{of},state="alive"}}': always(3),
        f'gossip_members{{{of},state="suspect"}}': always(0),
        f"gossip_health_score{{{of}}}": always(0),
        f"gossip_heartbeat_age_seconds{{{of}}}": always(4),
        f"gossip_label_verified{{{of}}}": always(1),
        f'label_probe_accepted{{{of},kind="own"}}': always(1),
        f'label_probe_accepted{{{of},kind="no"}}': always(0),
        f'label_probe_accepted{{{of},kind="foreign"}}': always(0),
        f'foreign_label_rejections_total{{{of},label="other",source="file"}}': always(0),
    }


def _key(key: str) -> dict[str, str]:
    series = {
        f"secondary_key_missing{{{key}}}": always(0),
        f"secondary_missing_members{{{key}}}": always(0),
        f"secondary_lag_seconds{{{key}}}": always(5),
        f"secondary_unread_views{{{key}}}": always(0),
        f"ring_longest_transition_seconds{{{key}}}": always(0),
        f"ring_heartbeat_period_seconds{{{key}}}": always(15),
        f"ring_token_conflicts{{{key}}}": always(0),
        f"ring_members_without_tokens{{{key}}}": always(0),
        f"ring_ghost_members{{{key}}}": always(0),
        f"ring_foreign_members{{{key}}}": always(0),
        f"ring_writers_missing{{{key}}}": always(0),
        f"ring_duplicate_addresses{{{key}}}": always(0),
        f"ring_partitions_without_owner{{{key}}}": always(0),
        f"ring_quorum_margin{{{key}}}": always(1),
        f"ring_members_returned_total{{{key}}}": always(0),
        f"ring_shrunk_members{{{key}}}": always(0),
        f"ring_corrupted_partitions{{{key}}}": always(0),
        f'secondary_mismatched_members{{{key},field="state"}}': always(0),
        f'secondary_mismatched_members{{{key},field="replica"}}': always(0),
    }
    for state, members in (("active", 3), ("unhealthy", 0)):
        series[f'ring_members{{{key},state="{state}",member_zone="a",group="microservices"}}'] = always(
            members
        )
    for view in ("ring", "gossip"):
        series[f'ring_views{{{key},view="{view}"}}'] = always(1)
        for target in TARGETS:
            of = f'{key},view="{view}",target="{target}"'
            series[f"ring_view_staleness_seconds{{{of}}}"] = always(0)
            series[f"ring_view_missing_members{{{of}}}"] = always(0)
    return series


def _exporter(step: int) -> dict[str, str]:
    return {
        "up": always(1),
        "process_start_time_seconds": always(0),
        'build_info{version="1.0.0"}': always(1),
        "snapshot_timestamp_seconds": rising(step),
        "config_last_reload_successful": always(1),
        "series_dropped": always(0),
        "interval_seconds": always(15),
        "cycle_duration_seconds": always(2),
        'discovered_targets{source="static"}': always(3),
        "discovery_failing_sources": always(0),
    }


def healthy(phase: int = 2, step: int = 60) -> dict[str, str]:
    """All that a healthy fleet shows in this phase; `step` is the distance of samples in seconds."""
    series = _exporter(step)
    for target in TARGETS:
        series |= _target(target, phase)
    for key in KEYS:
        series |= _key(key)
    return series | {
        'store_up{store="consul"}': always(1),
        'store_replaced{store="consul"}': always(0),
        'store_last_write_timestamp_seconds{store="consul"}': rising(step) if phase < 4 else always(0),
        "gossip_clusters": always(1),
        "gossip_unknown_members": always(0),
        "gossip_foreign_members": always(0),
        'kv_clients{kv_name="all",phase="external"}': always(0),
        'phase_uniform{migration="rings"}': always(1),
        'unreached_clients{migration="rings",kv_name="ingester-lifecycler"}': always(0),
        "gossip_absent_members": always(0),
        "gossip_unknown_keys": always(0),
        'gossip_label_targets{label="prod"}': always(3),
        "ha_tracker_entries": always(40),
    }


def changed(base: Series, changes: Series, without: tuple[str, ...] = ()) -> dict[str, str]:
    """The series with some replaced or added, and those whose short name begins so left out."""
    replaced = {identity(short) for short in changes}
    kept = {
        short: values
        for short, values in base.items()
        if identity(short) not in replaced and not short.startswith(without or ("\0",))
    }
    return kept | dict(changes)
