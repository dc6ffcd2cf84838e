"""`kvmigration check STEP`: may we take the next step? Exit status 0 open, 1 closed, 2 cannot tell."""

from __future__ import annotations

import argparse
import asyncio
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any, TextIO

import msgspec

from exporter.cli_look import Look, add_source, duration, look_from
from exporter.derive.gate import NAMES
from exporter.errors import UsageError
from exporter.expose.shapes import CheckOut, StepOut

STATUS = {"open": 0, "closed": 1, "unknown": 2}
MARKS = {"holds": "ok ", "fails": "NO ", "unknown": "?? "}
SHOWN = 10
WIDTH = 80
Commands = Any  # argparse keeps the type of its sub-parsers to itself


def add_check(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `check` to the command line."""
    parser = commands.add_parser(
        "check",
        parents=[common],
        help="may we take the next step?",
        allow_abbrev=False,
        description="Ask the gate. Exit status: 0 open, 1 closed, 2 cannot tell.",
        epilog=f"Steps: {', '.join(NAMES)}.",
    )
    parser.add_argument("step", metavar="STEP", help="the step; see below")
    add_source(parser)
    parser.add_argument(
        "--for",
        dest="soak",
        type=duration,
        metavar="TIME",
        help="every check must hold this long, looked at here",
    )
    parser.add_argument("--watch", action="store_true", help="look again and again until interrupted")
    parser.add_argument("--json", action="store_true", help="print the step as JSON, one line a look")
    parser.set_defaults(run=check_command)


def check_command(args: argparse.Namespace) -> int:
    """Look once, or soak, or watch."""
    if args.step not in NAMES:
        raise UsageError(f'"{args.step}" is no step; steps are {", ".join(NAMES)}')
    return asyncio.run(_check(args))


async def _check(args: argparse.Namespace) -> int:
    async with look_from(args, soak=args.soak) as look:
        if args.watch:
            return await _watch(args, look)
        if args.soak:
            return await _soak(args, look)
        return _show(await look.step(args.step), args, sys.stdout)


async def _watch(args: argparse.Namespace, look: Look) -> int:
    status = STATUS["unknown"]
    try:
        while True:
            step = await look.step(args.step)
            if not args.json:
                print(time.strftime("-- %Y-%m-%d %H:%M:%S"))  # noqa: T201 - the command's own output
            status = _show(step, args, sys.stdout)
            await asyncio.sleep(look.interval)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return status


async def _soak(args: argparse.Namespace, look: Look, clock: Callable[[], float] = time.monotonic) -> int:
    """Look until every check has held without a break for the whole time; the first break ends it."""
    began = clock()
    while True:
        step = await look.step(args.step)
        held = clock() - began
        if any(check.verdict != "holds" for check in step.checks) or step.answer == "unknown":
            return _show(step, args, sys.stdout)
        if held >= args.soak:
            text = f"Open: every check has held for {held:.0f} s."
            return _show(msgspec.structs.replace(step, answer="open", headline=text), args, sys.stdout)
        _progress(args, held)
        await asyncio.sleep(min(look.interval, args.soak - held))


def _progress(args: argparse.Namespace, held: float) -> None:
    if args.json or not sys.stderr.isatty():
        return
    width = 40
    done = int(width * held / args.soak)
    sys.stderr.write(f"\r[{'#' * done}{'.' * (width - done)}] held {held:.0f} s of {args.soak:.0f} s ")
    sys.stderr.flush()


def _show(step: StepOut, args: argparse.Namespace, out: TextIO) -> int:
    out.write(msgspec.json.encode(step).decode() + "\n" if args.json else text_of(step))
    return STATUS[step.answer]


def text_of(step: StepOut) -> str:
    """Give a step as text for 80 columns, without colour: what is wrong first, then what holds."""
    word = {"open": "OPEN", "closed": "CLOSED", "unknown": "CANNOT TELL"}[step.answer]
    lines = [*wrapped(f"{step.step}: {word}. {step.headline}"), ""]
    order = {"fails": 0, "unknown": 1, "holds": 2}
    for check in sorted(step.checks, key=lambda check: order[check.verdict]):
        lines += _check_lines(check)
    return "\n".join(lines) + "\n"


def _check_lines(check: CheckOut) -> list[str]:
    lines = wrapped(check.sentence, f"{MARKS[check.verdict]} ", " " * 4)
    if check.verdict == "holds":
        return [*lines, *wrapped(check.evidence, " " * 6)]
    culprits = check.culprits or (check.evidence,)
    for name in culprits[:SHOWN]:
        lines += wrapped(name, "    - ", " " * 6)
    if len(culprits) > SHOWN:
        lines.append(f"    - and {len(culprits) - SHOWN} more")
    return [*lines, *wrapped(check.remedy, "    > ", " " * 6), f"      {check.doc}"]


def wrapped(text: str, first: str = "", then: str = "") -> list[str]:
    """Wrap text to 80 columns, made fit for a terminal: no control characters, no direction marks."""
    safe = "".join(letter if letter.isprintable() else "?" for letter in text)
    return textwrap.wrap(safe, WIDTH, initial_indent=first, subsequent_indent=then or first) or [
        first.rstrip()
    ]
