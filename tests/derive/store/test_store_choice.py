"""Which store is a key's: what the processes name, against what is configured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.store.store_choice import Places, places_of
from exporter.model.facts import ClientFacts, TargetFacts
from exporter.model.pages import Outcome, Phase
from exporter.model.settings import ProcessConfig, RingConfig
from exporter.model.stores import StoreContent

RING, COMPACTOR, HA = "collectors/ring", "collectors/compactor", "ha-tracker/"
NAMES = {"ring": RING, "compactor": COMPACTOR, "ha": HA}


def process(number: int, **hosts: str) -> TargetFacts:
    """A process that uses these keys, each in the Consul of this address; `UNUSED_` ones by default only."""
    rings = {NAMES[name.removeprefix("UNUSED_")]: _consul(name, host) for name, host in hosts.items()}
    clients = tuple(
        ClientFacts(f"p{number}", name, NAMES[name], Phase.MULTI, writes=True)
        for name in hosts
        if not name.startswith("UNUSED_")
    )
    config = ProcessConfig(rings=rings)
    return TargetFacts(f"p{number}", f"http://p{number}", "all", up=True, clients=clients, config=config)


def _consul(name: str, host: str) -> RingConfig:
    if host == "dynamodb":
        return RingConfig("multi", default_key=NAMES[name], primary="dynamodb", secondary="memberlist")
    return RingConfig(
        "multi",
        default_key=NAMES[name.removeprefix("UNUSED_")],
        primary="consul",
        secondary="memberlist",
        consul_host=host,
        etcd_endpoints=("localhost:2379",),
    )


def fleet(**hosts: str) -> list[TargetFacts]:
    return [process(number, **hosts) for number in range(3)]


def agents() -> list[TargetFacts]:
    hosts = [f"10.0.0.{number}:8500" for number in range(3)]
    return [process(number, ring=host, compactor=host, ha=host) for number, host in enumerate(hosts)]


def store(*addresses: str, name: str = "", keys: tuple[str, ...] = (), kind: str = "consul") -> StoreContent:
    return StoreContent(kind, Outcome.OK, modified=dict.fromkeys(keys, 1), name=name, addresses=addresses)


def found(places: Places) -> dict[str, str]:
    return {
        key: place.addresses[0] if (place := places.of(key, {"consul"})) is not None else "-"
        for key in (RING, COMPACTOR, HA)
    }


A, B = store("a:8500"), store("b:8500", name="b")
EVERYWHERE = {RING: "a:8500", COMPACTOR: "a:8500", HA: "a:8500"}
HA_ELSEWHERE = {RING: "a:8500", COMPACTOR: "a:8500", HA: "-"}
CASES = {
    "one store, one address": (fleet(ring="a:8500", compactor="a:8500", ha="a:8500"), [A], EVERYWHERE),
    "one store by another name": (fleet(ring="x:1", compactor="x:1", ha="x:1"), [A], EVERYWHERE),
    "an agent on each host": (
        agents(), [A], EVERYWHERE,
    ),
    "the short and the long name": (
        fleet(ring="a:8500", compactor="a.ns.svc:8500", ha="http://A:8500"), [A], EVERYWHERE,
    ),
    "the default port": (fleet(ring="a", compactor="a", ha="a"), [A], EVERYWHERE),
    "no configuration page": ([], [A], EVERYWHERE),
    "the HA tracker elsewhere": (fleet(ring="a:8500", compactor="a:8500", ha="b:8500"), [A], HA_ELSEWHERE),
    "both are read": (
        fleet(ring="a:8500", compactor="a:8500", ha="b:8500"), [A, B], {**EVERYWHERE, HA: "b:8500"},
    ),
    "both are read, one by another name": (
        fleet(ring="a:8500", compactor="a:8500", ha="x:8500"), [A, B], {**EVERYWHERE, HA: "b:8500"},
    ),
    "the name is told": (
        fleet(ring="x:8500", compactor="x:8500", ha="y:8500"), [store("a:8500", "x:8500")], HA_ELSEWHERE,
    ),
    "two names that fit nothing": (
        fleet(ring="x:8500", compactor="x:8500", ha="y:8500"), [A], dict.fromkeys(EVERYWHERE, "-"),
    ),
    "the same host, another port": (fleet(ring="a:8500", compactor="a:8500", ha="a:8600"), [A], HA_ELSEWHERE),
    "defaults of a ring that is not used": (
        fleet(ring="a:8500", compactor="a:8500", UNUSED_ha="localhost:8500"), [A], EVERYWHERE,
    ),
    "one process says another thing": (
        [
            *fleet(ring="a:8500", compactor="a:8500", ha="b:8500"),
            process(9, ring="b:8500", compactor="b:8500", ha="a:8500"),
        ],
        [A], HA_ELSEWHERE,
    ),
    "no configuration page, two stores, one has it": (
        [], [store("a:8500", keys=(RING, COMPACTOR)), store("b:8500", name="b", keys=(HA,))],
        {**EVERYWHERE, HA: "b:8500"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_store_of_a_key_is_that_of_its_processes(case: str) -> None:
    targets, stores, expected = CASES[case]
    assert found(places_of(targets, stores)) == expected


def test_what_is_elsewhere_is_named_with_its_address() -> None:
    places = places_of(fleet(ring="a:8500", compactor="a:8500", ha="b:8500"), [A])
    assert places.elsewhere(A) == ("ha-tracker/ (in b:8500)",)
    assert places_of(fleet(ring="a:8500", ha="a:8500"), [A]).elsewhere(A) == ()


def test_the_stores_that_the_processes_name_are_suggested() -> None:
    found = places_of(fleet(ring="a:8500", compactor="a:8500", ha="b:8500"), ()).named()
    assert [(store.kind, store.addresses) for store in found] == [
        ("consul", ("a:8500",)),
        ("consul", ("b:8500",)),
    ]
    assert places_of([], ()).named() == ()


def on_memberlist(targets: list[TargetFacts]) -> list[TargetFacts]:
    """The same processes, whose configuration names no external store any more."""
    rings = {
        key: RingConfig("memberlist", default_key=key, consul_host="localhost:8500") for key in NAMES.values()
    }
    return [replace(target, config=ProcessConfig(rings=rings)) for target in targets]


LATER = {
    "one store": (fleet(ring="a:8500", compactor="a:8500", ha="a:8500"), [A], ()),
    "one store by another name": (fleet(ring="x:1", compactor="x:1", ha="x:1"), [A], ()),
    "the HA tracker elsewhere": (
        fleet(ring="a:8500", compactor="a:8500", ha="b:8500"), [A], ("ha-tracker/ (in b:8500)",),
    ),
    "both are read": (fleet(ring="a:8500", compactor="a:8500", ha="b:8500"), [A, B], ()),
    "a ring in DynamoDB": (
        fleet(ring="a:8500", compactor="dynamodb", ha="a:8500"), [A], ("collectors/compactor (in dynamodb)",),
    ),
    "an agent on each host": (agents(), [A], ()),
    "an agent on each host, and one process with a ring of its own": (
        [*(process(n, ring=f"10.0.0.{n}:8500") for n in range(3)), process(3, ha="10.0.0.3:8500")], [A], (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LATER)
def test_what_a_store_was_called_is_known_when_configurations_name_none_any_more(case: str) -> None:
    targets, stores, expected = LATER[case]
    before = places_of(targets, stores).lasting
    for _ in range(3):
        places = places_of(on_memberlist(targets), stores, before)
        before = places.lasting
    nowhere = frozenset.intersection(*(frozenset(places.elsewhere(store)) for store in stores))
    assert nowhere == frozenset(expected)


def test_what_is_remembered_outlasts_silence_and_gives_way_to_another_address() -> None:
    named = fleet(ring="a:8500", ha="b:8500")
    before = places_of(named, [A]).lasting
    assert places_of([replace(target, up=False) for target in named], [A], before).lasting == before
    moved = places_of(fleet(ring="a:8500", ha="a:8500"), [A], before)
    assert (moved.elsewhere(A), set(moved.lasting.values())) == ((), {("a:8500",)})


def test_a_ring_in_dynamodb_is_there_until_it_is_said_to_be_elsewhere() -> None:
    there = places_of(fleet(ring="dynamodb"), [A])
    assert there.elsewhere(A) == ("collectors/ring (in dynamodb)",)
    moved = places_of(fleet(ring="a:8500"), [A], there.lasting)
    assert (
        moved.elsewhere(A) == places_of(on_memberlist(fleet(ring="x")), [A], moved.lasting).elsewhere(A) == ()
    )
    assert [store.kind for store in places_of(fleet(ring="dynamodb", ha="a:8500"), ()).named()] == [
        "consul",
        "dynamodb",
    ]
