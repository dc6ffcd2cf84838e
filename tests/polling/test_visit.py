"""What a visit remembers of a process, and when it forgets it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from exporter.model.pages import Outcome, Page, Product, Reason
from exporter.polling.listed_keys import MORE_KEYS
from exporter.polling.process_state import fails_anew
from exporter.products.ring_pages import CONFIG_PAGES
from tests.polling.one_process import OneProcess


def test_a_configuration_from_before_a_restart_does_not_stand() -> None:
    process = OneProcess()
    first = process.visit().config.value
    assert first is not None
    assert (first.label, first.label_verification_disabled) == ("prod", True)
    process.start, process.shows_config = 5500.0, False
    for _ in range(3):
        page = process.visit().config
        assert (page.outcome, page.reason, page.value) == (Outcome.FAILED, Reason.DENIED, None)
    process.shows_config = True
    assert process.visit(15.0).config.value == first


@pytest.mark.parametrize(
    ("product", "path"),
    [
        (Product.MIMIR, "/config"),
        (Product.CORTEX, "/config"),
        (Product.LOKI, "/config"),
        (Product.TEMPO, "/status/config"),
        (Product.PYROSCOPE, "/api/v1/status/config"),
    ],
)
def test_each_product_has_its_configuration_page(product: Product, path: str) -> None:
    process = OneProcess(config_path=path, product=product)
    page = process.visit().config
    assert page.value is not None
    assert page.value.label == "prod"
    assert page.name == "/config"
    assert [asked for asked in process.asked if asked in CONFIG_PAGES] == [path]


@pytest.mark.parametrize("path", ["/config", "/status/config", "/api/v1/status/config"])
def test_while_the_product_is_not_known_the_configuration_page_is_looked_for_and_remembered(
    path: str,
) -> None:
    process = OneProcess(config_path=path, product=Product.UNKNOWN)
    assert process.visit().config.value is not None
    assert process.visit().config.value is not None
    assert [asked for asked in process.asked if asked in CONFIG_PAGES] == [path]


def test_a_page_that_fails_ends_no_search_but_says_more_than_an_absent_one() -> None:
    process = OneProcess(config_path="/status/config", product=Product.UNKNOWN)
    process.shown["/config"] = b"<html>everything else is the user interface</html>"
    assert process.visit().config.value is not None
    process.config_path = ""
    process.start = 2000.0
    page = process.visit().config
    assert (page.outcome, page.reason) == (Outcome.FAILED, Reason.DECODE)


def test_a_process_that_does_not_answer_is_asked_for_its_configuration_once() -> None:
    process = OneProcess(product=Product.UNKNOWN)
    process.failing = dict.fromkeys(("/config", "/status/config", "/api/v1/status/config"), Reason.TIMEOUT)
    assert process.visit().config.reason is Reason.TIMEOUT
    assert sum(asked in CONFIG_PAGES for asked in process.asked) == 1


@pytest.mark.parametrize(("start", "stands"), [(1000.0, True), (None, False)])
def test_a_configuration_that_cannot_be_read_again_stands_where_a_restart_would_be_seen(
    start: float | None, stands: bool
) -> None:
    process = OneProcess(start=start)
    process.visit()
    process.shows_config = False
    assert (process.visit().config.value is not None) is stands


def test_a_clock_that_is_set_back_does_not_put_off_what_is_due() -> None:
    process = OneProcess()
    process.visit()
    memory = process.memory
    memory.absent_until["/ring"] = process.now + 300
    memory.values_read_at = memory.rings_read_at = process.now
    broken: Page[int] = Page("/ring", Outcome.FAILED, reason=Reason.TOO_LARGE)
    memory.pauses.learn("/ring", broken, 0, process.now)
    process.visit(15.0)
    assert "/config" not in process.asked
    assert memory.pauses.held("/ring", process.now) is not None
    process.visit(-3600.0)
    assert "/config" in process.asked
    assert memory.pauses.held("/ring", process.now) is None
    assert "/ring" not in memory.absent_until
    assert memory.values_read_at == memory.rings_read_at == 0.0
    process.visit(15.0)
    assert "/config" not in process.asked


def test_a_bug_in_a_decoder_costs_its_page_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: bytes) -> None:
        raise OverflowError("a number")

    monkeypatch.setattr("exporter.polling.visit.decode_config", broken)
    seen = OneProcess().visit()
    assert (seen.config.outcome, seen.config.reason) == (Outcome.FAILED, Reason.DECODE)
    assert seen.config.detail == "an error of the exporter itself; read its log"
    assert seen.metrics.outcome is Outcome.OK
    assert "a page could not be decoded" in caplog.text


COMPACTOR, NOT_RUNNING = "/compactor/ring", b"Ring not running"
EMPTY = b'{"shards":[],"now":"2026-01-01T00:00:00Z"}'
AGES = [(1000.0, False), (4990.0, True), (4870.0, False)]


@pytest.mark.parametrize(("started", "again"), AGES)
@pytest.mark.parametrize("notice", [True, False])
def test_an_absent_page_is_asked_for_again_at_once_while_the_process_is_young(
    started: float, again: bool, notice: bool
) -> None:
    process = OneProcess(start=started, shown={COMPACTOR: NOT_RUNNING} if notice else {})
    process.visit(0.0, rings=True)
    process.visit(15.0, rings=True)
    assert (COMPACTOR in process.asked) is again


@pytest.mark.parametrize(
    ("clients", "had", "again"),
    [((), False, False), (("compactor",), False, True), (("ingester",), False, False), ((), True, True)],
)
def test_an_absent_page_of_an_old_process_is_asked_for_where_the_process_should_have_it(
    clients: tuple[str, ...], had: bool, again: bool
) -> None:
    process = OneProcess(clients=clients, shown={COMPACTOR: EMPTY} if had else {})
    process.visit(rings=True)
    process.shown = {}
    process.visit(rings=True)
    process.shown = {COMPACTOR: EMPTY}
    seen = process.visit(15.0, rings=True)
    assert (COMPACTOR in process.asked) is again
    assert (COMPACTOR in seen.rings) is again


@pytest.mark.parametrize(
    ("members", "started", "outcome"),
    [(13, 1000.0, Outcome.FAILED), (13, 4990.0, Outcome.ABSENT), (None, 1000.0, Outcome.ABSENT)],
    ids=["it gossips", "it starts", "it has no memberlist"],
)
def test_the_member_list_of_a_process_that_counts_gossip_members_is_not_absent_but_not_read(
    members: int | None, started: float, outcome: Outcome
) -> None:
    page = OneProcess(gossip_members=members, start=started).gossip()
    assert page.outcome is outcome
    assert ("counts gossip members" in page.detail) is (outcome is Outcome.FAILED)


def test_the_pages_that_an_old_process_has_not_are_left_alone_for_minutes() -> None:
    process = OneProcess(clients=("ingester-lifecycler",), shown={"/ring": EMPTY})
    process.visit(rings=True)
    assert len(process.asked) > 8
    process.visit(15.0, rings=True)
    assert process.asked == ["/metrics", "/ring"]
    process.visit(300.0, rings=True)
    assert len(process.asked) > 8


def test_a_page_from_before_a_restart_is_asked_for_however_long_the_start_takes() -> None:
    process = OneProcess(shown={COMPACTOR: EMPTY})
    process.visit(rings=True)
    process.start, process.shown = process.now + 1, {COMPACTOR: NOT_RUNNING}
    for _ in range(30):
        process.visit(15.0, rings=True)
        assert COMPACTOR in process.asked


@pytest.mark.parametrize(("seconds", "again"), [(15.0, True), (135.0, False)])
def test_a_process_that_no_longer_says_when_it_started_counts_as_young_for_a_while(
    seconds: float, again: bool
) -> None:
    process = OneProcess()
    process.visit(rings=True)
    process.start = None
    process.visit(rings=True)
    process.visit(seconds, rings=True)
    process.visit(15.0, rings=True)
    assert (COMPACTOR in process.asked) is again


@pytest.mark.parametrize(
    ("restarts", "age", "waits"),
    [(False, 1000.0, True), (True, 10.0, True), (True, 200.0, False)],
    ids=["it had it a moment ago", "it is starting", "it was started without it"],
)
def test_a_page_that_is_missing_for_the_moment_waits_for_the_next_turn_as_not_known(
    restarts: bool, age: float, waits: bool
) -> None:
    process = OneProcess(shown={COMPACTOR: EMPTY, "/ring": EMPTY})
    process.visit(rings=True)
    del process.shown[COMPACTOR]
    if restarts:
        process.start = process.now + 15 - age
    process.visit(15.0, rings=True)
    waiting = process.visit(15.0, rings=False).waiting
    assert waiting == ({"/ring", COMPACTOR} if waits else {"/ring"})


def test_between_turns_it_stands_how_a_page_ended_when_it_was_read_last() -> None:
    process = OneProcess(shown={COMPACTOR: EMPTY}, failing={"/ring": Reason.DENIED})
    assert process.visit(15.0, rings=True).earlier == ()
    told = process.visit(15.0, rings=False).earlier
    assert {page.name: (page.outcome, page.reason) for page in told} == {
        COMPACTOR: (Outcome.OK, None),
        "/ring": (Outcome.FAILED, Reason.DENIED),
    }
    assert [page.value for page in told] == [None, None]  # it is no view of anything
    process.failing = {}
    process.visit(15.0, rings=True)
    assert [page.name for page in process.visit(15.0, rings=False).earlier] == [COMPACTOR]


@pytest.mark.parametrize(
    ("what", "stands"),
    [
        ({}, True),
        ({"failing": {"/metrics": Reason.STATUS}}, True),
        ({"failing": {"/metrics": Reason.TIMEOUT}}, False),
        ({"failing": {"/metrics": Reason.REFUSED}}, False),
        ({"start": 4000.0}, False),
    ],
    ids=["nothing happened", "its metrics fail", "it is silent", "it is gone", "it restarted"],
)
def test_how_the_pages_of_a_process_ended_is_forgotten_when_it_restarts_or_falls_silent(
    what: dict[str, Any], stands: bool
) -> None:
    process = OneProcess(shown={COMPACTOR: EMPTY})
    process.visit(rings=True)
    for name, value in what.items():
        setattr(process, name, value)
    assert bool(process.visit(15.0, rings=False).earlier) is stands
    process.failing = {}
    assert bool(process.visit(15.0, rings=False).earlier) is stands


def _listing(keys: list[str]) -> bytes:
    store = {key: {"Version": 1, "CodecID": "ringDesc"} for key in keys}
    return json.dumps({"SortedMembers": [], "Store": store, "Now": None}).encode()


@pytest.mark.parametrize(("count", "unread"), [(10, 0), (5000, 1)])
def test_of_the_keys_that_a_process_lists_its_products_own_are_read_and_a_few_more(
    count: int, unread: int
) -> None:
    own = ["collectors/ring", "collectors/compactor"]
    process = OneProcess(shown={"/memberlist": _listing([f"a/{n:05}" for n in range(count)] + own)})
    visit = process.begin()
    asyncio.run(visit.read_gossip())
    process.asked.clear()
    asyncio.run(visit.read_values(frozenset()))
    assert len(process.asked) == len(own) + min(count, MORE_KEYS)
    assert set(own) <= visit.values.keys()
    assert [page.reason for page in visit.values.values()].count(Reason.TOO_LARGE) == unread


PAGES = {"ok": Page("/ring", Outcome.OK), "failed": Page("/ring", Outcome.FAILED, reason=Reason.TIMEOUT)}


@pytest.mark.parametrize(
    ("before", "now", "again"),
    [
        ("ok", "ok", False),
        ("ok", "failed", True),
        ("failed", "failed", False),  # it waits for its turn: many of them would take all places
        ("failed", "ok", False),
        ("", "failed", False),
    ],
)
def test_a_page_that_fails_for_the_first_time_is_asked_for_again_before_its_turn(
    before: str, now: str, again: bool
) -> None:
    past = [PAGES[before]] if before else []
    assert fails_anew([PAGES[now]], past) is again
