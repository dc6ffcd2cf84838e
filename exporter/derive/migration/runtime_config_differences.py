"""The runtime configuration compared with what the KV clients show, and its remains.

A client takes over the settings in `multi_kv_config`, and keeps one that the block no longer has: that shows
only at its next restart (dskit's and Cortex's kv/multi.go, `watchConfigChannel`). Where the page is not read,
the clients' own gauges show the phase, and nothing is reported here: no gate depends on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from exporter.derive import kv_clients
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import ClientFacts, TargetFacts
from exporter.model.findings import Finding, FindingKind
from exporter.model.listed import grouped
from exporter.model.pages import Phase
from exporter.model.planning.plan import IN_MULTI
from exporter.model.settings import RingConfig, RuntimeConfig, ring_config_of
from exporter.products.kv_settings import SETTINGS, ring_named

SPREAD = 330.0  # seconds in which the page of every process is read again


def runtime_risks(targets: Iterable[TargetFacts], migration: str, now: float) -> tuple[Finding, ...]:
    """The effects of the runtime configuration on the clients of a migration, now or later."""
    read = tuple(_read(targets, migration))
    return (*_forgotten(read), *_early(read), *_not_followed(read), *_differing(read, now))


def left_in_runtime(targets: Iterable[TargetFacts]) -> tuple[str, ...]:
    """The processes with `multi_kv_config` in their runtime configuration."""
    return tuple(t.name for t in targets if t.runtime is not None and t.runtime.is_set)


def runtime_age(targets: Iterable[TargetFacts], now: float) -> float | None:
    """How long ago the runtime configuration was read of these processes: the earliest reading, seconds."""
    return max((now - t.runtime_at for t in targets if t.runtime_at is not None), default=None)


def as_written(runtime: RuntimeConfig) -> str:
    """The lines of the block, "" where there is none."""
    return ", ".join(
        f"{name}: {value if isinstance(value, str) else str(value).lower()}"
        for name, value in runtime.lines.items()
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """One KV client, its process's runtime configuration, and its settings in the file."""

    target: TargetFacts
    client: ClientFacts
    runtime: RuntimeConfig
    ring: RingConfig | None

    @property
    def is_reached(self) -> bool:
        """Whether the runtime configuration reaches this client, by the product's source."""
        product = self.target.product
        switch = SETTINGS[product].runtime if product in SETTINGS else None
        key = self.ring.default_key if self.ring is not None else ""
        return switch is not None and ring_named(product, key or self.client.key) in switch.reaches

    @property
    def is_followed(self) -> bool:
        """Whether the client shows the block's settings."""
        return self.runtime.fits(self.client.primary, self.client.mirror)

    @property
    def after_restart(self) -> Phase:
        """The phase in which the client would come back: the file counts where the block has no setting."""
        shows, ring, runtime = self.client, self.ring, self.runtime
        if shows.phase not in IN_MULTI or ring is None or ring.store != "multi" or not ring.primary:
            return shows.phase
        primary = shows.primary if runtime.primary else ring.primary
        mirror = shows.mirror if runtime.mirror_enabled is not None else bool(ring.mirror_enabled)
        return kv_clients.multi_phase(primary, mirror)


def _read(targets: Iterable[TargetFacts], migration: str) -> Iterator[_Read]:
    for target in targets:
        if not target.up or target.runtime is None:
            continue
        rings = target.config.rings if target.config is not None else {}
        for client in target.clients:
            if client.migration == migration:
                yield _Read(target, client, target.runtime, ring_config_of(client.key, rings))


def _forgotten(blocks: tuple[_Read, ...]) -> Iterator[Finding]:
    """The processes that a restart takes to another phase than their present one."""
    found: dict[tuple[Phase, Phase], set[str]] = defaultdict(set)
    for one in blocks:
        if one.after_restart is not one.client.phase:
            found[one.client.phase, one.after_restart].add(one.target.name)
    for (now, then), names in sorted(found.items()):
        yield replace(_of(FindingKind.RUNTIME_FORGOTTEN, names, blocks), name=now.label, what=then.label)


def _early(blocks: tuple[_Read, ...]) -> Iterator[Finding]:
    """The processes with clients that would be switched as soon as they have `multi`."""
    names = {
        one.target.name
        for one in blocks
        if one.runtime.primary == "memberlist" and one.client.phase is Phase.EXTERNAL and one.is_reached
    }
    if names:
        yield _of(FindingKind.RUNTIME_EARLY, names, blocks)


def _not_followed(blocks: tuple[_Read, ...]) -> Iterator[Finding]:
    """The clients that it should reach, and that show different settings."""
    found = grouped(
        (as_written(one.runtime), one)
        for one in blocks
        if one.client.phase in IN_MULTI and one.is_reached and not one.is_followed
    )
    for block, some in sorted(found.items()):
        clients = tuple(sorted({one.client.name for one in some}))
        names = {one.target.name for one in some}
        yield replace(_of(FindingKind.RUNTIME_NOT_FOLLOWED, names, blocks), what=block, others=clients)


def _differing(read: tuple[_Read, ...], now: float) -> Iterator[Finding]:
    """The blocks of processes with a client that it reaches, where they differ. A change shows on all only
    once every page was read again.
    """
    having = {one.target.name: one.target for one in read if one.client.phase in IN_MULTI and one.is_reached}
    blocks = grouped(
        (as_written(t.runtime or RuntimeConfig()) or "no lines", t.name) for t in having.values()
    )
    changed = max((target.runtime_since for target in having.values()), default=0.0)
    if len(blocks) > 1 and now - changed >= SPREAD:
        culprits = (
            Culprit(Kind.SETTING_DIFFERS, what=block, value=len(names), names=tuple(sorted(names)))
            for block, names in sorted(blocks.items(), key=lambda item: (-len(item[1]), item[0]))
        )
        yield Finding(FindingKind.RUNTIME_DIFFERS, culprits=tuple(culprits))


def _of(kind: FindingKind, names: Iterable[str], blocks: tuple[_Read, ...]) -> Finding:
    listed = tuple(sorted(names))
    return Finding(kind, count=len(listed), of=len({one.target.name for one in blocks}), names=listed)
