"""Which key's ring a page shows, where two products have the same path."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.comparison.collect import Cycle, read_keys
from exporter.model.facts import ClientFacts, TargetFacts
from exporter.model.pages import Observation, Outcome, Page, Phase, ProcessConfig, Product, Ring, RingConfig
from exporter.model.stores import StoreContent
from exporter.products.ring_pages import ANY, RingPage
from tests.derive.build import NOW, Process, member, ring

RULERS, LOKIS = "rulers/ring", "rulers/rulers"  # behind one path
BOTH = [RULERS, LOKIS]
RING = ring([member("m-1")])
CORTEX, LOKI, UNKNOWN = Product.CORTEX, Product.LOKI, Product.UNKNOWN


def showing(number: int, *, copy: str = "") -> Observation:
    """A process that shows the ruler's ring, and may have a key in its gossip."""
    seen = Process(number, copies={copy: RING} if copy else {}).read(NOW)
    page: Page[Ring] = Page("/ruler/ring", Outcome.OK, RING, asked_at=NOW, clock=NOW)
    return replace(seen, rings={page.name: page})


def target(number: int, product: Product, **more: Any) -> TargetFacts:
    told: dict[str, Any] = {"up": True, "product": product} | more
    return TargetFacts(f"10.0.0.{number}:80", f"http://10.0.0.{number}:80", "all", **told)


def client(key: str) -> ClientFacts:
    return ClientFacts("t", "ruler", key, Phase.EXTERNAL, writes=True)


def shown(*targets: TargetFacts, copy: str = "", stored: str = "", **more: Any) -> dict[str, list[str]]:
    """The keys of which there are pages, each with the processes that show it."""
    seen = tuple(showing(number, copy=copy) for number, _ in enumerate(targets, start=1))
    stores = (StoreContent("consul", Outcome.OK, values={stored: RING}, asked_at=NOW),) if stored else ()
    found = read_keys(Cycle(NOW, NOW - 1, 1, seen, stores), targets, {}, **more)
    return {key.key: [view.target[7] for view in key.pages] for key in found if key.pages}


def config(key: str, **more: Any) -> ProcessConfig:
    return ProcessConfig(rings={key: RingConfig(**more)})


CASES: list[tuple[str, list[TargetFacts], dict[str, Any], list[str]]] = [
    ("its own product", [target(1, LOKI)], {}, [LOKIS]),
    ("the configured product", [target(1, UNKNOWN)], {"product": LOKI}, [LOKIS]),
    (
        "its own before the configured one",
        [target(1, CORTEX)],
        {"product": LOKI},
        [RULERS],
    ),
    ("the others' product", [target(1, UNKNOWN), target(2, LOKI)], {}, [LOKIS]),
    (
        "the others', though they are down",
        [target(1, UNKNOWN), target(2, LOKI, up=False)],
        {},
        [LOKIS],
    ),
    (
        "most of the others' product, whatever one says",
        [target(1, UNKNOWN), target(2, LOKI), target(3, LOKI), target(4, CORTEX)],
        {"stored": RULERS},
        [LOKIS],
    ),
    ("what stands in the store", [target(1, UNKNOWN)], {"stored": LOKIS}, [LOKIS]),
    ("what stands in the gossip", [target(1, UNKNOWN)], {"copy": LOKIS}, [LOKIS]),
    ("what its configuration says", [target(1, UNKNOWN, config=config(LOKIS))], {"stored": RULERS}, [LOKIS]),
    (
        "that with a prefix of its own",
        [target(1, UNKNOWN, config=config("my/rulers", default_key=LOKIS))],
        {},
        ["my/rulers"],
    ),
    (
        "no guess of a client whose product is unknown",
        [target(1, UNKNOWN, clients=(client(RULERS),))],
        {"stored": LOKIS},
        [LOKIS],
    ),
    ("one of them where nothing tells", [target(1, UNKNOWN)], {}, [RULERS]),
    ("both where both are used", [target(1, UNKNOWN)], {"stored": LOKIS, "copy": RULERS}, BOTH),
    (
        "the store's where the others differ",
        [target(1, UNKNOWN), target(2, LOKI, up=False), target(3, CORTEX, up=False)],
        {"stored": LOKIS},
        [LOKIS],
    ),
]


@pytest.mark.parametrize(("targets", "more", "keys"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_page_that_may_be_of_two_keys_is_of(
    targets: list[TargetFacts], more: dict[str, Any], keys: list[str]
) -> None:
    found = shown(*targets, **more)
    assert sorted(key for key, views in found.items() if "1" in views) == sorted(keys)


@pytest.mark.parametrize(("product", "key"), [(CORTEX, RULERS), (LOKI, LOKIS)])
def test_a_configured_path_without_a_key_is_what_it_is_to_the_process(product: Product, key: str) -> None:
    pages = tuple(
        RingPage("/ruler/ring", each, "ruler", frozenset({of}))
        for each, of in ((RULERS, CORTEX), (LOKIS, LOKI))
    )
    assert list(shown(target(1, product), pages=pages)) == [key]


def test_two_keys_configured_for_one_path_are_both_read() -> None:
    pages = tuple(RingPage("/ruler/ring", key, key, ANY) for key in ("my/a", "my/b"))
    assert sorted(shown(target(1, UNKNOWN), pages=pages)) == ["my/a", "my/b"]


def test_a_page_of_another_product_is_not_lost_while_a_process_does_not_show_its_own() -> None:
    seen = Process(1).read(NOW)
    page: Page[Ring] = Page("/scheduler/ring", Outcome.OK, RING, asked_at=NOW, clock=NOW)
    seen = replace(seen, rings={page.name: page})
    found = read_keys(Cycle(NOW, NOW - 1, 1, (seen,)), (target(1, UNKNOWN), target(2, CORTEX)), {})
    assert [key.key for key in found if key.pages] == ["collectors/scheduler"]
