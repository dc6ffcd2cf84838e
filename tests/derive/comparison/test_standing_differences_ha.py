"""HA entries read in turns, by several processes: what differed counts until it is read again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from exporter.derive.comparison.key_input import View, view
from exporter.derive.comparison.standing_differences import (
    MAX_DIVERGED,
    Diverged,
    Failovers,
    diverged_entries,
    failovers,
    under_way,
    with_entries,
)
from exporter.derive.comparison.views import judge_views
from exporter.derive.judging_rules import Rules
from exporter.model.entry import Replica
from exporter.model.facts import Snapshot
from exporter.model.pages import KVClient, Page, Value
from exporter.polling.view_turns import Entries
from exporter.products.ha_keys import HaKeys
from tests.derive.build import CLIENTS, NOW, Fleet, Process, client, step_of, verdicts

ALL = tuple(f"u/{n}" for n in range(4))


def seen(number: int, unread: Iterable[str] = (), **named: str) -> View:
    """A copy that was read but for `unread`; `u1="b"` is an entry with another replica than `a`."""
    left = frozenset(unread)
    values = {e: Replica(named.get(e.replace("/", ""), "a"), NOW) for e in ALL if e not in left}
    return view(f"p-{number}", values, clock=NOW, unread=left, read_at=NOW)


def odd_of(*views: View, past: Diverged | None = None) -> dict[str, dict[str, str]]:
    judged = judge_views("gossip", views, 60.0, {})
    return {name: dict(odd) for name, odd in diverged_entries(views, judged, past or {}).items()}


FIRST, SECOND = ALL[2:], ALL[:2]  # what is not read in the first turn, and in the second
BEFORE = {"p-3": {"u/1": "b"}}


@pytest.mark.parametrize(
    ("views", "past", "odd"),
    [
        ((seen(1, FIRST), seen(2, FIRST), seen(3, FIRST)), {}, {}),
        ((seen(1, FIRST), seen(2, FIRST), seen(3, FIRST, u1="b")), {}, BEFORE),
        ((seen(1, SECOND), seen(2, SECOND), seen(3, SECOND)), BEFORE, BEFORE),
        ((seen(1, FIRST), seen(2, FIRST), seen(3, FIRST)), BEFORE, {}),
        ((seen(1, SECOND), seen(2, SECOND), seen(3, FIRST)), BEFORE, BEFORE),  # nobody to hold it against
        ((seen(1, SECOND), seen(2, SECOND), View("p-3", None, known=False)), BEFORE, BEFORE),
        ((seen(1, SECOND), seen(2, SECOND)), BEFORE, {}),  # the process is gone
        ((seen(1), seen(2), seen(3, u1="b")), BEFORE, {}),  # all were read: the views differ by themselves
        ((seen(1, FIRST), seen(2, FIRST, u1="b")), {}, {"p-1": {"u/1": "a"}, "p-2": {"u/1": "b"}}),
    ],
)
def test_what_a_process_named_otherwise_is_kept_until_it_is_read_again(
    views: tuple[View, ...], past: Diverged, odd: Diverged
) -> None:
    assert odd_of(*views, past=past) == odd


def has(number: int, replica: str, at: float, elected: float | None = None) -> View:
    since = None if elected is None else NOW + elected
    entry = Replica(replica, NOW + at, elected_at=since)
    return view(f"p-{number}", {"u/1": entry}, clock=NOW, read_at=NOW)


@pytest.mark.parametrize(
    ("views", "past", "excused"),
    [
        ((has(1, "a", -15), has(2, "b", 0)), {}, True),  # the election is one update old
        ((has(1, "a", -15, -900), has(2, "b", 0, -1)), {}, True),  # and says so
        ((has(1, "a", -15, -900), has(2, "b", 0, -600)), {}, False),  # the newest was elected long before
        ((has(1, "a", 0), has(2, "a", -15)), {}, False),  # none: nothing to excuse
        ((has(1, "a", 0), has(2, "b", 0)), {}, False),  # two elected at the same time
        ((has(1, "a", -40), has(2, "b", 0)), {}, False),  # missed gossip for longer than an update
        ((has(1, "a", -15), has(2, "b", 0)), {"u/1": NOW - 15}, True),  # the next cycle still
        ((has(1, "a", -15), has(2, "b", 0)), {"u/1": NOW - 30}, False),  # it stays
        ((has(1, "a", -15), has(2, "b", 0)), {"u/1": NOW + 30}, False),  # our clock was set back
        ((seen(1, ("u/1",)), seen(2, ("u/1",))), {"u/1": NOW - 15}, True),  # not read again yet
    ],
)
def test_an_election_is_known_to_some_for_one_update(
    views: tuple[View, ...], past: Failovers, *, excused: bool
) -> None:
    found = failovers(views, past, NOW, 15.0)
    assert under_way(found, NOW, 15.0) == (frozenset({"u/1"}) if excused else frozenset())


def test_an_entry_that_a_process_lacks_is_kept_until_others_show_it_again() -> None:
    without = view("p-3", {"u/0": Replica("a", NOW)}, clock=NOW, unread=frozenset(FIRST))
    found = odd_of(seen(1, FIRST), seen(2, FIRST), without)
    assert found == {"p-3": {"u/1": ""}}
    other = view("p-3", {"u/2": Replica("a", NOW)}, clock=NOW, unread=frozenset({"u/0", "u/3"}))
    assert odd_of(seen(1, SECOND), seen(2, SECOND), other, past=found) == {"p-3": {"u/1": ""}}
    nobody = view("p-3", {"u/0": Replica("a", NOW)}, clock=NOW, unread=frozenset({"u/2"}))
    assert odd_of(nobody, past=found) == {}


def test_what_is_kept_of_a_process_is_bounded() -> None:
    names = {f"u/{n}" for n in range(2 * MAX_DIVERGED)}
    views = (
        View("p-1", None, known=True, unread=frozenset(names)),
        View("p-2", None, known=False),
    )
    past = {"p-1": dict.fromkeys(sorted(names), "b")}
    assert len(odd_of(*views, past=past)["p-1"]) == MAX_DIVERGED


def test_views_differ_by_what_was_found_in_entries_that_were_not_read_this_time() -> None:
    judged = judge_views("gossip", (seen(1, SECOND), seen(2, SECOND), seen(3, SECOND)), 60.0, {})
    marked = with_entries(judged, BEFORE, {"p-1": frozenset({"u/3"}), "p-2": frozenset()})
    assert [v.diverged for v in marked] == [False, False, True]
    assert [v.complete for v in marked] == [False, True, True]
    assert with_entries(judged, {}, {}) == judged


HA_CLIENT = "distributor-hatracker"
ENTRIES = [f"ha-tracker/u/c{n:03}" for n in range(300)]


@dataclass
class Reader(Process):
    """A process of which only chosen HA entries are read."""

    chosen: frozenset[str] = field(default_factory=frozenset)

    def _values(self, now: float) -> Iterable[tuple[str, Page[Value]]]:
        return ((k, page) for k, page in super()._values(now) if not HaKeys().entry(k) or k in self.chosen)


def looks(switched: bool, wrong: set[tuple[int, str]], count: int = 16) -> list[Snapshot]:
    """Three processes with 300 HA clusters; `wrong` are the copies that name another replica for ever."""
    clients: tuple[KVClient, ...] = tuple(
        client(name, primary="memberlist" if switched else "consul") for name in (*CLIENTS, HA_CLIENT)
    )
    fleet, entries = Fleet(rules=Rules(soak=60.0, stores=("consul",))), Entries()
    readers = [Reader(number, clients=clients) for number in (1, 2, 3)]
    fleet.processes = list(readers)
    found = []
    for _ in range(count):
        at = fleet.now = fleet.now + 15
        fleet.beat()
        chosen = entries.take(ENTRIES, 1)
        for name in ENTRIES:
            fleet.store[name] = Replica("a", at - 5)
            for reader in readers:
                reader.chosen = chosen
                reader.copies[name] = Replica("b" if (reader.number, name) in wrong else "a", at - 9)
        found.append(fleet.look(0.5))
    return found


EVERYWHERE = {(number, name) for number in (1, 2, 3) for name in ENTRIES}


@pytest.mark.parametrize(
    ("switched", "wrong", "step", "check"),
    [
        (False, EVERYWHERE, "switch-primary", "ha-elections-equal"),
        (False, {(3, ENTRIES[-1])}, "switch-primary", "ha-elections-equal"),
        (True, {(3, ENTRIES[-1])}, "disable-mirroring", "views-agree"),
        (True, EVERYWHERE, "disable-mirroring", "ha-elections-equal"),  # no tracker page: a copy tells it
    ],
)
def test_elections_that_differ_for_ever_keep_the_gate_closed_in_every_look(
    switched: bool, wrong: set[tuple[int, str]], step: str, check: str
) -> None:
    found = looks(switched, wrong)
    assert not any(step_of(snapshot, step, "ha-tracker").open for snapshot in found)
    assert {verdicts(snapshot, step, "ha-tracker").get(check) for snapshot in found[-4:]} == {"fails"}


@pytest.mark.parametrize(("switched", "step"), [(False, "switch-primary"), (True, "disable-mirroring")])
def test_equal_elections_open_the_gate_once_every_entry_was_read(switched: bool, step: str) -> None:
    found = looks(switched, set(), count=5)
    said = [verdicts(snapshot, step, "ha-tracker").get("views-agree", "holds") for snapshot in found]
    assert said == ["unknown", "unknown", "holds", "holds", "holds"]
    assert (
        not {"ha-elections-equal", "contents-equal", "keys-copied"}
        & verdicts(found[-1], step, "ha-tracker").keys()
    )
