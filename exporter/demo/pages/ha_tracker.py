"""`/distributor/ha_tracker`: the elected replicas, as JSON and as HTML."""

from __future__ import annotations

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import NOT_FOUND, Reply, json_reply, page
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.ha_tracker import FAILOVER_TIMEOUT, UPDATE_TIMEOUT, elected
from exporter.demo.simulation.process import Process


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
    tree: dict[str, object] = {"elected": rows or (None if mimir else []), "now": go_format.rfc3339(now)}
    if not mimir:
        tree["config"] = {"Title": "Cortex HA Tracker Status", "ReplicaGroupLabel": "Cluster"}
    return json_reply(go_format.compact(tree))


def _tracker_html(cluster: Cluster, process: Process) -> Reply:
    now = cluster.clock(process)
    rows = [
        {
            "user": user,
            "cluster": group,
            "replica": entry.replica,
            "received": go_format.go_time(entry.received_at / 1000),
            "elected": go_format.go_time(entry.elected_at / 1000),
            "until_update": go_format.duration(entry.received_at / 1000 + UPDATE_TIMEOUT - now),
            "until_failover": go_format.duration(entry.received_at / 1000 + FAILOVER_TIMEOUT - now),
        }
        for (user, group), entry in elected(cluster, process)
    ]
    return page(f"{cluster.settings.product}_tracker.html", cluster, process, rows=rows)
