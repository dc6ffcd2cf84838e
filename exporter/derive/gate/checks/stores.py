"""Checks on the external store: what it still has, and who still uses it."""

from __future__ import annotations

from exporter.derive.gate.check import Evidence, Question
from exporter.derive.identity.key_ownership import label
from exporter.derive.kv_clients import EXTERNAL_STORES
from exporter.derive.store.external_store import freshly_written, quiet_for
from exporter.derive.store.store_choice import UNREADABLE
from exporter.model.gate import About, Check
from exporter.model.pages import Phase
from exporter.model.stores import StoreFacts
from exporter.products.ring_pages import HA_KEY

DOC = "docs/ring.md"
NAMED = (
    "Name the store under stores in the configuration; its address must be reachable from here and its token "
    "allowed to read, and so must /memberlist of the processes."
)
STORE_READ = Question(
    "store-read",
    "The external store is read directly.",
    "Name it under stores in the configuration, with prefixes that cover the rings' keys: without it nobody "
    "can say that it is not used any more.",
    f"{DOC}#after-the-last-step",
    "Name it under stores in the configuration, reachable from here and with prefixes that cover the rings' "
    "keys: without it nobody can say that it is not used any more. DynamoDB cannot be read: see the table's "
    "own metrics of writes.",
)
STORES_READABLE = Question(
    "stores-readable",
    "Every configured external store is read.",
    "Mend what is named above: the address, the token or user, its rights, or the certificate under stores "
    "in the configuration. A later step needs the store.",
    f"{DOC}#a-store-that-is-not-read",
)
STORE_IDLE = Question(
    "store-idle",
    "Nobody writes the store's keys.",
    "Find the writer: its KV client shows the store's type in kv_request_duration_seconds.",
    f"{DOC}#after-the-last-step",
    "Watch it for longer: with a running exporter, or check --for. The store must be named under stores in "
    "the configuration and answer.",
)
STORE_EMPTY = Question(
    "store-has-nothing-of-its-own",
    "The store has no key and no partition that gossip lacks.",
    "Find out whose key it is; if nobody needs it, it may go with the store.",
    f"{DOC}#after-the-last-step",
    NAMED,
)
CLIENTS_LEFT = Question(
    "store-has-no-clients",
    "No process sends requests to the store.",
    "Once every other check of remove-multi holds, roll the process to store: memberlist.",
    f"{DOC}#after-the-last-step",
    "Look again: a rate needs two looks. Let the exporter read /metrics of every process.",
)
NOTHING_LOST = Question(
    "nothing-lost",
    "The gossip has every key and partition of ours that the store still has.",
    "Do not take the store away: it has the last copy. Find out whether it was deleted on purpose; "
    "kvmigration diff KEY shows what is there.",
    f"{DOC}#lost-in-the-switch",
    NAMED,
)


def _stores(seen: Evidence) -> tuple[list[StoreFacts], list[str]]:
    read = [store for store in seen.now.stores if not store.fault]
    failed = [store.fault for store in seen.now.stores if store.fault]
    return read, failed if seen.now.stores else [_none(seen)]


def _none(seen: Evidence) -> str:
    kinds = {store.kind for store in seen.now.named_stores}
    return f"{UNREADABLE} cannot be read" if UNREADABLE in kinds else "no store is configured"


def _uncovered(read: list[StoreFacts]) -> list[str]:
    """Name the prefixes and keys of ours that no store's reading covers."""
    missing = [frozenset(store.uncovered) for store in read]
    everywhere = frozenset.intersection(*missing) if missing else frozenset()
    kinds = " and ".join(sorted(store.kind for store in read))
    return [f"{name} is used or configured, and not read in {kinds}" for name in sorted(everywhere)]


def stores_readable(seen: Evidence) -> Check:
    """Hold that each store under `stores` is read; while nothing has moved yet, that is cheap to mend."""
    wrong = [store.fault for store in seen.now.stores if store.fault]
    names = ", ".join(f"{store.title}: {store.keys} keys" for store in seen.now.stores if not store.fault)
    return STORES_READABLE.answer(wrong, f"{names or 'None is configured'}.")


def store_read(seen: Evidence) -> Check:
    """Hold that the store's content is known, and that all of ours would be in what was read: every key in
    use, and every prefix that a configuration names. A store without a key proves nothing, whatever it
    had before: it may be another one.
    """
    read, unknown = _stores(seen)
    unknown += [f"{s.kind}: no key is in it below {', '.join(s.prefixes) or '/'}" for s in read if not s.keys]
    unknown += _uncovered(read)
    nothing = next((text for store in read if (text := _beside(store, seen))), "")
    good = f"{sum(store.keys or 0 for store in read)} keys.{_known_for(read, seen)}"
    return STORE_READ.answer([], good, unknown, nothing=nothing)


def _known_for(read: list[StoreFacts], seen: Evidence) -> str:
    """Say for how long the stores are known to be the same ones."""
    since = [store.identity.since for store in read if store.identity and store.identity.since]
    if not since:
        return ""
    same = f" The same store for {max(0.0, seen.now.at - max(since)):.0f} s."
    return same + _unremembered("which store it was", seen)


