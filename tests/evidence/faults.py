"""Faults of a cluster, one at a time: each must keep the next step closed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.model.entry import Member, State, Tokens
from exporter.model.migration import HA_TRACKER, RINGS
from exporter.model.pages import GossipMember, Phase, Product, Unwatched
from tests.evidence.clusters import NOW, Cluster, Running
from tests.evidence.product_rings import C

Apply = Callable[[Cluster, random.Random], bool]  # False: this cluster cannot have the fault
ALL = frozenset(phase for phase in Phase if phase is not Phase.UNKNOWN)
GOSSIPING = ALL - {Phase.EXTERNAL}
COPIED = ALL - {Phase.EXTERNAL, Phase.MULTI}
UNUSED = {
    Product.MIMIR: "query-scheduler",
    Product.CORTEX: "parquet-converter",
    Product.LOKI: "pattern-ring",
    Product.TEMPO: "metrics-generator",
    Product.PYROSCOPE: "overrides-exporter",
}
"""A ring of each product that no process of these clusters serves."""
RESTARTS = frozenset({Phase.EXTERNAL, Phase.DETACHED})


@dataclass(frozen=True)
class Fault:
    """One fault, and the phases whose next step it must keep closed in one migration."""

    name: str
    phases: frozenset[Phase]
    apply: Apply
    migration: str = RINGS


def _some(made: Cluster, chance: random.Random, *roles: str) -> Running:
    return chance.choice([one for one in made.running if not roles or one.roles & set(roles)])


def _ingester(made: Cluster, chance: random.Random) -> Running:
    return _some(made, chance, "ingester", "segment-writer")


def _write_key(made: Cluster) -> str:
    return next(key for key, kind in made.kinds() if kind.role in {"ingester", "segment-writer"})


def _writer_in_no_ring(made: Cluster, chance: random.Random) -> bool:
    _ingester(made, chance).silent_ring = _write_key(made)
    return made.readable


def _one_address(made: Cluster, chance: random.Random) -> bool:
    first, second, *_ = [one for one in made.running if one.roles & {"ingester", "segment-writer"}]
    first.address = second.address = f"{first.host}:{first.grpc}"
    del chance
    return ":" not in first.host


def _dead(made: Cluster, chance: random.Random) -> bool:
    """Preflight asks for a margin in the rings that are written by quorum; Pyroscope's is none."""
    _ingester(made, chance).dead = True
    return made.phase is not Phase.EXTERNAL or (made.product is not Product.PYROSCOPE and not made.ingest)


def _split(made: Cluster, chance: random.Random) -> bool:
    half = frozenset(one.name for one in made.running[::2])
    for one in made.running:
        one.lonely = frozenset(o.name for o in made.running if (o.name in half) is not (one.name in half))
    del chance
    return True


def _foreign_in_gossip(made: Cluster, chance: random.Random) -> bool:
    made.outsiders.append(GossipMember("loki-write-9-0badcafe", "10.77.0.9", 7946))
    del chance
    return True


def _foreign_in_ring(made: Cluster, chance: random.Random) -> bool:
    number = chance.randint(50, 90)
    packed = b"".join((number * 7919 + n).to_bytes(4, "little") for n in range(4))
    tokens = Tokens(4, packed[:8], packed)
    at = f"10.77.0.{number}:9095"
    member = Member(f"stray-{number}", at, State.ACTIVE, "", NOW + 280, NOW - 5000, False, tokens)
    made.intruders[_write_key(made)] = [member]
    return True


def _other_label(made: Cluster, chance: random.Random) -> bool:
    _some(made, chance).label = "another"
    return made.readable


def _no_seeds(made: Cluster, chance: random.Random) -> bool:
    _some(made, chance).seeds = ()
    return made.readable


def _other_tls(made: Cluster, chance: random.Random) -> bool:
    _some(made, chance).tls = True
    return made.readable


def _key_not_copied(made: Cluster, chance: random.Random) -> bool:
    _some(made, chance).lacks = frozenset({_write_key(made)})
    return True


def _member_not_copied(made: Cluster, chance: random.Random) -> bool:
    key, victim = _write_key(made), _ingester(made, chance)
    _some(made, chance).lacks = frozenset({f"{key} {victim.name}"})
    return True


def _stale(made: Cluster, chance: random.Random) -> bool:
    made.stale_copies = made.period * 2 + 90
    del chance
    return True


def _no_ha_copied(made: Cluster, chance: random.Random) -> bool:
    made.gone_ha = True
    del chance
    return made.ha_prefix is not None


def _trackers(made: Cluster) -> list[Running]:
    return [one for one in made.running if made.is_tracking(one)]


def _one_elects_another(made: Cluster, chance: random.Random) -> bool:
    trackers = _trackers(made)
    if len(trackers) > 1:
        chance.choice(trackers).elects = "r-9"
    return len(trackers) > 1


def _contended(made: Cluster, chance: random.Random) -> bool:
    made.ha = replace(made.ha, contended=True)
    del chance
    return bool(_trackers(made))


def _left_behind(made: Cluster, chance: random.Random) -> bool:
    """Before the first step a process that is further is a rollout that began, unless primaries are mixed."""
    ahead = {phase for phase in ALL if phase >= Phase.SWITCHED} if made.phase is Phase.EXTERNAL else ALL
    _ingester(made, chance).phase = chance.choice(sorted(ahead - {made.phase}))
    return True


