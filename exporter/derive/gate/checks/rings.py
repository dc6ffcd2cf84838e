"""Checks on the keys: is the secondary a true and fresh copy, does everybody see the same ring."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derive.gate.advice import ADVICE
from exporter.derive.gate.check import Evidence, Question
from exporter.derive.identity.key_ownership import label
from exporter.derive.migration import ha_elections
from exporter.derive.migration.migration import few, said_left_out
from exporter.model.facts import KeyFacts, SecondaryFacts, TargetFacts, ViewFacts
from exporter.model.gate import About, Check
from exporter.model.pages import Outcome, PartitionState, State
from exporter.products.ha_keys import prefixes_in
from exporter.products.ring_pages import HA_KEY

DOC = "docs/ring.md"
BOTH_SIDES = (
    "Make both sides readable: the store by its address under stores in the configuration (reachable from "
    "here, its token allowed to read), the gossip by /memberlist of every process."
)
SHOWN = (
    "Make every ring readable: its page on a process that serves it, or the store by its address under "
    "stores in the configuration. A page that is read in turns is known after some cycles."
)
COPIED = Question(
    "keys-copied",
    "Every key of the primary is in every view of the secondary.",
    "There is no backfill: a key is copied when somebody writes it. Make mirroring reach the client that "
    "writes it, then wait for a heartbeat (a partition ring or a quiet HA cluster may take long).",
    f"{DOC}#a-key-is-missing-in-the-secondary",
    BOTH_SIDES,
)
MEMBERS = Question(
    "members-copied",
    "Every member of every ring is in every view of the secondary.",
    ADVICE["members-missing"].text,
    f"{DOC}#members-are-missing",
    BOTH_SIDES,
)
CONTENTS = Question(
    "contents-equal",
    "State, tokens, address and zone agree between primary and secondary.",
    "Run kvmigration diff KEY; a member that differs for longer than a heartbeat is not being mirrored.",
    f"{DOC}#contents-differ",
    BOTH_SIDES,
)
LAG = Question(
    "lag",
    "The secondary is no further behind than the limit.",
    "Look for the member that is behind: kvmigration diff KEY names it and the view.",
    f"{DOC}#the-secondary-lags",
    f"A key that is missing has no lag: it must be copied first. {BOTH_SIDES}",
)
TOKENS = Question(
    "no-token-conflicts",
    "No token is claimed by two members.",
    ADVICE["token-conflict"].text,
    f"{DOC}#token-conflicts",
    SHOWN,
)
VIEWS = Question(
    "views-agree",
    "All processes see the same rings.",
    "Look at the views of the key: a process that lacks members has missed gossip or watches another store.",
    f"{DOC}#views-differ",
    SHOWN,
)
HEALTHY = Question(
    "members-healthy",
    "No ring has an unhealthy member or a heartbeat from the future, and each partition ring is in use.",
    ADVICE["member-unhealthy"].text,
    f"{DOC}#unhealthy-members",
    SHOWN,
)
ELECTIONS = Question(
    "ha-elections-equal",
    "Everybody has the same elected replica for every HA cluster.",
    "Wait for the next update (15 s); if it stays, look at kvmigration diff ha-tracker/.",
    "docs/ha-tracker.md#elections-differ",
)


STEADY = Question(
    "ha-elections-steady",
    "The HA tracker elects other replicas no more often than before the switch.",
    "Compare the clocks of the distributors: in memberlist the newest time stamp wins each election. Run "
    "kvmigration diff ha-tracker/, which names the process that has another replica.",
    "docs/ha-tracker.md#elections-before-and-after",
)


def _unread(keys: Iterable[KeyFacts]) -> list[str]:
    return [f"{key.key}: {_why(key)}" for key in keys if _is_blind(key)]


def _is_blind(key: KeyFacts) -> bool:
    return key.secondary is None and (bool(key.members or key.entries or key.partitions) or not key.source)


def _why(key: KeyFacts) -> str:
    if not key.source:
        return "its primary was not read"
    return "it has no secondary that was read"


def _compared(seen: Evidence) -> list[tuple[KeyFacts, SecondaryFacts]]:
    return [(key, key.secondary) for key in seen.copied if key.secondary is not None]


def _unknown(seen: Evidence) -> list[str]:
    partial = [About(n, f"{k.key}: {n} not read") for k, s in _compared(seen) for n in s.unread]
    return _unread(seen.copied) + partial + _stores_unread(seen) + lacking(seen.copied) + _unattended(seen)


def lacking(keys: Iterable[KeyFacts]) -> list[str]:
    """Name the keys whose primary store lacks what a page shows: compared with it nothing is proved."""
    return [
        f"{key.key}: {key.primary or 'store'} lacks {', '.join(few(_named(key), 3))}, which a process shows"
        for key in keys
        if key.lacking
    ]


def _named(key: KeyFacts) -> tuple[str, ...]:
    """No tenant's name stands where it need not."""
    return (f"{len(key.lacking)} HA clusters",) if key.key == HA_KEY else key.lacking


