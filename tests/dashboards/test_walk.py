"""The boards over a whole migration of the demo with its faults, watched by the exporter.

The walk runs in the demo's own time, so a test waits for no clock: what the exporter exposes in each cycle
is put into a real Prometheus with the demo's time.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from dashboards.panel_specifications import Uid
from dashboards.preview.demo_migration import INTERVAL, Leg, Stretch, Walk, walked
from dashboards.preview.prometheus_client import Window, filled, values_of
from dashboards.preview.temporary_prometheus import backfilled
from exporter.demo import FAULTS
from exporter.model.pages import Phase
from tests.dashboards.conftest import Running, prometheus_over
from tests.dashboards.every import BOARDS, Query, panels, queries

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVERY = queries()
MOST_SAMPLES = 250_000  # of the demo's walk; some 20 ms of Prometheus's time
MAY_BE_EMPTY = {
    "annotation Alerts": "no rules are loaded",
    "Active alerts": "no rules are loaded",
    "Pages that fail now": "the demo's faults take all pages of a process, or none",
    "Rejections by foreign label": "needs a log reader at work",
    "Rejections by process": "needs a log reader at work",
    "Rejecting now": "needs a log reader at work",
    "Label probes": "the probe is off by default",
    "Probes with a wrong answer": "the probe is off by default",
    "Partitions by state": "Cortex has no partition rings",
    "Corrupted partitions": "Cortex has no partition rings",
    "Gates of this migration": "the demo has no read-write group, so there is no such migration",
    "Checks of this migration": "the demo has no read-write group, so there is no such migration",
    "Queries by group": "the demo has no query frontend",
    "Write requests by group": "the demo serves no writes",
    "Read requests by group": "the demo serves no queries",
    "How long an election takes to arrive": "the demo has no such histogram",
    "Messages waiting to be broadcast": "the demo has no such queue",
    "Compare-and-swap failures": "the demo has no such counter",
    "Transport errors": "the demo has no such counter",
}
SHOWS = {
    "partial-mirroring": {"KV clients that do not mirror beside some that do"},
    "crash": {"processes that do not answer"},
    "foreign-label": {"gossip labels too many"},
    "conjoined": {"unknown members in the gossip"},
    "token-conflict": {"token conflicts"},
    "store-down": {"external store not readable"},
    "clobber": {"members lost at once", "KV clients with different primaries"},
    "pages-rubbish": {"processes that do not answer"},
    "clock-skew": {"clocks that are off"},
    "mirror-errors": {"KV clients with failing mirror writes"},
}
LATER = {
    "lag": "keys with a secondary that lags",  # 60 s late: below gate.max_lag in the first two cycles
    "split": "gossip clusters too many",  # gossip gives a member up after half a minute
    "foreign-label": "gossip clusters too many",
}
UNSEEN = {"verification-off": "the exporter reads /config rarely"}


PLAYED = tuple(name for name in FAULTS if name != "pages-hang")  # each of its cycles takes real seconds


def _legs(cycles: int, on: int, between: int) -> list[Leg]:
    """All legs, so many cycles in each phase, twice as many where every process restarts for it. The faults
    come one after another while it mirrors, with time to recover in between.
    """
    restarted = (Phase.MULTI, Phase.MEMBERLIST)  # the rest are reached by runtime configuration
    faulty = [(Leg(Phase.MIRRORING, on, name), Leg(Phase.MIRRORING, between)) for name in PLAYED]
    way = [Leg(phase, 2 * cycles if phase in restarted else cycles) for phase in list(Phase)[1:]]
    return [*way[:3], *(leg for pair in faulty for leg in pair), *way[3:]]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Walk]]:
    """The demo's whole migration with its faults, as the exporter exposed it, in a real Prometheus."""
    if shutil.which("promtool") is None:
        pytest.skip("no promtool; the test run installs Debian's")
    where = tmp_path_factory.mktemp("walk")
    made = asyncio.run(walked(_legs(cycles=12, on=4, between=5), where))
    backfilled(made.lines, where)
    with prometheus_over(where) as api:
        yield Running(api, made.stretches[0].start, made.stretches[-1].end), made


def _now(title: str, on: Running, at: float) -> dict[str, float]:
    (query,) = [one for one in EVERY if one.board["uid"] == Uid.OVERVIEW and one.panel["title"] == title]
    found = on.prometheus.instant(filled(query.expr, values_of(query.board, {}), "60s"), at + 0.5)
    return {one.labels.get("problem", ""): one.points[0][1] for one in found}


def _plain(walk: Walk, phase: Phase) -> Stretch:
    return next(stretch for stretch in walk.stretches if stretch.leg.phase is phase and not stretch.leg.fault)


