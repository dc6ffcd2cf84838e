"""After how many cycles a deviation shows: a fleet in virtual time and without a network. One process is
isolated, makes no progress, lacks a member or counts other tokens. `python -m bench.deviations` prints it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from bench.pages import ring_page
from exporter.demo.pages.wire_format import stored
from exporter.demo.simulation.ring_values import Instance, Tokens
from exporter.derive.judging_rules import Rules
from exporter.model.facts import Snapshot
from exporter.model.pages import Answer, Outcome, Target
from exporter.model.views import ViewFacts
from exporter.polling.cycle import Poller
from exporter.polling.poll_input import Plan
from exporter.sources.http.loop_fairness import Pace

RING: Final = "collectors/ring"
INTERVAL, PERIOD = 15.0, 5.0
LACKS, FROZEN, ISOLATED, TOKENS = "lacks a member", "stands still", "is isolated", "has other tokens"
DEVIATIONS: Final = (LACKS, FROZEN, ISOLATED, TOKENS)
VIEWS: Final = {30: None, 300: 15, 1000: 4}  # in a cycle, as the budget gives them for 512 tokens a member
LOST = 1  # the member that one process lacks
METRICS: Final = """\
# TYPE cortex_build_info gauge
cortex_build_info{{version="1.21.0"}} 1
# TYPE cortex_kv_request_duration_seconds histogram
cortex_kv_request_duration_seconds_count{{kv_name="ingester-lifecycler",operation="CAS",type="memberlist"}} 9
# TYPE cortex_ring_members gauge
cortex_ring_members{{name="ingester",state="ACTIVE"}} {members}
# TYPE cortex_ring_oldest_member_timestamp gauge
cortex_ring_oldest_member_timestamp{{name="ingester",state="ACTIVE"}} {oldest}
# TYPE cortex_ring_tokens_total gauge
cortex_ring_tokens_total{{name="ingester"}} {tokens}
# TYPE memberlist_client_cluster_members_count gauge
memberlist_client_cluster_members_count {seen}
# TYPE process_start_time_seconds gauge
process_start_time_seconds {started}
"""


@dataclass
class Fleet:
    """The processes, which answer as a `Fetcher` does. `deviating` is what is wrong with a process, and since
    when.
    """

    size: int
    now: float = 1_800_000_000.0
    deviating: dict[int, tuple[str, float]] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    max_response_bytes: int = 64 * 1024 * 1024
    pace: Pace = field(default_factory=Pace)
    _made: dict[tuple[object, ...], bytes] = field(default_factory=dict)

    def targets(self) -> tuple[Target, ...]:
        return tuple(Target(self.name(n), f"http://{_host(n)}:80") for n in range(self.size))

    def name(self, number: int) -> str:
        return f"cortex-{number}"

    def pass_time(self) -> None:
        """Let a cycle's time pass."""
        self.now += INTERVAL
        self._made.clear()

    async def get(
        self, target: Target, path: str, *, query: Mapping[str, str] | None = None, **_: Any
    ) -> Answer:
        """A page of one process."""
        number = int(target.name.rpartition("-")[2])
        page = f"{path}?downloadKey" if query else path
        make = _PAGES.get(page)
        if make is None:
            return Answer(Outcome.ABSENT, status=404, asked_at=self.now)
        wrong = self.deviating.get(number)
        made = (page, number if wrong else None)  # all other processes show the same
        if made not in self._made:
            self._made[made] = make(self, number, wrong)
        body = self._made[made]
        return Answer(Outcome.OK, body=body, date=self.now, asked_at=self.now, received=len(body))

    def ring(self, number: int, wrong: tuple[str, float] | None) -> list[Instance]:
        """The members on a process's page."""
        what, since = wrong or ("", self.now)
        at = since if what in {FROZEN, ISOLATED} else self.now
        members = [_member(n, at) for n in range(self.size) if what != LACKS or n != LOST]
        if what == ISOLATED:
            members[number] = _member(number, self.now)
        if what == TOKENS:
            members[LOST] = _member(LOST, at, tokens=5)
        return members

    def metrics(self, number: int, wrong: tuple[str, float] | None) -> bytes:
        ring = self.ring(number, wrong)
        text = METRICS.format(
            members=len(ring),
            oldest=min(member.timestamp for member in ring),
            tokens=sum(len(member.tokens) for member in ring),
            seen=len(self.listed(number, wrong)),
            started=1_790_000_000,
        )
        return text.encode()

    def page(self, number: int, wrong: tuple[str, float] | None) -> bytes:
        return ring_page(self.ring(number, wrong), self.now)

    def copy(self, number: int, wrong: tuple[str, float] | None) -> bytes:
        return stored({member.id: member for member in self.ring(number, wrong)}, True)

    def listed(self, number: int, wrong: tuple[str, float] | None) -> Iterable[int]:
        return [number] if wrong and wrong[0] == ISOLATED else range(self.size)

    def memberlist(self, number: int, wrong: tuple[str, float] | None) -> bytes:
        stands = wrong is not None and wrong[0] in {FROZEN, ISOLATED}
        version = int((wrong[1] if wrong and stands else self.now) * self.size / PERIOD)
        members = [
            {"Name": f"{self.name(n)}-{n:08x}", "Addr": _host(n), "Port": 7946, "State": 0}
            for n in self.listed(number, wrong)
        ]
        return json.dumps({"SortedMembers": members, "Store": {RING: {"Version": version}}}).encode()


