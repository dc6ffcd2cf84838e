"""A secondary that is too slow: writes that take longer than `mirror_timeout` are counted and not copied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.judging_rules import Rules
from exporter.derive.kv_clients import WINDOW
from exporter.model.facts import Snapshot
from tests.derive.build import CLIENTS, Fleet, Process, client, ring, step_of, verdicts

STEP = "switch-primary"
SOAK = 60.0
SETTLED = int(2 * WINDOW / 15) + 6  # looks after which no window has a write from before


class Life:
    """Three processes that mirror each heartbeat; some of their writes time out."""

    def __init__(self) -> None:
        self.fleet = Fleet(rules=Rules(soak=SOAK, stores=("consul",)))
        self.writes, self.errors = 100.0, 0.0
        self.beats = 0

    def live(self, looks: int, every: int = 0, *, slow: int = 1) -> list[Snapshot]:
        """So many looks, a heartbeat each; every so many the mirror write of `slow` processes times out."""
        return [self._look(self.fleet.processes[:slow], every) for _ in range(looks)]

    def _look(self, slow: list[Process], every: int) -> Snapshot:
        self.beats += 1
        late = bool(every) and self.beats % every == 0
        self.writes, self.errors = self.writes + 1, self.errors + late
        old = {process.number: process.copies for process in self.fleet.processes}
        self.fleet.now += 15.0
        self.fleet.beat()
        for process in self.fleet.processes:
            errors = self.errors if process in slow else 0.0
            process.clients = tuple(
                client(name, mirror_writes=self.writes, mirror_errors=errors, requests=self._requests())
                for name in CLIENTS
            )
            process.copies = dict(process.copies) if not late else self._uncopied(process, old, slow)
        return self.fleet.look(0.0)

    def _requests(self) -> dict[tuple[str, str], float]:
        return {(kind, "CAS"): self.writes for kind in ("consul", "multi", "memberlist")}

    def _uncopied(self, process: Process, old: dict[int, dict[str, object]], slow: list[Process]) -> object:
        """The copies without the heartbeats that timed out: those are as they were one beat ago."""
        names = {one.name for one in slow}
        return {
            key: ring(
                replace(one, time=one.time - 15.0) if one.id in names else one
                for one in value.members.values()
            )
            for key, value in process.copies.items()
        }


@pytest.mark.parametrize(
    ("every", "slow", "opens"),
    [
        (0, 0, True),  # none is slow
        (30, 1, True),  # three in a hundred: a gossip that is busy now and then
        (30, 3, True),
        (4, 1, False),  # one process whose writes time out
        (4, 3, False),
        (1, 1, False),
    ],
)
def test_timeouts_of_mirror_writes_close_the_switch_where_they_are_more_than_now_and_then(
    every: int, slow: int, *, opens: bool
) -> None:
    life = Life()
    assert step_of(life.live(8)[-1], STEP).open
    last = life.live(SETTLED, every, slow=slow)[-1]
    assert step_of(last, STEP).open is opens
    assert verdicts(last, STEP) == ({} if opens else {"mirror-errors": "fails"})


def test_it_opens_again_once_none_timed_out_for_long_and_not_before() -> None:
    life = Life()
    life.live(8)
    life.live(SETTLED, 2)
    after = life.live(SETTLED + int(SOAK / 15))
    opened = [step_of(seen, STEP).open for seen in after]
    assert not any(opened[: int(SOAK / 15)])
    assert opened[-1]
