"""What each key is called in the stores."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from exporter.derive.identity.key_names import Names, names_of
from exporter.model.pages import Outcome, Product, Ring, RingConfig, Value
from exporter.model.stores import StoreContent
from tests.derive.build import COMPACTOR, INGESTER, NOW, Fleet, Process, key_of, member, ring, step_of, tokens

THREE = ring([member(f"p-{n}") for n in (1, 2, 3)])
OTHERS = ring([member(f"q-{n}") for n in (1, 2, 3)])
SAME_IDS = ring([member(f"p-{n}", tokens=tokens(n + 7000)) for n in (1, 2, 3)])
UNTOLD = ring([member(f"p-{n}", tokens=tokens()) for n in (1, 2, 3)])


def config(key: str, default: str = INGESTER) -> Mapping[str, Mapping[str, RingConfig]]:
    return {"rings": {key: RingConfig("multi", default_key=default, prefix=key.rpartition("/")[0] + "/")}}


def names(values: Mapping[str, Value], page: Ring, *configs: Mapping[str, object], before: Names) -> Names:
    processes = [Process(1, pages={INGESTER: page})]
    processes += [Process(n + 2, config=told) for n, told in enumerate(configs)]
    store = StoreContent("consul", Outcome.OK, values=values, asked_at=NOW)
    return names_of(tuple(p.read(NOW) for p in processes), (store,), Product.CORTEX, before)


ALIKE = [
    ("the default key has it", {INGESTER: THREE}, THREE, INGESTER),
    ("another prefix", {"tempo/ring": THREE, "tempo/compactor": SAME_IDS}, THREE, "tempo/ring"),
    ("another name", {"tempo/chosen": THREE}, THREE, "tempo/chosen"),
    ("a neighbour has the default", {INGESTER: OTHERS, "mimir/ring": THREE}, THREE, "mimir/ring"),
    ("half of the members", {"t/ring": ring([member("p-1"), member("p-2")])}, THREE, "t/ring"),
    ("fewer than half", {"t/ring": ring([member("p-1")])}, THREE, INGESTER),
    ("the same ids with other tokens", {"t/compactor": SAME_IDS}, THREE, INGESTER),
    ("another ring of the same processes", {COMPACTOR: UNTOLD}, UNTOLD, INGESTER),
    ("no tokens, the same end", {"t/ring": UNTOLD, "t/compactor": UNTOLD}, UNTOLD, "t/ring"),
    ("nothing", {}, THREE, INGESTER),
]


@pytest.mark.parametrize(("values", "page", "name"), [c[1:] for c in ALIKE], ids=[c[0] for c in ALIKE])
def test_without_a_configuration_page_the_members_say_which_key_a_ring_is(
    values: Mapping[str, Value], page: Ring, name: str
) -> None:
    found = names(values, page, before=Names())
    assert found.stored(INGESTER, None) == name
    assert found.default(name) in {INGESTER, name}


SAID = [
    ("all agree", ["mimir/ring", "mimir/ring"], "mimir/ring"),
    ("they do not agree", ["mimir/ring", "other/ring"], INGESTER),
]


@pytest.mark.parametrize(("keys", "name"), [c[1:] for c in SAID], ids=[c[0] for c in SAID])
def test_what_the_other_processes_say_stands_for_one_that_says_nothing(keys: list[str], name: str) -> None:
    found = names({}, THREE, *map(config, keys), before=Names())
    assert found.stored(INGESTER, None) == name


def test_a_process_that_names_its_key_is_believed_of_its_own() -> None:
    told = Process(1, config=config("mine/ring")).read(NOW).config.value
    assert Names(aliases={INGESTER: "other/ring"}).stored(INGESTER, told) == "mine/ring"
    assert Names(aliases={INGESTER: "other/ring"}).stored("", told) == ""


def test_a_name_that_was_found_out_stands_while_nothing_shows_another() -> None:
    before = names({"tempo/ring": THREE}, THREE, before=Names())
    assert names({}, THREE, before=before).stored(INGESTER, None) == "tempo/ring"


def moved(fleet: Fleet, prefix: str) -> None:
    """The same cluster with another prefix before every key, and no configuration that says so."""
    named = {INGESTER: f"{prefix}ring", COMPACTOR: f"{prefix}compactor"}
    fleet.store = {named.get(key, key): value for key, value in fleet.store.items()}
    fleet.modified = {named.get(key, key): index for key, index in fleet.modified.items()}
    for process in fleet.processes:
        process.copies = {named.get(key, key): value for key, value in process.copies.items()}
        process.config = {"rings": {}}


def test_a_cluster_with_a_prefix_of_its_own_is_judged_like_any_other() -> None:
    fleet = Fleet()
    moved(fleet, "tempo/")
    look = fleet.look()
    key = key_of(look, "tempo/ring")
    assert (key.ring, len(key.members), key.secondary is not None and key.secondary.missing_key) == (
        "ingester", 3, False)  # fmt: skip
    assert INGESTER not in {one.key for one in look.keys}
    copied = next(c for c in step_of(look, "switch-primary").checks if c.id == "keys-copied")
    assert copied.verdict.value == "holds"
