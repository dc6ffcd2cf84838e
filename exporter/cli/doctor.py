"""`kvmigration doctor`: what the exporter cannot read, and what to do about it. It runs one cycle and only
reads.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from exporter.cli.arguments import NewParser
from exporter.cli.source.snapshot_source import add_cluster, config_of
from exporter.cli.terminal.safe_text import plain, wrapped
from exporter.cli.validate import warnings
from exporter.derive.migration.runtime_config_differences import as_written
from exporter.expose.wording import culprits
from exporter.expose.wording.lists import Number, few
from exporter.expose.wording.readings import REMEDIES
from exporter.model.facts import PageFacts, Snapshot, TargetFacts
from exporter.model.listed import grouped
from exporter.model.pages import Outcome, Phase, Product, Reason
from exporter.wiring import Watch

SKEW: Final = 5.0  # seconds; a page's times have no fractions
NAMED: Final = 5
WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that is unknown, where, and what to do about it. `names` are of processes or sources."""

    text: str
    names: tuple[str, ...] = ()
    remedy: str = ""


def add_doctor(new: NewParser) -> None:
    parser = new(
        _doctor,
        help="list what the exporter cannot read, and what to do about it",
        epilog="Exit status: 0 nothing found, 1 something found, 2 the configuration is wrong or no process "
        "answers.",
    )
    add_cluster(parser)


async def _doctor(args: argparse.Namespace) -> int:
    """Print what was read and what is unknown; 1 where something is unknown."""
    config, left_out = await config_of(args)
    async with Watch(config) as watch:
        snapshot = await watch.poller.cycle()
    unset = [*warnings(config), *(f"Not watched: {text}" for text in left_out)]
    found = [*map(Obstacle, unset), *obstacles(snapshot)]
    where = [f"{args.config_file}: ok"] if args.config_file else [f"read from {', '.join(args.urls)}"]
    lines = [*where, *summary_lines(snapshot), ""]
    lines += [line for obstacle in found for line in _lines_of(obstacle)]
    lines += ["The exporter can read everything."] if not found else []
    sys.stdout.write("".join(f"{plain(line)}\n" for line in lines))
    return 1 if found else 0


def _lines_of(obstacle: Obstacle) -> Iterator[str]:
    names = f": {few(obstacle.names, NAMED)}" if obstacle.names else ""
    yield from wrapped(f"{obstacle.text}{names}", "!! ", "   ", WIDTH)
    yield from wrapped(obstacle.remedy, "   ", width=WIDTH) if obstacle.remedy else ()


def summary_lines(snapshot: Snapshot) -> Iterator[str]:
    """What was read, in a few lines."""
    up = [target for target in snapshot.targets if target.up]
    sources = Counter(target.source for target in snapshot.targets)
    by_source = ", ".join(f"{count} by {source}" for source, count in sources.most_common())
    yield f"processes: {len(up)} of {len(snapshot.targets)} answer ({by_source or 'none found'})"
    kinds = Counter(f"{t.product.value} {t.version or '(version unknown)'}" for t in up)
    yield f"products: {_counted(kinds)}"
    gossips = [target.gossip for target in up if target.gossip is not None]
    ports = Counter("unknown" if gossip.port is None else str(gossip.port) for gossip in gossips)
    yield f"memberlist: {len(gossips)} processes; ports {_counted(ports)}"
    yield f"labels: {_counted(Counter(_label(g.label) for g in gossips))}"
    pages = [page for t in up for page in t.optional if page.outcome is not Outcome.ABSENT]
    if pages:
        blocks = Counter(
            "not read" if t.runtime is None else as_written(t.runtime) or "no multi_kv_config"
            for t in up
            if t.optional
        )
        yield f"runtime configuration: {_counted(blocks)}"
    read = [
        f"{s.title}: {s.keys} keys" if s.outcome is Outcome.OK else f"{s.title}: not read"
        for s in snapshot.stores
    ]
    yield f"external stores: {', '.join(read) or 'none configured'}"


def _label(label: str | None) -> str:
    return "unknown" if label is None else f'"{label}"' if label else "none"


