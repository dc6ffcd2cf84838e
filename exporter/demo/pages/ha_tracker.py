"""`/distributor/ha_tracker`: the elected replicas, as JSON and as HTML."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import NOT_FOUND, Reply, html, json_reply
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.ha_tracker import FAILOVER_TIMEOUT, UPDATE_TIMEOUT, elected
from exporter.demo.simulation.process import Process


@dataclass(frozen=True, slots=True)
class TrackerRow:
    """One elected replica as the HTML page shows it."""

    user: str
    cluster: str
    replica: str
    received: str
    elected: str
    update: str
    failover: str


def reply(cluster: Cluster, process: Process, *, as_json: bool) -> Reply:
    """`/distributor/ha_tracker`."""
    if not process.spec.role.tracker:
        return NOT_FOUND
    return _tracker_json(cluster, process) if as_json else _tracker_html(cluster, process)


def _tracker_json(cluster: Cluster, process: Process) -> Reply:
    now = cluster.clock(process)
    mimir = cluster.settings.product == "mimir"
    rows = []
    for (user, group), entry in elected(cluster, process):
        received = entry.received_at / 1000
        row: dict[str, object] = {"userID": user, "cluster": group, "replica": entry.replica}
        if mimir:
            row["lastElectionTime"] = go_format.rfc3339(entry.elected_at / 1000)
            row["electedLastSeenTime"] = go_format.rfc3339(received)
        else:
            row["electedAt"] = go_format.rfc3339(received)
        row["updateDuration"] = int((received + UPDATE_TIMEOUT - now) * 1e9)
        row["failoverDuration"] = int((received + FAILOVER_TIMEOUT - now) * 1e9)
        rows.append(row)
    page: dict[str, object] = {"elected": rows or (None if mimir else []), "now": go_format.rfc3339(now)}
    if not mimir:
        page["config"] = {"Title": "Cortex HA Tracker Status", "ReplicaGroupLabel": "Cluster"}
    return json_reply(go_format.compact(page))


def _tracker_html(cluster: Cluster, process: Process) -> Reply:
    now = cluster.clock(process)
    rows = [
        TrackerRow(
            user,
            group,
            entry.replica,
            go_format.go_time(entry.received_at / 1000),
            go_format.go_time(entry.elected_at / 1000),
            go_format.duration(entry.received_at / 1000 + UPDATE_TIMEOUT - now),
            go_format.duration(entry.received_at / 1000 + FAILOVER_TIMEOUT - now),
        )
        for (user, group), entry in elected(cluster, process)
    ]
    product = cluster.settings.product
    kind = "text/html; charset=utf-8" if product == "cortex" else "text/html"
    return html(
        f"{product}_tracker.html", kind, now=go_format.go_time(now, process.started + process.skew), rows=rows
    )
