"""`kvmigration report`: the evidence of a migration as one file, to send or to attach."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from exporter.cli.arguments import NewParser
from exporter.cli.source.snapshot_source import add_source, look_from
from exporter.errors import UsageError
from exporter.expose.report.html_and_markdown import FORMATS
from exporter.expose.report.redaction import redacted


def add_report(new: NewParser) -> None:
    parser = new(
        _report,
        help="write the evidence of a migration as one file",
        description="Write phases, gates, deviations, rollouts and lag as one file that needs no network. "
        "A running exporter (--server) has the history; --config.file shows one cycle.",
    )
    add_source(parser)
    parser.add_argument("--format", choices=tuple(FORMATS), default="html", help="default: %(default)s")
    parser.add_argument(
        "--redact",
        action="store_true",
        help="replace names and addresses, each name in the same way everywhere, and "
        "leave out the configuration",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")


async def _report(args: argparse.Namespace) -> int:
    if args.output is None and args.format == "html" and sys.stdout.isatty():
        raise UsageError("standard output is a terminal; give --output FILE, or --format markdown to read it")
    async with look_from(args) as look:
        report = await look.report()
    text = FORMATS[args.format](redacted(report) if args.redact else report)
    if args.output is None:
        sys.stdout.write(text)
    else:
        try:
            args.output.write_text(text, encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"{args.output} cannot be written: {error.strerror}") from None
    if look.stale:
        sys.stderr.write(f"kvmigration: {look.stale}\n")
    return 2 if look.stale else 0
