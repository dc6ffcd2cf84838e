"""What changed from one cycle to the next, in words: for the page, the API and the log."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derive.migration.migration import few
from exporter.model.facts import Event, KeyFacts, Snapshot


def events(before: Snapshot | None, now: Snapshot, limit: int) -> tuple[Event, ...]:
    """Give the newest `limit` events, oldest first, those of this cycle at the end."""
    if before is None:
        first = Event(now.at, "phase", f"First cycle: phase {now.fleet.phase.label}.", now.fleet.phase.label)
        return (first, *(Event(now.at, *change) for change in (*_foreign(None, now), *_replaced(None, now))))
    fresh = [Event(now.at, kind, text, subject) for kind, text, subject in _changes(before, now)]
    return (*before.events, *fresh)[-limit:]


Change = tuple[str, str, str]


def _changes(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    if before.fleet.phase is not now.fleet.phase:
        yield (
            "phase",
            f"Phase {now.fleet.phase.label}, was {before.fleet.phase.label}.",
            now.fleet.phase.label,
        )
    yield from _targets(before, now)
    yield from _keys(before, now)
    yield from _strangers(before, now)
    yield from _foreign(before, now)
    yield from _stores(before, now)
    was = {step.title: step.open for step in before.steps}
    for step in now.steps:
        if step.title in was and was[step.title] != step.open:
            yield "gate", f"Step {step.title} {'opened' if step.open else 'closed'}.", step.title


def _targets(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    was = {target.name: target for target in before.targets}
    for target in now.targets:
        old = was.pop(target.name, None)
        if old is None:
            yield "target", f"{target.name} was discovered.", target.name
        elif old.up != target.up:
            yield (
                "target",
                f"{target.name} {'answers again' if target.up else 'stopped answering'}.",
                target.name,
            )
        elif old.up and old.phase is not target.phase:
            yield "phase", f"{target.name}: {target.phase.label}, was {old.phase.label}.", target.name
    for name in was:
        yield "target", f"{name} is no longer discovered.", name


def _keys(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    was = {key.key: key for key in before.keys}
    for key in now.keys:
        old = was.get(key.key)
        if old is None or not old.source or not key.source:
            continue
        yield from _members(old, key)
        if key.returned_total > old.returned_total:
            yield "member", f"Ring {key.name}: a removed member came back with an old heartbeat.", key.key


def _members(old: KeyFacts, key: KeyFacts) -> Iterable[Change]:
    were, are = {m.id: m.state for m in old.members}, {m.id: m.state for m in key.members}
    groups = (
        ("no longer in", sorted(were.keys() - are.keys())),
        ("new in", sorted(are.keys() - were.keys())),
    )
    for words, names in groups:
        if names:
            yield "member", f"{', '.join(few(names, 5))} {words} ring {key.name}.", key.key
    for name in sorted(were.keys() & are.keys()):
        if were[name] is not are[name]:
            yield "member", f"{name} in ring {key.name}: {are[name].value}, was {were[name].value}.", key.key


def _strangers(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    known = {s.name for s in before.gossip.strangers} if before.gossip else set()
    for stranger in now.gossip.strangers if now.gossip else ():
        if stranger.name not in known:
            yield "stranger", f"Unknown gossip member {stranger.name} at {stranger.address}.", stranger.name


def _foreign(before: Snapshot | None, now: Snapshot) -> Iterable[Change]:
    known = {key.key: key.foreign or () for key in before.keys} if before else {}
    for key in now.keys:
        fresh = [name for name in key.foreign or () if name not in known.get(key.key, ())]
        if fresh:
            members = f"{len(fresh)} foreign member{'s' if len(fresh) > 1 else ''}"
            yield "stranger", f"{members} in ring {key.name}: {', '.join(few(fresh, 5))}.", key.key


def _replaced(before: Snapshot | None, now: Snapshot) -> Iterable[Change]:
    already = {store.title for store in before.stores if store.replaced} if before else set()
    for store in now.stores:
        if store.replaced and store.title not in already:
            yield "store", f"Store {store.title} is not the store that it was: {store.replaced}.", store.title


def _stores(before: Snapshot, now: Snapshot) -> Iterable[Change]:
    was = {store.title: store for store in before.stores}
    yield from _replaced(before, now)
    for store in now.stores:
        old = was.get(store.title, store)
        if old.outcome is not store.outcome:
            yield "store", f"Store {store.title}: {store.outcome.value}. {store.detail}", store.title
        if old.replaced and not store.replaced:
            yield "store", f"Store {store.title} is the store that it was, or is used anew.", store.title
