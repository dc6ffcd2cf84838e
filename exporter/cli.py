"""Arguments to commands. Exit status: 0 well, 1 not (closed, different, wrong), 2 cannot tell or misused."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from exporter import __version__, cli_check, cli_diff, cli_serve, cli_status, cli_validate, logs
from exporter.cli_watch_demo import add_demo
from exporter.errors import ConfigError, KVMigrationError, UsageError

Command = Callable[[argparse.Namespace], int]


def _add_validate(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "validate", parents=[common], help="check a configuration file", allow_abbrev=False
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the configuration")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the file instead")
    parser.add_argument("--estimate", action="store_true", help="say how many series there will be at most")
    parser.set_defaults(run=_validate)


def _validate(args: argparse.Namespace) -> int:
    return cli_validate.validate(args.file, as_schema=args.schema, with_estimate=args.estimate)


COMMANDS = (
    cli_serve.add_serve,
    cli_check.add_check,
    cli_status.add_status,
    cli_diff.add_diff,
    add_demo,
    _add_validate,
    cli_serve.add_healthcheck,
)


def parser() -> argparse.ArgumentParser:
    """Make the parser; each command adds itself and sets `run` to its function."""
    top = argparse.ArgumentParser(
        prog="kvmigration",
        description="Watch Mimir, Cortex, Loki, Tempo or Pyroscope move from Consul or etcd to memberlist. "
        "It only reads.",
        epilog="Exit status: 0 well, 1 not, 2 cannot tell or wrong usage.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"kvmigration {__version__}")
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument(
        "--log.level", dest="log_level", default="info", choices=logs.LEVELS, help="default: info"
    )
    common.add_argument(
        "--log.format",
        dest="log_format",
        default="logfmt",
        choices=("logfmt", "json"),
        help="default: logfmt",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(commands, common)
    return top


def run(argv: Sequence[str]) -> int:
    """Run one command line and give its exit status."""
    args = parser().parse_args(argv)
    logs.setup(args.log_level, args.log_format)
    command: Command = args.run
    try:
        return command(args)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)  # noqa: T201 - the command's own output
        return 2
    except UsageError as error:
        print(f"kvmigration: {error}", file=sys.stderr)  # noqa: T201 - the command's own output
        return 2
    except KVMigrationError as error:
        print(f"kvmigration: {error}", file=sys.stderr)  # noqa: T201 - the command's own output
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