def _ever(query: Query, on: Running) -> int:
    """In how many steps of the walk a query had an answer; an instant query is asked as a range."""
    window = Window(on.start, on.end)
    text = filled(query.expr, values_of(query.board, {}), window.rate_interval)
    return sum(len(one.points) for one in on.prometheus.over(text, window))


def test_every_query_runs_and_every_panel_has_data_in_some_phase(walk: tuple[Running, Walk]) -> None:
    on, _ = walk
    with_data = {query.panel["title"] for query in EVERY if _ever(query, on)}
    assert {query.panel["title"] for query in EVERY} - with_data <= set(MAY_BE_EMPTY)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.UNKNOWN])
def test_where_all_is_well_no_panel_says_no_data_for_what_is_nothing_or_does_not_apply(
    walk: tuple[Running, Walk], phase: Phase
) -> None:
    """A tile has a word for it; a panel of lines or rows that may be empty says what there is none of."""
    on, made = walk
    shown: dict[tuple[str, str], int] = {}
    for query in EVERY:
        text = filled(query.expr, values_of(query.board, {}), "60s")
        found = len(on.prometheus.instant(text, _plain(made, phase).end + 0.5))
        place = query.board["title"], query.panel["title"]
        shown[place] = shown.get(place, 0) + found
    empty = {place for place, found in shown.items() if not found}
    silent = {
        (board["title"], panel["title"])
        for board in BOARDS.values()
        for panel in panels(board)
        if not panel["fieldConfig"]["defaults"]["noValue"].endswith(", or no data")
    }
    assert empty & silent == set()


def test_no_query_has_to_look_at_many_samples(walk: tuple[Running, Walk]) -> None:
    """What it costs Prometheus, as its panel asks it; a time would be the machine's."""
    on, _ = walk
    looked_at = {query.place: _samples(query, on) for query in EVERY}
    assert {place: samples for place, samples in looked_at.items() if samples > MOST_SAMPLES} == {}


def _samples(query: Query, on: Running) -> int:
    window = Window(on.start, on.end)
    text = filled(query.expr, values_of(query.board, {}), window.rate_interval)
    when = {"time": on.end} if query.instant else {"start": on.start, "end": on.end, "step": window.step}
    asked = urllib.parse.urlencode({"query": text, "stats": "all", **when}).encode()
    url = f"{on.prometheus.url}/api/v1/{'query' if query.instant else 'query_range'}"
    with urllib.request.urlopen(url, asked, timeout=60) as answer:
        return int(json.load(answer)["data"]["stats"]["samples"]["totalQueryableSamples"])


@pytest.mark.parametrize("phase", [Phase.EXTERNAL, Phase.MULTI, Phase.MIRRORING])
def test_a_migration_that_goes_well_shows_no_problem(walk: tuple[Running, Walk], phase: Phase) -> None:
    on, made = walk
    at = _plain(made, phase).end
    assert list(_now("Faults found now", on, at)) == ["none, and the snapshot is recent"]
    assert list(_now("Problems found", on, at).values()) == [0]


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.UNKNOWN])
def test_the_phase_is_told_as_the_demo_walks(walk: tuple[Running, Walk], phase: Phase) -> None:
    on, made = walk
    assert list(_now("Phase", on, _plain(made, phase).end).values()) == [phase.value]


@pytest.mark.parametrize("fault", SHOWS)
def test_a_fault_shows_on_the_first_screen_within_two_cycles(walk: tuple[Running, Walk], fault: str) -> None:
    on, made = walk
    stretch = next(stretch for stretch in made.stretches if stretch.leg.fault == fault)
    at = stretch.start + 2 * INTERVAL
    assert SHOWS[fault] & set(_now("Faults found now", on, at))
    assert _now("Problems found", on, at)[""] >= 1


@pytest.mark.parametrize("fault", LATER)
def test_a_fault_that_takes_time_shows_within_four_cycles(walk: tuple[Running, Walk], fault: str) -> None:
    on, made = walk
    stretch = next(stretch for stretch in made.stretches if stretch.leg.fault == fault)
    assert LATER[fault] in _now("Faults found now", on, stretch.end)


def test_a_late_copy_shows_its_lag_at_once(walk: tuple[Running, Walk]) -> None:
    on, made = walk
    stretch = next(stretch for stretch in made.stretches if stretch.leg.fault == "lag")
    assert _now("Worst lag", on, stretch.start + 2 * INTERVAL)[""] >= INTERVAL


def test_every_fault_of_the_demo_is_expected_somewhere_here() -> None:
    assert {*SHOWS, *LATER, *UNSEEN} == set(PLAYED)
