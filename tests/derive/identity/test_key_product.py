"""Whose a key is by its name, and what of ours a reading of the store did not cover."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.derive.identity.key_product import is_foreign, uncovered, unused_keys
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import TargetFacts
from exporter.model.pages import ProcessConfig, Product, RingConfig, Value
from exporter.products.ha_keys import HaKeys
from exporter.products.ring_pages import HA_KEY
from tests.derive.build import (
    CLIENTS,
    COMPACTOR,
    INGESTER,
    Fleet,
    check_of,
    client,
    key_of,
    member,
    ring,
)

RULERS = "mimir-rulers/ring"


def named(*keys: str, **more: str) -> ProcessConfig:
    rings = {key: RingConfig(prefix=key.rpartition("/")[0] + "/", default_key=key) for key in keys}
    rings |= {key: RingConfig(prefix=key, default_key=HA_KEY) for key in more.values()}
    return ProcessConfig(rings=rings)


def target(config: ProcessConfig | None, number: int = 1) -> TargetFacts:
    return TargetFacts(f"t-{number}", f"http://t-{number}", "all", up=True, config=config)


COVERED = [
    ("everything is read", (), [named(INGESTER)], {INGESTER}, ()),
    ("all is below", ("collectors/",), [named(INGESTER)], {INGESTER}, ()),
    ("a wider prefix", ("mimir/",), [named("mimir/collectors/ring")], {"mimir/collectors/ring"}, ()),
    ("one names more", ("collectors/",), [named(INGESTER), named("alertmanager/am")], {INGESTER},
     ("alertmanager/",)),
    ("one key of a prefix", ("collectors/ring",), [named(INGESTER)], {INGESTER}, ("collectors/",)),
    ("the tracker's prefix", ("collectors/",), [named(INGESTER, ha="prom_ha/")], {INGESTER, HA_KEY},
     ("prom_ha/",)),
    ("no configuration was read", ("collectors/",), [None], {INGESTER, "rulers/ring"}, ("rulers/ring",)),
    ("a key in use that nothing names", ("collectors/",), [named(INGESTER)], {"x/ring"}, ("x/ring",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("read", "configs", "keys", "missing"), [c[1:] for c in COVERED], ids=[c[0] for c in COVERED]
)
def test_what_is_not_below_the_prefixes_that_were_read_is_named(
    read: tuple[str, ...], configs: list[ProcessConfig | None], keys: set[str], missing: tuple[str, ...]
) -> None:
    assert uncovered(read, map(target, configs), keys) == missing


LISTED: list[tuple[str, list[ProcessConfig | None], Product, str, bool | None]] = [
    ("ours", [None], Product.MIMIR, INGESTER, None),
    ("ours behind a prefix", [None], Product.MIMIR, "mimir/ring", None),
    ("ours by name, behind a prefix that nobody has", [named(INGESTER)], Product.MIMIR, "loki/ring", False),
    ("another product's", [named(INGESTER)], Product.MIMIR, "collectors/pattern-ring", True),
    ("in no table", [named(INGESTER)], Product.MIMIR, "collectors/new-thing", False),
    ("in no table, and most name it", [named("x/new")] * 2 + [None], Product.MIMIR, "x/new", None),
    ("in no table, and one of three names it", [named("x/new"), named(INGESTER), named(INGESTER)],
     Product.MIMIR, "x/new", False),
    ("a tracker's entry", [None], Product.MIMIR, "ha-tracker/u/c", None),
    ("a tracker's entry where there is no tracker", [None], Product.LOKI, "ha-tracker/u/c", True),
    ("of a product that is unknown", [None], Product.UNKNOWN, "collectors/pattern-ring", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("configs", "product", "key", "foreign"), [c[1:] for c in LISTED], ids=[c[0] for c in LISTED]
)
def test_unknown_and_foreign_keys_are_told_apart(
    configs: list[ProcessConfig | None], product: Product, key: str, foreign: bool | None
) -> None:
    targets = [target(config, number) for number, config in enumerate(configs)]
    found = unused_keys([key], targets, product, HaKeys())
    assert list(found.values()) == ([] if foreign is None else [foreign])
    assert not any("u/c" in name for name in found), "no tenant is named"


def test_a_name_that_two_products_share_is_foreign_to_neither() -> None:
    assert not is_foreign("loki/ring", Product.MIMIR)
    assert is_foreign("x/livestore-partitions", Product.MIMIR)
    assert not is_foreign("x/livestore-partitions", Product.TEMPO)


def fleet_naming(*keys: str) -> Fleet:
    fleet = Fleet()
    for process in fleet.processes:
        process.config = {"rings": dict(named(INGESTER, COMPACTOR, *keys).rings)}
    return fleet


def test_a_living_ring_below_a_named_prefix_is_ours_though_no_target_uses_it() -> None:
    fleet = fleet_naming(RULERS)
    fleet.store[RULERS], fleet.modified[RULERS] = ring([member("r-1", fleet.now)]), 1
    look = fleet.look()
    for name in ("keys-copied", "no-ghosts"):
        found = check_of(look, "switch-primary", name)
        assert found.verdict.value == "unknown"
        assert RULERS in {one.key for one in found.culprits}
    fleet.store[RULERS] = ring([member("r-1", fleet.now - 4000)])
    left = check_of(fleet.look(), "switch-primary", "keys-copied")
    assert left.verdict.value == "holds", "nobody keeps it fresh: it holds nothing back"


def test_after_the_switch_a_living_ring_in_the_store_alone_is_lost() -> None:
    fleet = fleet_naming(RULERS)
    for process in fleet.processes:
        process.clients = tuple(client(name, primary="memberlist") for name in CLIENTS)
    assert check_of(fleet.look(), "disable-mirroring", "nothing-lost").verdict.value == "holds"
    fleet.store[RULERS], fleet.modified[RULERS] = ring([member("r-1", fleet.now)]), 1
    found = check_of(fleet.look(), "disable-mirroring", "nothing-lost")
    assert (found.verdict.value, found.culprits) == ("fails", (Culprit(Kind.STORE_ONLY, key=RULERS),))


def lacking(fleet: Fleet, key: str, value: Value | None) -> None:
    fleet.stored = False
    if value is None:
        fleet.store.pop(key, None)
    else:
        fleet.store[key] = value


STORED = [
    ("the store has all", "same", "holds"),
    ("the store is another one", None, "unknown"),
    ("the store lacks a member", ring([member("p-1"), member("p-2")]), "unknown"),
]


@pytest.mark.parametrize(("value", "verdict"), [c[1:] for c in STORED], ids=[c[0] for c in STORED])
def test_a_store_that_lacks_what_the_pages_show_proves_nothing(value: Any, verdict: str) -> None:
    fleet = Fleet()
    if value != "same":
        lacking(fleet, INGESTER, value)
    look = fleet.look()
    for name in ("keys-copied", "members-copied", "contents-equal", "lag"):
        assert check_of(look, "switch-primary", name).verdict.value == verdict, name
    key = key_of(look, INGESTER)
    assert key.secondary is not None and key.secondary.by_pages == (verdict == "unknown")
    assert key.quorum_margin is None or key.quorum_margin >= 0, "nobody says that writes fail"
    assert len(key.members) == (2 if isinstance(value, type(ring([]))) else 3)
