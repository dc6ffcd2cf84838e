"""The lines that docs/snippets.md shows: each parses, and has keys that the product is known to have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.derive.planning.wanted import INTO
from exporter.expose.plan.snippets import file_snippets, runtime_snippets
from exporter.generated_docs.snippets import page, plan_for
from exporter.model.pages import Product
from exporter.products.kv_settings import SETTINGS, blocks_of
from exporter.products.registry import PRODUCTS

KNOWN = yaml.safe_load((Path(__file__).parents[1] / "products" / "known_keys.yaml").read_text())
CASES = [(product, step) for product in PRODUCTS for step in INTO]


def leaves(tree: dict[str, Any], path: str = "") -> Iterator[str]:
    """The dotted path of each value."""
    for name, value in tree.items():
        here = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            yield from leaves(value, here)
        else:
            yield here


def texts(product: Product, step: str) -> dict[str, list[str]]:
    """The snippets of a step by format; those that are refused are left out."""
    plan, found = plan_for(product, step), dict[str, list[str]]()
    for one in (*runtime_snippets(plan), *file_snippets(plan)):
        if one.text:
            found.setdefault(one.format, []).append(one.text)
    return found


@pytest.mark.parametrize(("product", "step"), CASES)
def test_each_line_of_yaml_is_a_key_that_the_product_has(product: Product, step: str) -> None:
    (block, *_) = blocks_of(product, "ingester")
    allowed = {f"{block}.kvstore.{key}" for key in KNOWN["kvstore"]["keys"]}
    allowed |= {f"multi_kv_config.{key}" for key in KNOWN["multi_kv_config"]["keys"]}
    found = {path for text in texts(product, step)["yaml"] for path in leaves(yaml.safe_load(text))}
    assert found
    assert found <= allowed


@pytest.mark.parametrize(("product", "step"), CASES)
def test_helm_values_are_the_same_lines_below_the_charts_value(product: Product, step: str) -> None:
    told, chart = texts(product, step), SETTINGS[product].helm
    assert chart is not None
    for plain, below in zip(told["yaml"], told["helm"], strict=True):
        values = set(leaves(yaml.safe_load(below)))
        assert values in (
            {f"{place}.{path}" for path in leaves(yaml.safe_load(plain))}
            for place in (chart.config, chart.runtime)
        )


@pytest.mark.parametrize(("product", "step"), CASES)
def test_jsonnet_has_fields_that_the_library_has_and_flags_have_one_form(product: Product, step: str) -> None:
    told = texts(product, step)
    for text in told.get("jsonnet", []):
        fields = {
            line.split(":")[0].strip() for line in text.splitlines() if ":" in line and "_config" not in line
        }
        assert fields <= set(KNOWN["jsonnet"]["keys"])
    for text in told.get("flags", []):
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert all(line.startswith("-") and line.count("=") == 1 and " " not in line for line in lines)


def test_products_that_lack_a_form_are_refused_in_it() -> None:
    assert "jsonnet" not in texts(Product.CORTEX, "preflight")
    assert "flags" not in texts(Product.TEMPO, "preflight")
    assert {"jsonnet", "flags"} <= texts(Product.MIMIR, "preflight").keys()


def test_a_switch_by_restarts_says_what_it_costs() -> None:
    parts = page().split("\n### ")
    (tempo,) = (part for part in parts if part.startswith("Tempo, step 3"))
    (mimir,) = (part for part in parts if part.startswith("Mimir, step 3"))
    assert "Primaries are mixed" in tempo
    assert "Primaries are mixed" not in mimir
