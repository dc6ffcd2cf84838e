"""One key's secondary against its primary: every view of it compared, and put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from types import MappingProxyType

from exporter.derive import kv_clients
from exporter.derive.comparison.entry_comparison import FIELDS, Moment, compare, delivered
from exporter.derive.comparison.key_input import Content, KeyInput, View
from exporter.derive.comparison.primary_content import Primary, is_by_pages
from exporter.derive.comparison.standing_differences import (
    Standing,
    Times,
    carried,
    diverged_entries,
    view_name,
    with_entries,
)
from exporter.derive.comparison.views import distinct, judge_views, without
from exporter.model.facts import SecondaryFacts
from exporter.model.views import Comparison, Difference, Place, ViewFacts
from exporter.products.ring_pages import HA_KEY

MAX_SHOWN = 1000  # differences of all views together, the worst of each view first


@dataclass(frozen=True, slots=True)
class ComparedViews:
    """The result of `compare_views`, and its state for the next time."""

    views: tuple[ViewFacts, ...]
    distinct: Mapping[str, int]
    secondary: SecondaryFacts | None
    standing: Standing


def compare_views(inputs: KeyInput, primary: Primary, standing: Standing, times: Times) -> ComparedViews:
    """Judge all views and, where there is a secondary, what it lacks. Only views of the same cycle are
    compared; what a kept view lacked counts until it is read again.
    """
    other = kv_clients.secondary_of(inputs.clients, primary.store)
    content, timeout = primary.content, times.timeout
    found = {} if content is None else _compared(inputs, content, other, Moment(primary.clock, times.period))
    store = () if other == "memberlist" else (_stored(inputs, content, f"store {other}"),)
    shown = [v for v in inputs.pages if v.value is not None or not v.known]
    shows = _of_store(primary)
    found, then, passing = carried(inputs, found, store, standing, times)
    pages = judge_views("ring", without(shown, passing), timeout, {}, shows)
    copies = judge_views(
        "gossip", without(inputs.copies, passing), timeout, found if other == "memberlist" else {}
    )
    if inputs.key == HA_KEY:
        then = replace(then, diverged=diverged_entries(inputs.copies, copies, standing.diverged, passing))
        copies = with_entries(copies, then.diverged, then.uncovered)
    differing = _distinct(pages + copies)
    pages, copies = _with_earlier(inputs.pages, pages, inputs), _with_earlier(inputs.copies, copies, inputs)
    if content is None or not other:
        secondary = None
    elif other == "memberlist":
        unsure = {name for name, entries in then.uncovered.items() if entries}
        secondary = _union(other, inputs.key, [(v.target, v.against, v.judged) for v in copies], unsure)
    else:
        secondary = _union(other, inputs.key, [(name, c, True) for name, c in found.items()], set())
    if secondary is not None and is_by_pages(inputs, primary):
        secondary = replace(secondary, by_pages=True)
    return ComparedViews(pages + copies, differing, secondary, then)


def _of_store(primary: Primary) -> View | None:
    if primary.source.place is not Place.STORE:
        return None
    return View(primary.source.place, primary.value, clock=primary.clock)


def _stored(inputs: KeyInput, primary: Content | None, name: str) -> View:
    """The store as a view with HA entries in turns: without those that the primary's copy, itself read in
    turns, did not show this time.
    """
    unread = frozenset[str]().union(*(v.unread for v in inputs.copies))
    return View(name, None, known=False, unread=unread.difference(primary or ()))


def _with_earlier(
    views: Iterable[View], judged: tuple[ViewFacts, ...], inputs: KeyInput
) -> tuple[ViewFacts, ...]:
    """Put an earlier reading in the place of a view that was not due. Put it beside one that failed, which it
    replaces until the next turn.
    """
    waiting = {v.target for v in views if not v.had_turn}
    pairs = ((view, inputs.earlier.get((view.kind, view.target))) for view in judged)
    return tuple(
        view
        if earlier is None or view.known
        else earlier
        if view.target in waiting
        else replace(view, last=earlier)
        for view, earlier in pairs
    )


def _distinct(views: tuple[ViewFacts, ...]) -> Mapping[str, int]:
    kinds = sorted({view.kind for view in views if view.known})
    return MappingProxyType({kind: distinct(v for v in views if v.kind == kind) for kind in kinds})


def _compared(inputs: KeyInput, primary: Content, other: str, at: Moment) -> dict[str, Comparison]:
    """Compare every view of the secondary that was read: gossip copies by process, or the store."""
    if other == "memberlist":
        at = replace(at, delivered=delivered(v.content for v in inputs.pages if v.content))
        return {
            v.target: compare(primary, v.content, view_name(v.target), at, v.unread)
            for v in inputs.copies
            if v.known
        }
    if not other or other != inputs.store_kind or not inputs.store_known:
        return {}
    return {f"store {other}": compare(primary, inputs.stored, f"store {other}", at)}


def _union(
    store: str, key: str, views: list[tuple[str, Comparison | None, bool]], unsure: set[str]
) -> SecondaryFacts | None:
    """Put the views' comparisons together: what any of them lacks, the secondary lacks."""
    read = [(name, found, judged) for name, found, judged in views if found is not None]
    if not read:
        return None
    found = [comparison for _, comparison, _ in read]
    # Each HA entry is a key of its own in the store: one that is not copied is a key missing.
    gaps = {name for name, c, _ in read if c.missing_key or (key == HA_KEY and c.missing)}
    old = {name for name, _, judged in read if judged}
    fields = FIELDS["ha" if key == HA_KEY else "ring"]
    return SecondaryFacts(
        store=store,
        missing_key=bool(gaps),
        missing_in=tuple(sorted(gaps)),
        lag=max((c.lag for c in found if c.lag is not None), default=None),
        missing_members=_all(c.missing for c in found),
        extra_members=_all(c.extra for c in found),
        mismatched=MappingProxyType({f: _all(c.mismatched.get(f, ()) for c in found) for f in fields}),
        settled=_all(c.settled for _, c, judged in read if judged),
        settled_missing_in=tuple(sorted(gaps & old)),
        unread=tuple(sorted({name for name, c, _ in views if c is None} | (unsure & old))),
        differences=_in_turns(c.differences for c in found),
    )


def _in_turns(lists: Iterable[tuple[Difference, ...]]) -> tuple[Difference, ...]:
    """Take from each view in turn, so that no view's differences crowd out another's."""
    turns = chain.from_iterable(zip_longest(*lists))
    return tuple(islice((difference for difference in turns if difference is not None), MAX_SHOWN))


def _all(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))
