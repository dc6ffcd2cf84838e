"""Which keys are entries of an HA tracker, whatever their prefix."""

from __future__ import annotations

import pytest

from exporter.model.entry import Replica
from exporter.model.pages import ProcessConfig, Ring, RingConfig, Value
from exporter.products.ha_keys import HaKeys, by_codec, ha_keys
from exporter.products.ring_pages import HA_KEY

ENTRY, RING = Replica("r", 1.0), Ring({})


def config(ha: str = HA_KEY, *rings: tuple[str, str], on: bool = True) -> ProcessConfig:
    named = {ha: RingConfig(default_key=HA_KEY, prefix=ha)}
    named |= {name: RingConfig(default_key=default, prefix=name[: -len("ring")]) for name, default in rings}
    return ProcessConfig(ha_tracker=on, rings=named)


NAMED = [
    ("the default", [], "ha-tracker/u/c", "u/c"),
    ("the default behind another prefix", [], "mimir/ha-tracker/u/c", "u/c"),
    ("a cluster with a slash", [], "ha-tracker/u/eu/prod", "u/eu/prod"),
    ("as jsonnet has it", [config("prom_ha/")], "prom_ha/u/c", "u/c"),
    ("without a slash at its end", [config("prom_ha")], "prom_hau/c", "u/c"),
    ("of two the longer", [config("ha/"), config("ha/eu/")], "ha/eu/u/c", "u/c"),
    ("one distributor's", [config(), config("prom_ha/")], "prom_ha/u/c", "u/c"),
    ("a ring below it", [config("mimir/", ("mimir/ring", "collectors/ring"))], "mimir/ring", ""),
    ("a ring of the tables", [config("collectors/")], "collectors/ring", ""),
    ("nothing but a user", [config("prom_ha/")], "prom_ha/u", ""),
    ("no prefix at all", [config("")], "collectors/ring", ""),
    ("somebody else's", [config()], "prom_ha/u/c", ""),
    ("a ring", [], "collectors/compactor", ""),
]


@pytest.mark.parametrize(("configs", "key", "entry"), [c[1:] for c in NAMED], ids=[c[0] for c in NAMED])
def test_configurations_name_the_prefix(configs: list[ProcessConfig], key: str, entry: str) -> None:
    known = ha_keys(configs)
    assert known.entry(key) == entry
    assert known.canonical(key) == (HA_KEY if entry else key)


HELD: list[tuple[str, list[tuple[str, Value]], set[str], dict[str, str]]] = [
    ("two users", [("prom_ha/a/c", ENTRY), ("prom_ha/b/d", ENTRY)], set(), {
        "prom_ha/a/c": "a/c", "prom_ha/b/d": "b/d"}),
    ("a slash in a cluster", [("p/a/eu/x", ENTRY), ("p/b/c", ENTRY)], set(), {
        "p/a/eu/x": "a/eu/x", "p/b/c": "b/c"}),
    ("as a tracker page shows it", [("p/q/a/c", ENTRY)], {"q/a/c"}, {"p/q/a/c": "q/a/c"}),
    ("a prefix without a slash", [("prom_haa/c", ENTRY)], {"a/c"}, {"prom_haa/c": "a/c"}),
    ("a ring", [("tempo/ring", RING)], set(), {"tempo/ring": ""}),
    ("one copy of three says so", [("t/a/ring", RING), ("t/a/ring", RING), ("t/a/ring", ENTRY)], set(), {
        "t/a/ring": ""}),
    ("a ring of the tables", [("collectors/ring", ENTRY)], set(), {"collectors/ring": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("values", "shown", "entries"), [c[1:] for c in HELD], ids=[c[0] for c in HELD])
def test_where_no_configuration_is_read_the_values_say_it(
    values: list[tuple[str, Value]], shown: set[str], entries: dict[str, str]
) -> None:
    known = ha_keys([], (), values, frozenset(shown))
    assert {key: known.entry(key) for key in entries} == entries


def test_a_prefix_that_was_learned_holds_for_the_entries_that_were_not_read() -> None:
    known = ha_keys([], (), [("prom_ha/a/c", ENTRY)])
    assert known.learned() == ("prom_ha/",)
    assert ha_keys([], known.learned()).entry("prom_ha/b/d") == "b/d"
    assert HaKeys().learned() == ()


@pytest.mark.parametrize(
    ("key", "codec", "entry"),
    [("x/u/c", "replicaDesc", True), ("x/u/c", "ringDesc", False), ("collectors/ring", "replicaDesc", False)],
)
def test_a_codec_says_what_a_key_holds_but_of_known_rings(key: str, codec: str, entry: bool) -> None:
    assert by_codec(key, codec) is entry
