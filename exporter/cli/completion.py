"""`kvmigration completion SHELL`: what the shell reads to complete our commands, flags and files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import shtab

SHELLS = ("bash", "zsh", "fish")
_USE = """for the shell at hand:
  source <(kvmigration completion bash)
  source <(kvmigration completion zsh)
  kvmigration completion fish | source
To keep it, put that line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish."""


def add_completion(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "completion",
        parents=[common],
        help="print what completes commands and flags in a shell",
        epilog=_USE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    parser.set_defaults(run=lambda args: _command(args.shell))


def _command(shell: str) -> int:
    from exporter.cli.arguments import parser  # noqa: PLC0415 - it loads every command, this one too

    sys.stdout.write(completion(parser(), shell))
    return 0


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """What `shell` reads. An argument that is a path is completed by files."""
    for action in _actions(parser):
        if action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined] # where shtab reads it
    return shtab.complete(parser, shell=shell) + "\n"


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    found: list[argparse.Action] = []
    for action in parser._actions:
        found.append(action)
        if isinstance(action, argparse._SubParsersAction):
            found += [inner for command in action.choices.values() for inner in _actions(command)]
    return found
