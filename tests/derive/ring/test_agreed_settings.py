"""One ring's settings: whose counts, and what disagrees."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.derive.ring.agreed_settings import Claim, Role, agree, differing_primaries, heartbeat_limit
from exporter.expose.wording import culprits
from exporter.model.facts import ClientFacts
from exporter.model.pages import Phase, RingConfig
from exporter.model.settings import Replication
from tests.derive.build import CLIENTS, INGESTER, Fleet, client, step_of


def claim(target: str, role: Role = Role.OWNER, **told: Any) -> Claim:
    config: dict[str, Any] = {
        "heartbeat_timeout": 60.0,
        "heartbeat_period": 15.0,
        "replication_factor": 3,
    } | told
    return Claim(RingConfig(**{"zone_awareness": False} | config), target, role)


OWNERS = [claim("a"), claim("b"), claim("c")]
READER, NONE = Role.READER, Role.NONE
DIFFERING = [
    ("all agree", [*OWNERS, claim("q", READER)], ()),
    (
        "one owner of three",
        [*OWNERS, claim("d", replication_factor=5)],
        ("replication factor 5 on d, 3 on 3 other processes",),
    ),
    (
        "one reader",
        [*OWNERS, claim("q", READER, heartbeat_timeout=600.0)],
        ("heartbeat timeout 600 s on q, 60 s on 3 other processes",),
    ),
    ("a reader's period, which it does not use", [*OWNERS, claim("q", READER, heartbeat_period=120.0)], ()),
    ("the defaults of a process without a client", [*OWNERS, claim("x", NONE, replication_factor=1)], ()),
    ("a release that does not tell", [*OWNERS, claim("d", zone_awareness=None, heartbeat_timeout=None)], ()),
    (
        "one of two: either may be wrong",
        [claim("a"), claim("b", replication_factor=5)],
        ("replication factor 3 on a, 5 on b",),
    ),
    (
        "zone awareness",
        [*OWNERS, claim("d", zone_awareness=True)],
        ("zone awareness on on d, off on 3 other processes",),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("claims", "told"), [c[1:] for c in DIFFERING], ids=[c[0] for c in DIFFERING])
def test_what_differs_is_named_with_the_process(claims: list[Claim], told: tuple[str, ...]) -> None:
    assert tuple(map(culprits.name, agree(claims).differing)) == told


COUNTED = [
    ("a reader's timeout", [*OWNERS, claim("q", READER, heartbeat_timeout=600.0)], (15.0, 60.0, 1)),
    ("a reader's factor", [*OWNERS, claim("q", READER, replication_factor=5)], (15.0, 60.0, 1)),
    ("an owner's period", [*OWNERS, claim("d", heartbeat_period=1800.0)], (15.0, 60.0, 1)),
    ("an owner's timeout", [*OWNERS, claim("d", heartbeat_timeout=3600.0)], (15.0, 60.0, 1)),
    ("an owner's factor", [*OWNERS, claim("d", replication_factor=5)], (15.0, 60.0, 2)),
    ("an owner that switched it off", [*OWNERS, claim("d", heartbeat_timeout=0.0)], (15.0, 60.0, 1)),
    ("switched off by all", [claim("a", heartbeat_timeout=0.0)], (15.0, 0.0, 1)),
    ("beyond any cluster", [claim("a", heartbeat_period=1e6, heartbeat_timeout=1e6)], (120.0, 600.0, 1)),
    ("Mimir's own jsonnet", [claim("a", heartbeat_period=120.0, heartbeat_timeout=600.0)], (120.0, 600.0, 1)),
    ("readers alone", [claim("q", READER, heartbeat_timeout=90.0), claim("x", NONE)], (15.0, 90.0, 1)),
    ("no client of it is known", [claim("x", NONE, heartbeat_timeout=90.0)], (15.0, 90.0, 1)),
    ("nobody tells", [], (15.0, None, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("claims", "told"), [c[1:] for c in COUNTED], ids=[c[0] for c in COUNTED])
def test_the_owners_count_and_the_most_careful_of_them(
    claims: list[Claim], told: tuple[float, float | None, int]
) -> None:
    found = agree(claims)
    assert (found.period, found.timeout, len(found.replication)) == told


def test_zone_awareness_that_a_release_does_not_tell_stays_unknown() -> None:
    assert agree([claim("a", zone_awareness=None)]).replication == (Replication(3, None),)


def test_the_timeout_is_the_configured_one_then_the_processes_then_the_default() -> None:
    assert heartbeat_limit(agree(OWNERS), 90.0) == (90.0, True)
    assert heartbeat_limit(agree(OWNERS), None) == (60.0, True)
    assert heartbeat_limit(agree([]), None) == (60.0, False)


PRIMARIES = [
    ("one store", {"consul": "ab"}, ""),
    ("one client that has switched", {"consul": "a", "memberlist": "b"}, ""),
    ("one of three", {"consul": "ab", "etcd": "c"}, "primary etcd on c, consul on 2 other processes"),
    ("one of two", {"consul": "a", "etcd": "b"}, "primary consul on a, etcd on b"),
    ("no store's name", {"consul": "a", "zzz": "bc"}, "primary zzz on b, c, consul on a"),
]


@pytest.mark.parametrize(("stores", "told"), [c[1:] for c in PRIMARIES], ids=[c[0] for c in PRIMARIES])
def test_two_external_primaries_of_one_key_are_named(stores: dict[str, str], told: str) -> None:
    writers = (
        ClientFacts(process, "ring", INGESTER, Phase.MIRRORING, writes=True, primary=store)
        for store, processes in stores.items()
        for process in processes
    )
    assert "; ".join(map(culprits.name, differing_primaries(writers))) == told


def _asked(fleet: Fleet) -> tuple[str, tuple[str, ...]]:
    step = step_of(fleet.look(), "switch-primary")
    found = next(check for check in step.checks if check.id == "settings-agree")
    return found.verdict.value, tuple(map(culprits.name, found.culprits))


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ((1,), f"{INGESTER}: store inmemory on 10.0.0.1:80, shared by 2 other processes"),
        ((1, 2, 3), ""),  # single processes, each with its own ring
        ((), ""),
    ],
)
def test_a_process_that_keeps_a_ring_in_its_memory_that_others_share_is_named(
    kept: tuple[int, ...], told: str
) -> None:
    fleet = Fleet()
    for process in fleet.processes:
        if process.number in kept:
            alone = {"primary": "", "stores": (), "mirror": None, "requests": {("inmemory", "CAS"): 9.0}}
            process.clients = (client(CLIENTS[0], **alone), client(CLIENTS[1]))
    assert _asked(fleet) == (("fails", (told,)) if told else ("holds", ()))


@pytest.mark.parametrize("prefix", ["zzz/", "collectors/"])
def test_a_process_with_a_ring_under_another_prefix_is_named(prefix: str) -> None:
    fleet = Fleet()
    block = RingConfig("multi", prefix, 60.0, 15.0, 3, zone_awareness=False, default_key="collectors/ring")
    fleet.processes[0].config = {"rings": {f"{prefix}ring": block}}
    found = _asked(fleet)
    named = "ingester ring: key zzz/ring on 10.0.0.1:80, collectors/ring on 2 other processes"
    assert (named in found[1]) is (prefix == "zzz/")
