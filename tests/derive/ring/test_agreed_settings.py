"""One ring's settings: whose counts, and what disagrees."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.derive.ring.agreed_settings import Claim, Role, agree, heartbeat_limit
from exporter.model.pages import RingConfig
from exporter.model.settings import Replication


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
        ("replication factor 5 on d, 3 on 3 others",),
    ),
    (
        "one reader",
        [*OWNERS, claim("q", READER, heartbeat_timeout=600.0)],
        ("heartbeat timeout 600 s on q, 60 s on 3 others",),
    ),
    ("a reader's period, which it does not use", [*OWNERS, claim("q", READER, heartbeat_period=120.0)], ()),
    ("the defaults of a process without a client", [*OWNERS, claim("x", NONE, replication_factor=1)], ()),
    ("a release that does not tell", [*OWNERS, claim("d", zone_awareness=None, heartbeat_timeout=None)], ()),
    (
        "zone awareness",
        [*OWNERS, claim("d", zone_awareness=True)],
        ("zone awareness on on d, off on 3 others",),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("claims", "told"), [c[1:] for c in DIFFERING], ids=[c[0] for c in DIFFERING])
def test_what_differs_is_named_with_the_process(claims: list[Claim], told: tuple[str, ...]) -> None:
    assert agree(claims).differing == told


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
