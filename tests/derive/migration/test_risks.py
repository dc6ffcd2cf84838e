"""Who would write a small view, told before the step; and the dangerous middle in the first line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.migration.risks import joins_only_itself
from exporter.model.facts import TargetFacts
from exporter.model.pages import ProcessConfig, RingConfig
from tests.derive.build import CLIENTS, INGESTER, PAGES, Fleet, client, member, migration_of, ring, step_of


def test_a_healthy_fleet_has_no_risk() -> None:
    assert Fleet().look().fleet.risks == ()


def test_a_process_that_sees_half_or_fewer_is_named() -> None:
    fleet = Fleet()
    fleet.processes[1].sees = (2,)
    seen = fleet.look()
    assert seen.fleet.risks[0].startswith("10.0.0.2:80 lists 1 of 3 gossip members")


def test_one_process_that_invents_members_makes_no_other_process_small() -> None:
    fleet = Fleet()
    fleet.processes[2].sees = tuple(range(1, 40))
    assert [text for text in fleet.look().fleet.risks if "gossip members" in text] == []


SPARED = [
    ("one copy, before multi is rolled out", 1, "external", True),
    ("two copies", 2, "external", True),
    ("three copies: one may be lost", 3, "external", False),
    ("one copy, while nothing is restarted", 1, "consul", False),
]


@pytest.mark.parametrize("case", SPARED, ids=[case[0] for case in SPARED])
def test_a_ring_that_can_spare_no_member_is_a_risk(case: tuple[str, int, str, bool]) -> None:
    _, factor, phase, told = case
    fleet = Fleet()
    plain = {"primary": "", "stores": (), "mirror": None, "requests": {("consul", "CAS"): 1.0}}
    for process in fleet.processes:
        process.clients = tuple(client(name, **plain if phase == "external" else {}) for name in CLIENTS)
        block = RingConfig("consul", "", 60.0, 15.0, factor, zone_awareness=False)
        process.config = {"rings": dict.fromkeys(PAGES, block)}
    risk = "No member of collectors/ring may be lost (replication factor): writes fail in a restart."
    assert (risk in fleet.look().fleet.risks) is told


def test_a_copy_of_half_the_ring_or_less_is_named() -> None:
    fleet = Fleet()
    fleet.processes[2].copies[INGESTER] = ring([member("p-3", fleet.now)])
    risk = fleet.look().fleet.risks
    assert [text[:58] for text in risk] == [
        "The gossip view of collectors/ring on 10.0.0.3:80 has 1 of 3"[:58]
    ]


@pytest.mark.parametrize(("label", "told"), [("mimir", True), ("default", True), ("lab", False), ("", False)])
def test_a_label_that_other_clusters_have_by_default_is_a_risk(label: str, told: bool) -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.label = label
    start = f'The cluster label "{label}" is the name of a product or a chart\'s default: another cluster'
    assert any(text.startswith(start) for text in fleet.look().fleet.risks) is told


def test_a_member_list_that_was_not_read_is_a_risk() -> None:
    fleet = Fleet()
    fleet.processes[0].lost = frozenset({"gossip"})
    assert "The member list of 10.0.0.1:80 was not read" in fleet.look().fleet.risks[0]


def test_the_risk_is_in_the_headline_of_the_next_step_even_where_it_is_open() -> None:
    fleet = Fleet()
    fleet.processes[0].config = {"join_members": ("10.0.0.1:7946",)}
    step = step_of(fleet.look(), "switch-primary")
    assert step.open
    assert step.headline.startswith(
        "Open: every check passed. Risk: 10.0.0.1:80 names only itself in join_members"
    )


def test_there_is_no_risk_where_no_store_is_left() -> None:
    fleet = Fleet()
    last = client(
        "ingester-lifecycler", primary="", stores=(), mirror=None, requests={("memberlist", "CAS"): 1.0}
    )
    for process in fleet.processes:
        process.clients = (last,)
        process.config = {"join_members": ("localhost:7946",)}
    assert fleet.look().fleet.risks == ()


SEEDS = [
    (("127.0.0.1:7946",), True),
    (("localhost:7946", "10.0.0.1:7946"), True),
    (("p-1:7946",), True),
    (("localhost:7947",), False),
    (("10.0.0.1:7946", "10.0.0.2:7946"), False),
    (("gossip-ring:7946",), False),
    (("dns+gossip-ring.mimir.svc:7946",), False),
    ((), False),
]


@pytest.mark.parametrize(("seeds", "alone"), SEEDS)
def test_a_process_names_only_itself(seeds: tuple[str, ...], alone: bool) -> None:
    config = ProcessConfig(join_members=seeds, bind_port=7946, node_name="p-1")
    target = TargetFacts("p-1", "http://10.0.0.1:80", "all", up=True, config=config)
    assert joins_only_itself(target) is alone


def test_one_ring_on_two_primaries_is_the_first_line_everywhere() -> None:
    fleet = Fleet()
    fleet.processes[0].clients = tuple(replace(c, primary="memberlist") for c in fleet.processes[0].clients)
    fleet.processes[1].sees = (2,)
    seen = fleet.look()
    assert seen.fleet.warnings[0].startswith("Primaries are mixed: memberlist on 10.0.0.1:80; the external")
    assert seen.fleet.headline == seen.fleet.warnings[0]
    assert {step.headline for step in seen.steps if step.checks and not step.open} == {seen.fleet.headline}
    assert seen.fleet.rollback.safe is False


def test_a_switch_that_did_not_reach_a_ring_is_named_by_key() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = (client(CLIENTS[0], primary="memberlist"), client(CLIENTS[1]))
    warning = fleet.look().fleet.warnings[0]
    assert warning.startswith(
        "Primaries are mixed by key: memberlist for collectors/ring; still the external"
    )
    assert "collectors/compactor" in warning


def test_who_shows_a_ring_and_no_client_leaves_it_open_whether_all_agree() -> None:
    fleet = Fleet()
    assert fleet.look().fleet.uniform is True
    fleet.processes[1].clients = ()
    assert fleet.look().fleet.uniform is None


def test_rings_that_are_done_hold_back_nobody() -> None:
    """Rings that were put on memberlist when they were new."""
    fleet = Fleet()
    done = client(CLIENTS[0], primary="", stores=(), mirror=None, requests={("memberlist", "CAS"): 9.0})
    for process in fleet.processes:
        process.clients = (replace(done, mirror_writes=None, mirror_errors=None), client(CLIENTS[1]))
    seen = fleet.look()
    assert seen.fleet.phase.label == "mirroring"
    assert seen.fleet.uniform
    assert seen.fleet.warnings == ()
    assert migration_of(seen, "rings").arrived == (INGESTER,)
    assert "Beside keys on memberlist already: collectors/ring." in seen.fleet.headline
    assert step_of(seen, "switch-primary").open
    assert not step_of(seen, "decommission-store").open


def test_the_switch_that_did_not_reach_a_client_is_said_in_a_sentence() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.clients = (*process.clients, client("ruler", mirror=False))
    assert "ruler on 3 of 3 processes still has mirroring off." in fleet.look().fleet.warnings
