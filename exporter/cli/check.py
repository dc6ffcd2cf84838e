"""`kvmigration check [MIGRATION/]STEP`: may we take the next step?

Exit status 0 open, 1 closed, 2 unknown; of several migrations the worst.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time
from collections.abc import Iterable
from typing import TextIO

import msgspec

from exporter.cli.arguments import NewParser
from exporter.cli.source.docs_option import add_docs
from exporter.cli.source.gate_from_prometheus import add_prometheus, joined_from
from exporter.cli.source.snapshot_source import GateSource, add_source, beats, duration, look_from
from exporter.cli.terminal.safe_text import WIDTH, plain
from exporter.cli.terminal.step_formats import FORMATS, text_of
from exporter.config.units import format_duration
from exporter.derive.gate.step_table import NAMES, STEPS
from exporter.derive.gate.step_verdicts import NEED_TWO_CYCLES
from exporter.errors import UsageError
from exporter.expose.api.chosen_steps import STATUS, parts, worst
from exporter.expose.api.shapes import StepOut
from exporter.expose.wording import headlines
from exporter.expose.wording.doc_addresses import addressed
from exporter.expose.wording.lists import few
from exporter.model.migration import Migration

SHORTEST = 0.2  # seconds between two cycles
PATIENCE = 120.0  # seconds to wait for checks that need two cycles, before the soak begins


def add_check(new: NewParser) -> None:
    parser = new(
        _check,
        help="may we take the next step?",
        description="Judge the gate of a step. Exit status: 0 open, 1 closed, 2 unknown.",
        epilog=f"Steps: {', '.join(NAMES)}.",
    )
    step_help = "the step, listed below; without a migration: of each migration that has it as its next step"
    parser.add_argument("step", metavar="[MIGRATION/]STEP", help=step_help)
    add_prometheus(add_source(parser), parser)
    parser.add_argument(
        "--for",
        dest="soak",
        type=duration,
        metavar="TIME",
        help="repeat until every check has passed for this long",
    )
    parser.add_argument("--watch", action="store_true", help="repeat until interrupted")
    parser.add_argument(
        "--wait",
        nargs="?",
        const=math.inf,
        type=duration,
        metavar="TIME",
        help="repeat until the gate is open; exit status 2 if it is not open in time; write --wait=TIME",
    )
    _add_output(parser)
    add_docs(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what passed too, with its evidence"
    )
    parser.add_argument(
        "-o", "--output", dest="format", choices=FORMATS, default="text", help="default: %(default)s"
    )
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", help="the same as -o json"
    )


async def _check(args: argparse.Namespace) -> int:
    """Read once, or soak, or watch."""
    migration, step = parts(args.step)
    if step not in NAMES:
        raise UsageError(f'"{args.step}" is no step; steps are {", ".join(NAMES)}')
    rule = next(rule for rule in STEPS if rule.name == step)
    if "/" in args.step and not (migration and rule.is_of(Migration(migration))):
        known = rule.migration or "rings, ha-tracker and those of the configuration"
        raise UsageError(f'"{migration}" is no migration that has the step {step}; it is one of {known}')
    async with joined_from(args) if args.prometheus else look_from(args, soak=args.soak) as look:
        if args.watch:
            return await _watch(args, look)
        if args.soak:
            return await _soak(args, look)
        if args.wait is not None:
            return await _wait(args, look)
        return _show([_advised(step, args) for step in await _once(args, look)], args, sys.stdout)


async def _once(args: argparse.Namespace, source: GateSource) -> tuple[StepOut, ...]:
    """Read once; and a second time where only checks that compare two cycles are unknown."""
    steps = await source.steps(args.step)
    if any(map(_waits, steps)) and not _has_answer(args):
        await asyncio.sleep(source.interval)
        steps = await source.steps(args.step)
    return steps


def _has_answer(args: argparse.Namespace) -> bool:
    """Whether a running exporter answers: it reads all the time, and a second cycle here adds nothing."""
    return bool(args.server or args.prometheus)


def _waits(step: StepOut) -> bool:
    """Whether nothing failed and every unknown check needs a second cycle."""
    open_ = [check for check in step.checks if check.verdict != "holds"]
    return bool(open_) and all(c.verdict == "unknown" and c.id in NEED_TWO_CYCLES for c in open_)


def _is_passed(step: StepOut) -> bool:
    return bool(step.checks) and all(check.verdict == "holds" for check in step.checks)


def _advised(step: StepOut, args: argparse.Namespace) -> StepOut:
    """Add how to soak where every check passed in one cycle, which does not show for how long."""
    if step.answer != "closed" or not _is_passed(step) or _has_answer(args):
        return step
    passed = headlines.passed_for(step.soaked_seconds, step.soak_seconds)
    soak = format_duration(round(step.soak_seconds))
    text = f"{passed}; run with --for {soak}, or read a running exporter with --server"
    return msgspec.structs.replace(step, headline=text)


async def _watch(args: argparse.Namespace, source: GateSource) -> int:
    """Show the step again and again; Ctrl-C ends it, with the status of the last cycle."""
    status = STATUS["unknown"]
    async for _ in beats(source):
        steps = await source.steps(args.step)
        if args.format == "text":
            print(time.strftime("-- %Y-%m-%d %H:%M:%S"))  # noqa: T201 - the command's own output
        status = _show(steps, args, sys.stdout)
        sys.stdout.flush()
    return status


async def _soak(args: argparse.Namespace, source: GateSource) -> int:
    """Read until every check has passed without a break for `--for`; the first check that does not pass ends
    it. Before that time begins, checks that need two cycles may be unknown for `PATIENCE` seconds. The time
    begins anew when another step becomes the next one.
    """
    began, first = time.monotonic(), None
    asked: tuple[str, ...] = ()
    while True:
        steps = await source.steps(args.step)
        titles = tuple(step.title for step in steps)
        first, asked = (first if titles == asked else None), titles
        quiet = all(_is_passed(step) or _waits(step) for step in steps)
        if first is None and any(map(_waits, steps)) and quiet and time.monotonic() - began <= PATIENCE:
            held = 0.0
        elif not all(_is_passed(step) and step.answer != "unknown" for step in steps):
            _clear(args)
            return _show(steps, args, sys.stdout)
        else:
            first = source.at if first is None else first
            held = min(_held(step, source, first) for step in steps)
        if held >= args.soak:
            _clear(args)
            return _show([_opened(step, held) for step in steps], args, sys.stdout)
        _progress(args, held)
        await asyncio.sleep(min(source.interval, max(SHORTEST, args.soak - held)))


async def _wait(args: argparse.Namespace, source: GateSource) -> int:
    """Read until every chosen step is open; 2 once the time is over."""
    ends = time.monotonic() + args.wait
    while True:
        steps = await source.steps(args.step)
        if worst(steps).answer == "open":
            return _show(steps, args, sys.stdout)
        for step in () if args.quiet else steps:
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {plain(_waited_for(step))}\n")
        if time.monotonic() >= ends:
            _show(steps, args, sys.stdout)
            return STATUS["unknown"]
        await asyncio.sleep(min(source.interval, max(SHORTEST, ends - time.monotonic())))


def _waited_for(step: StepOut) -> str:
    """`switch-primary: closed: 1 of 19 checks have not passed. Checks: lag.`"""
    ids = tuple(check.id for check in step.checks if check.verdict != "holds")
    named = f" Checks: {few(ids, 3)}." if ids else ""
    return headlines.answered(step.title, step.answer, step.headline) + named


def _held(step: StepOut, source: GateSource, first: float) -> float:
    """Seconds for which every check has passed: from our first snapshot to our last one, by the snapshots'
    own times. A break that only the gate records, as another list of processes, begins it anew. A source that
    does not have `soaked_seconds` counts only while the gate is open.
    """
    if not source.soaks:
        return source.at - first if step.answer == "open" else 0.0
    return min(source.at - first, step.soaked_seconds)


def _opened(step: StepOut, held: float) -> StepOut:
    """A step that has passed for so long. The rest of the gate's headline stays, above all a risk."""
    return msgspec.structs.replace(step, answer="open", headline=headlines.passed(held, step.headline))


def _progress(args: argparse.Namespace, held: float) -> None:
    if args.format != "text" or args.quiet or not sys.stderr.isatty():
        return
    width = 40
    done = int(width * min(1.0, held / args.soak))
    sys.stderr.write(f"\r[{'#' * done}{'.' * (width - done)}] passed for {held:.0f} s of {args.soak:.0f} s ")
    sys.stderr.flush()


def _clear(args: argparse.Namespace) -> None:
    """Take the progress line away."""
    if args.format == "text" and not args.quiet and sys.stderr.isatty():
        sys.stderr.write("\r" + " " * (WIDTH - 1) + "\r")
        sys.stderr.flush()


def _show(steps: Iterable[StepOut], args: argparse.Namespace, out: TextIO) -> int:
    """Print each step; the exit status is the worst of theirs."""
    shown = tuple(steps)
    if args.format == "text":
        text = "\n".join(text_of(step, verbose=args.verbose) for step in shown)
    else:
        text = "".join(map(FORMATS[args.format], shown))
    out.write(addressed(text, getattr(args, "docs_base_url", "")))
    return STATUS[worst(shown).answer]
