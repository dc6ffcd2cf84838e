"""A small cluster of any product in any phase, and its plan: three processes with two rings."""

from __future__ import annotations

from dataclasses import replace

from exporter.derive.planning.plan import plans_of
from exporter.expose.plan.answers import plan_out
from exporter.expose.plan.shapes import PlanOut
from exporter.model.pages import Phase, Product, RingConfig
from tests.derive.build import COMPACTOR, INGESTER, Fleet

# What the gauges of a client show in each phase: primary, stores, mirroring, requests by store.
BOTH = ("consul", "memberlist")
GAUGES = {
    Phase.EXTERNAL: ("", (), None, "consul"),
    Phase.MULTI: ("consul", BOTH, False, "consul"),
    Phase.MIRRORING: ("consul", BOTH, True, "consul"),
    Phase.SWITCHED: ("memberlist", BOTH, True, "memberlist"),
    Phase.DETACHED: ("memberlist", BOTH, False, "memberlist"),
    Phase.MEMBERLIST: ("", (), None, "memberlist"),
}
BY_FILE = (Product.CORTEX, Product.TEMPO, Product.PYROSCOPE)


def plan(
    product: Product, phase: Phase, wanted: str = "rings", label: str = "lab", wait: float | None = None
) -> tuple[PlanOut, ...]:
    """The plan of a cluster whose file and gauges show a phase; what is switched is so at runtime. `wait` is
    the join_after of its ingesters, seconds.
    """
    made = Fleet()
    primary, stores, mirror, store = GAUGES[phase]
    is_multi = bool(stores)
    by_file = product in BY_FILE
    ring = RingConfig(
        "multi" if is_multi else store,
        "collectors/",
        60.0,
        15.0,
        3,
        primary=(primary if by_file else "consul") if is_multi else "",
        secondary=("consul" if by_file and primary == "memberlist" else "memberlist") if is_multi else "",
        mirror_enabled=bool(mirror) if by_file else False,
    )
    for process in made.processes:
        process.product, process.version, process.label = product, "2.17.1", label
        process.memberlist = phase is not Phase.EXTERNAL
        rings = {k: replace(ring, default_key=k) for k in (INGESTER, COMPACTOR)}
        process.config = {"rings": rings | {INGESTER: replace(rings[INGESTER], join_after=wait)}}
        process.clients = tuple(
            replace(
                one,
                primary=primary,
                stores=stores,
                mirror=mirror,
                requests={(store, "CAS"): 9.0} | ({("multi", "CAS"): 9.0} if is_multi else {}),
            )
            for one in process.clients
        )
    return tuple(map(plan_out, plans_of(made.look(), wanted)))
