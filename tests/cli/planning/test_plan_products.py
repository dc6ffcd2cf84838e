"""The plans of products without a recording: each step from the first to the last, in one reviewed file."""

from __future__ import annotations

import pytest

from exporter.cli.planning.plan import text_of
from exporter.model.pages import Phase, Product
from tests.cli.conftest import as_reviewed
from tests.cli.planning.clusters import plan

FORMATS = [
    (Product.TEMPO, "yaml"),
    (Product.TEMPO, "helm"),
    (Product.TEMPO, "flags"),
    (Product.PYROSCOPE, "yaml"),
    (Product.PYROSCOPE, "helm"),
    (Product.PYROSCOPE, "flags"),
]
STEPS = {
    Phase.EXTERNAL: "rings/preflight",
    Phase.MULTI: "rings/enable-mirroring",
    Phase.MIRRORING: "rings/switch-primary",
    Phase.SWITCHED: "rings/disable-mirroring",
    Phase.DETACHED: "rings/remove-multi",
    Phase.MEMBERLIST: "store/decommission-store",
}


@pytest.mark.parametrize(("product", "form"), FORMATS, ids=lambda told: getattr(told, "value", told))
def test_each_step_of_a_product_reads_as_reviewed(product: Product, form: str) -> None:
    plans = [one for phase, step in STEPS.items() for one in plan(product, phase, step, wait=0.0)]
    assert [one.title for one in plans] == list(STEPS.values())
    text = "".join(text_of(one, form, first=not number) for number, one in enumerate(plans))
    as_reviewed(f"plan-{product.value}-each-step-{form}.txt", text)
