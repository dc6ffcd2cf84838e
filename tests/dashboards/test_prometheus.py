"""Every query runs on a real Prometheus and finds what a scraped exporter exposes."""

from __future__ import annotations

import time

import pytest

from dashboards.fault_queries import ALL_WELL
from dashboards.panel_specifications import Uid
from dashboards.preview.prometheus_client import Prometheus, Series, Window, filled, values_of
from tests.dashboards.conftest import Running
from tests.dashboards.every import BOARDS, Query, queries

pytestmark = pytest.mark.real

EVERY = queries()
NOT_NOW = {
    "annotation Phase changes": "the phase does not change while the test scrapes",
    "annotation Alerts": "no rules are loaded",
    "Active alerts": "no rules are loaded",
    "Pages that fail now": "every page is read",
}
SLOW = 0.1


def _answer(query: Query, on: Running) -> list[Series]:
    window = Window(on.start, time.time(), 1.0)
    text = filled(query.expr, values_of(query.board, {}), window.rate_interval)
    return on.prometheus.instant(text, window.end) if query.instant else on.prometheus.over(text, window)


def test_every_query_runs_and_every_panel_of_ours_has_data(scraped: Running) -> None:
    empty, took = [], {}
    for query in EVERY:
        before = time.perf_counter()
        found = _answer(query, scraped)
        took[query.place] = time.perf_counter() - before
        if not found:
            empty.append(query)
    panels = {query.panel["title"] for query in EVERY if query not in empty}
    assert {query.panel["title"] for query in empty} - panels == set(NOT_NOW)
    if slow := {place: f"{1000 * spent:.0f} ms" for place, spent in took.items() if spent > SLOW}:
        print(f"queries over {1000 * SLOW:.0f} ms: {slow}")


def _tile(title: str, on: Prometheus, at: float, uid: str = Uid.OVERVIEW) -> list[Series]:
    (query,) = [
        query
        for query in EVERY
        if query.board["uid"] == uid and query.panel["title"] == title and query.index == 0
    ]
    return on.instant(filled(query.expr, values_of(query.board, {}), "1m"), at)


def test_faults_are_counted_and_named_on_the_first_screen(scraped: Running) -> None:
    now = time.time()
    assert _tile("Problems found", scraped.prometheus, now)[0].points[0][1] >= 4
    named = {one.labels["problem"] for one in _tile("Faults found now", scraped.prometheus, now)}
    assert {
        "gossip clusters too many",
        "keys with a secondary that lags",
        "rings with different views",
    } <= named
    assert ALL_WELL not in named


def test_a_healthy_fleet_has_no_problem_and_a_silent_exporter_no_answer(history: Running) -> None:
    healthy, silent = history.start + 900, history.end
    assert [one.points[0][1] for one in _tile("Problems found", history.prometheus, healthy)] == [0]
    assert [one.labels["problem"] for one in _tile("Faults found now", history.prometheus, healthy)] == [
        ALL_WELL
    ]
    assert _tile("Problems found", history.prometheus, silent) == []
    left = [one.labels["problem"] for one in _tile("Faults found now", history.prometheus, silent)]
    assert left == ["installations without an exporter"]


@pytest.mark.parametrize("uid", BOARDS)
def test_no_tile_has_an_answer_when_the_exporter_is_silent(history: Running, uid: str) -> None:
    for query in EVERY:
        if (
            query.board["uid"] == uid
            and query.panel["type"] == "stat"
            and query.panel["title"] != "Alerts firing"
        ):
            assert _tile(query.panel["title"], history.prometheus, history.end, uid) == []


def test_phase_changes_are_marked_once_each_and_not_when_the_exporter_starts(history: Running) -> None:
    (query,) = [
        query for query in EVERY
        if query.board["uid"] == Uid.OVERVIEW and query.panel["title"] == "annotation Phase changes"
    ]  # fmt: skip
    window = Window(history.start, history.end)
    found = history.prometheus.over(filled(query.expr, values_of(query.board, {})), window)
    assert {one.labels["phase"] for one in found} == {"multi", "mirroring", "switched", "detached"}


def test_a_chosen_value_narrows_every_query_of_a_board(scraped: Running) -> None:
    for query in EVERY:
        values = values_of(query.board, {"namespace": "nobody"})
        found = scraped.prometheus.instant(filled(query.expr, values), time.time())
        assert found == [] or query.panel["title"] == "Alerts firing"


def test_a_second_replica_of_the_exporter_changes_no_number(scraped: Running) -> None:
    """The same exposition is scraped twice, as two instances of one job."""
    seen = {
        "Members by state": 60.0,
        "Entries": 12.0,
        "Processes down": 0.0,
        "Members of microservices": 30.0,
    }
    for query in EVERY:
        if query.panel["title"] in seen and query.index == 0:
            found = _answer(query, scraped)
            assert max(one.points[-1][1] for one in found) == seen[query.panel["title"]]
