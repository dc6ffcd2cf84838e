"""Lives of a cluster in simulated time: starts, stops, crashes, pauses, clock steps, faults that come and go.

What is true at a look is known here, and is held against what the gate says of it.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from exporter.derive.comparison.collect import Cycle
from exporter.derive.conclude import conclude
from exporter.derive.judging_rules import DEFAULT_PERIOD
from exporter.derive.previous_cycle import History
from exporter.model.gate import Step
from exporter.model.pages import GossipView, Observation, Outcome, Page, ProcessConfig, Reason
from tests.evidence.clusters import NOW, Cluster, Running
from tests.evidence.elections import USERS
from tests.evidence.faults import Fault
from tests.evidence.product_rings import KINDS

T = TypeVar("T")
ALWAYS = math.inf


class Steady(random.Random):
    """Chooses the same process again, whoever comes or goes beside it."""

    def __init__(self, seed: str) -> None:
        self.text = seed
        super().__init__(seed)

    def choice(self, seq: Sequence[T]) -> T:
        if all(isinstance(one, Running) for one in seq):
            return max(seq, key=self._rank)
        return super().choice(seq)

    def _rank(self, one: object) -> float:
        return random.Random(f"{self.text} {getattr(one, 'name', '')}").random()


@dataclass(frozen=True)
class Episode:
    """A fault that is there for a part of every period, seconds; the first one begins after `starts`."""

    fault: Fault
    seed: str
    period: float = ALWAYS
    share: float = 1.0
    starts: float = 0.0

    def is_on(self, lived: float) -> bool:
        """Whether it is there after so many seconds of the life."""
        if lived < self.starts:
            return False
        return self.period == ALWAYS or (lived - self.starts) % self.period < self.share * self.period


@dataclass(frozen=True)
class Look:
    """What was true at one look, and what the gate said."""

    at: float
    faults: frozenset[str]
    broken: str  # why nothing that was seen before counts
    young: frozenset[str]
    step: Step
    crashed: bool = False  # whether a process refuses for the first time


@dataclass
class Life:
    """One cluster and the exporter that looks at it."""

    made: Cluster
    step: str
    seed: str
    episodes: list[Episode] = field(default_factory=list)
    lost_reads: float = 0.0  # the share of processes that something is not read of in a cycle
    now: float = NOW
    number: int = 0
    past: History = field(default_factory=History)
    looks: list[Look] = field(default_factory=list)
    asleep: float = 0.0  # seconds that the exporter's machine has slept
    broken: str = "the exporter started"
    born: int = 0
    configs: dict[str, ProcessConfig] = field(default_factory=dict)  # of each process, as it was read last
    chance: random.Random = field(default_factory=random.Random)
    migration: str = ""  # whose step, where several have it; "": the first one's

    def __post_init__(self) -> None:
        self.chance.seed(self.seed)
        self.born = len(self.made.running)

    def look(self, seconds: float | None = None, length: float = 0.0) -> Look:
        """One cycle, so many seconds after the last one; `length` is how long it took."""
        last = self.now
        self.now += self.made.rules.interval if seconds is None else seconds
        self.number += 1
        made, present = self._hurt()
        self._elect(made, self.now - last)
        cycle = self._losing(made.read(self.now, self.number), made)
        self.now += length
        cycle = replace(cycle, at=cycle.at + length, ticked=self.now + 0.5 - self.asleep)
        snapshot, self.past = conclude(cycle, self.past, made.rules)
        steps = [step for step in snapshot.steps if step.name == self.step]
        step = next((one for one in steps if one.migration == self.migration), steps[0])
        crashed = any(last <= one.crashed < self.now for one in self.made.running)
        seen = Look(self.now, present, self.broken, self._young(), step, crashed)
        self.broken = ""
        self.looks.append(seen)
        return seen

    def _hurt(self) -> tuple[Cluster, frozenset[str]]:
        """The cluster with the faults that are on now."""
        on = [one for one in self.episodes if one.is_on(self.now - NOW)]
        if not on:
            return self.made, frozenset()
        made = copy.copy(self.made)
        made.running = [copy.copy(one) for one in made.running]
        for name in ("outsiders", "intruders", "partition_owners", "stored_extra", "left"):
            setattr(made, name, copy.copy(getattr(made, name)))
        return made, frozenset(one.fault.name for one in on if one.fault.apply(made, Steady(one.seed)))

    def _elect(self, made: Cluster, seconds: float) -> None:
        """Count the elections since the last look: in the cluster as it is now, and for ever."""
        elections = made.ha.after(seconds)
        made.ha = replace(made.ha, elections=elections)
        self.made.ha = replace(self.made.ha, elections=elections)

    def fail_over(self) -> None:
        """Every HA cluster elects its other replica, as where all of the first ones are restarted."""
        was, now = self.made.ha, self.now
        other = "r-2" if was.elected == "r-1" else "r-1"
        elections = was.elections + len(USERS)
        self.made.ha = replace(was, elections=elections, failed_over=now, elected=other, before=was.elected)

    def _young(self) -> frozenset[str]:
        """The processes younger than two periods: their rings', and the usual one for mere readers."""
        members = {kind.role for kind in KINDS[self.made.product]}
        usual = min(self.made.period, DEFAULT_PERIOD)
        started = (
            (one.name, self.now - one.started, self.made.period if one.roles & members else usual)
            for one in self.made.running
        )
        return frozenset(name for name, age, period in started if 0 <= age < 2 * period)

    def _losing(self, cycle: Cycle, made: Cluster) -> Cycle:
        if not self.lost_reads:
            return cycle
        lost = {seen.target.name for seen in cycle.observed if self.chance.random() < self.lost_reads}
        names = (one.name for one in made.running)
        told = zip(names, cycle.observed, strict=True)
        self.made.owed = frozenset(name for name, seen in told if seen.target.name in lost)
        return replace(cycle, observed=tuple(self._lost(s, lost) for s in cycle.observed))

    def _lost(self, seen: Observation, lost: set[str]) -> Observation:
        """The process as it is read. A configuration is remembered until it restarts, and changes by that."""
        name, told = seen.target.name, seen.config
        found = _lost(seen, self.chance) if name in lost else seen
        if found.config is not told and told.value is not None and told.value == self.configs.get(name):
            found = replace(found, config=told)
        elif found.config.value is not None:
            self.configs[name] = found.config.value
        return found

    def sleep(self, seconds: float) -> None:
        """The exporter's machine sleeps; the cluster goes on."""
        self.now += seconds
        self.asleep += seconds
        self.broken = "slept"

    def stop_exporter(self, seconds: float) -> None:
        """The exporter alone is stopped (SIGSTOP) between two cycles."""
        self.now += seconds
        self.broken = "stopped" if seconds > 3 * self.made.rules.interval else self.broken

    def set_clock(self, seconds: float) -> None:
        """The clock of the exporter's machine is set."""
        self.made.skew += seconds
        self.broken = "clock set"

    def fail_a_cycle(self) -> None:
        """A cycle raises and concludes nothing."""
        self.now += self.made.rules.interval
        self.number += 1
        self.broken = "a cycle failed"

    def come(self, role: str) -> None:
        """One more process of a role starts."""
        like = next(one for one in self.made.running if one.roles == {role})
        self.born += 1
        number = self.born
        self.made.running.append(
            replace(
                like,
                name=f"{like.name.rpartition('-')[0]}-{number}",
                host=f"10.{10 + number // 50_000}.{number // 200 % 250}.{number % 200 + 1}",
                suffix=f"{number:08x}",
                started=self.now,
                registered=self.now,
                crashed=math.inf,
                elected=self.made.ha.elections // 1,
            )
        )

    def go(self, role: str) -> None:
        """The newest process of a role stops in good order."""
        newest = [one for one in self.made.running if one.roles == {role}][-1]
        self.made.running.remove(newest)
        self.made.left = [(one, at) for one, at in self.made.left if self.now - at < 300]
        self.made.left.append((newest, self.now))

    def crash(self, one: Running) -> None:
        """A process dies where it stands; it stays in the list of targets."""
        one.crashed = self.now

    def restart(self, one: Running) -> None:
        """It starts anew, and is the same member of its rings."""
        one.started, one.suffix = self.now, f"{self.chance.randrange(1 << 32):08x}"
        one.elected = self.made.ha.elections // 1


