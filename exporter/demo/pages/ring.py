"""Ring pages: Cortex's and dskit's, HTML and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import Reply, html, json_reply
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.process import Process
from exporter.demo.simulation.products import PageSpec
from exporter.demo.simulation.ring_values import STATE_NAMES, Instance, Ring

HEARTBEAT_TIMEOUT = 60
_OWNERSHIP_KEPT = 64
_SPACE = 1 << 32


@dataclass(frozen=True, slots=True)
class Row:
    """One member as the HTML pages show it."""

    id: str
    zone: str
    state: str
    address: str
    registered: str
    heartbeat: str
    tokens: int
    ownership: str
    diff: str
    values: tuple[int, ...]


class RingPages:
    """Renders ring pages of one cluster; ownership is computed once per set of tokens."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._owned: dict[tuple[tuple[str, int], ...], dict[str, float]] = {}

    def reply(self, process: Process, page: PageSpec, *, as_json: bool, show: bool) -> Reply:
        """A ring page: the ring, or the notice where the module does not run or shard."""
        just_started = self._cluster.now - process.started < 10 and process.incarnation > 1
        if not page.key or (page.notice and just_started):
            return _notice(page)
        value = self._cluster.view(process, page.key)
        ring = value if isinstance(value, dict) else {}
        cortex = self._cluster.settings.product == "cortex"
        if as_json:
            return self._json(process, ring, cortex)
        return self._html(process, ring, cortex, show)

    def _json(self, process: Process, ring: Ring, cortex: bool) -> Reply:
        now = self._cluster.clock(process)
        shard = _cortex_shard if cortex else _dskit_shard
        shards = ",".join(_kept(ring[name], now, shard) for name in sorted(ring))
        body = '{"shards":' + (f"[{shards}]" if ring else "null") + f',"now":"{go_format.rfc3339(now)}"'
        if cortex:
            body += f',"storageLastUpdated":"{go_format.rfc3339(now - 0.0001)}"'
        return json_reply(body + "}")

    def _html(self, process: Process, ring: Ring, cortex: bool, show: bool) -> Reply:
        now = self._cluster.clock(process)
        owned = self.ownership(ring)
        rows = [_row(ring[name], now, owned.get(name, 0.0), len(ring), cortex) for name in sorted(ring)]
        product = "cortex" if cortex else "dskit"
        sniffed = "text/html; charset=utf-8" if cortex else "text/html"
        began = go_format.go_time(now, process.started + process.skew)
        return html(
            f"{product}_ring.html",
            sniffed,
            now=began,
            updated=go_format.go_time(now - 0.0001),
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


def _kept(member: Instance, now: float, shard: Callable[[Instance, float], str]) -> str:
    """A member's JSON, made once while it is healthy and once after."""
    form = f"{shard.__name__} {is_unhealthy(member, now)}"
    known = member.forms.get(form)
    if not isinstance(known, str):
        known = member.forms[form] = shard(member, now)
    return known


def _cortex_shard(member: Instance, now: float) -> str:
    return _shard(
        member,
        {
            "id": member.id,
            "state": _state(member, now, cortex=True),
            "address": member.addr,
            "timestamp": go_format.go_time(member.timestamp),
            "registered_timestamp": go_format.go_time(member.registered),
            "zone": member.zone,
        },
    )


def _dskit_shard(member: Instance, now: float) -> str:
    return _shard(
        member,
        {
            "id": member.id,
            "state": _state(member, now, cortex=False),
            "address": member.addr,
            "timestamp": go_format.rfc3339(member.timestamp),
            "registered_timestamp": go_format.rfc3339(member.registered),
            "read_only": False,
            "read_only_updated_timestamp": go_format.rfc3339(0),
            "zone": member.zone,
        },
    )


def _shard(member: Instance, fields: dict[str, object]) -> str:
    return go_format.compact(fields)[:-1] + f',"tokens":{member.tokens.json}}}'


def _row(member: Instance, now: float, owned: float, members: int, cortex: bool) -> Row:
    age = int(now - member.timestamp)
    if cortex:
        registered, heartbeat = go_format.go_time(member.registered), go_format.go_time(member.timestamp)
    else:
        registered = go_format.rfc3339(member.registered)
        heartbeat = f"{go_format.duration(age)} ago ({go_format.clock_of_day(member.timestamp)})"
    expected = 1 / members
    return Row(
        member.id,
        member.zone,
        _state(member, now, cortex),
        member.addr,
        registered,
        heartbeat,
        len(member.tokens),
        _share(owned * 100, cortex),
        json.dumps((owned - expected) / owned * 100 if owned else 0.0),
        member.tokens.values,
    )


def _share(percent: float, cortex: bool) -> str:
    """Cortex prints the full float, dskit three digits."""
    return json.dumps(percent) if cortex else f"{percent:.3g}"


def _notice(page: PageSpec) -> Reply:
    deep = page.title.endswith(" Status")
    name = "notice_deep.html" if deep else "notice.html"
    return html(
        name, "text/html" if deep else "text/html; charset=utf-8", title=page.title, notice=page.notice
    )
