"""A process's behaviour at its next start, reported before a restart: does it end itself, does it choose its
tokens before it has the ring.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from exporter.derive.limits import DEFAULT_PERIOD
from exporter.model.facts import TargetFacts
from exporter.model.findings import Finding, FindingKind
from exporter.model.migration import Migration
from exporter.model.pages import Phase
from exporter.model.settings import RingConfig, ring_config_of

_BEFORE_RESTARTS = frozenset({Phase.EXTERNAL, Phase.DETACHED})
_ON_MEMBERLIST = frozenset({Phase.SWITCHED, Phase.DETACHED})


def restart_risks(
    targets: Iterable[TargetFacts], migration: Migration, spread: float | None
) -> tuple[Finding, ...]:
    """The processes that a restart harms by their own settings. `spread` is the gossip's delay, seconds."""
    having = [t for t in targets if t.up and any(c.migration == migration.name for c in t.clients)]
    aborting = _aborting(having) if migration.phase in _BEFORE_RESTARTS else ()
    hasty = _hasty(having, migration.name, spread) if migration.phase in _ON_MEMBERLIST else ()
    return (*aborting, *hasty)


def _aborting(having: list[TargetFacts]) -> Iterator[Finding]:
    """Those that end themselves where no seed answers, as for the first processes of a rollout."""
    names = tuple(t.name for t in having if t.config is not None and t.config.abort_if_join_fails)
    if names:
        yield Finding(FindingKind.JOIN_ABORTS, count=len(names), of=len(having), names=names)


def _hasty(having: list[TargetFacts], migration: str, spread: float | None) -> Iterator[Finding]:
    """Those that choose tokens at once, or sooner than the gossip's delay: two members may get the same
    tokens. A heartbeat period explains that much of the measured delay.
    """
    found: dict[tuple[str, float], list[str]] = defaultdict(list)
    for target in having:
        for key, ring in _written(target, migration):
            wait = wait_for_tokens(ring)
            slow = (spread or 0.0) - (ring.heartbeat_period or DEFAULT_PERIOD)
            if wait is not None and (wait == 0 or wait < slow):
                found[key, wait].append(target.name)
    for (key, wait), names in sorted(found.items()):
        measured = () if spread is None else (f"{max(spread, 1.0):.0f}",)  # heartbeats have no fractions
        yield Finding(
            FindingKind.TOKENS_HASTY, key, f"{wait:g}", len(names), len(having), tuple(names), others=measured
        )


def _written(target: TargetFacts, migration: str) -> Iterator[tuple[str, RingConfig]]:
    """The rings that a process writes, with their settings."""
    rings = target.config.rings if target.config is not None else {}
    for key in sorted({c.key for c in target.clients if c.writes and c.migration == migration}):
        ring = ring_config_of(key, rings)
        if ring is not None:
            yield key, ring


def wait_for_tokens(ring: RingConfig) -> float | None:
    """Seconds from a process's start until it takes its tokens; `None`: tokens from a file, or no setting."""
    waits = [seconds for seconds in (ring.join_after, ring.observe_period) if seconds is not None]
    return sum(waits) if waits and not ring.tokens_file else None