def _unremembered(what: str, seen: Evidence) -> str:
    """Say what nobody knows who has no memory of the time before a restart."""
    return "" if seen.rules.remembers else f" No state_file: {what} before the exporter started is not known."


def _beside(store: StoreFacts, seen: Evidence) -> str:
    """Say why what was read of a store has nothing to do with us, "" where it may have."""
    ours = {key.key for key in seen.keys} | {client.key for client in seen.clients if client.key}
    if any(label(store, key) in ours for key in store.moved_at) or not store.prefixes:
        return ""
    below = any(key.startswith(store.prefixes) for key in ours)
    return "" if below else f"{store.kind}: no key that our processes use is below its prefixes"


def store_idle(seen: Evidence) -> Check:
    """Hold that no key's index moved for two heartbeat periods, and that we watched it that long: the
    soak of the step comes on top. An index that moves while nobody of ours writes is a stranger's, and
    so is a hand that deletes a key.
    """
    read, unknown = _stores(seen)
    now, quiet = seen.now.at, quiet_for(seen.now)
    since = {store.kind: now - (store.since or now) for store in read}
    wrong = [
        f"{key} was written or deleted {now - store.moved_at[key]:.0f} s ago"
        for store in read
        for key in sorted(freshly_written(store, seen.now))
    ]
    unknown += [
        f"{kind} has been watched for {seconds:.0f} s of {quiet:.0f} s"
        for kind, seconds in since.items()
        if seconds < quiet
    ]
    unknown += _uncovered(read)
    moved = [now - at for store in read for at in store.moved_at.values()]
    good = f"No index has moved for {min(moved, default=0.0):.0f} s."
    return STORE_IDLE.answer(wrong, good, unknown, nothing="" if moved else "no key was ever seen")


def store_has_nothing_of_its_own(seen: Evidence) -> Check:
    """Hold that each living key of the store, and each partition, is in the gossip."""
    read, unknown = _stores(seen)
    wrong = [key for store in read for key in store.only_here or ()]
    wrong += [f"{key} (cannot be decoded)" for store in read for key in store.broken]
    unknown += [f"{store.kind}: gossip was not read" for store in read if store.only_here is None]
    unknown += _uncovered(read)
    good = f"Every key is in the gossip.{_unremembered('what the rings lost', seen)}"
    return STORE_EMPTY.answer(wrong, good, unknown)


def store_has_no_clients(seen: Evidence) -> Check:
    """Hold that no client sends requests to an external store any more."""
    wrong = [
        f"{client.name} on {client.target}: {kind} {rate:.2g} requests a second"
        for client in seen.clients
        for kind, rate in client.store_rates.items()
        if kind in EXTERNAL_STORES and rate > 0
    ]
    unknown = [
        About(client.target, f"{client.name} on {client.target} has asked {kind} before (looked once)")
        for client in seen.clients
        for kind in sorted(EXTERNAL_STORES & client.store_requests.keys())
        if kind not in client.store_rates
    ]
    nothing = "" if seen.clients else "no KV client was seen"
    return CLIENTS_LEFT.answer(wrong, "None.", unknown, nothing=nothing)


def nothing_lost(seen: Evidence) -> Check:
    """Hold that of the keys that have moved none, and no partition, is in the store alone. Once nobody
    mirrors any more, a store that cannot be read is in nobody's way.

    A single HA entry that is there alone and stands still holds nothing up: its cluster was deleted, or sends
    nothing any more. If it sends again, the tracker takes the first replica, as it does for an entry older
    than its failover timeout (30 s; Mimir, pkg/distributor/ha_tracker.go, `checkKVStore`; Cortex likewise,
    pkg/ha/ha_tracker.go). One that is renewed there (every 15 to 20 s) has a tracker whose primary is the
    store, which elects against those on memberlist; and that the gossip has no entry at all is a loss.
    """
    read, unread = _stores(seen) if seen.now.stores else ([], [])
    unknown = unread if any(client.mirror for client in seen.clients) else []
    moved = {client.key for client in seen.clients if client.phase >= Phase.SWITCHED} - seen.left_out
    moved |= set(seen.unattended)
    tracked, has_entries = HA_KEY in moved, _has_entries(seen)
    wrong = [
        name
        for store in read
        for name in store.only_here or ()
        if (
            tracked and (not has_entries or name in store.renewed)
            if name in store.entries
            else name.partition(": ")[0] in moved
        )
    ]
    unknown += [f"{store.kind}: gossip was not read" for store in read if store.only_here is None]
    good = "Nothing of ours is in the store alone." if read else "There is no store to compare with."
    return NOTHING_LOST.answer(wrong, good, unknown)


def _has_entries(seen: Evidence) -> bool:
    """Tell whether the gossip has an HA cluster: most of the copies that were read hold an entry. That a
    process lists one says nothing.
    """
    ha = next((key for key in seen.now.keys if key.key == HA_KEY), None)
    views = [view for view in ha.views if view.kind == "gossip" and view.known and view.judged] if ha else []
    return bool(views) and 2 * sum(view.present for view in views) >= len(views)
