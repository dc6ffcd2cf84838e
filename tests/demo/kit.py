"""What the demo's tests share: a cluster held in one phase, and its pages as data."""

from __future__ import annotations

import json
from dataclasses import replace

from exporter.demo import Cluster, DemoSettings
from exporter.demo.pages.answer import Reply
from exporter.demo.pages.site import Site
from exporter.demo.simulation.process import Process
from exporter.model.pages import Phase


def held(
    product: str = "cortex", phase: Phase = Phase.MIRRORING, *, after: float = 60.0, **more: object
) -> Cluster:
    """A cluster that was started in a phase and stays there, `after` seconds later."""
    settings = replace(DemoSettings(product=product, start_phase=phase, hold=True), **more)
    cluster = Cluster(settings)
    cluster.step(after)
    return cluster


def get(cluster: Cluster, process: Process, path: str, *, as_json: bool = False) -> Reply:
    """One page of one process."""
    bare, _, query = path.partition("?")
    pairs = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
    return Site(cluster).get(process, bare, pairs, "application/json" if as_json else "text/html")


def page(cluster: Cluster, process: Process, path: str) -> dict:
    """One JSON page of one process."""
    return json.loads(get(cluster, process, path, as_json=True).body)


def ring(cluster: Cluster, process: Process, path: str = "/ring") -> dict[str, dict]:
    """The members a ring page shows, by id."""
    shards = page(cluster, process, path)["shards"]
    return {shard["id"]: shard for shard in shards or []}


def view(cluster: Cluster, process: Process, key: str = "collectors/ring") -> dict[str, dict]:
    """The members of a ring in a process's gossip, tombstones included."""
    reply = get(cluster, process, f"/memberlist?viewKey={key}&format=json")
    return json.loads(reply.body)["ingesters"] if reply.status == 200 else {}


def names(cluster: Cluster, process: Process) -> list[str]:
    """The names in a process's member list, without their random ends."""
    return [row["Name"].rsplit("-", 1)[0] for row in page(cluster, process, "/memberlist")["SortedMembers"]]


def metrics(cluster: Cluster, process: Process) -> dict[str, float]:
    """The samples of /metrics by their full name and labels, buckets left out."""
    lines = get(cluster, process, "/metrics").body.decode().splitlines()
    rows = (line.rpartition(" ") for line in lines if line and line[0] != "#" and "_bucket{" not in line)
    return {name: float(value) for name, _, value in rows}


def store_ring(cluster: Cluster, key: str = "collectors/ring") -> dict:
    """The members of a ring in the external store."""
    value = cluster.store.get(key)
    assert isinstance(value, dict)
    return value
