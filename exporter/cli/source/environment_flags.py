"""Flags that are not on the command line: `--config.file` is `KVMIGRATION_CONFIG_FILE`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence

PREFIX = "KVMIGRATION_"
TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


def variable(action: argparse.Action) -> str:
    """The variable of a flag, "" where it has none."""
    longest = max(action.option_strings, key=len, default="")
    if not longest.startswith("--") or isinstance(action, argparse._HelpAction | argparse._VersionAction):
        return ""
    return PREFIX + longest.removeprefix("--").replace(".", "_").replace("-", "_").upper()


def with_environment(
    parser: argparse.ArgumentParser, argv: Sequence[str], environment: Mapping[str, str]
) -> list[str]:
    """Append the environment's values of the flags that the command line leaves out. A flag that excludes a
    flag of the command line is left out too: the typed one counts.
    """
    given = {word.partition("=")[0] for word in argv}
    excluded = {
        action.dest
        for group in parser._mutually_exclusive_groups
        for action in group._group_actions
        if any(given.intersection(other.option_strings) for other in group._group_actions)
    }
    from_variables = [
        word
        for action in parser._actions
        if not given.intersection(action.option_strings) and action.dest not in excluded
        for word in _words(action, environment)
    ]
    return [*argv, *from_variables]


def flagged(parser: argparse.ArgumentParser, argv: Sequence[str]) -> list[str]:
    """Put `--url` before a URL that has no flag; before another word `--config.file`, where the command takes
    no words. argparse refuses arguments that stand before and after a flag.
    """
    flags = parser._option_string_actions
    taking = {flag for flag, action in flags.items() if action.nargs is None}
    before = ["", *argv]
    return [
        word if last in taking else f"{_flag(parser, word)}{word}"
        for last, word in zip(before, argv, strict=False)
    ]


def takes_file(parser: argparse.ArgumentParser) -> bool:
    """Whether a word is the configuration's name: the command has the flag, and takes no words."""
    return "--config.file" in parser._option_string_actions and not parser._get_positional_actions()


def _flag(parser: argparse.ArgumentParser, word: str) -> str:
    """The flag that is left out before a word, "" where none is."""
    if word.startswith(("http://", "https://")):
        return "--url=" if "--url" in parser._option_string_actions else ""
    return "--config.file=" if word and not word.startswith("-") and takes_file(parser) else ""


def show_variables(parser: argparse.ArgumentParser) -> None:
    """Name each flag's variable in its help."""
    for action in parser._actions:
        name = variable(action)
        if name and action.help and action.help is not argparse.SUPPRESS:
            may_go = "--config.file" in action.option_strings and takes_file(parser)
            text = f"{action.help}; the flag itself may be left out" if may_go else action.help
            action.help = f"{text} [${name}]"


def _words(action: argparse.Action, environment: Mapping[str, str]) -> Iterator[str]:
    name = variable(action)
    value = environment.get(name, "") if name else ""
    if not value:
        return
    flag = action.option_strings[-1]
    if action.nargs != 0:
        yield f"{flag}={value}"
    elif value.lower() in TRUE:
        yield flag
    elif value.lower() not in FALSE:
        raise argparse.ArgumentError(None, f'{name} is "{value}"; write true or false')
