"""What changed from one cycle to the next: for the page, the API and the log."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.model.facts import Event, KeyFacts, Snapshot
from exporter.model.findings import Finding, FindingKind


def events(before: Snapshot | None, now: Snapshot, limit: int) -> tuple[Event, ...]:
    """The newest `limit` events, oldest first, those of this cycle at the end."""
    if before is None:
        label = now.fleet.phase.label
        first = ("phase", Finding(FindingKind.FIRST_CYCLE, what=label), label)
        return _dated(now, (first, *_foreign(None, now), *_replaced(None, now)))
    return (*before.events, *_dated(now, _changes(before, now)))[-limit:]


Change = tuple[str, Finding, str]


def _dated(now: Snapshot, changes: Iterable[Change]) -> tuple[Event, ...]:
    return tuple(Event(now.at, kind, "", subject, found) for kind, found, subject in changes)


def _changes(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    is_, was = now.fleet.phase.label, before.fleet.phase.label
    if is_ != was:
        yield "phase", Finding(FindingKind.PHASE_CHANGED, name=was, what=is_), is_
    yield from _targets(before, now)
    yield from _keys(before, now)
    yield from _unknown_members(before, now)
    yield from _foreign(before, now)
    yield from _stores(before, now)
    yield from _gates(before, now)


def _gates(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    """A step that is behind was taken: nothing is to be done when its gate changes."""
    was = {step.title: step.open for step in before.steps}
    for step in now.steps:
        if step.place != "behind" and was.get(step.title, step.open) != step.open:
            kind = FindingKind.GATE_OPENED if step.open else FindingKind.GATE_CLOSED
            yield "gate", Finding(kind, step.title), step.title


def _targets(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    was = {target.name: target for target in before.targets}
    for target in now.targets:
        name, old = target.name, was.pop(target.name, None)
        if old is None:
            yield "target", Finding(FindingKind.TARGET_NEW, name), name
        elif old.up != target.up:
            yield (
                "target",
                Finding(FindingKind.TARGET_ANSWERS if target.up else FindingKind.TARGET_STOPPED, name),
                name,
            )
        elif old.up and old.phase is not target.phase:
            moved = (target.phase.label, old.phase.label)
            yield "phase", Finding(FindingKind.TARGET_MOVED, name, names=moved), name
    for name in was:
        yield "target", Finding(FindingKind.TARGET_LEFT, name), name


def _keys(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    was = {key.key: key for key in before.keys}
    for key in now.keys:
        old = was.get(key.key)
        if old is None or not old.source or not key.source:
            continue
        yield from _members(old, key)
        if key.returned_total > old.returned_total:
            yield "member", Finding(FindingKind.MEMBER_RETURNED, key.name), key.key


def _members(old: KeyFacts, key: KeyFacts) -> Iterable[Change]:
    were, are = {m.id: m.state for m in old.members}, {m.id: m.state for m in key.members}
    groups = (
        (FindingKind.MEMBERS_VANISHED, sorted(were.keys() - are.keys())),
        (FindingKind.MEMBERS_NEW, sorted(are.keys() - were.keys())),
    )
    for kind, names in groups:
        if names:
            yield "member", Finding(kind, key.name, names=tuple(names)), key.key
    for name in sorted(were.keys() & are.keys()):
        if were[name] is not are[name]:
            changed = (are[name].value, were[name].value)
            yield "member", Finding(FindingKind.MEMBER_CHANGED, key.name, name, names=changed), key.key


def _unknown_members(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    earlier = {s.name for s in before.gossip.unknown} if before.gossip else set()
    for member in now.gossip.unknown if now.gossip else ():
        if member.name not in earlier:
            found = Finding(FindingKind.UNKNOWN_MEMBER_NEW, member.name, member.address)
            yield "stranger", found, member.name


def _foreign(before: Snapshot | None, now: Snapshot) -> Iterable[Change]:
    earlier = {key.key: key.foreign or () for key in before.keys} if before else {}
    for key in now.keys:
        fresh = tuple(name for name in key.foreign or () if name not in earlier.get(key.key, ()))
        if fresh:
            found = Finding(FindingKind.FOREIGN_NEW, key.name, count=len(fresh), names=fresh)
            yield "stranger", found, key.key


def _replaced(before: Snapshot | None, now: Snapshot) -> Iterable[Change]:
    already = {store.title for store in before.stores if store.replaced} if before else set()
    for store in now.stores:
        if store.replaced and store.title not in already:
            yield (
                "store",
                Finding(FindingKind.STORE_OTHER, store.title, culprits=(store.replaced,)),
                store.title,
            )


def _stores(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    was = {store.title: store for store in before.stores}
    yield from _replaced(before, now)
    for store in now.stores:
        title, old = store.title, was.get(store.title, store)
        if old.outcome is not store.outcome:
            outcome = (store.outcome.value, store.detail)
            yield "store", Finding(FindingKind.STORE_CHANGED, title, names=outcome), title
        if old.replaced and not store.replaced:
            yield "store", Finding(FindingKind.STORE_BACK, title), title
