"""`kvmigration completion SHELL`: what the shell reads to complete our commands, flags and files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import shtab

from exporter.cli.arguments import NewParser, parser

SHELLS = ("bash", "zsh", "fish")
_USE = """for the shell at hand:
  source <(kvmigration completion bash)
  source <(kvmigration completion zsh)
  kvmigration completion fish | source
To keep it, put that line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish."""


def add_completion(new: NewParser) -> None:
    own = new(
        _command,
        help="print what completes commands and flags in a shell",
        epilog=_USE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def _command(args: argparse.Namespace) -> int:
    sys.stdout.write(completion(parser(), args.shell))
    return 0


def completion(top: argparse.ArgumentParser, shell: str) -> str:
    """What `shell` reads. An argument that is a path is completed by files."""
    for action in _actions(top):
        if action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined] # where shtab reads it
    return shtab.complete(top, shell=shell) + "\n"


def _actions(of: argparse.ArgumentParser) -> list[argparse.Action]:
    found: list[argparse.Action] = []
    for action in of._actions:
        found.append(action)
        if isinstance(action, argparse._SubParsersAction):
            found += [inner for command in action.choices.values() for inner in _actions(command)]
    return found
