"""Keys that stay on the store by configuration: left out while they are there, and never forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.limits import Rules
from exporter.model.culprits import Culprit, Kind, Looked, Seen
from exporter.model.facts import Snapshot
from exporter.model.gate import Verdict
from exporter.model.pages import KVClient, Outcome
from exporter.products.ring_pages import HA_KEY
from tests.derive.build import CLIENTS, Fleet, client, step_of, verdicts

ALONE = {"primary": "", "stores": (), "mirror": None, "mirror_writes": None, "mirror_errors": None}
TRACKER = "distributor-hatracker"


def on(store: str, name: str = TRACKER) -> KVClient:
    return client(name, requests={(store, "CAS"): 9.0}, **ALONE)


def fleet(tracker: KVClient, *rings: KVClient, keep: tuple[str, ...] = (HA_KEY,)) -> Fleet:
    made = Fleet(rules=Rules(soak=0.0, stores=("consul",), keep_on_store=keep))
    for process in made.processes:
        process.clients = (*(rings or [client(name) for name in CLIENTS]), tracker)
    made.look(beat=True)
    return made


def evidence(seen: Snapshot, step: str, check: str) -> tuple[Looked, ...]:
    return next(c.evidence for c in step_of(seen, step).checks if c.id == check)


@pytest.mark.parametrize(
    ("kept", "key", "stays"),
    [
        (("ha-tracker/",), "ha-tracker/", True),
        (("ha-tracker",), "ha-tracker/", True),
        (("collectors/ring",), "collectors/ring", True),
        (("rulers/",), "rulers/ring", True),
        (("rulers",), "rulers/ring", False),
        (("collectors/ring",), "collectors/ring-2", False),
        ((), "collectors/ring", False),
    ],
)
def test_a_key_or_a_prefix_is_kept(kept: tuple[str, ...], key: str, stays: bool) -> None:
    assert Rules(keep_on_store=kept).keeps(key) is stays


def test_a_kept_tracker_holds_back_no_ring_and_is_named() -> None:
    seen = fleet(on("consul")).look(beat=True)
    said = "Left out by configuration: ha-tracker/."
    assert (seen.fleet.phase.label, seen.fleet.uniform) == ("mirroring", True)
    assert (seen.fleet.left_out, seen.fleet.warnings) == ((HA_KEY,), ())
    assert said in seen.fleet.headline
    assert verdicts(seen, "switch-primary") == {}
    left_out = Looked(Seen.LEFT_OUT, names=(HA_KEY,))
    assert left_out in evidence(seen, "switch-primary", "clients-mirroring")
    assert left_out in evidence(seen, "switch-primary", "keys-copied")


def test_without_the_setting_it_holds_everything_back() -> None:
    seen = fleet(on("consul"), keep=()).look(beat=True)
    assert (seen.fleet.phase.label, seen.fleet.left_out) == ("external", ())
    assert verdicts(seen, "switch-primary")["clients-mirroring"] == "fails"


@pytest.mark.parametrize(
    "tracker",
    [
        client(TRACKER, mirror=False),
        client(TRACKER),
        client(TRACKER, primary="memberlist"),
        client(TRACKER, requests={}, **ALONE),
    ],
    ids=["multi", "mirroring", "switched", "not known"],
)
def test_one_that_is_not_on_the_store_alone_counts_like_any_other(tracker: KVClient) -> None:
    seen = fleet(tracker).look(beat=True)
    assert seen.fleet.left_out == ()
    told = "To stay on the external store by configuration, and not there alone: ha-tracker/."
    assert told in seen.fleet.warnings
    assert ("clients-mirroring" in verdicts(seen, "switch-primary")) is (tracker != client(TRACKER))


def test_one_process_that_went_further_ends_the_exception() -> None:
    made = fleet(on("consul"))
    made.processes[0].clients = (*made.processes[0].clients[:-1], client(TRACKER))
    seen = made.look(beat=True)
    assert (seen.fleet.phase.label, seen.fleet.uniform, seen.fleet.left_out) == ("external", False, ())


def test_the_store_is_not_free_to_go_and_is_no_next_step_while_a_key_stays() -> None:
    """A tracker that stays for good would otherwise show a closed gate as the next step for ever."""
    rings = [on("memberlist", name) for name in CLIENTS]
    seen = fleet(on("consul"), *rings).look(beat=True)
    assert (seen.fleet.phase.label, seen.fleet.next_step) == ("memberlist", "")
    assert seen.fleet.headline == "Phase memberlist. Left out by configuration: ha-tracker/."
    assert seen.fleet.finished_keys == ()
    step = step_of(seen, "decommission-store")
    check = next(c for c in step.checks if c.id == "clients-memberlist")
    assert (step.open, step.place, check.verdict) == (False, "ahead", Verdict.FAILS)
    everywhere = Culprit(Kind.CLIENT_IN_PHASE, member=TRACKER, what="external", value=3, of=3)
    assert check.culprits == (everywhere,)
    assert "gate.keep_on_store" in check.remedy


def test_once_no_key_stays_the_end_of_the_store_is_the_next_step() -> None:
    seen = fleet(on("memberlist"), *[on("memberlist", name) for name in CLIENTS], keep=()).look(beat=True)
    assert seen.fleet.next_step == "decommission-store"
    assert step_of(seen, "decommission-store").place == "next"


def test_where_everything_would_be_left_out_nothing_is() -> None:
    seen = fleet(on("consul"), *(on("consul", name) for name in CLIENTS), keep=(HA_KEY, "collectors/")).look()
    assert (seen.fleet.phase.label, seen.fleet.left_out) == ("external", ())


def _unread(made: Fleet) -> list[str]:
    made.store_outcome = Outcome.FAILED
    return [text for text in made.look(beat=True).fleet.warnings if "was not read" in text]


def test_a_store_that_does_not_answer_is_a_warning_after_the_dangers_of_the_gossip() -> None:
    made = Fleet()
    assert made.look(beat=True).fleet.warnings == ()
    assert _unread(made) == ["The external store consul was not read (refused)."]
    for process, sees in zip(made.processes, ((1,), (2, 3), (2, 3)), strict=True):
        process.sees = sees
    split, store, alone = made.look(beat=True).fleet.warnings
    assert split.startswith("Gossip is split")
    assert store.startswith("The external store")
    assert alone.endswith("sees no other gossip member.")


def test_a_store_that_nobody_needs_any_more_may_be_gone() -> None:
    rings = [on("memberlist", name) for name in CLIENTS]
    made = Fleet()
    for process in made.processes:
        process.clients = tuple(rings)
    assert _unread(made) == []
    assert _unread(fleet(on("consul"), *rings)) != []
    assert _unread(replace(made, rules=Rules(stores=()))) == []