def _lost(seen: Observation, chance: random.Random) -> Observation:
    """The process with one page not read, or none of them."""
    what = chance.choice(["all", "metrics", "config", "gossip", "rings"])
    if what == "gossip":
        return replace(seen, gossip=GossipView(_failed(seen.gossip.page)))
    if what == "rings":
        path = chance.choice(sorted(seen.rings) or [""])
        rings = {name: _failed(page) if name == path else page for name, page in seen.rings.items()}
        return replace(seen, rings=rings)
    if what != "all":
        return replace(seen, **{what: _failed(getattr(seen, what))})
    failed = {name: _failed(getattr(seen, name)) for name in ("metrics", "config")}
    others = {name: _failed(page) for name, page in seen.others.items()}
    return replace(seen, **failed, gossip=GossipView(_failed(seen.gossip.page)), rings={}, others=others)


def _failed(page: Page[T]) -> Page[T]:
    return replace(page, outcome=Outcome.FAILED, value=None, reason=Reason.TIMEOUT)


# What shows as a read that failed breaks nothing for one look, where it is an accident: a process whose
# connection is refused twice in a row is down,
EXCUSED = {"a process does not respond", "a source of targets fails", "the store is down"}
ONCE = {"a source of targets fails", "the store is down"}  # and these no more than once in a soak.

