"""`python -m dashboards.preview`: draw boards to PNG files from a real Prometheus."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from exporter.demo import PRODUCTS
from exporter.errors import KVMigrationError


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dashboards.preview", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prometheus", metavar="URL")
    source.add_argument(
        "--demo",
        choices=PRODUCTS,
        metavar="PRODUCT",
        help="every board over a migration of the demo; needs prometheus",
    )
    parser.add_argument("--board", default="all", help="kvmigration-overview, overview, … or all")
    parser.add_argument("--out", required=True, type=Path, help="a PNG file, or a directory with --board all")
    parser.add_argument("--range", default="1h", dest="span", help="how far back: 30m, 1h, 2d")
    parser.add_argument("--at", type=float, help="end of the range, unix seconds; default now")
    parser.add_argument("--scrape-interval", default="15s", help="of the Prometheus, for rates")
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="choose a value")
    return parser.parse_args(argv)


def run(argv: Sequence[str]) -> int:
    """Draw; the exit status."""
    arguments = _arguments(argv)
    try:
        if arguments.demo:
            from dashboards.preview.docs_pictures import gallery  # noqa: PLC0415 (needs grafanalib, matplotlib)

            gallery(arguments.demo, arguments.out)
        else:
            _draw(arguments)
    except KVMigrationError as error:
        print(error, file=sys.stderr)  # noqa: T201 (a command's own output)
        return 2
    return 0


def _draw(arguments: argparse.Namespace) -> None:
    from dashboards.build import boards  # noqa: PLC0415 (needs grafanalib)
    from dashboards.installation_settings import Options  # noqa: PLC0415 (as above)
    from dashboards.preview.draw import drawing  # noqa: PLC0415 (needs matplotlib)
    from dashboards.preview.prometheus_client import (  # noqa: PLC0415 (as above)
        Prometheus,
        QueryError,
        Window,
        seconds,
        values_of,
    )

    end = time.time() if arguments.at is None else arguments.at
    window = Window(end - seconds(arguments.span), end, seconds(arguments.scrape_interval))
    every = boards(Options())
    name = f"kvmigration-{arguments.board.removeprefix('kvmigration-')}"
    wanted = list(every) if arguments.board == "all" else [name]
    if strange := [uid for uid in wanted if uid not in every]:
        raise QueryError(f"no board {strange[0]}; there are {', '.join(every)}")
    chosen = dict(pair.split("=", 1) for pair in arguments.var if "=" in pair)
    for uid in wanted:
        out = arguments.out / f"{uid}.png" if arguments.board == "all" else arguments.out
        out.parent.mkdir(parents=True, exist_ok=True)
        values = values_of(every[uid], chosen if arguments.board != "all" else {})
        drawing(every[uid], Prometheus(arguments.prometheus), window, values, out)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
