"""Checks on the external store: what it still has, and which clients still use it."""

from __future__ import annotations

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check
from exporter.derive.gate.checks.rings import lacking
from exporter.derive.identity.key_product import label
from exporter.derive.kv_clients import EXTERNAL_STORES
from exporter.derive.store.external_store import freshly_written, quiet_for
from exporter.derive.store.store_choice import UNREADABLE
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.pages import Phase
from exporter.model.stores import StoreFacts, faults_of
from exporter.products.ring_pages import HA_KEY

DOC = "docs/ring.md"
NAMED = (
    "Name the store under stores in the configuration; its address must be reachable from here and its token "
    "allowed to read, and so must /memberlist of the processes."
)

# A store that was read with its keys, and has none any more.
EMPTIED = (
    "The keys were deleted, and this check cannot pass any more. If you deleted them on purpose, the other "
    "checks of the step decide."
)


def _stores(evidence: Evidence) -> tuple[list[StoreFacts], tuple[Culprit, ...]]:
    """The stores that were read, and culprits for those that were not."""
    read = [store for store in evidence.now.stores if not store.fault]
    return read, faults_of(evidence.now.stores) if evidence.now.stores else (_none(evidence),)


def _none(evidence: Evidence) -> Culprit:
    kinds = {store.kind for store in evidence.now.named_stores}
    return Culprit(Kind.NO_STORE_READABLE, what=UNREADABLE) if UNREADABLE in kinds else Culprit(Kind.NO_STORE)


def _empty(stores: list[StoreFacts]) -> list[Culprit]:
    """The stores without a key: they prove nothing, with any earlier content."""
    return [
        Culprit(Kind.STORE_EMPTY, what=store.kind, names=store.prefixes or ("/",))
        for store in stores
        if not store.keys
    ]


def _uncovered(stores: list[StoreFacts]) -> list[Culprit]:
    """The prefixes and keys of ours that no store's reading covers."""
    missing = [frozenset(store.uncovered) for store in stores]
    everywhere = frozenset.intersection(*missing) if missing else frozenset()
    kinds = tuple(sorted(store.kind for store in stores))
    return [Culprit(Kind.STORE_UNCOVERED, key=name, names=kinds) for name in sorted(everywhere)]


@check(
    "stores-readable",
    "Every configured external store is read.",
    "Mend what is named above: the address, the token or user, its rights, or the certificate under stores "
    "in the configuration. A later step needs the store.",
    f"{DOC}#a-store-that-is-not-read",
)
def stores_readable(evidence: Evidence) -> Answer:
    """Each store under `stores` is read, and is the store that the processes use, as far as their pages show.
    While nothing has moved yet, that is cheap to mend.
    """
    read = [store for store in evidence.now.stores if not store.fault]
    keys = tuple(Culprit(Kind.STORE_KEYS, what=store.title, value=store.keys) for store in read)
    good = Looked(LookedKind.STORES, culprits=keys) if read else Looked(LookedKind.NO_STORES)
    return Answer(
        wrong=faults_of(evidence.now.stores), unknown=[*_empty(read), *lacking(evidence.keys)], good=good
    )


@check(
    "store-read",
    "The external store is read directly.",
    "Name it under stores in the configuration, with prefixes that cover the rings' keys. Otherwise "
    "the use of the store is unknown.",
    f"{DOC}#after-the-last-step",
    "Name it under stores in the configuration, reachable from here and with prefixes that cover the rings' "
    "keys. The exporter cannot read DynamoDB: check the table's own metrics of writes.",
)
def store_read(evidence: Evidence) -> Answer:
    """The store was read, with every key in use and every prefix of a configuration. An empty store proves
    nothing: it may be another one. If it had keys in an earlier cycle, they were deleted.
    """
    read, unread = _stores(evidence)
    beside = next((store for store in read if _is_beside(store, evidence)), None)
    uncovered = _uncovered(read)
    deleted = not (unread or uncovered) and all(store.moved_at and not store.keys for store in read)
    return Answer(
        unknown=[*unread, *_empty(read), *uncovered],
        known_by=EMPTIED if deleted else "",
        good=(
            Looked(LookedKind.STORE_KEYS, sum(store.keys or 0 for store in read)),
            *_known_for(read, evidence),
        ),
        nothing=Culprit(Kind.STORE_OF_PROCESSES, what=beside.kind) if beside else None,
    )


