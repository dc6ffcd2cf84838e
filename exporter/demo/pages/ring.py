"""Ring pages: Cortex's and dskit's, HTML and JSON."""

from __future__ import annotations

import json
from itertools import pairwise

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import HTML, SNIFFED, Reply, html, json_reply, page
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.process import Process
from exporter.demo.simulation.products import PageSpec
from exporter.demo.simulation.ring_values import STATE_NAMES, Instance, Ring

HEARTBEAT_TIMEOUT = 60
_OWNERSHIP_KEPT = 64
_SPACE = 1 << 32


class RingPages:
    """Renders ring pages of one cluster; ownership is computed once per set of tokens."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._owned: dict[tuple[tuple[str, int], ...], dict[str, float]] = {}

    def reply(self, process: Process, spec: PageSpec, *, as_json: bool, show: bool) -> Reply:
        """A ring page: the ring, or the notice where the module does not run or shard."""
        if not spec.key or (spec.notice and process.is_starting(self._cluster.now)):
            return _notice(spec)
        value = self._cluster.view(process, spec.key)
        ring = value if isinstance(value, dict) else {}
        cortex = self._cluster.settings.product == "cortex"
        if as_json:
            return self._json(process, ring, cortex)
        return self._html(process, ring, cortex, show)

    def _json(self, process: Process, ring: Ring, cortex: bool) -> Reply:
        now = self._cluster.clock(process)
        shards = ",".join(_kept(ring[name], now, cortex) for name in sorted(ring))
        body = '{"shards":' + (f"[{shards}]" if ring else "null") + f',"now":"{go_format.rfc3339(now)}"'
        if cortex:
            body += f',"storageLastUpdated":"{go_format.rfc3339(now - 0.0001)}"'
        return json_reply(body + "}")

    def _html(self, process: Process, ring: Ring, cortex: bool, show: bool) -> Reply:
        now = self._cluster.clock(process)
        owned = self.ownership(ring)
        rows = [_row(ring[name], now, owned.get(name, 0.0), len(ring), cortex) for name in sorted(ring)]
        template, updated = "cortex" if cortex else "dskit", go_format.go_time(now - 0.0001)
        return page(
            f"{template}_ring.html",
            self._cluster,
            process,
            updated=updated,
            rows=rows,
            show=show,
            has_tokens=True,
        )

    def ownership(self, ring: Ring) -> dict[str, float]:
        """The share of the token space that each member owns, 0 to 1."""
        marks = tuple((name, hash(ring[name].tokens)) for name in sorted(ring))
        if marks not in self._owned:
            if len(self._owned) >= _OWNERSHIP_KEPT:
                self._owned.clear()
            self._owned[marks] = _owned(ring)
        return self._owned[marks]


def _owned(ring: Ring) -> dict[str, float]:
    points = sorted((token, name) for name, member in ring.items() for token in member.tokens.values)
    if not points:
        return {}
    shares = dict.fromkeys(ring, 0)
    for (before, _), (token, name) in pairwise(points):
        shares[name] += token - before
    shares[points[0][1]] += points[0][0] + _SPACE - points[-1][0]
    return {name: share / _SPACE for name, share in shares.items()}


def is_unhealthy(member: Instance, now: float) -> bool:
    """Whether a ring page hides the member's state behind "unhealthy"."""
    return now - member.timestamp > HEARTBEAT_TIMEOUT


def _state(member: Instance, now: float, cortex: bool) -> str:
    if is_unhealthy(member, now):
        return "Unhealthy" if cortex else "UNHEALTHY"
    return STATE_NAMES[member.state]


def _kept(member: Instance, now: float, cortex: bool) -> str:
    """A member's JSON, made once while it is healthy and once after."""
    form = f"shard {cortex} {is_unhealthy(member, now)}"
    known = member.forms.get(form)
    if not isinstance(known, str):
        known = member.forms[form] = _shard(member, now, cortex)
    return known


def _shard(member: Instance, now: float, cortex: bool) -> str:
    time = go_format.go_time if cortex else go_format.rfc3339
    fields: dict[str, object] = {
        "id": member.id,
        "state": _state(member, now, cortex),
        "address": member.addr,
        "timestamp": time(member.timestamp),
        "registered_timestamp": time(member.registered),
    }
    if not cortex:
        fields |= {"read_only": False, "read_only_updated_timestamp": time(0)}
    return go_format.compact(fields | {"zone": member.zone})[:-1] + f',"tokens":{member.tokens.json}}}'


def _row(member: Instance, now: float, owned: float, members: int, cortex: bool) -> dict[str, object]:
    """One member as the HTML pages show it."""
    age = int(now - member.timestamp)
    if cortex:
        registered, heartbeat = go_format.go_time(member.registered), go_format.go_time(member.timestamp)
    else:
        registered = go_format.rfc3339(member.registered)
        heartbeat = f"{go_format.duration(age)} ago ({go_format.clock_of_day(member.timestamp)})"
    expected = 1 / members
    share = owned * 100
    return {
        "id": member.id,
        "zone": member.zone,
        "state": _state(member, now, cortex),
        "address": member.addr,
        "registered": registered,
        "heartbeat": heartbeat,
        "tokens": len(member.tokens),
        # Cortex prints the full float, dskit three digits.
        "ownership": json.dumps(share) if cortex else f"{share:.3g}",
        "diff": json.dumps((owned - expected) / owned * 100 if owned else 0.0),
        "claimed": member.tokens.values,
    }


def _notice(spec: PageSpec) -> Reply:
    """A page of one sentence. The products' own status pages are indented deeper."""
    deep = spec.title.endswith(" Status")
    shown = {"title": spec.title, "notice": spec.notice, "indent": "\t\t\t" if deep else "\t"}
    return html("notice.html", SNIFFED if deep else HTML, **shown)
