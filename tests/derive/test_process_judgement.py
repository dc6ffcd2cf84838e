"""One process judged from its own pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.gate.step_verdicts import nothing_read
from exporter.derive.identity.key_names import Names
from exporter.derive.identity.member_processes import identities
from exporter.derive.judging_rules import Rules
from exporter.derive.migration.migrations import migrations_of
from exporter.derive.process_judgement import clock_of, judge_target, product_of
from exporter.model.facts import TargetFacts
from exporter.model.migration import leading
from exporter.model.pages import (
    BuildInfo,
    GossipView,
    Observation,
    Outcome,
    Page,
    Phase,
    ProcessConfig,
    Product,
    RingConfig,
)
from tests.derive.build import COMPACTOR, INGESTER, NOW, Fleet, Process, client, member, ring, verdicts


def judge(seen: Observation, before: TargetFacts | None = None) -> TargetFacts:
    known = {i.target: i for i in identities([seen])}
    return judge_target(seen, known.get(seen.target.name), before, Rules())


def test_a_process_that_answers() -> None:
    found = judge(Process(1).read(NOW))
    assert (found.up, found.phase, found.product, found.version) == (
        True,
        Phase.MIRRORING,
        Product.CORTEX,
        "1.21.0",
    )
    assert (found.skew, found.recently_started, found.component) == (0.0, False, "all")


def test_a_process_that_stopped_answering_keeps_its_name_and_nothing_of_its_state() -> None:
    before = judge(Process(1).read(NOW))
    found = judge(Process(1, up=False).read(NOW + 15), before)
    assert (found.up, found.clients, found.phase, found.skew) == (False, (), Phase.UNKNOWN, None)
    assert (found.product, found.component, found.seen_at) == (Product.CORTEX, "all", NOW)


COPIES = [
    ("all were read", {INGESTER: Outcome.OK, COMPACTOR: Outcome.OK}, [Outcome.OK]),
    ("one failed", {INGESTER: Outcome.OK, COMPACTOR: Outcome.FAILED}, [Outcome.FAILED]),
    ("one is gone", {INGESTER: Outcome.OK, COMPACTOR: Outcome.ABSENT}, [Outcome.OK]),
    ("all are gone", {INGESTER: Outcome.ABSENT}, [Outcome.ABSENT]),
    ("there are none", {}, []),
]


@pytest.mark.parametrize(("values", "told"), [c[1:] for c in COPIES], ids=[c[0] for c in COPIES])
def test_the_values_of_the_gossip_count_as_one_page(values: dict[str, Outcome], told: list[Outcome]) -> None:
    seen = Process(1).read(NOW)
    read: dict[str, Page[Any]] = {
        k: Page("/memberlist?downloadKey", outcome) for k, outcome in values.items()
    }
    found = judge(replace(seen, gossip=replace(seen.gossip, values=read)))
    assert [page.outcome for page in found.pages if page.name == "/memberlist?downloadKey"] == told
    assert [page.name for page in found.pages if page.name == "/memberlist"] == ["/memberlist"]


def test_how_a_page_ended_before_is_told_of_a_process_that_answers_and_tells_no_time() -> None:
    before: Page[object] = Page("/ingester/ring", Outcome.FAILED, clock=NOW - 99, asked_at=NOW)
    seen = replace(Process(1).read(NOW), earlier=(before,))
    found = judge(seen)
    assert [page.outcome for page in found.pages if page.name == "/ingester/ring"] == [Outcome.FAILED]
    assert found.skew == 0.0
    gone = judge(replace(Process(1, up=False).read(NOW), earlier=(before,)))
    assert "/ingester/ring" not in {page.name for page in gone.pages}


def test_a_process_whose_metrics_fail_is_up_in_an_unknown_phase() -> None:
    seen = Process(1, pages={INGESTER: ring([member("m-1")])}, lost=frozenset({"metrics"})).read(NOW)
    found = judge(seen, judge(Process(1).read(NOW - 15)))
    assert (found.up, found.phase, found.clients) == (True, Phase.UNKNOWN, ())
    rings = leading(migrations_of(replace(nothing_read().now, at=NOW, targets=(found,)), None, Rules()))
    assert (rings.phase, rings.uniform) == (Phase.UNKNOWN, None)


AGES = [(29.0, True), (30.0, False), (3600.0, False)]


@pytest.mark.parametrize(("age", "young"), AGES)
def test_who_is_younger_than_two_heartbeats_is_young(age: float, young: bool) -> None:
    assert judge(Process(1, started=NOW - age).read(NOW)).recently_started is young


PERIODS = [
    ("of two that it writes the longest", INGESTER, COMPACTOR, 60.0, 119.0, True),
    ("no more than any real cluster has", INGESTER, COMPACTOR, 3600.0, 241.0, False),
    ("not that of a ring it has nothing to do with", INGESTER, "collectors/ruler", 60.0, 31.0, False),
]


@pytest.mark.parametrize("case", PERIODS, ids=[case[0] for case in PERIODS])
def test_the_period_by_which_a_process_is_young_is(case: tuple[str, str, str, float, float, bool]) -> None:
    _, short, long, period, age, young = case
    rings = {short: RingConfig(heartbeat_period=15.0), long: RingConfig(heartbeat_period=period)}
    assert judge(Process(1, started=NOW - age, config={"rings": rings}).read(NOW)).recently_started is young


def test_who_does_not_say_when_it_started_is_judged() -> None:
    seen = Process(1).read(NOW)
    assert seen.metrics.value is not None
    silent = replace(seen, metrics=replace(seen.metrics, value=replace(seen.metrics.value, start_time=None)))
    assert not judge(silent).recently_started


@pytest.mark.parametrize("ahead", [-300.0, 0.0, 300.0])
def test_skew_is_its_clock_less_ours(ahead: float) -> None:
    seen = Process(1, memberlist=False).read(NOW)
    seen = replace(
        seen,
        metrics=replace(seen.metrics, clock=NOW + ahead),
        gossip=GossipView(Page("/memberlist", Outcome.ABSENT)),
    )
    assert judge(seen).skew == ahead


def test_a_page_that_tells_the_time_is_believed_before_a_date_header() -> None:
    seen = Process(1, pages={INGESTER: ring([member("m-1")], NOW + 7)}).read(NOW)
    page = replace(seen.rings["/ingester/ring"], clock=NOW + 7)
    seen = replace(
        seen, rings={"/ingester/ring": page}, gossip=GossipView(Page("/memberlist", Outcome.ABSENT))
    )
    assert clock_of(seen) == NOW + 7


def test_rates_need_two_looks_and_survive_a_restart() -> None:
    def seen(writes: float, at: float) -> Observation:
        one = client("c", mirror_writes=writes, requests={("consul", "CAS"): writes})
        return Process(1, clients=(one,)).read(at)

    first = judge(seen(100, NOW))
    assert first.clients[0].store_rates == {}
    assert judge(seen(130, NOW + 15), first).clients[0].store_rates == {"consul": 2.0}
    assert judge(seen(30, NOW + 15), first).clients[0].store_rates == {"consul": 2.0}


def test_no_rate_is_made_up_after_a_process_was_silent() -> None:
    first = judge(Process(1).read(NOW))
    silent = judge(Process(1, up=False).read(NOW + 15), first)
    assert judge(Process(1).read(NOW + 30), silent).clients[0].store_rates == {}


PRODUCTS: list[tuple[str, dict[str, Any], Product]] = [
    ("metrics", {}, Product.CORTEX),
    ("the build page", {"build": BuildInfo(Product.MIMIR, "2.17")}, Product.MIMIR),
]


@pytest.mark.parametrize(("told", "product"), [c[1:] for c in PRODUCTS], ids=[c[0] for c in PRODUCTS])
def test_the_product_is_told_by_metrics_then_by_the_build(told: dict[str, Any], product: Product) -> None:
    seen = Process(1).read(NOW)
    if told:
        assert seen.metrics.value is not None
        silent = replace(seen.metrics.value, product=Product.UNKNOWN, version="")
        seen = replace(
            seen,
            metrics=replace(seen.metrics, value=silent),
            build=Page("/build", Outcome.OK, told["build"]),
        )
    assert product_of(seen, None) is product


def test_keys_stand_under_the_prefix_of_the_process() -> None:
    rings = {"prod/ring": RingConfig("multi", default_key=INGESTER, prefix="prod/")}
    found = judge(Process(1, config={"rings": rings}).read(NOW))
    assert {c.key for c in found.clients} == {"prod/ring", COMPACTOR}
    assert Names().stored("", ProcessConfig(rings=rings)) == ""


FLEETS = [
    ("all agree", (Phase.MIRRORING,) * 3, True, (Phase.MIRRORING, True)),
    ("one is behind", (Phase.MIRRORING, Phase.MULTI), True, (Phase.MULTI, False)),
    ("one is silent", (Phase.MIRRORING,), False, (Phase.MIRRORING, None)),
    ("nobody", (), True, (Phase.UNKNOWN, None)),
]
KINDS = {Phase.MIRRORING: client("c"), Phase.MULTI: client("c", mirror=False)}


@pytest.mark.parametrize(("phases", "whole", "expected"), [c[1:] for c in FLEETS], ids=[c[0] for c in FLEETS])
def test_the_fleet_is_as_far_as_its_last_client(
    phases: tuple[Phase, ...], whole: bool, expected: Any
) -> None:
    found = [judge(Process(n + 1, clients=(KINDS[p],)).read(NOW)) for n, p in enumerate(phases)]
    found += [] if whole else [judge(Process(9, up=False).read(NOW))]
    rings = leading(migrations_of(replace(nothing_read().now, at=NOW, targets=tuple(found)), None, Rules()))
    assert (rings.phase, rings.uniform) == expected


@pytest.mark.parametrize("first", [Product.CORTEX, Product.MIMIR])
def test_a_process_that_shows_another_product_now_and_then_is_what_most_are_and_is_named(
    first: Product,
) -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.product = Product.CORTEX
    looks = []
    for other in (first, Product.MIMIR, Product.CORTEX, Product.MIMIR):
        fleet.processes[2].product = other
        looks.append(fleet.look(beat=True))
    for seen in looks[2:]:
        assert {target.product for target in seen.targets} == {Product.CORTEX}
        assert verdicts(seen, "switch-primary") == {}
        assert "1 process shows two products without a restart: 10.0.0.3:80 (cortex and mimir)." in (
            seen.fleet.warnings
        )


def test_a_process_that_is_another_product_after_a_restart_is_that() -> None:
    fleet = Fleet()
    fleet.look()
    fleet.processes[2].product, fleet.processes[2].started = Product.LOKI, NOW
    assert fleet.look(beat=True).targets[2].product is Product.LOKI
    assert fleet.look(beat=True).fleet.causes.count("two-products") == 1


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([3], ["1 of 3 processes are of another product than cortex: 10.0.0.3:80 (loki)."]),
        ([], []),
    ],
)
def test_a_process_of_another_product_than_most_is_named(others: list[int], told: list[str]) -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.product = Product.LOKI if process.number in others else Product.CORTEX
    found = fleet.look(beat=True).fleet
    texts = zip(found.causes, found.warnings, strict=True)
    assert [text for cause, text in texts if cause == "two-products"] == told
