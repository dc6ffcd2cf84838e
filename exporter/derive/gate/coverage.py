"""What there is to judge, what of it was judged, and which checks rest on which part of it.

A check that passes on whatever was read opens a gate wrongly. So the universe is counted once for all checks.
A check that passes without a part of its universe becomes unknown, by name.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from exporter.derive.kv_clients import EXTERNAL_STORES
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import ClientFacts, KeyFacts, Snapshot, TargetFacts
from exporter.model.pages import NOTICE, Outcome, Phase, Product
from exporter.model.stores import StoreFacts, faults_of
from exporter.products.ring_pages import HA_KEY, TRACKER_PAGE, keys_shown_by_members, pages_of


class Source(enum.StrEnum):
    """A kind of evidence."""

    METRICS = "/metrics"
    CONFIG = "configuration pages"
    MEMBERS = "member lists"
    PRIMARY = "views of the primary"
    COPIES = "gossip copies"
    TRACKER = "HA tracker pages"
    STORE = "external stores"


METRICS, CONFIG, MEMBERS, PRIMARY, COPIES, TRACKER, STORE = Source
RESTS_ON: Mapping[str, tuple[Source, ...]] = {
    check: sources
    for sources, checks in {
        (METRICS, CONFIG): (
            "label-set", "labels-agree", "verification-off", "join-members", "join-members-resolve",
            "rejoin-interval", "gossip-settings-agree", "settings-agree"
        ),
        (METRICS, CONFIG, MEMBERS): ("members-labelled", "members-unverified"),
        (METRICS, MEMBERS): (
            "gossip-port-quiet", "gossip-port-reachable", "gossip-one-cluster", "gossip-no-strangers",
            "gossip-complete"
        ),
        (METRICS, CONFIG, PRIMARY): (
            "no-ghosts", "writers-are-members", "members-distinct", "partitions-owned", "quorum-margin",
            "quorum-kept", "members-healthy", "no-long-transitions", "backend-rings-have-both-groups",
            "write-rings-have-both-groups", "new-group-keeps-quorum", "new-group-active",
            "old-read-path-present", "old-write-path-present", "one-zone-at-a-time",
            "old-ingesters-shipped", "store-gateways-zone-aware", "ingesters-zone-aware",
            "store-gateways-unregister", "remote-evaluation-off", "old-group-left"
        ),
        (METRICS, CONFIG, PRIMARY, MEMBERS): ("no-foreign-members",),
        (METRICS, CONFIG, PRIMARY, COPIES): ("no-token-conflicts", "views-agree"),
        (METRICS, PRIMARY, COPIES, STORE): ("keys-copied", "members-copied", "contents-equal", "lag"),
        (METRICS, TRACKER, COPIES): ("ha-elections-equal",),
        (METRICS, COPIES): ("nothing-lost",),
        (METRICS, CONFIG, COPIES, STORE): ("store-read", "store-idle", "store-has-nothing-of-its-own"),
    }.items()
    for check in checks
}  # fmt: skip
"""By check id. Checks without a row rest only on the processes' metrics."""
FROM_METRICS = (METRICS,)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the universe: how many items there are, and the unread items. `since`: its oldest view."""

    of: int = 0
    missing: tuple[Culprit, ...] = ()
    since: float | None = None


class Universe(dict[Source, Part]):
    """All of it, by the kind of evidence."""

    def __init__(self, parts: Mapping[Source, Part]) -> None:
        super().__init__(parts)
        self._missing: dict[tuple[Source, ...], tuple[Culprit, ...]] = {}

    def missing(self, sources: tuple[Source, ...]) -> tuple[Culprit, ...]:
        """What was not read of these parts, each once: many checks rest on the same parts."""
        if sources not in self._missing:
            named = dict.fromkeys(culprit for source in sources for culprit in self[source].missing)
            self._missing[sources] = tuple(named)
        return self._missing[sources]


def universe(now: Snapshot, keys: Iterable[KeyFacts]) -> Universe:
    """Count what there is to judge. `keys` are our own keys.

    A process that does not respond is missing only from `METRICS`: its pages are unknown, and every check
    rests on it.
    """
    ours = tuple(keys)
    up = tuple(target for target in now.targets if target.up)
    external = {key.primary for key in ours} & EXTERNAL_STORES
    parts = {
        METRICS: _part(_pages("", ((t.name, t.up and t.ended("/metrics", Outcome.OK)) for t in now.targets))),
        CONFIG: _part(
            _pages("configuration", ((t.name, t.config is not None) for t in up if is_in_rings(t)))
        ),
        MEMBERS: _part(
            _pages("member list", ((t.name, t.gossip is not None) for t in up if runs_memberlist(t)))
        ),
        PRIMARY: _part(
            (*_primaries(ours, up), *_copies(ours, up, Phase.MEMBERLIST)),
            _oldest(ours, "ring"),
            [store for store in now.stores if store.kind in external],
        ),
        COPIES: _part(_copies(ours, up, Phase.MIRRORING), _oldest(ours, "gossip")),
        TRACKER: _part(
            _pages(TRACKER_PAGE, ((t.name, t.ended(TRACKER_PAGE, Outcome.OK)) for t in up if _tracks(t)))
        ),
        STORE: _part((), stores=now.stores),
    }
    return Universe(parts)


Item = tuple[str, str, str, Kind]  # what of it, of which key, of which process; and what it is when not had


def _oldest(keys: Iterable[KeyFacts], kind: str) -> float | None:
    """When the oldest view of this kind was read that counts."""
    read = (view.read_at for key in keys for view in key.views if view.kind == kind and view.known)
    return min((at for at in read if at is not None), default=None)


def _part(
    items: Iterable[tuple[Item, bool]], since: float | None = None, stores: Sequence[StoreFacts] = ()
) -> Part:
    """Count them. There are many thousands in a large fleet: only what was not had is made a culprit."""
    had_by_item = dict(items)
    unread = (item for item, had in had_by_item.items() if not had)
    missing = [Culprit(kind, target, key, what=what) for what, key, target, kind in unread]
    missing += faults_of(stores)
    missing.sort(key=lambda culprit: (culprit.what, culprit.key, culprit.target))
    return Part(len(had_by_item) + len(stores), tuple(missing), since)


def _pages(what: str, had: Iterable[tuple[str, bool]]) -> Iterable[tuple[Item, bool]]:
    kind = Kind.UNREAD if what else Kind.PROCESS_NOT_RESPONDING
    return (((what, "", name, kind), there) for name, there in had)


def is_in_rings(target: TargetFacts) -> bool:
    """Whether a process keeps or watches a ring; a query frontend does neither: its settings do not count."""
    return bool(target.clients) or target.gossip is not None


def runs_memberlist(target: TargetFacts) -> bool:
    """Whether a process runs memberlist: it shows its list, or a KV client of it has that store."""
    return target.gossip is not None or uses_memberlist(target.clients)


def uses_memberlist(clients: Iterable[ClientFacts]) -> bool:
    """Whether a KV client has memberlist as its store, directly or beside another store."""
    return any("memberlist" in client.stores or client.phase is Phase.MEMBERLIST for client in clients)


def _tracks(target: TargetFacts) -> bool:
    return any(client.key == HA_KEY and client.writes for client in target.clients)


def _primaries(keys: tuple[KeyFacts, ...], up: tuple[TargetFacts, ...]) -> Iterable[tuple[Item, bool]]:
    """Each key's primary, and each ring page there should be: what a watch delivers to a process is nowhere
    else. The external store's content is the store's itself, where that is configured.
    """
    shown = {key.key: {v.target for v in key.views if v.kind == "ring" and v.known} for key in keys}
    for key in keys:
        yield ("", key.key, "", Kind.KEY_UNKNOWN), bool(key.source)
    for target in up:
        for client in target.clients if not target.recently_started else ():
            if client.key in shown and (_shows(target, client) or _failed(target, client.key)):
                had = target.name in shown[client.key] or _is_excused(target, client.key)
                yield ("ring page", client.key, target.name, Kind.UNREAD), had


_WRITERS_SHOW = frozenset({Product.MIMIR, Product.CORTEX, Product.LOKI})


def _shows(target: TargetFacts, client: ClientFacts) -> bool:
    """Whether the process of a KV client has a page of its ring: the page belongs to the watch. A lifecycler
    only registers and watches nothing. The ingesters of a Loki, Tempo or Pyroscope in microservices have no
    page (their module `ring` runs beside distributors and queriers). Some rings' pages are only on members.
    """
    if client.key == HA_KEY or client.name.endswith(("-lifecycler", "-client-ring")):
        return False
    if _default_of(target, client.key) in keys_shown_by_members(target.product):
        return any(other.writes for other in target.clients if other.key == client.key)
    return client.name.endswith("-ring") or (client.writes and target.product in _WRITERS_SHOW)


def _failed(target: TargetFacts, key: str) -> bool:
    paths = _paths(target.product, _default_of(target, key))
    return any(page.name in paths and page.outcome is Outcome.FAILED for page in target.pages)


def _is_excused(target: TargetFacts, key: str) -> bool:
    """Whether a process has no ring page to show: by its product, or because no such ring runs there."""
    paths = _paths(target.product, _default_of(target, key))
    return not paths or any(page.name in paths and page.detail == NOTICE for page in target.pages)


def _default_of(target: TargetFacts, key: str) -> str:
    ring = target.config.rings.get(key) if target.config else None
    return ring.default_key if ring and ring.default_key else key


@lru_cache(maxsize=1024)
def _paths(product: Product, key: str) -> frozenset[str]:
    return frozenset(page.path for page in pages_of(product) if page.key == key)


def _copies(
    keys: tuple[KeyFacts, ...], up: tuple[TargetFacts, ...], since: Phase
) -> Iterable[tuple[Item, bool]]:
    """The gossip copies of each key that has memberlist as its primary, or is in a phase `since` this one.
    They are on each process that runs memberlist and did not start recently.
    """
    having = [target.name for target in up if runs_memberlist(target) and not target.recently_started]
    for key in keys:
        if key.primary == "memberlist" or key.phase >= since:
            with_copy = {view.target for view in key.views if view.kind == "gossip" and view.known}
            yield from ((("gossip copy", key.key, name, Kind.UNREAD), name in with_copy) for name in having)
