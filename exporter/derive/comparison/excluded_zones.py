"""The members that a process leaves out of a ring on purpose, put back into its view.

With `excluded_zones` a process deletes each member of these zones from what its watch delivers (dskit and
Cortex, ring/ring.go, `updateRingState`). Its ring page and its metrics then lack them, and nothing is wrong.
Mimir's guides use it on distributors and rulers while ingesters move to zones, for weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.derive import kv_clients
from exporter.derive.comparison.key_input import KeyInput, View, content_of
from exporter.derive.comparison.primary_content import is_source, most
from exporter.derive.comparison.ring_metrics_comparison import Signal
from exporter.model.entry import Member
from exporter.model.pages import Ring

Zones = frozenset[str]


def with_excluded(inputs: KeyInput) -> KeyInput:
    """The same with the members of excluded zones in each view that lacks them, as the views of other
    processes show them.
    """
    zones = {claim.target: claim.config.excluded_zones for claim in inputs.configs}
    if not any(zones.values()):
        return inputs  # nearly always
    members = {some: _members(some, zones, inputs) for some in set(zones.values()) if some}
    excluded = {target: members[some] for target, some in zones.items() if some}
    pages = (_page(page, excluded.get(page.target, {})) for page in inputs.pages)
    signals = (_signal(signal, excluded.get(signal.target, {})) for signal in inputs.signals)
    return replace(inputs, pages=tuple(pages), signals=tuple(signals))


def _members(excluded: Zones, zones: Mapping[str, Zones], inputs: KeyInput) -> Mapping[str, Member]:
    """The members of these zones: by the pages of the processes that keep them, else by the primary."""
    pages = [page for page in inputs.pages if page.known and not excluded & zones.get(page.target, Zones())]
    ring = most([page for page in pages if not page.recently_started] or pages)
    if ring is None:
        store = kv_clients.primary_of(inputs.clients)
        copies = [copy for copy in inputs.copies if copy.known] if store == "memberlist" else []
        ring = inputs.store if is_source(inputs, store) else most(copies)
    members = ring.without_tombstones() if isinstance(ring, Ring) else {}
    return {name: member for name, member in members.items() if member.zone in excluded}


def _page(page: View, excluded: Mapping[str, Member]) -> View:
    if not excluded or not isinstance(page.value, Ring):
        return page
    value = replace(page.value, members=MappingProxyType({**excluded, **page.value.members}))
    return replace(page, value=value, content=content_of(value))


def _signal(signal: Signal, excluded: Mapping[str, Member]) -> Signal:
    counts, tokens = dict(signal.signals.members), signal.signals.tokens
    for member in excluded.values():
        state = member.state.value.replace("_", "")  # as metrics write it
        counts[state] = counts.get(state, 0) + 1
        tokens = None if tokens is None or member.tokens.count < 0 else tokens + member.tokens.count
    counted = replace(signal.signals, members=MappingProxyType(counts), tokens=tokens)
    return replace(signal, signals=counted) if excluded else signal
