"""`kvmigration validate`: is this configuration file right?"""

from __future__ import annotations

import argparse
import glob
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from exporter.cli.arguments import NewParser
from exporter.cli.source.series_estimate import count_targets, report
from exporter.cli.terminal.safe_text import plain
from exporter.config import Config, load, schema
from exporter.config.units import format_duration
from exporter.derive.gate.soak import LEAST_LOOKS
from exporter.errors import ConfigError, UsageError


def add_validate(new: NewParser) -> None:
    parser = new(_validate, help="check a configuration file")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the configuration")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the file instead")
    parser.add_argument("--estimate", action="store_true", help="print the greatest number of series")


async def _validate(args: argparse.Namespace) -> int:
    """Print `FILE: ok` and return 0, or every problem on stderr and return 1.

    With `--schema` the JSON schema of the file is printed instead, and no file is read. With `--estimate` the
    sources of targets are queried, and the number of series is estimated.
    """
    if args.schema:
        sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
        return 0
    if args.file is None:
        raise UsageError("name the FILE to check, or give --schema")
    try:
        config = load(args.file)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for warning in warnings(config):
        sys.stderr.write(f"{args.file}: warning: {plain(warning)}\n")
    sys.stdout.write(f"{args.file}: ok\n")
    if args.estimate:
        sys.stdout.write(report(config, await count_targets(config)) + "\n")
    return 0


def warnings(config: Config) -> tuple[str, ...]:
    """Settings that are allowed and mostly not meant; later or elsewhere they may be right."""
    return (
        *(f"{file} cannot be read here" for file in missing_files(config)),
        *_matching_nothing(config),
        *_impatient(config),
        *_short_soak(config),
        *config.needless(),
    )


def _matching_nothing(config: Config) -> Iterator[str]:
    for index, entry in enumerate(config.targets):
        for pattern in entry.file.paths if entry.file else ():
            if not any(Path(path).is_file() for path in glob.iglob(pattern)):  # noqa: PTH207  # patterns are absolute, which Path.glob refuses
                yield f"targets[{index}].file.paths: no file matches {pattern} here now"


def _impatient(config: Config) -> Iterator[str]:
    """A timeout as long as a cycle: one process that does not answer takes all the time."""
    clients = config.http_settings()
    common = clients[""].timeout >= config.interval  # this concerns every source without a timeout of its own
    for key, client in clients.items():
        if client.timeout >= config.interval and not (key and common) and not key.startswith("rejections"):
            yield (
                f"{key + '.' if key else ''}http_client.timeout is as long as interval "
                f"({format_duration(config.interval)}): a process that does not answer uses up the complete "
                f"cycle, and the pages that come last are not read; make timeout shorter"
            )


def _short_soak(config: Config) -> Iterator[str]:
    """A soak that ends after too few cycles: the cycles decide, not the time."""
    least = LEAST_LOOKS * config.interval
    if 0 < config.gate.soak < least:
        yield (
            f"gate.soak ({format_duration(config.gate.soak)}) is shorter than {LEAST_LOOKS} intervals: a "
            f"step opens after {LEAST_LOOKS} further cycles, {format_duration(least)}; make interval shorter"
        )
    elif not config.gate.soak:
        yield "gate.soak is 0: a step opens at the first cycle in which every check passes"


def missing_files(config: Config) -> tuple[str, ...]:
    """Files of credentials and certificates that the configuration names and that do not exist. They are no
    more than a warning: the machine that validates is often not the machine that runs the exporter.
    """
    named = sorted(set(_named_files(config.model_dump(exclude_none=True))))
    return tuple(file for file in named if not Path(file).is_file())


def _named_files(value: object, key: str = "") -> list[str]:
    if isinstance(value, dict):
        return [file for name, inner in value.items() for file in _named_files(inner, name)]
    if isinstance(value, tuple | list):
        return [file for inner in value for file in _named_files(inner)]
    is_file = isinstance(value, str) and (key.endswith("_file") or key == "kubeconfig")
    return [str(value)] if is_file and key != "state_file" else []
