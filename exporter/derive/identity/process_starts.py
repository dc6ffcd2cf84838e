"""When a process started: is it the same as before, has it just started, does it restart again and again?

A process that restarts again and again is never judged, so its starts are counted as a fault of their own. A
list of targets that loses half of itself at once may have been read in part: a process that left it and runs
on is read as before.
"""

from __future__ import annotations

from collections.abc import Iterable

from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.pages import Observation, Start

WINDOW = 300.0  # seconds, in which starts are counted together
OFTEN = 4  # starts in it: a new process, a wrong rollout and its correction are three
SAME = 2.0  # seconds by which a process's own start time may move (/proc has integer seconds)
STEPPED = 5.0  # seconds by our clock; a page with a time in integer seconds is off by one each way


def starts_of(
    start_time: float | None, at: float | None, before: TargetFacts | None, now: float
) -> tuple[tuple[Start, ...], int]:
    """A process's starts of the last `WINDOW`, the newest always among them, and how many restarts there have
    been since it is watched. `start_time` is its start by its own clock, `at` by ours.

    A clock that is set moves only one of the two, or both of them for a process that goes on.
    """
    starts, restarts = (before.starts, before.restarts) if before else ((), 0)
    if start_time is not None and at is not None and (not starts or _is_another(start_time, at, starts[-1])):
        starts, restarts = (*starts, Start(start_time, at)), restarts + bool(starts)
    recent = tuple(start for start in starts[:-1] if abs(now - start.at) <= WINDOW)
    return (*recent, *starts[-1:]), restarts


def away(restarts: int, before: TargetFacts | None, now: float) -> float | None:
    """How long a process did not respond in its last restart: from the last cycle before it to the first one
    after it. `None` where none was observed.
    """
    if before is None:
        return None
    return now - before.seen_at if restarts > before.restarts and before.seen_at else before.away


def _is_another(start_time: float, at: float, last: Start) -> bool:
    return abs(start_time - last.reported) > SAME and at - last.at > STEPPED


def restarting(targets: Iterable[TargetFacts]) -> list[Culprit]:
    """The processes that restart again and again, with how often they did."""
    return [
        Culprit(Kind.PROCESS_RESTARTING, t.name, value=len(t.starts), of=WINDOW / 60)
        for t in targets
        if len(t.starts) >= OFTEN
    ]


def is_recently_started(clock: float | None, started: float | None, period: float) -> bool:
    """Whether the process started within two heartbeat periods: it is not judged yet. A start in the future
    means a clock that was set back since, at an unknown time: it is judged.
    """
    return clock is not None and started is not None and -SAME <= clock - started < 2 * period


def still_there(observed: tuple[Observation, ...], before: Snapshot | None) -> tuple[Observation, ...]:
    """Leave out what is unlisted, unless it answers as the same process: its address may be reused."""
    earlier = {target.name: target for target in before.targets if target.up} if before else {}
    return tuple(
        observation
        for observation in observed
        if observation.target.listed or _is_it(observation, earlier.get(observation.target.name))
    )


def _is_it(observation: Observation, before: TargetFacts | None) -> bool:
    now = observation.metrics.value.start_time if observation.metrics.value else None
    if not observation.answers or before is None or before.started is None or now is None:
        return False
    return abs(now - before.started) <= SAME


def unlisted(targets: Iterable[TargetFacts]) -> list[Culprit]:
    """The processes that left a list and run."""
    return [Culprit(Kind.PROCESS_UNLISTED, t.name, what=t.source) for t in targets if not t.listed]
