"""Time stamps from the future. Memberlist keeps the newest one it heard of: until that time has come
nothing updates such an entry, and nobody can tell that it died.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from exporter.derive.lag import Content, content_of
from exporter.derive.primary import KeyInput
from exporter.derive.rules import DEFAULT_PERIOD
from exporter.derive.views import View
from exporter.model import Member, Partition, Replica


def ahead(read: KeyInput, period: float) -> Mapping[str, float]:
    """How many seconds each entry of a key is ahead, in any view of either store that was read. Up to a
    heartbeat period is left out: clocks differ by seconds, and pages tell whole ones.
    """
    found: dict[str, float] = {}
    for content, now in _dated(read):
        limit = now + max(period, DEFAULT_PERIOD)
        for name, thing in content.items():
            when = thing.heartbeat if type(thing) is Member else _time(thing)
            if when is not None and when > limit:
                found[name] = max(found.get(name, 0.0), when - now)
    return MappingProxyType(found)


def _time(thing: object) -> float | None:
    if isinstance(thing, Replica):
        return thing.received_at
    return thing.changed if isinstance(thing, Partition) else None


def _dated(read: KeyInput) -> Iterator[tuple[Content, float]]:
    """Every content that was read, with what most processes' clocks said then."""
    for view in (*read.pages, *read.copies):
        now = _clock(view, read.skew)
        if view.known and view.content and now is not None:
            yield view.content, now
    if read.store is not None and read.store_clock is not None:
        yield content_of(read.store), read.store_clock


def _clock(view: View, skew: float | None) -> float | None:
    return view.clock if skew is None or not view.read_at else view.read_at + skew
