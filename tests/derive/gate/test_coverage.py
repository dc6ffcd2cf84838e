"""Every check says what it covered: what is missing of its universe makes it unknown, by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.derive.gate.coverage import FROM_METRICS, RESTS_ON, Source
from exporter.derive.gate.step_table import STEPS
from exporter.derive.gate.step_verdicts import blank
from exporter.model.facts import Snapshot
from exporter.model.gate import Check, Verdict
from exporter.model.migration import FIXED, Migration
from exporter.model.pages import Outcome, Product
from tests.derive.build import CLIENTS, COMPACTOR, INGESTER, PAGES, Fleet, check_of, client, step_of

Change = Callable[[Fleet], None]
STEP = "switch-primary"
STEPS_OF = [(rule.name, one) for one in FIXED for rule in STEPS if rule.is_of(Migration(one))]


def _lose(what: str) -> Change:
    def apply(fleet: Fleet) -> None:
        fleet.processes[0].lost = frozenset({what})

    return apply


def _down(fleet: Fleet) -> None:
    fleet.processes[0].up = False


def _no_member_list(fleet: Fleet) -> None:
    """As behind a proxy that answers 404."""
    for process in fleet.processes:
        process.memberlist = False
        process.copies = {}


def _no_page(fleet: Fleet) -> None:
    fleet.processes[0].pages[COMPACTOR] = None


def _no_store(fleet: Fleet) -> None:
    fleet.store_outcome = Outcome.FAILED


MISSING: list[tuple[str, Change, str, str]] = [
    ("a process that does not respond", _down, "lag", "10.0.0.1:80"),
    ("a process that does not respond", _down, "client-keys", "10.0.0.1:80"),
    ("metrics", _lose("metrics"), "clocks-agree", "10.0.0.1:80"),
    ("a configuration page", _lose("config"), "members-healthy", "configuration"),
    ("a member list", _lose("gossip"), "gossip-one-cluster", "10.0.0.1:80"),
    ("all member lists", _no_member_list, "keys-copied", INGESTER),
    ("a copy", _lose(INGESTER), "views-agree", INGESTER),
    ("the page of one ring that a 404 hides", _no_page, "members-healthy", COMPACTOR),
    ("the tracker's page", _lose("/distributor/ha_tracker"), "ha-elections-equal", "/distributor/ha_tracker"),
    ("the store", _no_store, "members-copied", "consul"),
]


def _fleet() -> Fleet:
    fleet = Fleet()
    for process in fleet.processes:
        names = (*CLIENTS, "compactor-ring", "distributor-hatracker")
        process.clients = tuple(client(name) for name in names)
    fleet.look(beat=True)
    return fleet


def _check(seen: Snapshot, name: str) -> Check:
    checks = (check for step in seen.steps if step.name == STEP for check in step.checks)
    return next(check for check in checks if check.id == name)


@pytest.mark.parametrize(
    ("change", "name", "named"), [row[1:] for row in MISSING], ids=[f"{row[0]} {row[2]}" for row in MISSING]
)
def test_what_was_not_looked_at_makes_a_check_unknown_by_name(change: Change, name: str, named: str) -> None:
    fleet = _fleet()
    assert _check(fleet.look(beat=True), name).verdict is Verdict.PASSED
    change(fleet)
    check = _check(fleet.look(), name)
    assert check.verdict is Verdict.UNKNOWN
    assert any(named in (one.target, one.key, *one.what.split()) for one in check.culprits)
    assert any(part.looked < part.of for part in check.covered)


def test_a_ring_that_a_process_says_is_not_running_is_not_missed() -> None:
    fleet = _fleet()
    fleet.processes[0].pages[COMPACTOR] = None
    fleet.processes[0].notices = frozenset({PAGES[COMPACTOR]})
    assert _check(fleet.look(), "members-healthy").verdict is Verdict.PASSED


def test_a_store_that_is_the_primary_of_no_ring_is_not_missed_in_the_primary() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = tuple(client(name, primary="memberlist") for name in CLIENTS)
    fleet.look(beat=True)
    fleet.store_outcome = Outcome.FAILED
    found = check_of(fleet.look(beat=True), "disable-mirroring", "members-healthy")
    assert found.verdict is Verdict.PASSED


def test_each_check_that_passes_says_how_much_it_looked_at() -> None:
    for check in step_of(_fleet().look(beat=True), STEP).checks:
        assert check.covered, check.id
        assert all(part.looked == part.of for part in check.covered), check.id
        wanted = [source.value for source in RESTS_ON.get(check.id, FROM_METRICS)]
        assert [part.source for part in check.covered] == wanted


def test_the_table_names_checks_that_there_are_and_every_check_rests_on_metrics() -> None:
    there = {check.id for name, one in STEPS_OF for check in blank(name, one).checks}
    assert RESTS_ON.keys() <= there
    assert all(Source.METRICS in sources for sources in RESTS_ON.values())


def test_nothing_is_known_without_a_process() -> None:
    for name, one in STEPS_OF:
        assert Verdict.PASSED not in {check.verdict for check in blank(name, one).checks}


LIFECYCLERS = ("ingester-lifecycler", "compactor-lifecycler")


@pytest.mark.parametrize(
    ("clients", "lost", "verdict"),
    [
        (LIFECYCLERS, False, "holds"),
        ((*LIFECYCLERS, "compactor-ring"), False, "holds"),  # it watches another ring
        ((*LIFECYCLERS, "ingester-ring"), False, "unknown"),
        (("ingester", "compactor-lifecycler"), False, "unknown"),  # one client for both
        (LIFECYCLERS, True, "unknown"),
    ],
    ids=["writes alone", "watches another", "watches it too", "one client for both", "the page failed"],
)
def test_a_process_that_does_not_watch_a_ring_has_no_page_of_it(
    clients: tuple[str, ...], lost: bool, verdict: str
) -> None:
    fleet = Fleet()
    process = fleet.processes[0]
    process.clients = tuple(client(name) for name in clients)
    if lost:
        process.lost = frozenset({"/ingester/ring"})
    else:
        del process.pages[INGESTER]
    assert COMPACTOR in process.pages
    assert _check(fleet.look(), "members-copied").verdict.value == verdict


PATTERN = "collectors/pattern-ring"
PATTERN_READER = client("pattern-ingester-ring", requests={("consul", "GET"): 1.0}, mirror_writes=0.0)


@pytest.mark.parametrize(("is_member", "verdict"), [(False, "holds"), (True, "unknown")])
def test_a_page_that_only_members_have_is_due_only_on_members(is_member: bool, verdict: str) -> None:
    """Loki's distributors and queriers watch the ring of the pattern ingesters without a page of it."""
    fleet = Fleet()
    for process in fleet.processes:
        process.product = Product.LOKI
        process.clients = (client("pattern-ingester-lifecycler"), PATTERN_READER)
        process.pages = {PATTERN: process.pages[INGESTER]}
        process.copies = {PATTERN: process.copies[INGESTER]}
    fleet.store = {PATTERN: fleet.store[INGESTER]}
    first = fleet.processes[0]
    first.pages = {}
    first.clients = first.clients if is_member else (PATTERN_READER,)
    assert _check(fleet.look(), "members-copied").verdict.value == verdict