def _counted(counts: Counter[str]) -> str:
    return few((f"{what} ({count})" for what, count in counts.most_common()), NAMED) or "none"


def obstacles(snapshot: Snapshot) -> Iterator[Obstacle]:
    """Everything that is unknown, what concerns most first."""
    for look in (_sources, _not_responding, _none, _pages, _stores, _clocks, _unnamed):
        yield from look(snapshot)


def _sources(now: Snapshot) -> Iterator[Obstacle]:
    if not now.targets:
        yield Obstacle("No process was found.", (), "Check targets in the configuration.")
    yield from (Obstacle(f"A source of targets fails: {text}") for text in now.unsure)
    yield from (Obstacle(f"It should run and does not: {text}") for text in now.not_running)


def _not_responding(now: Snapshot) -> Iterator[Obstacle]:
    """Processes of which no page was read, by reason."""
    down = [target for target in now.targets if not target.up and not target.why_none]
    yield from _by_reason(down, lambda target: target.pages[:1], "does not answer")


def _none(now: Snapshot) -> Iterator[Obstacle]:
    by_why = grouped((culprits.name(t.why_none), t.name) for t in now.targets if t.why_none)
    yield from (
        Obstacle(f"Probably no process of ours: {why}", tuple(names)) for why, names in by_why.items()
    )


def _pages(now: Snapshot) -> Iterator[Obstacle]:
    up = [target for target in now.targets if target.is_process]
    pages = (page for target in up for page in (*target.pages, *target.optional))
    names = sorted({page.name for page in pages if page.outcome is Outcome.FAILED})
    for name in names:
        yield from _by_reason(up, partial(_failed, name), f"{name} was not read")


def _failed(name: str, target: TargetFacts) -> Iterable[PageFacts]:
    pages = (*target.pages, *target.optional)
    return (page for page in pages if page.name == name and page.outcome is Outcome.FAILED)


def _by_reason(
    targets: Iterable[TargetFacts], pages: Callable[[TargetFacts], Iterable[PageFacts]], what: str
) -> Iterator[Obstacle]:
    found = grouped((page.reason or Reason.DECODE, t.name) for t in targets for page in pages(t))
    for reason, names in found.items():
        meaning, remedy = REMEDIES[reason]
        yield Obstacle(f"{Number(len(names)): processes}: {what} ({meaning})", tuple(names), remedy)


def _stores(now: Snapshot) -> Iterator[Obstacle]:
    for store in now.stores:
        if fault := store.fault:
            known = store.reason if store.reason is not Reason.REFUSED else None
            remedy = REMEDIES[known][1] if known else "Check its address under stores."
            yield Obstacle(culprits.name(fault), (), remedy)
        if store.uncovered:
            yield Obstacle(f"{store.title} is not read below", store.uncovered, "Add them to its prefixes.")
        if store.broken:
            yield Obstacle(f"{store.title} has values that could not be decoded", tuple(store.broken))
    external = {client.primary for target in now.targets for client in target.clients} - {"", "memberlist"}
    if not now.stores and (external or any(t.phase is Phase.EXTERNAL for t in now.targets)):
        named = tuple(sorted({address for store in now.named_stores for address in store.addresses}))
        yield Obstacle(
            "Processes use an external store, and none is configured", named, "Name it under stores."
        )


def _clocks(now: Snapshot) -> Iterator[Obstacle]:
    apart = tuple(t.name for t in now.targets if t.skew is not None and abs(t.skew) > SKEW)
    if apart:
        yield Obstacle(f"Clocks are more than {SKEW:g} s from ours", apart, "Mend the time synchronisation.")


def _unnamed(now: Snapshot) -> Iterator[Obstacle]:
    up = [target for target in now.targets if target.is_process]
    unknown = tuple(target.name for target in up if target.product is Product.UNKNOWN)
    if unknown:
        yield Obstacle("The product is unknown", unknown, "Write product in the configuration.")
    nameless = tuple(t.name for t in up if t.product is not Product.UNKNOWN and not t.version)
    if nameless:
        yield Obstacle(
            "The version is unknown",
            nameless,
            "Nothing to do: the exporter reads from each process what its release can do.",
        )
