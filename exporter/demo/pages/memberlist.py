"""`/memberlist`: the state of one process's gossip, and the values in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import Reply, json_reply, page, text
from exporter.demo.pages.wire_format import encode_value, stored
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.gossip import GossipCopy
from exporter.demo.simulation.process import Process
from exporter.demo.simulation.ring_values import STATE_NAMES, Instance, Replica, Value

NO_GOSSIP = Reply(b"This instance doesn't use memberlist.", "text/plain")
MISSING = text("value not found\n", 404)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of the gossip store."""

    key: str
    codec: str
    version: int
    size: int


def reply(cluster: Cluster, process: Process, query: Mapping[str, str], *, as_json: bool) -> Reply:
    """`/memberlist` with any of its parameters."""
    view = cluster.gossip_view(process)
    if view is None:
        return NO_GOSSIP
    if "viewKey" in query:
        return _view(cluster, view.values.get(query["viewKey"]), query.get("format", "json"))
    if "downloadKey" in query:
        return _download(cluster, view.values.get(query["downloadKey"]), query["downloadKey"])
    return _json(cluster, process, view) if as_json else _html(cluster, process, view)


def with_id(cluster: Cluster) -> bool:
    """Whether the product repeats a member's id inside its entry."""
    return cluster.settings.product != "cortex"


def _rows(cluster: Cluster, view: GossipCopy) -> list[KeyRow]:
    """The keys; their sizes only where the product shows them."""
    sized = cluster.settings.product != "cortex"
    return [
        KeyRow(
            key,
            "replicaDesc" if isinstance(value, Replica) else "ringDesc",
            view.versions.get(key, 0),
            len(encode_value(value, with_id(cluster))) if sized else 0,
        )
        for key, value in sorted(view.values.items())
    ]


def health(cluster: Cluster, process: Process) -> int:
    """Memberlist's health score: above 0 while it waits for members that are lost."""
    return int(any(peer.state for peer in cluster.gossip.peers(process.name, cluster.now)))


def _json(cluster: Cluster, process: Process, view: GossipCopy) -> Reply:
    cortex = cluster.settings.product == "cortex"
    rows = _rows(cluster, view)
    tree: dict[str, object] = {
        "Now": go_format.rfc3339(cluster.clock(process)),
        "Memberlist": {},
        "SortedMembers": [
            {
                "Name": peer.name,
                "Addr": peer.address,
                "Port": peer.port,
                "Meta": None,
                "State": peer.state,
                **{"PMin": 1, "PMax": 5, "PCur": 2, "DMin": 0, "DMax": 0, "DCur": 0},
            }
            for peer in cluster.gossip.peers(process.name, cluster.now)
        ],
        "Store": {row.key: {} if cortex else _detail(row) for row in rows},
    }
    if not cortex:
        tree["StoreSizes"] = {row.key: row.size for row in rows}
        tree["TotalStoreSize"] = sum(row.size for row in rows)
        tree["MessageHistoryBufferBytes"] = 0
    tree |= {"SentMessages": None, "ReceivedMessages": None}
    if not cortex:
        tree["ZoneAwareRouting"] = {"Enabled": False, "Zone": "", "Role": "member"}
    return json_reply(go_format.compact(tree))


def _detail(row: KeyRow) -> dict[str, object]:
    return {
        "Version": row.version,
        "CodecID": row.codec,
        "Deleted": False,
        "UpdateTime": go_format.rfc3339(0),
    }


def _html(cluster: Cluster, process: Process, view: GossipCopy) -> Reply:
    template = {"cortex": "cortex", "loki": "dskit", "mimir": "mimir"}[cluster.settings.product]
    rows = _rows(cluster, view)
    return page(
        f"{template}_memberlist.html",
        cluster,
        process,
        health=health(cluster, process),
        members=cluster.gossip.peers(process.name, cluster.now),
        keys=rows,
        total=sum(row.size for row in rows),
    )


def _view(cluster: Cluster, value: Value | None, shape: str) -> Reply:
    if value is None:
        return MISSING
    if shape == "struct":
        return text(f"{value}\n")
    tree = _tree(cluster, value)
    return text((json.dumps(tree, indent=4) if shape == "json-pretty" else go_format.compact(tree)) + "\n")


def _download(cluster: Cluster, value: Value | None, key: str) -> Reply:
    if value is None:
        return MISSING
    disposition = {"Content-Disposition": f'attachment; filename="{go_format.in_query(key)}-download"'}
    return Reply(stored(value, with_id(cluster)), "application/octet-stream", 200, disposition)


def _tree(cluster: Cluster, value: Value) -> dict[str, object]:
    """A value as Go prints a protobuf struct: zero values are left out."""
    if isinstance(value, Replica):
        tree: dict[str, object] = {"replica": value.replica, "received_at": value.received_at}
        if value.elected_at:
            tree["elected_at"] = value.elected_at
        if value.elected_changes:
            tree["elected_changes"] = value.elected_changes
        return tree
    return {"ingesters": {name: _member(value[name], with_id(cluster)) for name in sorted(value)}}


def _member(member: Instance, with_id: bool) -> dict[str, object]:
    tree: dict[str, object] = {"addr": member.addr, "timestamp": member.timestamp}
    if member.state:
        tree["state"] = STATE_NAMES[member.state]
    if len(member.tokens):
        tree["tokens"] = list(member.tokens.values)
    if member.zone:
        tree["zone"] = member.zone
    tree["registered_timestamp"] = member.registered
    if with_id:
        tree["id"] = member.id
    return tree
