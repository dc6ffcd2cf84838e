"""The phase of each client, and what follows for keys and stores."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive import kv_clients
from exporter.model.facts import ClientFacts
from exporter.model.pages import KVClient, Phase, ProcessMetrics, Product
from tests.derive.build import NOW, client

PLAIN: dict[str, Any] = {
    "primary": "",
    "stores": (),
    "mirror": None,
    "mirror_writes": None,
    "mirror_errors": None,
}


def plain(**requests: float) -> KVClient:
    return client("c", **PLAIN, requests={(kind, "CAS"): count for kind, count in requests.items()})


PHASES = [
    ("consul alone", plain(consul=5), Phase.EXTERNAL),
    ("etcd alone", plain(etcd=5), Phase.EXTERNAL),
    ("memberlist alone", plain(memberlist=5), Phase.MEMBERLIST),
    ("nothing was asked yet", plain(consul=0, memberlist=0), Phase.UNKNOWN),
    ("a multi client without gauges", plain(multi=5, memberlist=5), Phase.UNKNOWN),
    ("multi", client("c", mirror=False), Phase.MULTI),
    ("mirroring", client("c"), Phase.MIRRORING),
    ("switched", client("c", primary="memberlist"), Phase.SWITCHED),
    ("detached", client("c", primary="memberlist", mirror=False), Phase.DETACHED),
    ("from Consul to etcd", client("c", stores=("consul", "etcd")), Phase.EXTERNAL),
    ("from etcd to Consul", client("c", primary="etcd", stores=("consul", "etcd")),
     Phase.EXTERNAL),
    ("a primary without a mirror gauge", client("c", mirror=None), Phase.UNKNOWN),
    ("a mirror gauge without a primary", client("c", primary="", stores=()), Phase.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("given_", "expected"), [c[1:] for c in PHASES], ids=[c[0] for c in PHASES])
def test_the_phase_of_a_client(given_: KVClient, expected: Phase) -> None:
    assert kv_clients.phase_of(given_) is expected


READ = {"requests": {("consul", "GET"): 9.0}, "mirror_writes": 0.0}
WRITERS = [
    ("named a reader, never wrote", client("ingester-ring", **READ), False),
    ("named a reader, but wrote", client("ingester-ring"), True),
    ("named a reader, but mirrored", client("ingester-ring", **(READ | {"mirror_writes": 1.0})), True),
    ("never wrote, but its name says nothing", client("ingester-lifecycler", **READ), True),
    ("an unknown name", client("something", **READ), True),
    ("a querier's store-gateway ring", client("querier-store-gateway", **READ), False),
]


@pytest.mark.parametrize(("given_", "writes"), [c[1:] for c in WRITERS], ids=[c[0] for c in WRITERS])
def test_only_a_reader_by_name_that_never_wrote_is_one(given_: KVClient, writes: bool) -> None:
    assert kv_clients.writes(given_) is writes


def facts(primary: str, where: Phase, *, writes: bool = True, **more: Any) -> ClientFacts:
    return ClientFacts("t", "c", "k", where, writes=writes, primary=primary, **more)


CONSUL = facts("consul", Phase.MIRRORING, stores=("consul", "memberlist"))
GOSSIP = facts("memberlist", Phase.SWITCHED, stores=("consul", "memberlist"))
READER = facts("memberlist", Phase.SWITCHED, writes=False, stores=("etcd", "memberlist"))
UNSAID = facts("", Phase.UNKNOWN)
WITHOUT_GAUGES = facts("", Phase.UNKNOWN, store_requests={"consul": 3.0, "memberlist": 3.0, "multi": 3.0})
PRIMARIES = [
    ("all on the store", [CONSUL, CONSUL], "consul"),
    ("one has not left it", [GOSSIP, CONSUL], "consul"),
    ("all have left it", [GOSSIP, GOSSIP], "memberlist"),
    ("a reader does not count beside a writer", [CONSUL, READER], "consul"),
    ("readers alone", [READER], "memberlist"),
    ("a writer that says nothing, and a reader", [UNSAID, READER], "memberlist"),
    ("before multi", [facts("", Phase.EXTERNAL, store_requests={"etcd": 3.0})], "etcd"),
    ("after multi", [facts("", Phase.MEMBERLIST)], "memberlist"),
    ("nobody says", [UNSAID], ""),
    ("one writes to both stores without its gauges", [GOSSIP, WITHOUT_GAUGES], "memberlist"),
    ("the same, and the rest is on the store", [CONSUL, WITHOUT_GAUGES], "consul"),
    ("all write to both stores without their gauges", [WITHOUT_GAUGES], ""),
    ("one voice names a store that is none", [CONSUL, CONSUL, facts("aaa", Phase.MIRRORING)], "consul"),
    ("one voice names another store", [CONSUL, CONSUL, facts("etcd", Phase.MIRRORING)], "consul"),
    ("a name that is none, alone", [facts("aaa", Phase.MIRRORING)], ""),
    ("nobody", [], ""),
]


@pytest.mark.parametrize(("clients", "store"), [c[1:] for c in PRIMARIES], ids=[c[0] for c in PRIMARIES])
def test_the_primary_is_external_until_all_have_left_it(clients: list[ClientFacts], store: str) -> None:
    assert kv_clients.primary_of(clients) == store


def test_the_secondary_is_the_other_store() -> None:
    assert kv_clients.secondary_of([CONSUL], "consul") == "memberlist"
    assert kv_clients.secondary_of([GOSSIP], "memberlist") == "consul"
    assert kv_clients.secondary_of([READER], "memberlist") == "etcd"
    assert kv_clients.secondary_of([facts("", Phase.EXTERNAL)], "consul") == ""
    assert kv_clients.secondary_of([], "memberlist") == ""


@given(st.lists(st.sampled_from(Phase), max_size=8))
def test_a_whole_is_as_far_as_its_last_part(phases: list[Phase]) -> None:
    found = kv_clients.earliest(phases)
    assert found is (min(phases) if phases else Phase.UNKNOWN)
    agreed = kv_clients.uniform([facts("", where) for where in phases])
    if not phases or Phase.UNKNOWN in phases:
        assert agreed is None
    else:
        assert agreed is (len(set(phases)) == 1)


RATES = [
    (None, 5.0, 10.0, None),
    (5.0, 25.0, 10.0, 2.0),
    (25.0, 5.0, 10.0, 0.5),
    (5.0, 9.0, 0.0, None),
    (5.0, 9.0, None, None),
]


@pytest.mark.parametrize(("before", "now", "seconds", "expected"), RATES)
def test_rates_survive_resets(
    before: float | None, now: float, seconds: float | None, expected: float | None
) -> None:
    assert kv_clients.rate(before, now, seconds) == expected


def judged(*looks: tuple[float, float, float, float]) -> ClientFacts:
    """A client over several looks at (time, writes, mirror writes, mirror errors)."""
    before: dict[str, ClientFacts] = {}
    for at, written, copied, errors in looks:
        one = client(
            "c",
            mirror_writes=copied,
            mirror_errors=errors,
            requests={("consul", "CAS"): written, ("multi", "CAS"): 99.0},
        )
        (found,) = kv_clients.judge_clients(
            "t", ProcessMetrics(clients={"c": one}), Product.CORTEX, before, kv_clients.Times(at, 15.0)
        )
        before = {"c": found}
    return before["c"]


def test_mirroring_is_judged_by_what_was_watched() -> None:
    assert kv_clients.watched(judged((NOW, 100, 100, 9))) == (0, 0, 0)
    assert kv_clients.watched(judged((NOW, 100, 100, 9), (NOW + 15, 110, 108, 10))) == (10, 8, 1)
    assert kv_clients.mirrored(judged((NOW, 100, 90, 9))) == (90, 9)
    assert kv_clients.mirrored(judged((NOW, 100, 90, 9), (NOW + 15, 103, 93, 9))) == (3, 0)


def test_a_window_moves_on_and_a_restart_begins_a_new_one() -> None:
    found = judged(
        (NOW, 100, 100, 0), (NOW + 301, 200, 200, 5), (NOW + 602, 300, 300, 5), (NOW + 610, 301, 301, 5)
    )
    assert kv_clients.watched(found) == (101, 101, 0)
    assert kv_clients.watched(judged((NOW, 100, 100, 5), (NOW + 15, 2, 2, 0))) == (0, 0, 0)


def test_rings_in_memory_take_no_part() -> None:
    alone = client("c", **PLAIN, requests={("inmemory", "CAS"): 5.0})
    assert (
        kv_clients.judge_clients(
            "t", ProcessMetrics(clients={"c": alone}), Product.LOKI, {}, kv_clients.Times(NOW)
        )
        == ()
    )


AT: dict[str, dict[str, Any]] = {
    "external": {**PLAIN, "requests": {("consul", "CAS"): 9.0, ("consul", "GET"): 9.0}},
    "multi": {"mirror": False}, "mirroring": {}, "switched": {"primary": "memberlist"},
    "detached": {"primary": "memberlist", "mirror": False},
    "memberlist": {**PLAIN, "requests": {("memberlist", "CAS"): 9.0}},
}  # fmt: skip
ONLY_READ: dict[str, Any] = {"mirror_writes": 0.0, "requests": {("consul", "GET"): 9.0}}
READS = {
    **{
        name: {**told, "mirror_writes": 0.0, "requests": {("consul", "GET"): 9.0}}
        for name, told in AT.items()
    },
    "memberlist": {**PLAIN, "requests": {("memberlist", "GET"): 9.0}},
}
STRANDED = {
    ("detached", "external"), ("memberlist", "external"), ("external", "memberlist"), ("multi", "memberlist"),
}  # fmt: skip


@pytest.mark.parametrize("reader", READS)
@pytest.mark.parametrize("writer", AT)
def test_a_reader_of_a_store_that_nobody_writes_is_stranded(writer: str, reader: str) -> None:
    clients = {
        "ingester-lifecycler": client("ingester-lifecycler", **AT[writer]),
        "ingester-ring": client("ingester-ring", **READS[reader]),
    }
    found = kv_clients.judge_clients(
        "p", ProcessMetrics(clients=clients), Product.CORTEX, {}, kv_clients.Times(NOW)
    )
    assert [c.writes for c in found] == [True, False]
    assert bool(kv_clients.stranded(found)) is ((writer, reader) in STRANDED)
