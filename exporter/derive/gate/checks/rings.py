"""Checks on the keys: is the secondary a correct and current copy, does every process show the same ring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exporter.derive.gate.cause_advice import ADVICE
from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check, no_ring, unread
from exporter.derive.identity.key_product import label
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.entry import PartitionState, State
from exporter.model.facts import KeyFacts, SecondaryFacts
from exporter.model.stores import faults_of
from exporter.model.views import ViewFacts
from exporter.products.ring_pages import HA_KEY

DOC = "docs/ring.md"
BOTH_STORES = (
    "Make primary and secondary readable: the store by its address under stores in the configuration "
    "(reachable from here, its token allowed to read), the gossip by /memberlist of every process."
)
SHOWN = (
    "Make every ring readable: its page on a process that serves it, or the store by its address under "
    "stores in the configuration. The exporter reads some pages in turns: wait some cycles."
)


def _compared(evidence: Evidence) -> list[tuple[KeyFacts, SecondaryFacts]]:
    return [(key, key.secondary) for key in evidence.copied if key.secondary is not None]


def _unknown(evidence: Evidence) -> list[Culprit]:
    return [
        *(
            Culprit(Kind.SECONDARY_UNREAD if key.source else Kind.PRIMARY_UNREAD, key=key.key)
            for key in evidence.copied
            if _is_blind(key)
        ),
        *(
            Culprit(Kind.SECONDARY_UNREAD_VIEW, name, key.key)
            for key, found in _compared(evidence)
            for name in found.unread
        ),
        *faults_of(evidence.now.stores),  # a store that does not answer may have more than the ring pages
        *lacking(evidence.copied),
        *_unattended(evidence),
    ]


def _is_blind(key: KeyFacts) -> bool:
    return key.secondary is None and (bool(key.members or key.entries or key.partitions) or not key.source)


def lacking(keys: Iterable[KeyFacts]) -> list[Culprit]:
    """The keys with a primary store that lacks what a page shows: a comparison with it proves nothing."""
    return [_lacking(key, key.primary or "store") for key in keys if key.lacking]


def _lacking(key: KeyFacts, store: str) -> Culprit:
    """No tenant's name stands where it need not."""
    if key.key == HA_KEY:
        return Culprit(Kind.KEY_LACKING_ENTRIES, key=key.key, what=store, value=len(key.lacking))
    return Culprit(Kind.KEY_LACKING, key=key.key, what=store, names=key.lacking)


def _unattended(evidence: Evidence) -> list[Culprit]:
    """Our keys that are in use in a store, in no gossip copy, and that no target uses."""
    only_in_store = {label(store, name) for store in evidence.now.stores for name in store.only_here or ()}
    return [
        Culprit(Kind.KEY_UNATTENDED_IN_STORE, key=key, what=store)
        for key, store in evidence.unattended.items()
        if key in only_in_store
    ]


def _nothing(evidence: Evidence) -> Culprit | None:
    return None if _compared(evidence) else Culprit(Kind.NO_COMPARISON)


@check(
    "keys-copied",
    "Every key of the primary is in every view of the secondary.",
    "Make mirroring reach the client that writes the key, then wait for a heartbeat. There is no backfill: "
    "a key is copied when a client writes it. A partition ring or an HA cluster that sends little may take "
    "long.",
    f"{DOC}#a-key-is-missing-in-the-secondary",
    BOTH_STORES,
)
def keys_copied(evidence: Evidence) -> Answer:
    """No key is missing in a judged view."""
    compared = _compared(evidence)
    return Answer(
        wrong=[
            Culprit(
                Kind.SECONDARY_LACKS_KEY,
                key=key.key,
                value=len(found.settled_missing_in),
                of=_read(key),
                names=found.settled_missing_in,
            )
            for key, found in compared
            if found.settled_missing_in
        ],
        unknown=_unknown(evidence),
        good=Looked(LookedKind.KEYS_COMPARED, len(compared)),
        nothing=_nothing(evidence),
    )


def _read(key: KeyFacts) -> int:
    if key.secondary is not None and key.secondary.store != "memberlist":
        return 1
    return sum(1 for view in key.views if view.kind == "gossip" and view.known)