def _forgotten_ring(made: Cluster, chance: random.Random) -> bool:
    """A ring below one of our prefixes that lives in the store alone, and no target serves."""
    prefix = made.prefixes.get(C, C)
    number = chance.randint(50, 90)
    member = Member(f"lost-{number}", f"10.9.9.{number}:9095", State.ACTIVE, "", NOW + 280, NOW - 5000)
    made.stored_extra[prefix + UNUSED[made.product]] = [member]
    return bool(made.rules.stores) and made.readable


def _no_tokens(made: Cluster, chance: random.Random) -> bool:
    """Before a restart it is the margin that counts, where there is one; else such a member is named where
    its ring is compared.
    """
    _ingester(made, chance).tokens = 0
    margin = made.factor == 3 and not made.ingest and made.product is not Product.PYROSCOPE
    return margin or made.phase in {Phase.MIRRORING, Phase.SWITCHED}


def _unowned_partition(made: Cluster, chance: random.Random) -> bool:
    made.partition_owners[99] = (f"gone-{chance.randint(50, 90)}",)
    return made.ingest


def _store_down(made: Cluster, chance: random.Random) -> bool:
    made.store_down = True
    del chance
    return bool(made.rules.stores)


def _does_not_respond(made: Cluster, chance: random.Random) -> bool:
    _some(made, chance).crashed = NOW
    return True


def _clock_ahead(made: Cluster, chance: random.Random) -> bool:
    _some(made, chance).skew = 100.0
    return True


def _joining_for_long(made: Cluster, chance: random.Random) -> bool:
    _ingester(made, chance).state = State.JOINING
    return True


def _store_written(made: Cluster, chance: random.Random) -> bool:
    key, kind = chance.choice(list(made.kinds()))
    made.stored_extra[key] = list(made.members(key, kind, NOW).values())
    return bool(made.rules.stores and made.stored_extra[key])


def _source_fails(made: Cluster, chance: random.Random) -> bool:
    made.unsure = Unwatched(fail=("targets[0]: refused",))
    del chance
    return True


def _pod_pending(made: Cluster, chance: random.Random) -> bool:
    made.unsure = Unwatched(not_running=("ingester-2 is Pending",))
    del chance
    return True


def _old_group_asked(made: Cluster, chance: random.Random) -> bool:
    old = [one for one in made.running if "-write-" not in one.name and "distributor" in one.roles]
    if old:
        chance.choice(old).traffic = 20.0
    return bool(old)


def _nothing_reads(made: Cluster, chance: random.Random) -> bool:
    made.running = [one for one in made.running if "-read-" not in one.name]
    del chance
    return True


def _one_verifies(made: Cluster, chance: random.Random) -> bool:
    _some(made, chance).verifies = True
    return True


def _old_member_left(made: Cluster, chance: random.Random) -> bool:
    one = _ingester(made, chance)
    one.name = f"mimir-ingester-{one.name.rpartition('-')[2]}"
    return True


FAULTS = (
    Fault("a writer is in no ring", ALL, _writer_in_no_ring),
    Fault("two members have one address", ALL, _one_address),
    Fault("a member is unhealthy", ALL, _dead),
    Fault("the gossip is split", GOSSIPING, _split),
    Fault("a foreign member is in the gossip", GOSSIPING, _foreign_in_gossip),
    Fault("a foreign member is in a ring", ALL, _foreign_in_ring),
    Fault("one process has another label", ALL - {Phase.DETACHED, Phase.MEMBERLIST}, _other_label),
    Fault("one process has no seeds", RESTARTS, _no_seeds),
    Fault("one process gossips with TLS", RESTARTS, _other_tls),
    Fault("a key is in one copy not", COPIED, _key_not_copied),
    Fault("a member is in one copy not", COPIED, _member_not_copied),
    Fault("the copies lag", frozenset({Phase.MIRRORING}), _stale),
    Fault("no HA entry is copied", frozenset({Phase.MIRRORING}), _no_ha_copied, HA_TRACKER),
    Fault("one process is in another phase", ALL, _left_behind),
    Fault(
        "a ring of ours is in the store alone",
        frozenset({Phase.MIRRORING, Phase.MEMBERLIST}),
        _forgotten_ring,
    ),
    Fault("an active member has no tokens", ALL - {Phase.MEMBERLIST}, _no_tokens),
    Fault("a partition has no owner", ALL, _unowned_partition),
    Fault("the store is down", frozenset({Phase.MIRRORING, Phase.MEMBERLIST}), _store_down),
)

NONE = frozenset[Phase]()
# What only a life can have: it is there or not at a time, whatever the phase is.
IN_A_LIFE = (
    Fault("a process does not respond", ALL, _does_not_respond),
    Fault("a source of targets fails", ALL, _source_fails),
    Fault("a pod is pending", ALL, _pod_pending),
    Fault("a clock is ahead", ALL - {Phase.MULTI}, _clock_ahead),
    Fault("a member stays joining", ALL, _joining_for_long),
    Fault("a client still writes the store", frozenset({Phase.MEMBERLIST}), _store_written),
)
OF_GROUPS = (
    Fault("a member has another group's name", NONE, _old_member_left),
    Fault("the old group is asked", NONE, _old_group_asked),
    Fault("nothing reads", NONE, _nothing_reads),
)
OF_LABELS = (Fault("one process verifies labels", NONE, _one_verifies),)
OF_TRACKER = (
    Fault("a tracker has another replica", frozenset({Phase.MIRRORING, Phase.SWITCHED}), _one_elects_another),
    Fault("the trackers contend", frozenset({Phase.SWITCHED, Phase.DETACHED, Phase.MEMBERLIST}), _contended),
)