def _unattended(seen: Evidence) -> list[str]:
    """Name the keys of ours that live in a store, in no gossip copy, and that no target uses."""
    alone = {label(store, name) for store in seen.now.stores for name in store.only_here or ()}
    return [
        f"{key} lives in {store} alone, and no target uses it"
        for key, store in seen.unattended.items()
        if key in alone
    ]


def _nothing(seen: Evidence) -> str:
    return "" if _compared(seen) else "nothing was compared"


def _stores_unread(seen: Evidence) -> list[str]:
    """A store that is configured and does not answer may hold more than the ring pages show."""
    return [store.fault for store in seen.now.stores if store.fault]


def keys_copied(seen: Evidence) -> Check:
    """Hold that no key is missing in a view old enough to be judged."""
    wrong = [
        f"{key.key} is missing in {len(found.settled_missing_in)} of {_read(key)} views"
        for key, found in _compared(seen)
        if found.settled_missing_in
    ]
    good = f"{len(_compared(seen))} keys compared.{said_left_out(seen.left_out)}"
    return COPIED.answer(wrong, good, _unknown(seen), nothing=_nothing(seen))


def _read(key: KeyFacts) -> int:
    if key.secondary is not None and key.secondary.side != "memberlist":
        return 1
    return sum(1 for view in key.views if view.kind == "gossip" and view.known)


def members_copied(seen: Evidence) -> Check:
    """Hold that no member is missing beyond what one heartbeat explains."""
    wrong = [
        f"{key.key} lacks {name}"
        for key, found in _compared(seen)
        for name in found.missing_members
        if name in found.settled
    ]
    return MEMBERS.answer(wrong, "None is missing.", _unknown(seen), nothing=_nothing(seen))


def contents_equal(seen: Evidence) -> Check:
    """Hold that no field differs beyond what one heartbeat explains."""
    wrong = [
        f"{key.key}: {field} of {name}"
        for key, found in _compared(seen)
        for field, names in found.mismatched.items()
        for name in names
        if name in found.settled
    ]
    return CONTENTS.answer(wrong, "Nothing differs.", _unknown(seen), nothing=_nothing(seen))


def lag(seen: Evidence) -> Check:
    """Hold that no key lags more than the limit, beyond one heartbeat period of its own. A partition ring
    has no heartbeats and no lag.
    """
    limit = seen.rules.max_lag
    known = [(key, found.lag) for key, found in _compared(seen) if found.lag is not None]
    wrong = [f"{key.key} is {behind:g} s behind" for key, behind in known if behind > seen.late(key)]
    timed = [key for key, found in _compared(seen) if found.lag is None and (key.members or key.entries)]
    worst = max((behind for _, behind in known), default=0.0)
    unknown = [f"{key.key}: no heartbeat to compare" for key in timed] + _unknown(seen)
    return LAG.answer(
        wrong,
        f"At most {worst:g} s, limit {limit:g} s and one heartbeat period.",
        unknown,
        nothing=_nothing(seen),
    )


def no_token_conflicts(seen: Evidence) -> Check:
    """Hold that no ring has a token twice."""
    wrong = [f"{key.key}: {key.token_conflicts} tokens" for key in seen.keys if key.token_conflicts]
    unknown = [k.key for k in seen.keys if k.token_conflicts is None and any(m.tokens for m in k.members)]
    return TOKENS.answer(wrong, "None.", unknown)


def views_agree(seen: Evidence) -> Check:
    """Hold that the judged views of each kind show one content, none stale, none lacking a live member."""
    wrong: list[str] = []
    unknown: list[str] = []
    for key in seen.keys:
        for kind in ("ring", "gossip"):
            views = [v for v in key.views if v.kind == kind and (v.judged or not v.known)]
            read = [view for view in views if view.known]
            different = len({view.fingerprint for view in read if _is_fresh(view, seen)})
            if different > 1:
                wrong.append(f"{key.key}: {different} different {kind} views")
            wrong += [f"{key.key}: {v.target} lacks {', '.join(v.missing[:3])}" for v in read if v.missing]
            wrong += [
                f"{key.key}: {kind} view of {v.target} differed when it was read last"
                for v in read
                if v.odd and not _is_fresh(v, seen)
            ]
            wrong += [
                f"{key.key}: {kind} view of {v.target} is {v.staleness:g} s behind"
                for v in read
                if v.staleness is not None and v.staleness > seen.late(key)
            ]
            unknown += [
                About(v.target, f"{key.key}: {kind} view of {v.target}") for v in views if not v.known
            ]
            unknown += [f"{key.key}: not all entries of {v.target} were read" for v in read if not v.whole]
    looked = any(view.known for key in seen.keys for view in key.views)
    good = f"{len(seen.keys)} rings, one view each."
    return VIEWS.answer(wrong, good, unknown, nothing="" if looked else "no view was read")


def _is_fresh(view: ViewFacts, seen: Evidence) -> bool:
    """Tell whether a view was read in this very cycle: only then can it be held against others."""
    return (view.read_at or 0.0) >= seen.now.started