@check(
    "members-copied",
    "Every member of every ring is in every view of the secondary.",
    ADVICE["members-missing"].text,
    f"{DOC}#members-are-missing",
    BOTH_STORES,
)
def members_copied(evidence: Evidence) -> Answer:
    """No member is missing beyond what one heartbeat explains."""
    return Answer(
        wrong=[
            Culprit(Kind.SECONDARY_LACKS_MEMBER, key=key.key, member=name)
            for key, found in _compared(evidence)
            for name in found.missing_members
            if name in found.settled
        ],
        unknown=_unknown(evidence),
        good=Looked(LookedKind.NONE_MISSING),
        nothing=_nothing(evidence),
    )


@check(
    "contents-equal",
    "State, tokens, address and zone agree between primary and secondary.",
    "Run kvmigration diff KEY; a member that differs for longer than a heartbeat is not being mirrored.",
    f"{DOC}#contents-differ",
    BOTH_STORES,
)
def contents_equal(evidence: Evidence) -> Answer:
    """No field differs beyond what one heartbeat explains."""
    return Answer(
        wrong=[
            Culprit(Kind.SECONDARY_DIFFERS, key=key.key, member=name, what=field)
            for key, found in _compared(evidence)
            for field, names in found.mismatched.items()
            for name in names
            if name in found.settled
        ],
        unknown=_unknown(evidence),
        good=Looked(LookedKind.NOTHING_DIFFERS),
        nothing=_nothing(evidence),
    )


@check(
    "lag",
    "The secondary is no further behind than the limit.",
    "Find the member that is behind: kvmigration diff KEY names it and the view.",
    f"{DOC}#the-secondary-lags",
    f"A key that is missing has no lag: it must be copied first. {BOTH_STORES}",
)
def lag(evidence: Evidence) -> Answer:
    """No key lags more than the limit and one heartbeat period. A partition ring has no heartbeats."""
    limit = evidence.rules.max_lag
    lags = [(key, found.lag) for key, found in _compared(evidence) if found.lag is not None]
    untimed = [
        key for key, found in _compared(evidence) if found.lag is None and (key.members or key.entries)
    ]
    return Answer(
        wrong=[
            Culprit(Kind.SECONDARY_BEHIND, key=key.key, value=behind, limit=evidence.late(key))
            for key, behind in lags
            if behind > evidence.late(key)
        ],
        unknown=[
            *(Culprit(Kind.SECONDARY_WITHOUT_HEARTBEATS, key=key.key) for key in untimed),
            *_unknown(evidence),
        ],
        good=Looked(LookedKind.LAG, max((behind for _, behind in lags), default=0.0), limit=limit),
        nothing=_nothing(evidence),
    )


@check(
    "no-token-conflicts",
    "No token is claimed by two members.",
    ADVICE["token-conflict"].text,
    f"{DOC}#token-conflicts",
    SHOWN,
)
def no_token_conflicts(evidence: Evidence) -> Answer:
    """No ring has a token twice."""
    return Answer(
        wrong=[
            Culprit(Kind.TOKENS_CLAIMED, key=key.key, value=key.token_conflicts, names=key.token_claimants)
            for key in evidence.keys
            if key.token_conflicts
        ],
        unknown=[
            Culprit(Kind.KEY_UNKNOWN, key=key.key)
            for key in evidence.keys
            if key.token_conflicts is None and any(m.tokens for m in key.members)
        ],
        good=Looked(LookedKind.NONE),
    )


@check(
    "views-agree",
    "All processes show the same rings.",
    "Compare the views of the key: a process that lacks members has missed gossip or uses another store.",
    f"{DOC}#views-differ",
    SHOWN,
)
def views_agree(evidence: Evidence) -> Answer:
    """The judged views of each kind show one content, none is stale, and none lacks a healthy member."""
    wrong: list[Culprit] = []
    unknown: list[Culprit] = []
    for key in evidence.own:
        wrong += _deviating(key, evidence)
        for kind in ("ring", "gossip"):
            views = [v for v in key.views if v.kind == kind and (v.judged or not v.known)]
            wrong += _disagreeing(key, kind, [view for view in views if view.known], evidence)
            unknown += [Culprit(Kind.VIEW_UNREAD, v.target, key.key, what=kind) for v in views if not v.known]
            unknown += [
                Culprit(Kind.VIEW_UNREAD_ENTRIES, v.target, key.key)
                for v in views
                if v.known and not v.complete
            ]
    looked = any(view.known and view.kind != "metrics" for key in evidence.own for view in key.views)
    good = Looked(LookedKind.VIEWS, len(evidence.own))
    return Answer(wrong, unknown, good, None if looked else Culprit(Kind.NO_VIEW))


