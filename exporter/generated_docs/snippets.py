"""`docs/snippets.md`: each step's lines for each product, from the tables that `kvmigration plan` uses."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from exporter.derive.planning.wanted import INTO, Wanted
from exporter.expose.plan.snippets import file_snippets, runtime_snippets
from exporter.model.pages import Phase, Product
from exporter.model.planning.plan import BY_RUNTIME, BlockChange, Plan, Reached, Route
from exporter.model.settings import RingConfig
from exporter.products.kv_settings import HA_RING, SETTINGS, blocks_of
from exporter.products.registry import PRODUCTS, TABLES

# A release of each product that has every setting of the tables, and the store that its users leave mostly.
SHOWN = {
    Product.MIMIR: ("3.0", "consul"),
    Product.CORTEX: ("1.21", "consul"),
    Product.LOKI: ("3.6", "etcd"),
    Product.TEMPO: ("2.7", "consul"),
    Product.PYROSCOPE: ("1.11", "consul"),
}
LANGUAGES = {"yaml": "yaml", "helm": "yaml", "jsonnet": "jsonnet", "flags": "text"}
TITLES = {"yaml": "YAML", "helm": "Helm values", "jsonnet": "Jsonnet", "flags": "Flags"}
INTRODUCTION = """# The lines of each step, for each product

`kvmigration plan` prints the lines that *your* cluster needs. Here they are for one ring of each product.
Each product has a table of its rings. Every ring has a block of its own in the configuration, with the
same lines. [ring.md](ring.md) lists the checks of each step. [plan.md](plan.md) explains the command.

Every row has its source in [exporter/products/tables](../exporter/products/tables).
"""


MIXED = (
    "By restarts. Primaries are mixed while they last. Change one ring after another, restart all its "
    "processes quickly, and check the size of the ring after each."
)


def page() -> str:
    """The page."""
    return "\n".join([INTRODUCTION, *(line for product in PRODUCTS for line in _product(product))]) + "\n"


def plan_for(product: Product, step: str) -> Plan:
    """The plan of one step for the ingester ring of a product, with a file that has what the steps before
    it left there.
    """
    release, external = SHOWN[product]
    into = INTO[step]
    ring, wanted, switch = "ingester", Wanted(into, external), SETTINGS[product].runtime
    by_runtime = into in BY_RUNTIME and switch is not None and ring in switch.reaches
    route = Route.RUNTIME if by_runtime else Route.RESTART
    left = wanted.missing(_former(into, external))
    (block, *_) = blocks_of(product, ring)
    change = BlockChange(
        block=block,
        ring=ring,
        settings=MappingProxyType({f"{block}.kvstore.{name}": value for name, value in left.items()}),
        targets=("a",),
        components=(),
    )
    return Plan(
        "rings",
        step,
        product=product,
        versions=(release,),
        into=into,
        external=external,
        runtime=MappingProxyType(wanted.runtime() if by_runtime else {}),
        runtime_due=by_runtime,
        reached=(Reached(ring, "collectors/ring", (), route, ("a",), 0),),
        changes=() if by_runtime else (change,),
    )


def _former(into: Phase, external: str) -> RingConfig:
    """A ring's file before a step, where each step so far was taken in the file."""
    if into is Phase.MULTI:
        return RingConfig(store=external)
    before = Wanted(Phase(into - 1), external).static()
    return RingConfig(
        store="multi",
        primary=str(before["multi.primary"]),
        secondary=str(before["multi.secondary"]),
        mirror_enabled=bool(before["multi.mirror_enabled"]),
    )


def _product(product: Product) -> Iterator[str]:
    release, external = SHOWN[product]
    yield f"## {product.value.capitalize()}\n"
    yield f"Release {release}, from {external}.\n"
    yield from _rings(product)
    for number, step in enumerate(INTO, start=1):
        yield f"\n### {product.value.capitalize()}, step {number}: {step}\n"
        plan = plan_for(product, step)
        if plan.into is Phase.SWITCHED and plan.changes:
            yield f"{MIXED}\n"
        for one in (*runtime_snippets(plan), *file_snippets(plan)):
            if one.text:
                yield f"{TITLES[one.format]}:\n\n```{LANGUAGES[one.format]}\n{one.text}```\n"


def _rings(product: Product) -> Iterator[str]:
    """Each ring: where its settings stand, its flags, and whether the runtime configuration reaches it."""
    settings = SETTINGS[product]
    flags = {row.ring: row for row in settings.flags}
    reached = settings.runtime.reaches if settings.runtime is not None else ()
    yield "| ring | block in the file | flag of the store | runtime configuration |"
    yield "|---|---|---|---|"
    names = [ring.name for ring in TABLES[product].rings if ring.name != "admin-api"]
    for name in (*names, *([HA_RING] if TABLES[product].tracker is not None else [])):
        row = flags.get(name)
        since = f" (since {row.since})" if row is not None and row.since else ""
        flag = f"`-{row.flag('store')}`{since}" if row is not None else "unknown"
        block = ", ".join(f"`{one}`" for one in blocks_of(product, name))
        yield f"| {name} | {block} | {flag} | {'reaches it' if name in reached else 'does not reach it'} |"
