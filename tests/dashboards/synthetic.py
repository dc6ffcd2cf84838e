"""An exposition written from the catalogue: every metric, plausible labels, a migration that moves on.

It knows nothing of how the exporter works; it only gives the boards' queries something to find.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from exporter.expose import catalogue as c
from exporter.expose.metric import Metric
from exporter.model.pages import Phase

TARGETS = {
    "distributor-0": "distributor", "distributor-1": "distributor", "ingester-0": "ingester",
    "ingester-1": "ingester", "ingester-2": "ingester", "compactor-0": "compactor",
}  # fmt: skip
KEYS = {
    "collectors/ring": "ingester", "collectors/distributor": "distributor",
    "collectors/compactor": "compactor", "ha-tracker/": "ha-tracker",
    "collectors/ingester-partitions": "ingester-partitions",
}  # fmt: skip
CLIENTS = {
    "distributor": {"distributor-lifecycler": "collectors/distributor",
                    "distributor-hatracker": "ha-tracker/", "ingester-ring": "collectors/ring"},
    "ingester": {"ingester-lifecycler": "collectors/ring"},
    "compactor": {"compactor-lifecycler": "collectors/compactor"},
}  # fmt: skip
STEPS = (
    "preflight", "enable-mirroring", "switch-primary", "disable-mirroring", "remove-multi",
    "decommission-store", "set-label", "enforce-label",
    "retire-read-path", "retire-write-path", "retire-microservices", "finish-read-write",
)  # fmt: skip
VALUES: Mapping[str, tuple[str, ...]] = {
    "phase": tuple(phase.label for phase in Phase),
    "state": ("active", "unhealthy"),
    "field": ("state", "tokens"),
    "view": ("ring", "gossip"),
    "page": ("/metrics", "/ingester/ring"),
    "outcome": ("ok", "absent", "failed"),
    "member_zone": ("zone-a", "zone-b"),
    "group": ("microservices", "read-write"),
    "store": ("consul", "memberlist"),
    "label": ("prod.mimir", "other"),
    "kind": ("own", "foreign"),
    "source": ("static",),
    "check": ("no-key-missing", "lag-below-limit", "ha-elections-equal"),
    "step": STEPS,
    "migration": ("rings", "ha-tracker"),
    "kv_name": tuple(name for clients in CLIENTS.values() for name in clients),
    "product": ("mimir",),
    "version": ("3.0.1",),
    "python_version": ("3.11.2",),
    "member": (),  # no foreign member
    "first": (),  # one gossip cluster
}
THEIRS = (
    "memberlist_client_messages_in_broadcast_queue",
    "memberlist_client_messages_to_broadcast_dropped_total",
    "memberlist_client_received_broadcasts_total",
    "memberlist_client_received_broadcasts_invalid_total",
    "memberlist_client_received_broadcasts_dropped_total",
    "memberlist_client_cas_failure_total",
    "memberlist_tcp_transport_packets_sent_errors_total",
    "memberlist_tcp_transport_packets_received_errors_total",
    "memberlist_tcp_transport_unknown_connections_total",
)

Sample = tuple[str, Mapping[str, str], float]


def _phase(progress: float, target: str) -> Phase:
    """Five equal parts; the compactor follows late, so that the fleet is not uniform for a while."""
    late = 0.06 if target.startswith("compactor") else 0.0
    return Phase(min(5, max(0, int((progress - late) * 6))))


def _rows(metric: Metric) -> Iterator[dict[str, str]]:
    """Every combination of plausible values, targets with their components, keys with their rings."""
    rows: list[dict[str, str]] = [{}]
    for label in metric.labels:
        if label in {"component", "ring", "writes"}:
            continue
        if label == "target":
            choices = [{"target": t, "component": TARGETS[t]} for t in TARGETS]
        elif label == "key":
            choices = [{"key": key, "ring": KEYS[key]} for key in KEYS]
        else:
            choices = [{label: value} for value in VALUES[label]]
        rows = [{**row, **choice} for row in rows for choice in choices]
    for row in rows:
        yield {label: row[label] for label in metric.labels if label in row}


def _clients() -> Iterator[tuple[str, str, str]]:
    for target, component in TARGETS.items():
        for name, key in CLIENTS[component].items():
            yield target, name, key


def _special(metric: Metric, now: float, progress: float) -> list[Sample] | None:
    fleet = min(_phase(progress, target) for target in TARGETS)
    if metric is c.CLIENT_PHASE:
        return [
            (metric.name, {"target": target, "kv_name": name, "key": key,
                           "writes": "false" if name.endswith("-ring") else "true"}, _phase(progress, target))
            for target, name, key in _clients()
        ]  # fmt: skip
    if metric is c.PHASE:
        return [
            (metric.name, {"migration": "rings", "phase": phase.label}, phase == fleet) for phase in Phase
        ]
    if metric is c.NEXT_STEP:
        return [
            (metric.name, {"migration": "rings", "step": step}, index == fleet)
            for index, step in enumerate(STEPS)
        ]
    if metric is c.TARGET_PHASE:
        return [
            (metric.name, {"target": target, "migration": "rings"}, _phase(progress, target))
            for target in TARGETS
        ]
    if metric is c.KEY_PHASE:
        return [(metric.name, {"key": key, "ring": ring}, fleet) for key, ring in KEYS.items()]
    if metric in {c.MIRROR_WRITES_TOTAL, c.MIRROR_WRITE_ERRORS_TOTAL, c.CLIENT_STORE_REQUESTS_TOTAL}:
        return _counted(metric, now)
    return None


def _counted(metric: Metric, now: float) -> list[Sample]:
    slower = 40 if metric is c.MIRROR_WRITE_ERRORS_TOTAL else 1
    more = [{"store": "consul"}, {"store": "memberlist"}] if "store" in metric.labels else [{}]
    return [
        (metric.name, {"target": target, "kv_name": name, **extra}, now % 1e6 / 5 / slower)
        for target, name, _ in _clients()
        for extra in more
    ]


def _value(metric: Metric, row: Mapping[str, str], now: float, fault: bool) -> float:
    if metric.kind == "counter":
        return now % 1e6 / 10 if fault or row.get("outcome") == "ok" else 1
    if fault and metric in _BAD:
        return _BAD[metric]
    if metric in _STAMPS:
        return now - _STAMPS[metric]
    if metric in _USUAL:
        return _USUAL[metric]
    if "state" in row:
        return 3.0 if row["state"] in {"active", "alive"} else 0.0
    if metric is c.GOSSIP_LABEL_TARGETS:
        return 0.0 if row["label"] == "other" else 6.0
    if metric is c.LABEL_PROBE_ACCEPTED:
        return float(row["kind"] == "own")
    return float(metric.name.endswith(_ONES) or (metric is c.GATE_OPEN and not fault))


_BAD: Mapping[Metric, float] = {
    c.SECONDARY_LAG_SECONDS: 45, c.GOSSIP_CLUSTERS: 2, c.RING_VIEWS: 2, c.GOSSIP_HEARTBEAT_AGE_SECONDS: 90,
}  # fmt: skip
_STAMPS: Mapping[Metric, float] = {
    c.SNAPSHOT_TIMESTAMP_SECONDS: 2, c.TARGET_START_TIME_SECONDS: 7200,
    c.STORE_LAST_WRITE_TIMESTAMP_SECONDS: 3, c.CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS: 7200,
}  # fmt: skip
_USUAL: Mapping[Metric, float] = {
    c.TARGET_CLOCK_SKEW_SECONDS: 0.4, c.CYCLE_DURATION_SECONDS: 0.8, c.VIEW_SWEEP_SECONDS: 15,
    c.RING_OLDEST_HEARTBEAT_AGE_SECONDS: 9, c.RING_QUORUM_MARGIN: 1, c.GOSSIP_HEARTBEAT_AGE_SECONDS: 3,
    c.HA_TRACKER_ENTRIES: 12, c.GOSSIP_CLUSTERS: 1, c.RING_VIEWS: 1, c.DISCOVERED_TARGETS: 6,
    c.STORE_KEYS: 5, c.KV_CLIENTS: 1,
}  # fmt: skip
_ONES = ("_up", "_uniform", "_verified", "_enabled", "_successful", "_info", "gate_check", "primary_store")


def _components(count: float) -> Iterator[Sample]:
    tracker = "cortex_ha_tracker_elected_replica_change"
    for le in ("0.5", "1", "+Inf"):
        yield f"{tracker}_propagation_time_seconds_bucket", {"le": le}, count
    yield f"{tracker}s_total", {"user": "a", "exported_cluster": "b"}, count / 30
    for pod in ("mimir-write-0", "distributor-abc"):
        for route in ("/distributor.Distributor/Push", "prometheus_api_v1_query"):
            yield "cortex_request_duration_seconds_count", {"pod": pod, "route": route}, count
        yield "cortex_query_frontend_queries_total", {"pod": pod}, count / 2


def samples(now: float, progress: float, fault: bool = False) -> Iterator[Sample]:
    """Every metric of the catalogue, and the listed ones of the components, at one time."""
    for metric in c.ALL:
        special = _special(metric, now, progress)
        if special is not None:
            yield from special
            continue
        for row in _rows(metric):
            named = {"state": "alive"} if metric is c.GOSSIP_MEMBERS and row["state"] == "active" else {}
            yield metric.name, {**row, **named}, _value(metric, row, now, fault)
    for name in THEIRS:
        yield f"cortex_{name}", {}, now % 1e6 / 3 if name.endswith("_total") else 2.0
    yield from _components(now % 1e6)
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"):
        yield name, {}, now % 1e4
    yield "process_max_fds", {}, 1e5
    yield "process_start_time_seconds", {}, now - 7200


def line(sample: Sample, at: float | None = None) -> str:
    """A sample as text exposition."""
    name, labels, value = sample
    inner = ",".join(f'{key}="{text}"' for key, text in labels.items())
    stamp = "" if at is None else f" {at:.3f}"
    return f"{name}{{{inner}}} {float(value)}{stamp}"


def exposition(now: float, progress: float, fault: bool = False) -> str:
    """A scrape's text."""
    return "\n".join(line(sample) for sample in samples(now, progress, fault)) + "\n"
