"""Changes to what a cycle read: later, less of it, or older."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exporter.derive.comparison.collect import Cycle
from exporter.model.pages import GossipView, Observation, Outcome, Page, Reason, TrackerPage

PERIOD = 15.0  # seconds between two cycles


@dataclass(frozen=True)
class Spot:
    """One page of one process, or one store (or a key of it), by its place in the cycle."""

    place: int
    what: str  # a field of the observation, "rings", "partitions", "values", "store", "process"
    key: str = ""


def later(cycle: Cycle, seconds: float = PERIOD) -> Cycle:
    """The same cluster, alive, some seconds later: clocks and heartbeats go on."""
    return replace(
        cycle,
        at=cycle.at + seconds,
        started=cycle.started + seconds,
        number=cycle.number + 1,
        observed=tuple(_observed_later(seen, seconds) for seen in cycle.observed),
        stores=tuple(
            replace(
                _shifted(store, seconds),
                values={key: _shifted(value, seconds) for key, value in store.values.items()},
            )
            for store in cycle.stores
        ),
    )


def _observed_later(seen: Observation, seconds: float) -> Observation:
    def pages(found: Mapping[str, Page[Any]]) -> dict[str, Page[Any]]:
        return {name: _page_later(page, seconds) for name, page in found.items()}

    single = {name: _page_later(getattr(seen, name), seconds) for name in SINGLE if getattr(seen, name)}
    gossip = GossipView(_page_later(seen.gossip.page, seconds), pages(seen.gossip.values))
    many = {name: pages(getattr(seen, name)) for name in MANY}
    return replace(seen, gossip=gossip, **many, **single)


def _page_later(page: Page[Any], seconds: float) -> Page[Any]:
    return replace(_shifted(page, seconds), value=_shifted(page.value, seconds))


SINGLE = ("metrics", "config", "build")
MANY = ("rings", "partitions", "others")
TIMES = ("now", "asked_at", "clock", "time", "received_at")


def _shifted(thing: Any, seconds: float) -> Any:
    """A value with every time in it moved on."""
    told = {name: at + seconds for name in TIMES if (at := getattr(thing, name, None)) is not None}
    if isinstance(members := getattr(thing, "members", None), Mapping):
        told["members"] = {name: _shifted(member, seconds) for name, member in members.items()}
    if isinstance(thing, TrackerPage):
        told["entries"] = tuple(_shifted(entry, seconds) for entry in thing.entries)
    return replace(thing, **told) if told else thing


def spots(cycle: Cycle) -> Iterator[Spot]:
    """Everything that can be taken out of a cycle."""
    for place, seen in enumerate(cycle.observed):
        yield from (Spot(place, name) for name in SINGLE if getattr(seen, name) is not None)
        yield Spot(place, "gossip")
        yield Spot(place, "process")
        for what in MANY:
            yield from (Spot(place, what, path) for path in getattr(seen, what))
        yield from (Spot(place, "values", key) for key in seen.gossip.values)
    yield from (Spot(place, "store") for place in range(len(cycle.stores)))


def without(cycle: Cycle, before: Cycle, taken: Sequence[Spot], how: str) -> Cycle:
    """The cycle with these pages `failed` or `absent`, or `older`: as they were in the cycle before."""
    observed, stores = list(cycle.observed), list(cycle.stores)
    for spot in taken:
        at = spot.place
        if spot.what == "store":
            failed = replace(
                stores[at], outcome=Outcome.FAILED, reason=Reason.TIMEOUT, values={}, modified={}
            )
            stores[at] = before.stores[at] if how == "older" else failed
        else:
            observed[at] = _without(observed[at], before.observed[at], spot, how)
    return replace(cycle, observed=tuple(observed), stores=tuple(stores))


def _without(seen: Observation, before: Observation, spot: Spot, how: str) -> Observation:
    if spot.what == "process":
        each = (one for one in spots(Cycle(0.0, 0.0, 0, (seen,))) if one.what != "process")
        for one in each:
            seen = _without(seen, before, one, how)
        return seen
    if spot.what in MANY:
        pages = {**getattr(seen, spot.what)}
        pages[spot.key] = _less(pages[spot.key], getattr(before, spot.what)[spot.key], how)
        return replace(seen, **{spot.what: pages})
    if spot.what == "gossip":
        page = _less(seen.gossip.page, before.gossip.page, how)
        return replace(seen, gossip=GossipView(page, seen.gossip.values if page.value is not None else {}))
    if spot.what == "values":
        if spot.key not in seen.gossip.values:
            return seen  # its member list was taken before
        value = _less(seen.gossip.values[spot.key], before.gossip.values[spot.key], how)
        return replace(seen, gossip=replace(seen.gossip, values={**seen.gossip.values, spot.key: value}))
    return replace(seen, **{spot.what: _less(getattr(seen, spot.what), getattr(before, spot.what), how)})


def _less(page: Page[Any], before: Page[Any], how: str) -> Page[Any]:
    if how == "older":
        return before
    if how == "failed":
        return replace(page, outcome=Outcome.FAILED, value=None, reason=Reason.TIMEOUT)
    return replace(page, outcome=Outcome.ABSENT, value=None, reason=None, detail="")
