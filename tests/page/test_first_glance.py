"""What a reader takes in at a glance: no length, phase, clock or step is shown as more than is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.expose.web.environment import why
from exporter.expose.web.overview import lasts
from exporter.expose.web.target_page import NONE_WRITES, phase_of, target_list
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import ClientFacts, Event, Snapshot, TargetFacts
from exporter.model.findings import Finding, FindingKind
from exporter.model.pages import Phase
from tests.expose import snapshots
from tests.page.test_answers import get
from tools.stage import Served

AT = snapshots.NOW


def begun(since: float | None, first: float | None) -> Snapshot:
    rich = snapshots.rich()
    told = Finding(FindingKind.FIRST_CYCLE, what="mirroring")
    events = (Event(first, "phase", "First cycle: phase mirroring.", "", told),) if first is not None else ()
    return replace(rich, at=AT, fleet=replace(rich.fleet, phase_since=since), events=events)


@pytest.mark.parametrize(
    ("since", "first", "shown"),
    [
        (AT - 420, AT - 420, "at least 7 min"),
        (AT - 419, AT - 420, "7 min"),
        (AT - 420, None, "7 min"),
        (AT, AT, "at least 0 s"),
        (None, AT - 420, "unknown"),
    ],
)
def test_a_phase_that_the_first_cycle_found_may_be_older_than_the_exporter(
    since: float | None, first: float | None, shown: str
) -> None:
    assert lasts(begun(since, first)) == shown


def process(name: str, phase: Phase, *writes: bool) -> TargetFacts:
    clients = tuple(ClientFacts(name, f"c-{index}", "", phase, one) for index, one in enumerate(writes))
    target = snapshots.rich().targets[0]
    return replace(target, name=name, phase=phase, clients=clients, up=True, pages=())


READS, WRITES = process("reads", Phase.UNKNOWN, False), process("writes", Phase.MIRRORING, True, False)
UNKNOWN, NOTHING = process("unknown", Phase.UNKNOWN, True), process("nothing", Phase.UNKNOWN)


@pytest.mark.parametrize(
    ("target", "shown"),
    [(READS, NONE_WRITES), (WRITES, "mirroring"), (UNKNOWN, "unknown"), (NOTHING, "unknown")],
    ids=lambda one: one.name if isinstance(one, TargetFacts) else one,
)
def test_a_process_whose_clients_only_read_has_no_phase_and_one_that_shows_none_an_unknown_one(
    target: TargetFacts, shown: str
) -> None:
    assert phase_of(target) == shown


def test_a_process_that_only_reads_is_not_listed_as_one_in_trouble() -> None:
    rows = target_list(replace(snapshots.rich(), targets=(READS, WRITES, UNKNOWN)), "", 1)
    assert [row.target.name for row in rows] == ["unknown", "writes", "reads"]


@pytest.mark.parametrize(
    ("answer", "headline", "said"),
    [
        ("open", "Open: every check passed.", "every check passed."),
        ("closed", "Closed: 2 of 19 checks have not passed.", "2 of 19 checks have not passed."),
        ("unknown", "The last cycle ended 130 s ago.", "The last cycle ended 130 s ago."),
    ],
)
def test_a_headline_behind_its_answer_does_not_say_it_again(answer: str, headline: str, said: str) -> None:
    assert why(answer, headline) == said


@pytest.mark.parametrize(
    ("skew", "shown"),
    [(-480.0, ">8 min behind<"), (480.0, ">8 min ahead<"), (0.1, ">0.1 s<"), (None, ">unknown<")],
)
def test_a_clock_is_behind_or_ahead_by_so_much_and_never_by_less_than_nothing(
    skew: float | None, shown: str
) -> None:
    snapshot = replace(snapshots.rich(), targets=(replace(WRITES, skew=skew),))
    with Served(snapshot, now=AT + 1) as served:
        assert shown in get(served, "/processes").text


def test_a_target_that_is_probably_no_process_of_a_product_shows_why() -> None:
    why_none = Culprit(Kind.PAGES_HTML, names=("/metrics", "/config"))
    snapshot = replace(snapshots.rich(), targets=(replace(WRITES, why_none=why_none),))
    with Served(snapshot, now=AT + 1) as served:
        shown = "<p>HTML for /metrics and /config: probably a login page or another server.</p>"
        assert shown in get(served, "/target/writes").text


@pytest.mark.parametrize(
    ("phase", "shown"), [(Phase.MEMBERLIST, "Next step: none<"), (Phase.UNKNOWN, "Next step: unknown<")]
)
def test_where_no_step_is_next_the_end_is_not_called_unknown(phase: Phase, shown: str) -> None:
    rich = snapshots.rich()
    snapshot = replace(rich, fleet=replace(rich.fleet, phase=phase, next_step=None))
    with Served(snapshot, now=AT + 1) as served:
        assert shown in get(served, "/").text
