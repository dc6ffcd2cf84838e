"""One view of a key: what one process shows of it, and what it lacks of the primary."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


class Place(enum.StrEnum):
    """Where the content of a key can be read."""

    NOWHERE = ""
    STORE = "store"
    RING_PAGE = "ring page"
    TRACKER_PAGE = "tracker page"
    GOSSIP = "gossip"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a key's primary was read: at one `target`, or of several `processes` what most of them show."""

    place: Place = Place.NOWHERE
    target: str = ""
    processes: int = 0

    def __bool__(self) -> bool:
        """Whether it was read at all."""
        return self.place is not Place.NOWHERE


NOT_READ, IN_STORE = Origin(), Origin(Place.STORE)


@dataclass(frozen=True, slots=True)
class Difference:
    """One member that differs between the primary and one view."""

    member: str
    view: str  # "gossip of cortex-1", "store consul"
    what: str  # missing, extra, state, tokens, address, zone, replica, lag
    primary: str = ""
    secondary: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One view of the secondary compared with the primary. `settled` are the ids with a difference that one
    heartbeat period does not explain: the gate uses them, while the gauges report everything.
    """

    missing_key: bool
    lag: float | None = None  # None: no member in both
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    mismatched: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    settled: frozenset[str] = frozenset()
    differences: tuple[Difference, ...] = ()
    doubtful: tuple[Difference, ...] = ()  # what one heartbeat may explain; settles where it stays


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """One view of one key: a process's ring page, its gossip copy or what its metrics count."""

    kind: str  # "ring", "gossip" or "metrics"
    target: str
    known: bool  # False: not read this cycle
    present: bool = True  # the key is there
    fingerprint: str = ""
    digests: tuple[str, ...] = ()  # without states; with them, where no view hides a state
    staleness: float | None = None
    missing: tuple[str, ...] = ()  # healthy members of the most recent views that this one lacks
    unnamed: int = 0  # members that it lacks by its count: metrics have no names
    extra: tuple[str, ...] = ()
    judged: bool = True  # False for a recently started process
    against: Comparison | None = None  # against the primary, where this view is of the secondary
    read_at: float | None = None
    diverged: bool = False  # it differed from most views that were read together with it
    complete: bool = True  # False: it lists HA entries that were never read
    last: ViewFacts | None = None  # of one that was not read: the earlier reading

    @property
    def lacks(self) -> int:
        """How many members it lacks, by name or by count."""
        return len(self.missing) + self.unnamed
