"""`kvmigration diff KEY`: a key's members, one column a view. Exit status 0 equal, 1 different, 2 unknown."""

from __future__ import annotations

import argparse
import sys

import msgspec
from rich.console import Console
from rich.text import Text

from exporter.cli.arguments import NewParser
from exporter.cli.source.snapshot_source import Source, add_source, look_from
from exporter.cli.terminal.diff_table import MAX_NAMES, body, few, safe
from exporter.derive.judging_rules import DEFAULT_PERIOD
from exporter.errors import UsageError
from exporter.expose.api.shapes import RingDetailOut

EQUAL, DIFFERENT, UNKNOWN = 0, 1, 2


def add_diff(new: NewParser) -> None:
    parser = new(
        _diff,
        help="primary against secondary, member by member",
        description="Compare one key, or all. Exit status: 0 equal, 1 different, 2 unknown.",
    )
    parser.add_argument("key", nargs="?", metavar="KEY", help="such as collectors/ring or ha-tracker/")
    add_source(parser)
    parser.add_argument("--all", action="store_true", help="every key")
    parser.add_argument("--json", action="store_true", help="print JSON, one key a line")


async def _diff(args: argparse.Namespace) -> int:
    """Compare the chosen keys; the worst of them is the exit status."""
    if bool(args.key) == args.all:
        raise UsageError("give one KEY, or --all for every key")
    async with look_from(args) as look:
        details, not_responding = await _details(args, look), await look.not_responding()
    for detail in details:
        _show(detail, args)
    if not details:
        sys.stderr.write("kvmigration: no process shows a key\n")
        return UNKNOWN
    if look.stale:
        sys.stderr.write(f"kvmigration: {look.stale}\n")
        return UNKNOWN
    compared = [detail for detail in details if not _has_one_store(detail)]
    if not compared:
        sys.stderr.write("kvmigration: no key has a secondary; nothing was compared\n")
        return UNKNOWN
    statuses = {status_of(detail) for detail in compared}
    if not_responding:
        sys.stderr.write(f"kvmigration: {_unseen(not_responding)}\n")
        statuses.add(UNKNOWN)
    return DIFFERENT if DIFFERENT in statuses else max(statuses)


def _unseen(not_responding: tuple[str, ...]) -> str:
    """The processes with copies that were not compared."""
    count = f"{len(not_responding)} process{'es do' if len(not_responding) > 1 else ' does'}"
    return f"{count} not answer; what it has is unknown: {few(not_responding, MAX_NAMES)}"


async def _details(args: argparse.Namespace, look: Source) -> list[RingDetailOut]:
    keys = await look.keys()
    return [await look.key(key) for key in (keys if args.all else [args.key])]


def status_of(detail: RingDetailOut) -> int:
    """The exit status of one key. It is unknown without a comparison, with an unread view or primary,
    and with a time stamp from the future.
    """
    found = detail.summary.secondary
    if found is None:
        return UNKNOWN
    wrong = (
        found.key_missing or found.missing_members or found.extra_members or any(found.mismatched.values())
    )
    if wrong or (found.lag_seconds or 0) > DEFAULT_PERIOD:
        return DIFFERENT
    unsure = found.unread or found.remembered or detail.summary.ahead_seconds
    return UNKNOWN if unsure else EQUAL


def _has_one_store(detail: RingDetailOut) -> bool:
    """Whether all clients of a key have the same single store, before a migration or after it."""
    found = detail.summary
    return found.secondary is None and found.phase_uniform and found.phase in ("external", "memberlist")


def _show(detail: RingDetailOut, args: argparse.Namespace) -> None:
    if args.json:
        sys.stdout.write(msgspec.json.encode(detail).decode() + "\n")
        return
    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    if _has_one_store(detail):
        store = detail.summary.primary or "unknown"
        console.print(Text(safe(f"{detail.summary.key}: one store, {store}; nothing to compare.")))
        return
    console.print(Text(_title(detail), style="bold"))
    console.print(body(detail))
    console.print()


def _title(detail: RingDetailOut) -> str:
    found = detail.summary
    secondary = found.secondary.side if found.secondary else "no secondary was read"
    word = {EQUAL: "equal", DIFFERENT: "DIFFERENT", UNKNOWN: "UNKNOWN"}[status_of(detail)]
    primary = f"{found.primary or '?'} ({found.source or 'not read'})"
    return safe(f"{found.key}: {word}. Primary {primary}, secondary {secondary}.")