def _known_for(stores: list[StoreFacts], evidence: Evidence) -> tuple[Looked, ...]:
    """Since when the stores are certainly the same."""
    since = [store.identity.since for store in stores if store.identity and store.identity.since]
    if not since:
        return ()
    same = Looked(LookedKind.STORE_SAME, max(0.0, evidence.now.at - max(since)))
    return (same, *_unremembered(LookedKind.STORE_FORGOTTEN, evidence))


def _unremembered(what: LookedKind, evidence: Evidence) -> tuple[Looked, ...]:
    """What is unknown after a restart without a state file."""
    return () if evidence.rules.remembers else (Looked(what),)


def _is_beside(store: StoreFacts, evidence: Evidence) -> bool:
    """Whether the content of a store has nothing to do with our processes."""
    ours = {key.key for key in evidence.keys} | {client.key for client in evidence.every_client if client.key}
    if any(label(store, key) in ours for key in store.moved_at) or not store.prefixes:
        return False
    return not any(key.startswith(store.prefixes) for key in ours)


@check(
    "store-idle",
    "No process writes the store's keys.",
    "Find the writer: its KV client shows the store's type in kv_request_duration_seconds.",
    f"{DOC}#after-the-last-step",
    "Watch it for longer: with a running exporter, or check --for. The store must be named under stores in "
    "the configuration and answer.",
)
def store_idle(evidence: Evidence) -> Answer:
    """No key's index moved for two heartbeat periods, and it was observed that long: the soak of the step is
    added. If an index moves without a writer of ours, another program or a person writes the store.
    """
    read, unread = _stores(evidence)
    now, quiet = evidence.now.at, quiet_for(evidence.now)
    since = {store.kind: now - (store.since or now) for store in read}
    moved = [now - at for store in read for at in store.moved_at.values()]
    return Answer(
        wrong=[
            Culprit(Kind.STORE_WRITTEN, key=key, what=store.kind, value=now - store.moved_at[key])
            for store in read
            for key in sorted(freshly_written(store, evidence.now))
        ],
        unknown=[
            *unread,
            *(
                Culprit(Kind.STORE_WATCHED_BRIEFLY, what=kind, value=seconds, of=quiet)
                for kind, seconds in since.items()
                if seconds < quiet
            ),
            *_uncovered(read),
        ],
        good=Looked(LookedKind.STORE_IDLE, min(moved, default=0.0)),
        nothing=None if moved else Culprit(Kind.NO_INDEX),
    )


TRACKED = (
    "Keep the store while an HA tracker writes these keys: move the HA tracker first. Find out which product "
    "has each other key."
)


def _only(store: StoreFacts) -> list[Culprit]:
    """The keys and partitions that only a store has."""
    return [
        *(Culprit(Kind.STORE_ONLY, key=key) for key in store.only_here or ()),
        *(Culprit(Kind.STORE_ONLY, key=key, value=number) for key, number in store.only_partitions),
    ]


def _has_tracked(store: StoreFacts) -> bool:
    return any(key.startswith(HA_KEY) for key in store.only_here or ())


def _not_compared(stores: list[StoreFacts]) -> list[Culprit]:
    return [Culprit(Kind.STORE_NOT_COMPARED, what=store.kind) for store in stores if store.only_here is None]


