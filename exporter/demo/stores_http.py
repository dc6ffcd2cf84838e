"""The external store's own API: Consul's key/value pages, etcd's JSON gateway."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import JSON, NOT_FOUND, Reply, json_reply, text
from exporter.demo.pages.memberlist import with_id
from exporter.demo.pages.wire_format import stored
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.store import Entry

_ETCD_HEADER = {"cluster_id": "14841639068965178418", "member_id": "10276657743932975437"}
_KV = "/v1/kv/"


class StorePages:
    """Answers for the store of one cluster; writes are refused and recorded."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._bytes: dict[str, tuple[int, bytes]] = {}

    def value(self, key: str, entry: Entry) -> bytes:
        """The stored bytes of an entry."""
        known = self._bytes.get(key)
        if known is None or known[0] != entry.modified:
            known = (entry.modified, stored(entry.value, with_id(self._cluster)))
            self._bytes[key] = known
        return known[1]

    def consul(self, method: str, path: str, query: Iterable[str]) -> Reply:
        """`/v1/kv/PREFIX?recurse`, `?keys`, `?raw`, or one key; and the leader's address."""
        if path == "/v1/status/leader":
            return json_reply('"127.0.0.1:8300"')
        if not path.startswith(_KV):
            return text("", 404)
        if method not in ("GET", "HEAD"):
            self._cluster.dangers.append(f"{method} consul {path}")
            return text("", 405)
        asked = set(query)
        wanted = path.removeprefix(_KV)
        found = self._cluster.store.under(wanted)
        if not asked & {"recurse", "keys"}:
            found = {key: entry for key, entry in found.items() if key == wanted}
        headers = {"X-Consul-Index": str(self._cluster.store.revision), "X-Consul-Knownleader": "true"}
        if not found:
            return Reply(b"", JSON, 404, headers)
        if "raw" in asked:
            key, entry = next(iter(found.items()))
            return Reply(self.value(key, entry), "application/octet-stream", 200, headers)
        page = list(found) if "keys" in asked else [self._consul_entry(*pair) for pair in found.items()]
        return Reply((json.dumps(page, indent=4) + "\n").encode(), JSON, 200, headers)

    def _consul_entry(self, key: str, entry: Entry) -> dict[str, object]:
        return {
            "LockIndex": 0,
            "Key": key,
            "Flags": 0,
            "Value": base64.b64encode(self.value(key, entry)).decode(),
            "CreateIndex": entry.created,
            "ModifyIndex": entry.modified,
        }

    def etcd(self, method: str, path: str, body: bytes) -> Reply:
        """`POST /v3/kv/range` with base64 `key` and `range_end`, `limit`, `keys_only`, `count_only`."""
        if path == "/version":
            return json_reply('{"etcdserver":"3.4.30","etcdcluster":"3.4.0"}')
        if path in ("/v3/kv/put", "/v3/kv/deleterange", "/v3/kv/txn"):
            self._cluster.dangers.append(f"{method} etcd {path}")
            return text("", 405)
        if path != "/v3/kv/range":
            return NOT_FOUND
        try:
            asked = json.loads(body or b"{}")
            first = base64.b64decode(asked.get("key", ""), validate=True)
            end = base64.b64decode(asked.get("range_end", ""), validate=True)
        except (ValueError, AttributeError, TypeError, binascii.Error):
            return Reply(b'{"error":"illegal base64 data","code":3}', JSON, 400)
        return self._range(first, end, asked)

    def _range(self, first: bytes, end: bytes, asked: dict[str, object]) -> Reply:
        store = self._cluster.store
        found = [pair for pair in store.under("").items() if _inside(pair[0].encode(), first, end)]
        count, limit = len(found), int(str(asked.get("limit") or 0))
        page: dict[str, object] = {
            "header": _ETCD_HEADER | {"revision": str(store.revision), "raft_term": "2"}
        }
        found = found[:limit] if limit else found
        if found and not asked.get("count_only"):
            page["kvs"] = [self._etcd_entry(key, entry, bool(asked.get("keys_only"))) for key, entry in found]
        if limit and count > limit:
            page["more"] = True
        if count:
            page["count"] = str(count)
        return json_reply(go_format.compact(page))

    def _etcd_entry(self, key: str, entry: Entry, keys_only: bool) -> dict[str, str]:
        row = {
            "key": base64.b64encode(key.encode()).decode(),
            "create_revision": str(entry.created),
            "mod_revision": str(entry.modified),
            "version": str(entry.version),
        }
        return row if keys_only else row | {"value": base64.b64encode(self.value(key, entry)).decode()}


def _inside(key: bytes, first: bytes, end: bytes) -> bool:
    if not end:
        return key == first
    return key >= first and (end == b"\0" or key < end)
