"""`kvmigration init URL…`: a configuration for all processes of a cluster, from the address of one."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exporter.cli.arguments import NewParser
from exporter.cli.source.cluster_from_addresses import (
    Survey,
    checked_url,
    missing_of,
    names_of,
    survey_of,
)
from exporter.cli.source.snapshot_source import add_http_config, client_settings
from exporter.cli.terminal.safe_text import plain
from exporter.config import load_text
from exporter.derive.migration.runtime_config_differences import as_written
from exporter.errors import UsageError
from exporter.expose.api.suggested_stores import suggested_stores
from exporter.expose.wording.lists import Number
from exporter.model.facts import TargetFacts

FILE: Final = Path("my.yml")


def add_init(new: NewParser) -> None:
    parser = new(
        _init,
        help="write a configuration from the address of one process",
        epilog="Exit status: 0 written, 1 written and something is missing, 2 nothing written.",
    )
    parser.add_argument("urls", nargs="+", metavar="URL", help="a process, path prefix included")
    parser.add_argument(
        "--output", type=Path, default=FILE, metavar="FILE", help=f"default: {FILE}; nothing is overwritten"
    )
    add_http_config(parser)


async def _init(args: argparse.Namespace) -> int:
    """Write the file, and print on stderr what is missing. Raises `UsageError` where nothing is written."""
    client, path = client_settings(args), args.output
    if path.exists():
        raise UsageError(f"{path} is there already; name another file with --output")
    survey = await survey_of(tuple(map(checked_url, args.urls)), client)
    text = configuration(survey)
    load_text(text)
    path.write_text(text, encoding="utf-8")
    missing = [*lacks(survey)]
    if args.http_config:
        missing.append(f"http_client is not in it: what {args.http_config} has belongs there")
    sys.stderr.write(f"{path}: {Number(len(survey.processes)): processes}\n")
    sys.stderr.writelines(f"{plain(line)}\n" for line in missing)
    return 1 if missing else 0


def configuration(survey: Survey) -> str:
    """The file's text."""
    kinds = Counter(f"{t.product.value} {t.version}".strip() for t in survey.processes)
    labels = {gossip.label for t in survey.processes if (gossip := t.gossip) is not None and gossip.label}
    blocks = {as_written(t.runtime) for t in survey.processes if t.runtime is not None and t.runtime.is_set}
    head = [
        f"# {', '.join(f'{Number(count): processes} of {kind}' for kind, count in kinds.most_common())}; "
        f"phase {survey.snapshot.fleet.phase.label}"
        + (f"; gossip label {', '.join(sorted(labels))}" if labels else "")
        + (f"; runtime configuration: {'; '.join(sorted(blocks))}" if blocks else ""),
        "# Check it with `kvmigration validate`, and what it can read with `kvmigration doctor`.",
        "targets:",
        "  - static:",
        "      processes:",
    ]
    names = names_of(survey)
    urls = [f"        {json.dumps(names[t.url])}: {json.dumps(t.url)}{_remark(t)}" for t in survey.processes]
    stores = suggested_stores(survey.snapshot.named_stores)
    return "\n".join([*map(plain, head), *map(plain, urls), *map(plain, stores)]) + "\n"


def _remark(target: TargetFacts) -> str:
    return f"  # {target.component}" if target.component else ""


def lacks(survey: Survey) -> Iterator[str]:
    """What the file does not have, and what to do about it."""
    yield from missing_of(survey)
    if any(store.addresses for store in survey.snapshot.named_stores):
        yield "the external store is as the processes name it; add its credentials, if it needs any"
