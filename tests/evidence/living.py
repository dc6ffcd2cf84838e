"""Healthy clusters at the beginning of a life: of any size, before any of the gate's steps."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace

from exporter.model.pages import Phase, Product
from tests.evidence.clusters import NOW, Cluster, Running
from tests.evidence.faults import FAULTS, IN_A_LIFE, OF_GROUPS, OF_LABELS, Fault
from tests.evidence.making import cluster

BY_PHASE = {
    "preflight": Phase.EXTERNAL,
    "enable-mirroring": Phase.MULTI,
    "switch-primary": Phase.MIRRORING,
    "disable-mirroring": Phase.SWITCHED,
    "remove-multi": Phase.DETACHED,
    "decommission-store": Phase.MEMBERLIST,
}
LABELS, GROUPS = (
    ("set-label", "enforce-label"),
    ("retire-read-path", "retire-write-path", "retire-microservices", "finish-read-write"),
)
STEPS = (*BY_PHASE, *LABELS, *GROUPS)
QUORUM = frozenset({"ingester", "segment-writer"})
NEW = {
    "write": frozenset({"distributor", "ingester"}),
    "read": frozenset({"querier"}),
    "backend": frozenset({"store-gateway", "compactor", "ruler", "alertmanager"}),
}
MODES = (("read-write", re.compile("^mimir-(write|read|backend)-")), ("microservices", re.compile("")))


def living(
    seed: str, step: str, size: int, *, soak: float = 300.0, interval: float = 15.0, tracks: bool = False
) -> Cluster:
    """A healthy cluster in microservices before this step, of about so many processes; `tracks` is one with
    an HA tracker, which half of its distributors may run.
    """
    chance = random.Random(seed)
    while True:
        made = cluster(chance)
        apart = all(len(one.roles) == 1 for one in made.running)
        if apart and made.readable and _fits(made, step) and (made.ha_prefix is not None or not tracks):
            break
    made.rules = replace(made.rules, soak=soak, interval=interval, stores=(made.store,))
    made.turns = 1 if size < 60 else 4
    made.running = list(_fleet(made, _shapes(made, step), size))
    if made.ingest:
        owners = [one.name for one in made.running if "ingester" in one.roles]
        made.partition_owners = {n: (name,) for n, name in enumerate(owners)}
    if step in GROUPS:
        made.rules = replace(made.rules, default_groups=MODES)
    for one in made.running:
        one.verifies = step not in LABELS
    distributors = [one for one in made.running if "distributor" in one.roles]
    for one in distributors[1::2] if len(distributors) > 2 and chance.random() < 0.5 else ():
        one.tracks = False
    return made


def _fits(made: Cluster, step: str) -> bool:
    if step in GROUPS:
        apart = made.zoned or not step.startswith("retire-")
        return made.product is Product.MIMIR and made.phase is Phase.MEMBERLIST and apart
    if step in LABELS:
        return made.phase in {Phase.MIRRORING, Phase.MEMBERLIST}
    return made.phase is BY_PHASE[step]


def _shapes(made: Cluster, step: str) -> list[tuple[str, frozenset[str]]]:
    """Name and roles of each kind of process."""
    kinds = {next(iter(one.roles)): one.roles for one in made.running}
    old = sorted(kinds.items())
    new = sorted(NEW.items())
    return old if step not in GROUPS else new if step == "finish-read-write" else [*old, *new]


def _fleet(made: Cluster, shapes: list[tuple[str, frozenset[str]]], size: int) -> Iterator[Running]:
    like, one_host = made.running[0], len({one.host for one in made.running}) == 1
    several = QUORUM | ({"distributor"} if made.ha_prefix is not None else set())
    least = [3 if roles & several else 1 for _, roles in shapes]
    counts = [max(few, size * few // sum(least)) for few in least]
    counts[0] += max(0, size - sum(counts))
    kinds = [shape for shape, count in zip(shapes, counts, strict=True) for _ in range(count)]
    for number, (name, roles) in enumerate(kinds, start=1):
        yield replace(
            like,
            name=f"{made.product.value}-{name}-{number}",
            host=like.host
            if one_host
            else f"10.{9 + number // 50_000}.{number // 200 % 250}.{number % 200 + 1}",
            port=8000 + number if one_host else 8080,
            grpc=20_000 + number if one_host else 9095,
            gossip=40_000 + number if one_host else 7946,
            roles=roles,
            zone=f"zone-{'abc'[number % 3]}" if made.zoned else "",
            suffix=f"{number:08x}",
            started=NOW - 8000,
            seeds=(f"{like.host}:40001", f"{like.host}:40002") if one_host else like.seeds,
        )


def harmful(made: Cluster, step: str) -> list[Fault]:
    """The faults that must keep this step closed, as the guides and the incidents have it."""
    if step in BY_PHASE:
        return [fault for fault in (*FAULTS, *IN_A_LIFE) if BY_PHASE[step] in fault.phases]
    told = {fault.name: fault for fault in (*FAULTS, *IN_A_LIFE, *OF_GROUPS, *OF_LABELS)}
    return [told[name] for name in (*ANYWHERE, *OF_STEP[step]) if name in told]


ANYWHERE = (
    "a process does not respond",
    "a source of targets fails",
    "a pod is pending",
    "a member is unhealthy",
    "a member stays joining",
)
RESTARTS = ("one process has no seeds", "one process gossips with TLS")
OF_STEP = {
    "set-label": (*RESTARTS, "the gossip is split", "one process verifies labels"),
    "enforce-label": (
        *RESTARTS,
        "the gossip is split",
        "one process has another label",
        "a foreign member is in the gossip",
    ),
    "retire-read-path": (*RESTARTS, "nothing reads"),
    "retire-write-path": (*RESTARTS, "the old group is asked", "nothing reads"),
    "retire-microservices": (*RESTARTS, "the old group is asked", "nothing reads"),
    "finish-read-write": (
        "a member has another group's name",
        "nothing reads",
        "the gossip is split",
        "a foreign member is in the gossip",
    ),
}
