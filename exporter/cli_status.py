"""`kvmigration status`: where are we, what disagrees, what is next. One screen of 80 columns."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from exporter.cli_check import wrapped
from exporter.cli_look import Overview, add_source, look_from
from exporter.expose.shapes import ClientOut, GossipOut, RingOut, StepOut, TargetOut

Commands = Any  # argparse keeps the type of its sub-parsers to itself
SHOWN = 12


def add_status(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `status` to the command line."""
    parser = commands.add_parser(
        "status",
        parents=[common],
        help="where are we?",
        allow_abbrev=False,
        description="Say where the migration stands. Exit status: 0 the phase is known and uniform, "
        "1 it is not uniform or something warns, 2 it is not known.",
    )
    add_source(parser)
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object")
    parser.set_defaults(run=status_command)


def status_command(args: argparse.Namespace) -> int:
    """Print one screen."""
    return asyncio.run(_status(args))


async def _status(args: argparse.Namespace) -> int:
    async with look_from(args) as look:
        seen = await look.overview()
    sys.stdout.write(msgspec.json.encode(seen).decode() + "\n" if args.json else text_of(seen))
    if seen.status.phase == "unknown":
        return 2
    return 0 if seen.status.uniform and not seen.status.warnings else 1


def text_of(seen: Overview) -> str:
    """Give the screen: danger first, then phases, keys, gossip and the next step."""
    lines = [*_top(seen), "", *_components(seen.targets), "", *_keys(seen.rings), "", *_gossip(seen), ""]
    return "\n".join([*lines, *_next(seen), "", *_back(seen)]) + "\n"


def _top(seen: Overview) -> list[str]:
    status = seen.status
    agreed = {True: "uniform", False: "NOT UNIFORM", None: "not known for every process"}[status.uniform]
    lines = [line for text in status.warnings for line in wrapped(text, "!! ", "   ")]
    lines += [line for text in status.risks for line in wrapped(text, "!  ", "   ")]
    versions = ", ".join(status.versions[:3]) or "version not known"
    lines += wrapped(f"{status.product} {versions}: phase {status.phase} ({agreed})")
    return [*lines, f"{status.targets_up} processes answer, {status.targets_down} do not"]


def _components(targets: Iterable[TargetOut]) -> list[str]:
    """One line a component, with how many of its clients are in which phase; then who disagrees."""
    found: dict[str, list[TargetOut]] = defaultdict(list)
    for target in targets:
        found[target.component or "?"].append(target)
    lines = [f"{'COMPONENT':<24} {'PROCESSES':>9}  PHASES OF ITS WRITING CLIENTS"]
    for component, processes in sorted(found.items())[:SHOWN]:
        clients = [client for process in processes for client in process.clients if client.writes]
        up = sum(1 for process in processes if process.up)
        lines.append(f"{_cut(component, 24):<24} {f'{up}/{len(processes)}':>9}  {_phases(clients)}")
    return lines


def _phases(clients: Iterable[ClientOut]) -> str:
    counted = Counter(client.phase for client in clients)
    return ", ".join(f"{count} {phase}" for phase, count in counted.most_common()) or "none seen"


def _keys(rings: tuple[RingOut, ...]) -> list[str]:
    lines = [f"{'KEY':<32} {'PHASE':<10} {'MEMBERS':>7} {'ILL':>4} {'LAG':>6}  SECONDARY"]
    for ring in rings[:SHOWN]:
        members = ring.entries or ring.partitions or sum(ring.members_by_state.values())
        ill = ring.members_by_state.get("unhealthy", 0)
        lag = (
            "-"
            if ring.secondary is None or ring.secondary.lag_seconds is None
            else f"{ring.secondary.lag_seconds:g} s"
        )
        start = f"{_cut(ring.key, 32):<32} {ring.phase:<10} {members:>7} {ill:>4} {lag:>6}"
        lines.append(f"{start}  {_cut(_copy(ring), 16)}")
    if len(rings) > SHOWN:
        lines.append(f"and {len(rings) - SHOWN} more")
    return lines


def _copy(ring: RingOut) -> str:
    """Say in two words how good the copy is; what is not known is not called equal."""
    found = ring.secondary
    if found is None:
        return "none read"
    if found.key_missing:
        return "KEY MISSING"
    if found.missing_members:
        return f"{len(found.missing_members)} MISSING"
    if any(found.mismatched.values()):
        return "DIFFERS"
    return "partly read" if found.unread else "complete"


def _gossip(seen: Overview) -> list[str]:
    if seen.gossip is None:
        return ["Gossip: no process has memberlist."]
    found = seen.gossip
    labels = (
        ", ".join(f'"{label}" on {len(names)}' for label, names in sorted(found.labels.items()))
        or "not known"
    )
    text = (
        f"Gossip: {len(found.clusters)} cluster{'s' if len(found.clusters) != 1 else ''}, "
        f"{len(found.strangers)} unknown members, {len(found.absent)} absent; labels: {labels}."
    )
    return wrapped(text) + _labels(found)


def _labels(found: GossipOut) -> list[str]:
    """Say how far the label is rolled out, and who was kept out lately; nothing where all is done."""
    rollout = found.label_rollout
    lines = []
    if rollout is not None and rollout.stage != "enforced":
        lines += wrapped(f"Label rollout: {rollout.stage}. {rollout.next}")
    elif rollout is not None and (rollout.conflicts or rollout.unexpected):
        lines += wrapped(f"Label rollout: {rollout.next}")
    if found.rejections:
        count = sum(rejection.count for rejection in found.rejections)
        labels = sorted({f'"{_cut(rejection.label, 40)}"' for rejection in found.rejections})
        named = ", ".join(labels[:5]) + (" and others" if len(labels) > 5 else "")
        lines += wrapped(f"Rejected for their label, by the logs: {count} (label {named}).")
    return lines


def _next(seen: Overview) -> list[str]:
    step = next((step for step in seen.steps if step.step == seen.status.next_step), None)
    if step is None:
        return ["Next step: not known."]
    lines = wrapped(f"Next step: {step.step}, {step.answer}. {step.headline}")
    return lines + _closing(step)


def _closing(step: StepOut) -> list[str]:
    bad = [check for check in step.checks if check.verdict != "holds"]
    lines: list[str] = []
    for check in bad[:6]:
        mark = "NO " if check.verdict == "fails" else "?? "
        lines += wrapped(f"{check.sentence} {check.evidence}", f"  {mark}", " " * 5)[:3]
    return lines


def _back(seen: Overview) -> list[str]:
    return wrapped(f"Going back: {seen.status.rollback.text}")


def _cut(text: str, width: int) -> str:
    safe = "".join(letter if letter.isprintable() else "?" for letter in text)
    return safe if len(safe) <= width else safe[: width - 1] + "…"
