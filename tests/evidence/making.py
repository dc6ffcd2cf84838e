"""A healthy cluster of any kind, made at random."""

from __future__ import annotations

import random
from collections.abc import Iterator

from exporter.derive.judging_rules import Rules
from exporter.model.pages import Phase, Product
from tests.evidence.clusters import NOW, Cluster, Running
from tests.evidence.product_rings import KINDS, VERSIONS, C


def cluster(chance: random.Random) -> Cluster:
    """A healthy cluster of any kind."""
    product = chance.choice(list(KINDS))
    phase = chance.choice([phase for phase in Phase if phase is not Phase.UNKNOWN])
    period = chance.choice([5.0, 15.0, 15.0, 60.0, 120.0])
    zoned = chance.random() < 0.3
    mimir = product is Product.MIMIR
    made = Cluster(
        product=product,
        version=chance.choice(VERSIONS[product]),
        phase=phase,
        store=chance.choice(["consul", "etcd"]),
        prefixes=_prefixes(chance, product),
        period=period,
        timeout=max(60.0, 5 * period),
        factor=3 if zoned else chance.choice([1, 2, 3, 3, 3]),
        zoned=zoned,
        ingest=mimir and chance.random() < 0.3,
        ha_prefix=chance.choice([None, "ha-tracker/", "prom_ha/"])
        if mimir or product is Product.CORTEX
        else None,
        readable=chance.random() < 0.9,
        label=chance.choice(["prod-eu.lab", "one.two", "x-1"]),
        pathed=chance.choice(["", "", "/prometheus"]),
    )
    stores = (made.store,) if phase is Phase.MEMBERLIST or chance.random() < 0.7 else ()
    made.rules = Rules(soak=0.0, label=made.label if chance.random() < 0.5 else "", stores=stores)
    if not made.readable:  # then the defaults are all there is to judge by
        made.period, made.timeout = min(made.period, 15.0), 75.0
    made.running = list(_processes(chance, made))
    if made.ingest:
        owners = [one.name for one in made.running if "ingester" in one.roles]
        made.partition_owners = {n: (name,) for n, name in enumerate(owners)}
    return made


def _prefixes(chance: random.Random, product: Product) -> dict[str, str]:
    if chance.random() < 0.5:
        return {}
    base = chance.choice([f"{product.value}/", f"{product.value}-prod/", "x/y/", "collectors2/"])
    prefixes = {C: base + chance.choice(["", "collectors/"])}
    if chance.random() < 0.5:
        prefixes |= {"rulers/": f"{base}rulers/", "alertmanagers/": f"{base}alertmanagers/"}
    return prefixes


def _processes(chance: random.Random, made: Cluster) -> Iterator[Running]:
    roles = sorted(
        {kind.role for kind in KINDS[made.product]} | {r for k in KINDS[made.product] for r in k.readers}
    )
    if chance.random() < 0.3:
        shapes = [frozenset(roles)] * 3  # single binaries
    else:
        shapes = [
            frozenset({role})
            for role in roles
            for _ in range(3 if role in {"ingester", "segment-writer"} else 2)
        ]
    v6, one_host = chance.random() < 0.15, chance.random() < 0.2
    for number, shape in enumerate(shapes, start=1):
        host = (
            "127.0.0.1"
            if one_host
            else (f"fd00::{number}" if v6 else f"10.9.{number // 200}.{number % 200 + 1}")
        )
        yield Running(
            name=f"{made.product.value}-{sorted(shape)[0] if len(shape) == 1 else 'all'}-{number}",
            host=host,
            port=8000 + number if one_host else 8080,
            grpc=9000 + number if one_host else 9095,
            gossip=7000 + number if one_host else 7946,
            roles=shape,
            zone=f"zone-{'abc'[number % 3]}" if made.zoned else "",
            phase=made.phase,
            started=NOW - 8000,
            suffix=f"{number:08x}",
            label=made.label,
            seeds=(f"{host}:7001", f"{host}:7002") if one_host else ("gossip-ring:7946",),
        )