def members_healthy(seen: Evidence) -> Check:
    """Hold that every member of every ring is healthy, and that every ring was read. Of one whose time
    stamp lies in the future nobody can tell.
    """
    wrong = [
        f"{member.id} in {key.key}"
        for key in seen.keys
        for member in key.members
        if member.state is State.UNHEALTHY
    ]
    wrong += [f"{key.key} lost {key.lost} {key.things} at once" for key in seen.keys if key.lost]
    wrong += [
        f"{name} in {key.key} is {by:.0f} s in the future"
        for key in seen.keys
        for name, by in key.ahead.items()
    ]
    wrong += [text for key in seen.keys for text in _out_of_use(key)]
    unknown = [f"{key.key}: not read" for key in seen.keys if not key.source] + lacking(seen.keys)
    unknown += [
        f"{key.key}: {member.id} has no heartbeat"
        if member.heartbeat is None
        else f"{key.key}: nobody knows the age of {member.id}'s heartbeat"
        for key in seen.keys
        for member in key.members
        if member.age is None
    ]
    unknown += [
        f"{k.key}: its clients write it, and nobody shows what is in it"
        for k in seen.keys
        if _is_void(k, seen)
    ]
    nothing = "" if seen.keys else "no ring was read"
    count = sum(len(key.members) for key in seen.keys)
    return HEALTHY.answer(wrong, f"{count} members in {len(seen.keys)} rings.", unknown, nothing=nothing)


def _out_of_use(key: KeyFacts) -> Iterable[str]:
    """Say why nothing can be written by a partition ring that has partitions."""
    if key.kind == "partition" and key.partitions:
        if not key.partition_states.get(PartitionState.ACTIVE.value):
            yield f"{key.key} has no active partition"
        if not key.owners:
            yield f"{key.key}: no partition has an owner"


def _is_void(key: KeyFacts, seen: Evidence) -> bool:
    """Tell whether a ring is empty although somebody writes it: wiped, or kept under another key."""
    empty = key.key != HA_KEY and not key.members and not key.partitions
    return empty and any(client.writes and client.written for client in seen.clients if client.key == key.key)


def ha_elections_equal(seen: Evidence) -> Check:
    """Hold that tracker pages, primary and secondary name the same replicas; nothing to ask without."""
    found = next((key for key in seen.keys if key.key == HA_KEY), None)
    apart = _trackers_apart(seen)
    if found is None:
        failed = [t.name for t in seen.up for p in t.pages if _is_failed_tracker(p.name, p.outcome)]
        return ELECTIONS.answer(apart, "No HA cluster is tracked.", failed)
    differ = list(found.secondary.mismatched.get("replica", ())) if found.secondary else []
    settled = [name for name in differ if found.secondary and name in found.secondary.settled]
    judged = [v for v in found.views if v.kind == "ring" and v.known and v.judged]
    pages = {v.fingerprint for v in judged if _is_fresh(v, seen)}
    wrong = [f"{name} differs in the secondary" for name in settled]
    if len(pages) > 1:
        wrong.append(f"{len(pages)} different tracker pages")
    wrong += [
        f"{v.target} differed when it was read last" for v in judged if v.odd and not _is_fresh(v, seen)
    ]
    unread = [v.target for v in found.views if v.kind == "ring" and not v.known] + lacking([found])
    return ELECTIONS.answer([*wrong, *apart], f"{found.entries} HA clusters.", unread)


def ha_elections_steady(seen: Evidence) -> Check:
    """Hold that elections are as rare as while the external store was the primary. Where that was not
    watched, their number is said and decides nothing.
    """
    known = ha_elections.averaged(seen.up)
    usual = ha_elections.expected(known)
    there = f"{known.since:.0f} elections in {known.since_seconds / 60:.0f} minutes since the switch"
    if not known.since_seconds:
        return STEADY.answer([], "No HA tracker has memberlist as its primary.")
    if usual is None:
        return STEADY.answer([], f"{there}; before it they were not watched.")
    told = f"{there}, {usual:.0f} in as long before it"
    return STEADY.answer([told] if ha_elections.too_many(known) else [], f"{told}.")


def _trackers_apart(seen: Evidence) -> list[str]:
    """Say which trackers have which prefix, where they are not of one mind: each elects below its own."""
    prefixes: dict[str, list[str]] = {}
    for target in seen.up:
        configs = [target.config] if target.config and _tracks(target) else []
        for prefix in prefixes_in(configs, tracking=True):
            prefixes.setdefault(prefix, []).append(target.name)
    return [
        f'the tracker of {", ".join(few(names, 3))} has the prefix "{prefix}"'
        for prefix, names in sorted(prefixes.items())
        if len(prefixes) > 1
    ]


def _tracks(target: TargetFacts) -> bool:
    return any(client.key == HA_KEY for client in target.clients)


def _is_failed_tracker(name: str, outcome: Outcome) -> bool:
    return name == "/distributor/ha_tracker" and outcome is Outcome.FAILED
