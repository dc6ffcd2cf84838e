"""One ring's settings as its processes agree on them, and where they do not.

A setting belongs to the processes that use it. The members themselves use the period; every process that
reads the ring uses the timeout and the replication count (dskit, ring/ring.go: `Config`; ring/lifecycler.go:
`LifecyclerConfig`). Every process lists every ring in its configuration, with defaults for unused rings: only
a KV client shows that it uses one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

from exporter.derive import kv_clients
from exporter.derive.judging_rules import DEFAULT_PERIOD, DEFAULT_TIMEOUT
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import ClientFacts
from exporter.model.listed import grouped
from exporter.model.pages import ProcessConfig, RingConfig
from exporter.model.settings import Replication, RingSettings

# No real cluster goes beyond Mimir's own jsonnet (`ring_heartbeat_period`: 2 min, with a timeout of 10 min):
# a configuration beyond it excuses nothing.
LONGEST_PERIOD = 120.0
LONGEST_TIMEOUT = 600.0


class Role(enum.IntEnum):
    """A process's role in a ring. Lower roles count only where there is no higher role."""

    NONE = 0  # its configuration has the ring's block, as every process's has
    READER = 1  # it has a KV client of the ring
    OWNER = 2  # one of its clients writes the ring


class Claim(NamedTuple):
    """One process's settings of one ring."""

    config: RingConfig
    target: str = ""
    role: Role = Role.OWNER


def agree(claims: Iterable[Claim]) -> RingSettings:
    """The settings by the processes that own them. Where they disagree, the most careful value counts: the
    shorter time, and the replication with the smallest margin.
    """
    claims = tuple(claims)
    highest = max((claim.role for claim in claims), default=Role.NONE)
    counted = [claim.config for claim in claims if claim.role is highest]
    return RingSettings(
        period=_period(counted),
        timeout=_timeout(counted),
        replication=tuple(sorted(_replications(counted), key=str)),
        differing=tuple(_differing([claim for claim in claims if claim.role is not Role.NONE] or claims)),
        known=bool(counted),
        excluded_zones=frozenset[str]().union(*(c.config.excluded_zones for c in claims if c.role)),
    )


def _period(configs: Iterable[RingConfig]) -> float:
    periods = [config.heartbeat_period for config in configs if config.heartbeat_period]
    return min(min(periods, default=DEFAULT_PERIOD), LONGEST_PERIOD)


def period_of(clients: Iterable[ClientFacts], config: ProcessConfig | None) -> float:
    """The longest heartbeat period of the rings that a process writes, in seconds, by its own configuration.
    That has the block of every ring, used or not. The limit is the longest period of real clusters.
    """
    written = [config.rings.get(client.key) for client in clients if client.writes] if config else []
    periods = (ring.heartbeat_period for ring in written if ring is not None)
    return min(max((p for p in periods if p), default=DEFAULT_PERIOD), LONGEST_PERIOD)


def _timeout(configs: Iterable[RingConfig]) -> float | None:
    """0, which switches the check off, is the longest of all: it counts where all have it."""
    timeouts = [config.heartbeat_timeout for config in configs if config.heartbeat_timeout is not None]
    limits = [timeout for timeout in timeouts if timeout > 0]
    if not limits:
        return 0.0 if timeouts else None
    return min(*limits, LONGEST_TIMEOUT)


def _replications(configs: Iterable[RingConfig]) -> Iterator[Replication]:
    for factor, zones in {(config.replication_factor, config.zone_awareness) for config in configs}:
        if factor and factor > 0:
            yield Replication(factor, zones)


def _differing(claims: Iterable[Claim]) -> Iterator[Culprit]:
    """Each setting on which processes disagree, with the processes of every value but the most usual."""
    claims = tuple(claims)
    owners = [claim for claim in claims if claim.role is not Role.READER]
    yield from _values(Kind.PERIOD_DIFFERS, owners, lambda c: c.heartbeat_period)
    yield from _values(Kind.TIMEOUT_DIFFERS, claims, lambda c: c.heartbeat_timeout)
    yield from _values(Kind.REPLICATION_DIFFERS, claims, lambda c: c.replication_factor or None)
    yield from _values(Kind.ZONES_DIFFER, claims, lambda c: c.zone_awareness)


def _values(
    kind: Kind, claims: Iterable[Claim], setting: Callable[[RingConfig], float | None]
) -> Iterator[Culprit]:
    claims = tuple(claims)
    if len({setting(claim.config) for claim in claims} - {None}) < 2:
        return  # nearly always
    having = grouped((each, c.target) for c in claims if (each := setting(c.config)) is not None)
    yield from disagreement(having, lambda value, usual: Culprit(kind, value=value, of=usual))


Value = TypeVar("Value", float, str)


def disagreement(
    having: Mapping[Value, Iterable[str]],
    blame: Callable[[Value, Value], Culprit],
    is_likely: Callable[[Value], bool] = lambda _: True,
) -> Iterator[Culprit]:
    """For each value but the usual one, which is a likely value: the processes that have it, and those with
    the usual value.
    """
    if len(having) < 2:
        return
    names = {value: tuple(sorted(targets)) for value, targets in having.items()}
    usual = max(names, key=lambda value: (is_likely(value), len(names[value]), value))
    rest = sorted(names.keys() - {usual})
    others = Culprit(
        Kind.OTHER_PROCESSES, names=names[usual]
    )  # without a majority, each group may be the wrong one
    if len(names[usual]) > max(len(names[value]) for value in rest):
        others = Culprit(Kind.MOST_PROCESSES, value=len(names[usual]))
    yield from (replace(blame(value, usual), names=names[value], why=others) for value in rest)


def differing_primaries(clients: Iterable[ClientFacts]) -> Iterator[Culprit]:
    """The clients of one key with another external primary than most, by store."""
    having: dict[str, set[str]] = {}
    for client in kv_clients.writing(clients):
        if (store := kv_clients.store_of(client)) and store != "memberlist":
            having.setdefault(store, set()).add(client.target)
    return disagreement(
        having,
        lambda store, usual: Culprit(Kind.PRIMARY_DIFFERS, member=store, what=usual),
        kv_clients.EXTERNAL_STORES.__contains__,
    )


def in_memory_culprits(in_memory: Iterable[str], clients: Iterable[ClientFacts]) -> Iterator[Culprit]:
    """Which processes keep a shared ring in their own memory: no other process is in it."""
    names = tuple(sorted(in_memory))
    sharing = {client.target for client in clients if client.writes}.difference(names)
    if names and sharing:
        yield Culprit(Kind.KEPT_IN_MEMORY, value=len(sharing), names=names)


def heartbeat_limit(settings: RingSettings, configured: float | None) -> tuple[float, bool]:
    """The heartbeat timeout in seconds, and whether it was read: our own configuration first, then the
    processes, else the products' default.
    """
    timeout = configured if configured is not None else settings.timeout
    return (DEFAULT_TIMEOUT, False) if timeout is None else (timeout, True)