@check(
    "store-has-nothing-of-its-own",
    "The store has no key and no partition that gossip lacks.",
    "Find out which product has the key. If no process needs it, remove it together with the store.",
    f"{DOC}#after-the-last-step",
    NAMED,
)
def store_has_nothing_of_its_own(evidence: Evidence) -> Answer:
    """Each key in use in the store, and each partition, is in the gossip."""
    read, unread = _stores(evidence)
    return Answer(
        wrong=[
            *(culprit for store in read for culprit in _only(store)),
            *(Culprit(Kind.STORE_UNDECODED, key=key) for store in read for key in store.broken),
        ],
        unknown=[*unread, *_not_compared(read), *_uncovered(read)],
        remedy=TRACKED if any(map(_has_tracked, read)) else "",
        good=(Looked(LookedKind.STORE_IN_GOSSIP), *_unremembered(LookedKind.RINGS_FORGOTTEN, evidence)),
    )


@check(
    "store-has-no-clients",
    "No process sends requests to the store.",
    "Once every other check of remove-multi has passed, roll the process to store: memberlist.",
    f"{DOC}#after-the-last-step",
    "Run the check again: a rate needs two cycles. Let the exporter read /metrics of every process.",
)
def store_has_no_clients(evidence: Evidence) -> Answer:
    """No client sends requests to an external store any more."""
    return Answer(
        wrong=[
            Culprit(Kind.STORE_REQUESTED, client.target, client.key, client.name, kind, rate)
            for client in evidence.clients
            for kind, rate in client.store_rates.items()
            if kind in EXTERNAL_STORES and rate > 0
        ],
        unknown=[
            Culprit(Kind.STORE_REQUESTED_BEFORE, client.target, client.key, client.name, kind)
            for client in evidence.clients
            for kind in sorted(EXTERNAL_STORES & client.store_requests.keys())
            if kind not in client.store_rates
        ],
        good=Looked(LookedKind.NONE),
        nothing=None if evidence.clients else Culprit(Kind.NO_CLIENT),
    )


@check(
    "nothing-lost",
    "The gossip has every key and partition of ours that the store still has.",
    "Do not remove the store: only the store still has this data. Find out whether it was deleted "
    "on purpose; kvmigration diff KEY shows both stores.",
    f"{DOC}#lost-in-the-switch",
    NAMED,
)
def nothing_lost(evidence: Evidence) -> Answer:
    """Of the keys that have moved none, and no partition, is only in the store. Once no client mirrors any
    more, an unreadable store is no obstacle.

    A single HA entry that is only there and stands still is no obstacle: its cluster was deleted, or sends
    nothing any more. If it sends again, the tracker takes the first replica, as it does for an entry older
    than its failover timeout (30 s; Mimir, pkg/distributor/ha_tracker.go, `checkKVStore`; Cortex likewise,
    pkg/ha/ha_tracker.go). An entry that is renewed there (every 15 to 20 s) has a tracker with the store as
    its primary. That elects against those on memberlist. A gossip without any entry is a loss.
    """
    read, unread = _stores(evidence) if evidence.now.stores else ([], [])
    moved = {client.key for client in evidence.clients if client.phase >= Phase.SWITCHED}
    moved |= set(evidence.unattended)
    tracked, has_entries = HA_KEY in moved, _has_entries(evidence)
    return Answer(
        wrong=[
            culprit
            for store in read
            for culprit in _only(store)
            if (
                tracked and (not has_entries or culprit.key in store.renewed)
                if culprit.key in store.entries
                else culprit.key in moved
            )
        ],
        unknown=[
            *(unread if any(client.mirror for client in evidence.clients) else ()),
            *_not_compared(read),
        ],
        good=Looked(LookedKind.NOTHING_LOST if read else LookedKind.NOTHING_TO_LOSE),
    )


def _has_entries(evidence: Evidence) -> bool:
    """Whether the gossip has an HA cluster: most of the copies that were read have an entry. One that a
    process only lists proves nothing.
    """
    ha = next((key for key in evidence.now.keys if key.key == HA_KEY), None)
    views = [view for view in ha.views if view.kind == "gossip" and view.known and view.judged] if ha else []
    return bool(views) and 2 * sum(view.present for view in views) >= len(views)
