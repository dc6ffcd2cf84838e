"""Arguments to commands. Exit status: 0 yes, 1 no (closed, different, wrong), 2 unknown or misused."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

from exporter import __version__, log
from exporter.cli.source.environment_flags import flagged, show_variables, with_environment
from exporter.cli.terminal.safe_text import plain
from exporter.errors import ConfigError, KVMigrationError

_URL: Final = re.compile(r"https?://[^\s'\"]+")
# What a command does with its arguments, and its exit status.
Command = Callable[[argparse.Namespace], int | Coroutine[Any, Any, int]]
# Makes the parser of one command from the command and argparse's words: help, description, epilog.
NewParser = Callable[..., argparse.ArgumentParser]
# The module that has `add_COMMAND`. It is imported only for that command: `serve` needs no tables and no
# simulated cluster.
COMMANDS: Final = {
    "serve": "serve",
    "check": "check",
    "plan": "planning.plan",
    "report": "planning.report",
    "status": "status",
    "diff": "diff",
    "init": "init",
    "doctor": "doctor",
    "explain": "explain",
    "completion": "completion",
    "demo": "demo",
    "validate": "validate",
    "healthcheck": "serve",
}


class Arguments(argparse.ArgumentParser):
    """Refuses an argument without quoting a password in it."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and exit with status 2."""
        shown = import_module("exporter.config").shown_url  # late: a command may run without it
        super().error(_URL.sub(lambda found: shown(found[0]), message))


def parser(asked: str = "") -> argparse.ArgumentParser:
    """Make the parser with one command, or with all commands where `asked` is none of them."""
    top = Arguments(
        prog="kvmigration",
        description="Watch Mimir, Cortex, Loki, Tempo or Pyroscope move from Consul or etcd to memberlist. "
        "It only reads.",
        epilog="Exit status: 0 success, 1 failure, 2 unknown or wrong usage.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"kvmigration {__version__}")
    common = Arguments(add_help=False, allow_abbrev=False)
    common.add_argument(
        "--log.level", dest="log_level", default="info", choices=log.LEVELS, help="default: info"
    )
    common.add_argument(
        "--log.format",
        dest="log_format",
        default="logfmt",
        choices=("logfmt", "json"),
        help="default: logfmt",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_parser = partial(commands.add_parser, parents=[common], allow_abbrev=False)
    for name in [asked] if asked in COMMANDS else COMMANDS:
        module = import_module(f"exporter.cli.{COMMANDS[name]}")
        getattr(module, f"add_{name}")(partial(_new, add_parser, name))
    return top


def _new(add_parser: NewParser, name: str, command: Command, **words: Any) -> argparse.ArgumentParser:
    made = add_parser(name, **words)
    made.set_defaults(run=command)
    return made


def command_of(top: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    """One command's own parser. argparse has no public way to it."""
    commands: dict[str, argparse.ArgumentParser] = next(
        action.choices for action in top._actions if isinstance(action, argparse._SubParsersAction)
    )
    return commands[name]


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments, with the values of the environment for those that are left out."""
    asked = argv[0] if argv else ""
    top = parser(asked)
    if asked in COMMANDS:
        command = command_of(top, asked)
        show_variables(command)
        try:
            argv = [asked, *with_environment(command, flagged(command, argv[1:]), os.environ)]
        except argparse.ArgumentError as error:
            command.error(str(error))
    return top.parse_args(argv)


def run(argv: Sequence[str]) -> int:
    """Run one command line and give its exit status."""
    args = _parsed(argv)
    log.setup(args.log_level, args.log_format)
    command: Command = args.run
    try:
        with _muted() if getattr(args, "quiet", False) else contextlib.nullcontext():
            status = command(args)
            return _reported(status if isinstance(status, int) else asyncio.run(status))
    except ConfigError as error:
        return _refused(*error.problems)
    except KVMigrationError as error:
        return _refused(f"kvmigration: {error}")
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _unread()
    except Exception as error:
        if not getattr(args, "server", None):
            raise
        # The answer of a server that is no exporter may raise any error while it is printed.
        return _refused(f"kvmigration: the answer of --server cannot be shown ({type(error).__name__})")


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Nothing on the standard output."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _refused(*lines: str) -> int:
    for line in lines:
        print(plain(line), file=sys.stderr)  # noqa: T201 - the command's own output
    return 2


def _reported(status: int) -> int:
    """Give the status once all output is written."""
    sys.stdout.flush()
    return status


def _unread() -> int:
    """The reader has closed the output: the status of a signal, never that of an open gate."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it exits
    return 128 + signal.SIGPIPE
