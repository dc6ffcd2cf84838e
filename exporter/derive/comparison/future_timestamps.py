"""Time stamps from the future. Memberlist keeps the newest one: until that time nothing updates such an
entry, and its process's end goes unnoticed. A tombstone from the future keeps its member out of every copy,
even if the process renews it. Dskit's `Desc.mergeWithTime` compares only time stamps. A tombstone's is when
the entry was deleted, by the clock of the process that deleted it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from exporter.derive.comparison.key_input import Content, KeyInput, Stored, tombstones_of
from exporter.derive.judging_rules import DEFAULT_PERIOD
from exporter.derive.ring.reference_clock import fleet_clock


def ahead(inputs: KeyInput, period: float) -> Mapping[str, float]:
    """How many seconds each entry of a key is ahead, in any view of either store that was read. Up to a
    heartbeat period is left out: clocks differ by seconds, and pages have integer seconds.
    """
    found: dict[str, float] = {}
    for content, now in _dated(inputs):
        limit = now + max(period, DEFAULT_PERIOD)
        if not content or _newest(content) <= limit:
            continue  # nearly always
        for name, entry in content.items():
            if (when := entry.time) is not None and when > limit:
                found[name] = max(found.get(name, 0.0), when - now)
    return MappingProxyType(found)


def _newest(content: Content) -> float:
    return max([entry.time or 0.0 for entry in content.values()])


def _dated(inputs: KeyInput) -> Iterator[tuple[Content, float]]:
    """Every content that was read, with the time by most processes' clocks."""
    for view in (*inputs.pages, *inputs.copies):
        now = fleet_clock(view.read_at, inputs.skew, view.clock)
        if view.known and view.value is not None and now is not None:
            yield from _with_tombstones(view.value, view.content or {}, now)
    if inputs.stored is not None and inputs.store_clock is not None:
        yield from _with_tombstones(inputs.store, inputs.stored, inputs.store_clock)


def _with_tombstones(value: Stored | None, content: Content, now: float) -> tuple[tuple[Content, float], ...]:
    tombstones = tombstones_of(value, content)
    return (content, now), ({f"the tombstone of {name}": entry for name, entry in tombstones.items()}, now)
