"""`kvmigration status`: where are we, what disagrees, what is next. One screen of 80 columns."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable

import msgspec

from exporter.cli.arguments import NewParser
from exporter.cli.source.snapshot_source import Overview, add_source, beats, look_from
from exporter.cli.terminal.safe_text import plain, wrapped
from exporter.derive.judging_rules import DEFAULT_TIMEOUT
from exporter.expose.api.chosen_steps import chosen
from exporter.expose.api.shapes import (
    ClientOut,
    GossipOut,
    MigrationOut,
    RingOut,
    SecondaryOut,
    StatusOut,
    TargetOut,
)
from exporter.expose.wording import durations
from exporter.expose.wording.headlines import answer_of
from exporter.expose.wording.lists import first
from exporter.expose.wording.migrations import NO_LONGER_COPIED, NOT_YET_COPIED
from exporter.model.listed import grouped
from exporter.model.migration import RINGS

HEIGHT = 40
CLEAR = "\x1b[H\x1b[2J"  # a terminal's
MOST_COMPONENTS = 8
LEAST_KEYS = 4
MOST_BEFORE = 6  # lines of warnings, with which the other migrations still have room
LEAST_FOR_NEXT = 6
ALL = ": kvmigration status --json shows all"


def add_status(new: NewParser) -> None:
    parser = new(
        _status,
        help="where are we?",
        description=(
            "Print the state of the migration. Exit status: 0 all clients are in the same phase, "
            "1 a rollout is in progress or there is a warning, 2 the phase is unknown."
        ),
    )
    add_source(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print everything as one JSON object")
    how.add_argument("--short", action="store_true", help="print one line, for a prompt or a pipeline")
    parser.add_argument("--watch", action="store_true", help="repeat until interrupted")


async def _status(args: argparse.Namespace) -> int:
    async with look_from(args) as look:
        if not args.watch:
            return _show(await look.overview(), look.stale, args)
        async for _ in beats(look):
            sys.stdout.write(CLEAR if sys.stdout.isatty() else time.strftime("-- %Y-%m-%d %H:%M:%S\n"))
            status = _show(await look.overview(), look.stale, args)
            sys.stdout.flush()
        return status


def _show(overview: Overview, stale: str, args: argparse.Namespace) -> int:
    """Print the chosen form, and give the exit status."""
    if args.json:
        sys.stdout.write(msgspec.json.encode(overview).decode() + "\n")
    else:
        sys.stdout.write(f"{line_of(overview)}\n" if args.short else text_of(overview, time.time()))
    if stale:
        sys.stderr.write(f"kvmigration: {stale}\n")
    if stale or overview.status.phase == "unknown":
        return 2
    return 0 if overview.status.uniform and not overview.status.warnings else 1


def line_of(overview: Overview) -> str:
    """The one line: how many faults there are, and the next step of each migration that has begun."""
    status, wrong = overview.status, len(overview.status.warnings)
    moving = [one for one in status.migrations if one.begun and (one.phase or one.next_step)]
    parts = [plain(one.line).removesuffix(".") for one in moving or status.migrations[:1]]
    processes = f"{status.targets_up} of {status.targets_up + status.targets_down} processes answer"
    warned = [f"{wrong} warning{'s' if wrong > 1 else ''}"] if wrong else []
    return "; ".join([*warned, *(parts or ["phase unknown"]), processes])


def text_of(overview: Overview, now: float) -> str:
    """The screen: danger first, then phases, keys, gossip, the way back and the next step."""
    dated = now if overview.status.cycle > 1 else None  # in the first cycle no beginning is recorded
    top, below = _top(overview, dated), [*_gossip(overview), *_back(overview)]
    components = _components(overview.targets, dated)
    room = HEIGHT - len(top) - len(components) - len(below) - LEAST_FOR_NEXT - 4
    lines = [*top, "", *components, "", *_keys(overview, max(room - 3, LEAST_KEYS)), "", *below, ""]
    suggested = _suggested(overview, HEIGHT - len(lines) - LEAST_FOR_NEXT)
    return "\n".join([*lines, *_next(overview, HEIGHT - len(lines) - len(suggested)), *suggested]) + "\n"


def _suggested(overview: Overview, room: int) -> list[str]:
    """The block that would have the external store read, where none is configured."""
    block = [plain(line) for line in overview.status.suggested_stores]
    if not block:
        return []
    lines = ["", "No external store is read. The configuration pages suggest:", *block]
    if len(lines) <= room:
        return lines
    return [f"No external store is read; suggested_stores names the block{ALL}"] if room > 0 else []


def _top(overview: Overview, now: float | None) -> list[str]:
    status = overview.status
    lead = _lead(status)
    agreed = {True: "uniform", False: "clients in different phases", None: "unknown for some processes"}[
        status.uniform
    ]
    if lead is not None and lead.rollout is not None:
        agreed = f"rolling out, {lead.rollout.done} of {lead.rollout.processes} processes"
    lines = [
        *_few(status.warnings, "!! ", 3),
        *_few(status.risks, "!  Risk: ", 1),
        *_few(status.notes, "", 1),
    ]
    versions = [version for version in status.versions if version != "unknown"]
    what = f"{status.product} {', '.join(versions[:3]) or '(version unknown)'}"
    if status.product == "unknown":
        what = "Product unknown"
    since = f", for {ago(now, status.phase_since)}" if now is not None else ""
    where = f"phase {status.phase} ({agreed}{since})" if status.phase != "unknown" else "phase unknown"
    lines += wrapped(f"{what}: {where}")
    for store in status.stores:
        if store.not_covered:
            text = f"{store.store} is not read below {', '.join(store.not_covered)}: add this to its prefixes"
            lines += _shortened(wrapped(text, "!  ", "   "), 2)
    full = len(lines) > MOST_BEFORE
    lines += [line for note in _others(status, full) for line in _shortened(wrapped(note, "", "  "), 2)]
    if status.finished_keys:
        lines += _shortened(wrapped(f"On memberlist already: {', '.join(status.finished_keys)}", "", "  "), 2)
    return [*lines, f"{status.targets_up} processes answer, {status.targets_down} do not"]


def _others(status: StatusOut, full: bool) -> list[str]:
    """The lines of rollouts in progress; and of the migrations beside the leading one, where the screen is
    not `full` of warnings. A migration that moves no KV client has a line only while it has a next step.
    """
    lead = _lead(status)
    return [
        one.line
        for one in status.migrations
        if one.rollout is not None
        or (one is not lead and not full and (one.phase is not None or one.next_step))
    ]


def _lead(status: StatusOut) -> MigrationOut | None:
    """The migration with the phase that is shown first."""
    return next((one for one in status.migrations if one.phase == status.phase), None)


def _few(texts: tuple[str, ...], mark: str, most: int) -> list[str]:
    shown, more = first(texts, most)
    lines = [line for text in shown for line in _shortened(wrapped(text, mark, "   "), 3)]
    return [*lines, *([f"   {more}{ALL}"] if more else [])]


def ago(now: float | None, since: float | None) -> str:
    """How long, in one unit: `40 s`, `12 min`, `3 h`, `5 d`; "-" where it is unknown."""
    return "-" if now is None or since is None else durations.ago(round(now - since))


def _components(targets: Iterable[TargetOut], now: float | None) -> list[str]:
    """One line a component: its processes, its phase and since when, and how many clients disagree."""
    found = grouped((target.component or "?", target) for target in targets)
    lines = [f"{'COMPONENT':<22} {'PROCESSES':>9} {'FOR':>7}  PHASES OF ITS WRITING CLIENTS"]
    for component, processes in sorted(found.items())[:MOST_COMPONENTS]:
        clients = [client for process in processes for client in process.clients if client.writes]
        up = sum(1 for process in processes if process.up)
        dates = [p.phase_since for p in processes if p.up and p.phase_since is not None]
        since = ago(now, max(dates, default=None))
        start = f"{_truncated(component, 22):<22} {f'{up}/{len(processes)}':>9} {since:>7}"
        lines.append(f"{start}  {_truncated(_phases(clients), 38)}")
    return lines + _rest(len(found) - MOST_COMPONENTS)


def _rest(count: int) -> list[str]:
    return [f"and {count} more{ALL}"] if count > 0 else []


def _phases(clients: Iterable[ClientOut]) -> str:
    counted = Counter(client.phase for client in clients)
    return ", ".join(f"{count} {phase}" for phase, count in counted.most_common()) or "none"


def _keys(overview: Overview, most: int) -> list[str]:
    rings, copied = overview.rings, _is_copied(overview.targets)
    lines = [f"{'KEY':<26} {'PHASE':<10} {'MEMBERS':>7} {'UNHEALTHY':>9} {'LAG':>6}  SECONDARY"]
    for ring in rings[:most]:
        members, unhealthy = _members(ring)
        lag = (
            "-"
            if ring.secondary is None or ring.secondary.lag_seconds is None
            else f"{ring.secondary.lag_seconds:.0f} s"
        )
        where = ring.phase if ring.phase_uniform else f"{ring.phase}*"
        start = f"{_truncated(ring.key, 26):<26} {where:<10} {members:>7} {unhealthy:>9} {lag:>6}"
        lines.append(f"{start}  {_truncated(copy_of(ring, copied=copied), 16)}")
    if any(not ring.phase_uniform for ring in rings):
        lines.append("* the earliest; not all of its clients are there, or some are unknown")
    return lines + _rest(len(rings) - most)


def _members(ring: RingOut) -> tuple[str, str]:
    """Count the members and the unhealthy members; "-" for a ring that was read nowhere."""
    if not ring.source:
        return "-", "-"
    members = ring.entries or ring.partitions or sum(ring.members_by_state.values())
    unhealthy = ring.members_by_state.get("unhealthy", 0) + len(ring.ahead_seconds)
    return str(members), str(unhealthy)


def _is_copied(targets: Iterable[TargetOut]) -> bool:
    """Whether mirroring is on anywhere: a key that is missing before that is as it should be."""
    clients = (client for target in targets for client in target.clients if client.writes)
    return any(client.phase in ("mirroring", "switched") for client in clients)


def copy_of(ring: RingOut, *, copied: bool) -> str:
    """The state of the copy in two words. An unknown copy is not called equal. A store to which no process
    writes any more is stale, however complete it was.
    """
    found = ring.secondary
    if ring.phase == "detached":
        return NO_LONGER_COPIED
    if found is None:
        return "none read"
    if not copied and ring.phase in ("external", "multi"):
        return NOT_YET_COPIED
    proved = "unknown" if found.remembered else "partly read" if found.unread else "complete"
    return _wrong(found) or proved


def _wrong(secondary: SecondaryOut) -> str:
    """What is wrong with a copy, "" where nothing is. A member that is more than the heartbeat timeout behind
    becomes unhealthy at the switch.
    """
    if secondary.key_missing:
        return "KEY MISSING"
    if secondary.missing_members:
        return f"{len(secondary.missing_members)} MISSING"
    if any(secondary.mismatched.values()):
        return "DIFFERS"
    return "BEHIND" if (secondary.lag_seconds or 0) > DEFAULT_TIMEOUT else ""


def _gossip(overview: Overview) -> list[str]:
    if overview.gossip is None:
        return ["Gossip: no process has memberlist."]
    found = overview.gossip
    labels = (
        ", ".join(f'"{label}" on {len(names)}' for label, names in sorted(found.labels.items())) or "unknown"
    )
    foreign = f"{len(found.foreign)} foreign and " if found.foreign else ""
    text = (
        f"Gossip: {len(found.clusters)} cluster{'s' if len(found.clusters) != 1 else ''}, "
        f"{foreign}{len(found.strangers) - len(found.foreign)} unknown members, "
        f"{len(found.absent)} absent; labels: {labels}."
    )
    return wrapped(text) + _labels(found)


def _labels(gossip: GossipOut) -> list[str]:
    """How far the label is rolled out, and which members were refused lately; nothing once all is done."""
    rollout = gossip.label_rollout
    lines = []
    if rollout is not None and rollout.stage != "enforced":
        lines += wrapped(f"Label rollout: {rollout.stage}. {rollout.next}")
    elif rollout is not None and (rollout.conflicts or rollout.unexpected):
        lines += wrapped(f"Label rollout: {rollout.next}")
    if gossip.rejections:
        count = sum(rejection.count for rejection in gossip.rejections)
        labels = sorted({f'"{_truncated(rejection.label, 40)}"' for rejection in gossip.rejections})
        named = ", ".join(labels[:5]) + (" and more" if len(labels) > 5 else "")
        lines += wrapped(f"Rejected for their label, by the logs: {count} (label {named}).")
    return lines


def _next(overview: Overview, room: int) -> list[str]:
    """The next step and what closes its gate, as far as the screen has room."""
    step = next(iter(chosen(overview.steps, "", overview.status.next_step)), None)
    if step is None and overview.status.phase == "memberlist":
        return wrapped(
            "Next step: none. What has begun to move is on memberlist; the store is in use.", "", "  "
        )
    if step is None:
        return ["Next step: unknown."]
    lines = _shortened(wrapped(f"Next step: {step.step}, {answer_of(step.answer, step.headline)}"), 4)
    bad = sorted((c for c in step.checks if c.verdict != "holds"), key=lambda check: check.verdict != "fails")
    room = max(room - len(lines) - 1, 4)
    shown: list[str] = []
    for count, check in enumerate(bad):
        mark = "NO " if check.verdict == "fails" else "?? "
        check_lines = _shortened(
            wrapped(f"{check.id}: {check.sentence} {check.evidence}", f"  {mark}", " " * 5), 3
        )
        if len(shown) + len(check_lines) > room:
            shown.append(f"  and {len(bad) - count} more: kvmigration check {step.step}")
            break
        shown += check_lines
    return lines + shown


def _shortened(lines: list[str], most: int) -> list[str]:
    """At most so many lines; a cut is shown."""
    if len(lines) <= most:
        return lines
    words = lines[most - 1][:78]
    return [*lines[: most - 1], f"{words if words == lines[most - 1] else words.rpartition(' ')[0]} …"]


def _back(overview: Overview) -> list[str]:
    found = overview.status.rollback
    safe = {True: "safe now", False: "NOT SAFE now", None: "unknown whether it is safe"}[found.safe]
    lead = _lead(overview.status)
    what = f"Roll back {lead.name}" if lead is not None and lead.name != RINGS else "Roll back"
    return _shortened(wrapped(f"{what} ({safe}): {found.text}", "", "  "), 4)


def _truncated(text: str, width: int) -> str:
    safe = plain(text)
    return safe if len(safe) <= width else safe[: width - 1] + "…"