# Seconds in which it is a restart, or some failovers, and no fault yet.
LASTING = {
    "a member stays joining": 60.0,
    "the trackers contend": 120.0,
    "a tracker has another replica": 15.0,
}


def wrong_openings(life: Life) -> Iterator[str]:
    """Say at which look the gate was open though a fault was there, or was within the soak."""
    soak = life.made.rules.soak
    began, bad_at, why = -math.inf, -math.inf, ""
    for number, seen in enumerate(life.looks):
        began = seen.at if seen.broken else began
        if faults := [name for name in seen.faults if _counts(life, number, name)]:
            bad_at, why = seen.at, ", ".join(faults)
        if not seen.step.open:
            continue
        if seen.at - began < soak:
            yield f"look {number}: open {seen.at - began:.0f} s after the watch began"
        if seen.at - bad_at <= soak:
            yield f"look {number}: open {seen.at - bad_at:.0f} s after: {why}"
        if seen.young or seen.faults & ONCE:
            yield f"look {number}: open, and not all is known: {seen.faults or seen.young}"


def _counts(life: Life, number: int, name: str) -> bool:
    """Whether a fault breaks the soak at a look: an accident of reading does only where it comes back, and
    hides others while it is there.
    """
    seen, soak = life.looks[number], life.made.rules.soak
    excused = int(seen.crashed or bool(seen.faults & EXCUSED))
    if name in LASTING:
        return _lasted(life, number, name) > LASTING[name]
    if all(name in past.faults for past in life.looks[max(0, number - excused) : number + 1]):
        return True
    recent = (past for past in life.looks[: number - 1] if seen.at - past.at <= soak)
    return name in ONCE and any(name in past.faults for past in recent)


def _lasted(life: Life, number: int, name: str) -> float:
    """For how long a fault was there without a break, as the looks have it, seconds."""
    began = life.looks[number].at
    for seen in reversed(life.looks[: number + 1]):
        if name not in seen.faults:
            break
        began = seen.at
        if seen.broken == "clock set":  # what was dated is dated anew
            break
    return life.looks[number].at - began
