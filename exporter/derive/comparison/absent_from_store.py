"""What the processes' pages show and the external store that was read lacks.

Then it is another store than the processes', or only a part of it. Each `kvstore` block names its own host,
and a policy of Consul hides keys without an error. A comparison with such a primary proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.derive.comparison.compare import Content, content_of
from exporter.derive.comparison.primary import KeyInput, Primary, is_source, page_of
from exporter.derive.comparison.views import View
from exporter.derive.ring.clocks import right_clock
from exporter.model.entry import Entry, Partition, Renewal, State

TRACKED = 1800.0  # seconds; both trackers delete a cluster without samples after this time (Mimir, Cortex)
_HERE = frozenset({State.ACTIVE, State.READ_ONLY, State.JOINING, State.PENDING})


@dataclass(frozen=True, slots=True)
class Absentees:
    """Names of recently renewed members, entries or partitions that some page shows and the primary store
    lacks. `mostly`: most pages show some, so it is not one process's error.
    """

    names: tuple[str, ...] = ()
    mostly: bool = False


def absentees(inputs: KeyInput, primary: Primary, timeout: float, period: float) -> Absentees:
    """Compare the pages with the store, where that is the primary. An entry within its first heartbeat
    `period`, or one that has left meanwhile, may have been absent when the store was read.
    """
    if not is_source(inputs, primary.store):
        return Absentees()
    stored = content_of(inputs.store) if inputs.store is not None else {}
    shown = [set(_fresh(page, stored, inputs, (timeout, period))) for page in inputs.pages if page.known]
    names = frozenset[str]().union(*shown)
    return Absentees(tuple(sorted(names)), 2 * sum(map(bool, shown)) > len(shown))


def believed(inputs: KeyInput, primary: Primary, missing: Absentees) -> Primary:
    """The primary to judge the ring by: an empty store that most pages contradict is not theirs."""
    if not missing.mostly or (primary.value is not None and content_of(primary.value)):
        return primary
    return page_of(inputs, primary.store) or primary


def _fresh(page: View, stored: Content, inputs: KeyInput, limits: tuple[float, float]) -> Iterator[str]:
    clock = right_clock(page.read_at, inputs.skew, page.now)
    for name, entry in (page.content or {}).items():
        if name not in stored and (clock is None or _is_fresh(entry, clock, *limits, empty=not stored)):
            yield name


def _is_fresh(entry: Entry, clock: float, timeout: float, period: float, *, empty: bool) -> bool:
    """Whether an entry is current, and has been for a while. Partitions have no heartbeats: one that the
    store's ring lacks was deleted there, if the store has a ring at all.
    """
    if entry.renewal is Renewal.NONE:
        return empty and isinstance(entry, Partition) and clock - (entry.time or 0.0) > period
    if entry.time is None:
        return False
    if entry.renewal is Renewal.SAMPLES:
        return clock - entry.time <= TRACKED
    settled = entry.registered is None or clock - entry.registered > period
    return entry.state in _HERE and settled and (timeout <= 0 or clock - entry.time <= timeout)