_PAGES = {
    "/metrics": Fleet.metrics,
    "/ingester/ring": Fleet.page,
    "/memberlist": Fleet.memberlist,
    "/memberlist?downloadKey": Fleet.copy,
}


def _host(number: int) -> str:
    return f"10.0.{number >> 8}.{number & 255}"


def _member(number: int, at: float, tokens: int = 4) -> Instance:
    beat = int(at - number % PERIOD)
    named = Tokens(tuple(number * 8 + each for each in range(tokens)))
    return Instance(f"cortex-{number}", f"{_host(number)}:9095", beat, 1_790_000_000, tokens=named)


def poller_of(fleet: Fleet) -> Poller:
    """An exporter's poller that watches the fleet."""
    plan = Plan(
        targets=fleet.targets,
        fetcher=cast("Any", fleet),
        rules=Rules(interval=INTERVAL),
        interval=INTERVAL,
        views_per_cycle=VIEWS[fleet.size],
        min_deadline=600.0,
    )
    return Poller(plan, now=lambda: fleet.now)


def suspected(snapshot: Snapshot) -> set[str]:
    """The processes with a visible fault: a view is diverged, late, or lacks members, or one lists no other
    process.
    """
    isolated = {t.name for t in snapshot.targets if t.gossip is not None and t.gossip.isolated}
    return isolated | {view.target for key in snapshot.keys for view in key.views if _deviates(view)}


def named(snapshot: Snapshot) -> set[str]:
    """The processes with contents that were read and deviate: these name members, as metrics do not."""
    return {v.target for key in snapshot.keys for v in key.views if v.kind != "metrics" and _deviates(v)}


def _deviates(view: ViewFacts) -> bool:
    late = view.staleness is not None and view.staleness > 2 * PERIOD
    return view.known and view.judged and bool(view.diverged or view.lacks or late)


async def cycles_until_shown(size: int, what: str, most: int = 6) -> tuple[int, int]:
    """After how many cycles it shows which process deviates, and which members it concerns: 0 where it
    does not in `most`. Before that nothing is wrong, and no process may be suspected.
    """
    fleet = Fleet(size)
    poller = poller_of(fleet)
    for _ in range(3):
        await _quiet_cycle(poller, fleet)
    number = size // 2
    if what:
        fleet.deviating = {number: (what, fleet.now)}
    shown = known = 0
    for cycle in range(1, most + 1):
        fleet.pass_time()
        snapshot = await poller.cycle()
        if suspected(snapshot) - {fleet.name(number)} or (not what and suspected(snapshot)):
            raise RuntimeError(f"of {size} it suspects {suspected(snapshot)}")
        shown = shown or cycle * bool(suspected(snapshot))
        known = known or cycle * bool(named(snapshot))
    return shown, known


async def _quiet_cycle(poller: Poller, fleet: Fleet) -> None:
    fleet.pass_time()
    if found := suspected(await poller.cycle()):
        raise RuntimeError(f"of {fleet.size} that are well it suspects {found}")


def cycles_of(sizes: Iterable[int]) -> str:
    """The cycles until each deviation shows, in brackets until its members are named, by size: a table."""
    head = f"| deviations of one of | {' | '.join(DEVIATIONS)} |\n|{'---|' * (1 + len(DEVIATIONS))}\n"
    rows = []
    for size in sorted(VIEWS.keys() & set(sizes)):
        found = [asyncio.run(cycles_until_shown(size, what)) for what in DEVIATIONS]
        rows.append(f"| {size} | {' | '.join(f'{shown} ({known})' for shown, known in found)} |\n")
    return head + "".join(rows)


def main() -> int:
    """Print the table."""
    print(cycles_of(VIEWS), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
