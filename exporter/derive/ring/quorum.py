"""How many members of a ring may still be lost before some write fails, as the products compute it.

The source of each rule (Mimir, Loki, Tempo and Pyroscope use dskit; Cortex has its own copy):

- Owners of a token: dskit, ring/ring.go, `findInstancesForKey`: distinct instances, and distinct zones
  only among those that have one (`ZoneAwarenessEnabled && info.Zone != ""`). A member without tokens
  is never an owner. Older Cortex had no switch and kept zones apart wherever they were set.
- How many must succeed: dskit, ring/replication_strategy.go, `defaultReplicationStrategy.Filter`:
  RF/2 + 1 of them, or of all owners where more than RF are; Cortex: pkg/ring/replication_strategy.go.
  `ignoreUnhealthyInstancesReplicationStrategy` (store-gateways, rulers, index gateways): one.
  Tempo with a replication factor of 2: one (pkg/ring/ring.go, `EventuallyConsistentStrategy`).
- Which are healthy: ring/model.go, `InstanceDesc.IsHealthy`: the state is ACTIVE for a write, and the
  heartbeat is no older than the timeout; a heartbeat of 0 is older than any.
- Read-only members are taken out before owners are determined: dskit, ring/ring.go, `shuffleShard` and
  `filterOutReadOnlyInstances`.
- A batch is sent by address: ring/batch.go, `DoBatch`: members with one address are one process.
"""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derive.ring.health import IN_TRANSIT
from exporter.model.entry import State
from exporter.model.facts import KeyFacts, MemberFacts
from exporter.model.pages import Product
from exporter.model.settings import Replication

GroupAndZone = tuple[str, str]


def needed(factor: int, product: Product, *, by_quorum: bool = True) -> int:
    """How many of a token's owners must take a write."""
    if not by_quorum or (product is Product.TEMPO and factor == 2):
        return 1
    return factor // 2 + 1


def spare(replications: Iterable[Replication], product: Product) -> int:
    """How many owners of a token may be lost where all are healthy: 0 for a replication factor of 1 or 2."""
    return max((one.factor - needed(one.factor, product) for one in replications), default=0)


def margin_of(ring: KeyFacts, product: Product) -> int | None:
    """The margin of a ring with interchangeable members. Where each has its own part (a compactor's tenants),
    a lost member is an unhealthy one, and no write fails by it.
    """
    if ring.writes_by == "partitions":
        return None
    by_quorum = ring.writes_by == "quorum"
    replications = tuple(one for one in ring.settings.replication if by_quorum or one.factor > 1)
    margins = [
        margin(members, replications, product, by_quorum=by_quorum)
        for members in (ring.members, _kept(ring.members, ring.settings.excluded_zones))
    ]
    return min((one for one in margins if one is not None), default=None)


def _kept(members: Iterable[MemberFacts], excluded: frozenset[str]) -> list[MemberFacts]:
    """The members to which a process writes that excludes some zones."""
    return [member for member in members if member.zone not in excluded]


def margin(
    members: Iterable[MemberFacts],
    replications: Iterable[Replication],
    product: Product = Product.UNKNOWN,
    *,
    by_quorum: bool = True,
) -> int | None:
    """How many healthy members (zones, where zone-aware) may be lost before some write fails; below 0 some
    fail. The smallest of all replications that were read; `None` where none was.
    """
    owning = [member for member in members if _takes_part(member, by_quorum=by_quorum)]
    return min(
        (
            _margin(owning, one.factor, needed(one.factor, product, by_quorum=by_quorum), zones=zones)
            for one in replications
            for zones in ((True, False) if one.zones is None else (one.zones,))
        ),
        default=None,
    )


def _margin(owning: list[MemberFacts], factor: int, required: int, *, zones: bool) -> int:
    """The unhealthy members may all own the same token, so they are counted. Only an active owner takes
    writes. One that leaves or joins blocks them, or makes the set of owners one larger, which tolerates one
    less.
    """
    places = {_place(member, zones=zones) for member in owning}
    bad = {_place(member, zones=zones) for member in owning if member.state is not State.ACTIVE}
    left = min(len(places), factor) - len(bad) - required
    return left if left <= 0 else _processes(owning, left, zones=zones)


def _processes(owning: list[MemberFacts], left: int, *, zones: bool) -> int:
    """How many processes may go while `left` owners may: one that stands in the ring several times, under
    one address, takes them all with it.
    """
    shared: dict[str, set[GroupAndZone]] = {}
    for member in owning:
        if member.state is State.ACTIVE and member.address:
            shared.setdefault(member.address, set()).add(_place(member, zones=zones))
    lost = 0
    for count in sorted((len(places) for places in shared.values() if len(places) > 1), reverse=True):
        if count > left:
            return lost
        left, lost = left - count, lost + 1
    return lost + left


def _place(member: MemberFacts, *, zones: bool) -> GroupAndZone:
    return ("zone", member.zone) if zones and member.zone else ("member", member.id)


def _takes_part(member: MemberFacts, *, by_quorum: bool) -> bool:
    """Whether a member can be among the owners of a token that is written."""
    if member.tokens == 0 or member.read_only or member.state is State.READ_ONLY:
        return False
    return by_quorum or member.state not in IN_TRANSIT