def _disagreeing(key: KeyFacts, kind: str, views: list[ViewFacts], evidence: Evidence) -> Iterator[Culprit]:
    """What is wrong with a key's views of one kind."""
    different = len({view.fingerprint for view in views if is_fresh(view, evidence)})
    if different > 1:
        yield Culprit(Kind.VIEWS_DIFFER, key=key.key, what=kind, value=different)
    for view in views:
        if view.missing:
            yield Culprit(Kind.VIEW_LACKS_MEMBERS, view.target, key.key, names=view.missing)
    for view in views:
        if view.diverged and not is_fresh(view, evidence):
            yield Culprit(Kind.VIEW_DIFFERED, view.target, key.key, what=kind)
    late = evidence.late(key)
    for view in views:
        if view.staleness is not None and view.staleness > late:
            yield Culprit(Kind.VIEW_STALE, view.target, key.key, what=kind, value=view.staleness, limit=late)


def _deviating(key: KeyFacts, evidence: Evidence) -> Iterator[Culprit]:
    """Processes with metrics that differ from most, and stand still where those move. For a process without a
    page of this ring there is no more.
    """
    for view in key.views:
        if view.kind != "metrics" or not view.judged:
            continue
        if view.unnamed:
            yield Culprit(Kind.SIGNALS_LACK_MEMBERS, view.target, key.key, value=view.unnamed)
        elif view.diverged:
            yield Culprit(Kind.SIGNALS_DIFFER, view.target, key.key)
        late = evidence.late(key)
        if view.staleness is not None and view.staleness > late:
            yield Culprit(
                Kind.VIEW_STALE, view.target, key.key, what="metrics", value=view.staleness, limit=late
            )


def is_fresh(view: ViewFacts, evidence: Evidence) -> bool:
    """Whether a view was read in this very cycle: only then can it be compared with further views."""
    return (view.read_at or 0.0) >= evidence.now.started


@check(
    "members-healthy",
    "No ring has an unhealthy member or a heartbeat from the future, and each partition ring is in use.",
    ADVICE["member-unhealthy"].text,
    f"{DOC}#unhealthy-members",
    SHOWN,
)
def members_healthy(evidence: Evidence) -> Answer:
    """Every member of every ring is healthy, and every ring was read. The health of a member with a time
    stamp in the future is unknown.
    """
    return Answer(
        wrong=[
            *(
                Culprit(Kind.MEMBER_UNHEALTHY, key=key.key, member=member.id)
                for key in evidence.keys
                for member in key.members
                if member.state is State.UNHEALTHY
            ),
            *(
                Culprit(Kind.MEMBERS_LOST, key=key.key, what=key.entry_noun, value=key.lost)
                for key in evidence.keys
                if key.lost
            ),
            *(
                Culprit(Kind.MEMBER_IN_FUTURE, key=key.key, member=name, value=by)
                for key in evidence.keys
                for name, by in key.ahead.items()
            ),
            *(culprit for key in evidence.keys for culprit in _out_of_use(key)),
        ],
        unknown=_unjudged(evidence),
        good=Looked(
            LookedKind.RING_MEMBERS, sum(len(key.members) for key in evidence.keys), len(evidence.keys)
        ),
        nothing=no_ring(evidence.keys),
    )


def _out_of_use(key: KeyFacts) -> Iterator[Culprit]:
    """Why nothing can be written by a partition ring that has partitions."""
    if key.kind == "partition" and key.partitions:
        if not key.partition_states.get(PartitionState.ACTIVE.value):
            yield Culprit(Kind.PARTITIONS_INACTIVE, key=key.key)
        if not key.owners:
            yield Culprit(Kind.PARTITIONS_WITHOUT_OWNER, key=key.key)


def _unjudged(evidence: Evidence) -> list[Culprit]:
    """The rings and members with unknown health."""
    return [
        *unread(evidence.keys),
        *lacking(evidence.keys),
        *(
            Culprit(
                Kind.MEMBER_WITHOUT_HEARTBEAT if member.heartbeat is None else Kind.MEMBER_OF_UNKNOWN_AGE,
                key=key.key,
                member=member.id,
            )
            for key in evidence.keys
            for member in key.members
            if member.age is None
        ),
        *(Culprit(Kind.KEY_VOID, key=key.key) for key in evidence.keys if _is_void(key, evidence)),
    ]


def _is_void(key: KeyFacts, evidence: Evidence) -> bool:
    """Whether a ring is empty although it has a writer: wiped, or stored under another key."""
    empty = key.key != HA_KEY and not key.members and not key.partitions
    return empty and any(c.writes and c.written for c in evidence.every_client if c.key == key.key)
