"""Whether a lie can be known: a process says of something what no other process says of it.

Written from FACTS and of nothing in `exporter`'s tables. Each process states things about subjects: the
members of a page, a ring's settings, who it is. A lie is one where others speak of the same subject and none
of them says the same; a mutation that contradicts nothing looks like an honest process, and is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exporter.model.entry import Partition, Replica, State
from exporter.model.pages import Observation, Outcome, Page, PartitionRing, Ring
from tests.evidence.clusters import Cluster, Running

Statement = tuple[tuple[str, ...], Any]  # the subject, and what is said of it
TOLERATED = 31.0  # seconds between two clocks, beyond a heartbeat period
OUTDATED = 90.0  # seconds, beyond two heartbeat periods


def contradictions(
    made: Cluster, liar: int, told: Observation, honest: tuple[Observation, ...]
) -> list[tuple[str, ...]]:
    """The subjects of which the liar says what no other process says."""
    others: dict[tuple[str, ...], list[Any]] = {}
    for at, seen in enumerate(honest):
        if at != liar:
            for subject, said in _statements(made, made.running[at], seen):
                others.setdefault(subject, []).append(said)
    own = _statements(made, made.running[liar], told)
    return [
        subject
        for subject, said in own
        if subject in others and not _agrees(made, subject, said, others[subject])
    ]


def _agrees(made: Cluster, subject: tuple[str, ...], said: Any, others: list[Any]) -> bool:
    if subject[0] == "identity":
        return said not in others  # an identity belongs to one process
    if subject[-1] == "clock":
        return any(abs(said - other) <= TOLERATED for other in others)
    if subject[-1] == "newest":
        return any(said >= other - OUTDATED - 2 * made.period for other in others)
    return said in others


def _statements(made: Cluster, one: Running, seen: Observation) -> Iterator[Statement]:
    for path, page in (*seen.rings.items(), *seen.partitions.items()):
        yield from _of_value(made, ("page", path), page)
    for key, copy in seen.gossip.values.items():
        yield from _of_value(made, ("copy", key), copy)
    if seen.gossip.page.value is not None:
        yield ("gossip", "members"), frozenset(member.name for member in seen.gossip.page.value.members)
    if seen.tracker is not None and seen.tracker.value is not None:
        yield (
            ("tracker", "elected"),
            frozenset((e.user, e.cluster, e.replica) for e in seen.tracker.value.entries),
        )
    yield from _of_metrics(seen)
    yield from _of_config(made, one, seen)


def _of_value(made: Cluster, where: tuple[str, ...], page: Page[Any]) -> Iterator[Statement]:
    value = page.value
    if isinstance(value, Ring):
        alive = [member for member in value.members.values() if member.state is not State.LEFT]
        # UNHEALTHY hides the member's own state, and releases before May 2022 showed it of healthy members.
        known = frozenset(m.id for m in alive if m.state is not State.UNHEALTHY)
        yield (*where, "members"), frozenset((m.id, m.tokens, m.address, m.zone) for m in alive)
        if len(known) == len(alive):
            yield (*where, "states"), frozenset((m.id, m.state, m.read_only) for m in alive)
        if beats := [m.time for m in alive if m.time is not None]:
            yield (*where, "newest"), max(beats)
    if isinstance(value, PartitionRing):
        yield (*where, "partitions"), frozenset(_said(part) for part in value.partitions.values())
    if isinstance(value, Replica):
        yield (*where, "replica"), value.replica


def _said(part: Partition) -> tuple[Any, ...]:
    return part.id, part.state, part.owners, part.tokens


def _of_metrics(seen: Observation) -> Iterator[Statement]:
    metrics = seen.metrics.value
    if metrics is None:
        return
    yield ("product",), metrics.product
    if seen.metrics.clock is not None:
        yield ("process", "clock"), seen.metrics.clock - seen.metrics.asked_at
    for name, client in metrics.clients.items():
        kinds = frozenset(kind for kind, _ in client.requests)  # none: it had nothing to do yet
        if kinds or client.primary:
            told = frozenset() if client.primary else kinds
            yield ("client", name), (client.primary, frozenset(client.stores), client.mirror, told)


def _of_config(made: Cluster, one: Running, seen: Observation) -> Iterator[Statement]:
    config = seen.config.value
    if config is None or seen.config.outcome is not Outcome.OK:
        return
    if made.label or config.label is not None:
        yield ("label",), config.label
    for key, kind in made.kinds():
        ring = config.rings.get(key)
        writes = kind.role in one.roles
        if ring is None or not (writes or (kind.reader and one.roles & set(kind.readers))):
            continue
        yield ("settings", key, "timeout"), ring.heartbeat_timeout
        yield ("settings", key, "factor"), (ring.replication_factor, ring.zone_awareness)
        if writes:
            yield ("settings", key, "period"), ring.heartbeat_period
            yield ("identity", key), ring.instance_id
