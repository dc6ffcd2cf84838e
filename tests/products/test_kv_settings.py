"""The tables of what each step changes: their rings are those of the products, their keys are known ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.model.pages import Product
from exporter.products import kv_settings
from exporter.products.kv_settings import HA_RING, SETTINGS, KVSettings, blocks_of, flags_of, has
from exporter.products.registry import PRODUCTS, TABLES

KNOWN = yaml.safe_load((Path(__file__).parent / "known_keys.yaml").read_text())
RECORDED = {
    Product.CORTEX: "cortex/2b-mirroring",
    Product.LOKI: "loki/2-mirroring",
    Product.MIMIR: "mimir/1-multi",
}
# Rings of releases that were not recorded.
OTHERS = {
    Product.CORTEX: set(),
    Product.LOKI: {"bloom-gateway", "bloom-compactor"},
    Product.MIMIR: {"querier", "usage-tracker", "usage-tracker-partitions"},
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_ring_that_a_row_names_is_one_of_the_product(product: Product) -> None:
    rings, settings = {ring.name for ring in TABLES[product].rings}, SETTINGS[product]
    named = {row.ring for row in settings.flags} | set(settings.runtime.reaches if settings.runtime else ())
    named |= set(settings.jsonnet.rings) | set(settings.jsonnet.arguments) if settings.jsonnet else set()
    extra = {"common"} if settings.common else set()
    extra |= {HA_RING} if TABLES[product].tracker else set()
    assert named <= rings | extra


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_row_says_where_it_was_read(product: Product) -> None:
    settings = SETTINGS[product]
    parts = (settings.runtime, settings.helm, settings.jsonnet, *settings.flags)
    assert all([settings.multi, settings.gossip, *(part.source for part in parts if part is not None)])


def test_a_product_without_a_file_of_settings_has_the_blocks_of_its_rings_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kv_settings, "_HERE", tmp_path)
    assert kv_settings._read(Product.MIMIR) == KVSettings(Product.MIMIR, "", "")


def test_the_switches_of_the_libraries_are_fields_that_they_have() -> None:
    for settings in SETTINGS.values():
        if settings.jsonnet is not None:
            fields = {name for step in settings.jsonnet.steps.values() for name in step}
            named = {settings.jsonnet.primary, settings.jsonnet.label, settings.jsonnet.verification}
            assert fields | named <= set(KNOWN["jsonnet"]["keys"])


@pytest.mark.parametrize("product", RECORDED)
def test_each_block_stands_on_a_recorded_configuration_page(product: Product, shared: Path) -> None:
    page = _page(shared / "recordings" / f"{RECORDED[product]}.jsonl.gz")
    rings = {ring.name for ring in TABLES[product].rings} - OTHERS[product] - {"admin-api"}
    blocks = {ring: blocks_of(product, ring) for ring in (*rings, HA_RING)}
    missing = [ring for ring, paths in blocks.items() if paths and not any(_at(page, path) for path in paths)]
    assert not missing
    keys = {"store", "multi"}
    assert all(keys <= set(_at(page, paths[0])["kvstore"]) for paths in blocks.values() if paths)
    assert set(KNOWN["memberlist"]["keys"]) <= set(page["memberlist"])


def _page(recording: Path) -> dict[str, Any]:
    with gzip.open(recording, "rt") as lines:
        answers = (json.loads(line) for line in lines)
        found = next(told for told in answers if told.get("path") == "/config" and told["status"] == 200)
    page: dict[str, Any] = yaml.safe_load(found["body"])
    return page


def _at(page: dict[str, Any], path: str) -> dict[str, Any]:
    node: Any = page
    for name in path.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node or {}


@pytest.mark.parametrize(
    ("product", "ring", "version", "store", "mirror"),
    [
        (Product.MIMIR, "ingester", "2.17.1", "ingester.ring.store", "ingester.ring.multi.mirror-enabled"),
        (Product.CORTEX, "ruler", "1.16.0", "ruler.ring.store", "ruler.ring.multi.mirror-enabled"),
        (Product.CORTEX, "ingester", "rev-abc", "ring.store", "multi.mirror-enabled"),
        (Product.LOKI, "pattern", "3.6.0", "pattern-ingester.store", "pattern-ingester.multi.mirror-enabled"),
        (Product.LOKI, "compactor", "3.0.0", "compactor.ring.store", "compactor.ring.multi.mirror-enabled"),
    ],
)  # fmt: skip
def test_the_flags_of_a_ring_are_those_of_its_client(
    product: Product, ring: str, version: str, store: str, mirror: str
) -> None:
    row = flags_of(product, ring, version)
    assert row is not None
    assert (row.flag("store"), row.flag("multi.mirror_enabled")) == (store, mirror)


@pytest.mark.parametrize(
    ("product", "ring", "version"),
    [
        (Product.MIMIR, "overrides-exporter", "2.4.0"),
        (Product.MIMIR, "ingester-partitions", "main-abc"),
        (Product.LOKI, "compactor", "2.9.1"),
        (Product.TEMPO, "ingester", "2.7.0"),
        (Product.CORTEX, "parquet-converter", "1.19.0"),
    ],
)
def test_what_a_release_is_not_known_to_have_is_not_guessed(
    product: Product, ring: str, version: str
) -> None:
    assert flags_of(product, ring, version) is None


@pytest.mark.parametrize(
    ("since", "until", "version", "there"),
    [
        ("", "", "anything", True),
        ("2.17", "", "2.17.0", True),
        ("2.17", "", "2.16.9", False),
        ("2.17", "", "rev-abc", False),
        ("", "3.0", "2.9.4", True),
        ("", "3.0", "3.0.0", False),
    ],
)
def test_a_release_has_what_came_before_it_and_has_not_gone(
    since: str, until: str, version: str, there: bool
) -> None:
    assert has(since, until, version) is there
