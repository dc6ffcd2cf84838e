"""The clock that a reading is judged by: that of the process that answered, or that of the processes
together.

`skew` is how far the processes' clocks are ahead of ours, for most of them; `None` where none was read.
"""

from __future__ import annotations

from exporter.model.stores import StoreContent

SKEWED = 5.0  # seconds away from the other processes' clocks; a Date header can be off by one


def fleet_clock(read_at: float | None, skew: float | None, own: float | None) -> float | None:
    """Most processes' time at a reading: heartbeats are theirs, and the clock of a store's server may be
    minutes away from them. The answering server's `own` where no process has a time.
    """
    return own if skew is None or not read_at else read_at + skew


def store_clock(store: StoreContent, skew: float | None) -> float:
    """The members' time when the store was read; ours where neither a process nor the store has one."""
    return fleet_clock(store.asked_at, skew, store.clock) or store.asked_at


def right_clock(read_at: float | None, skew: float | None, own: float | None) -> float | None:
    """The time of the answering process, or that of most processes where its clock is wrong."""
    return fleet_clock(read_at, skew, own) if is_skewed(read_at, skew, own) else own


def is_skewed(read_at: float | None, skew: float | None, own: float | None) -> bool:
    """Whether the clock of the answering process is away from most."""
    if skew is None or own is None or not read_at:
        return False
    return abs(own - read_at - skew) > SKEWED
