"""`--shard I/N`: which part of the processes this exporter watches, on the command line."""

from __future__ import annotations

import argparse
import re
import socket

from exporter.config.overrides import Shard

_SHARD = re.compile(r"(auto|\d{1,5})/(\d{1,5})")
_ORDINAL = re.compile(r"-(\d{1,5})$")


def add_shard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="watch the I-th of N parts of the targets, from 0; auto/N takes I from the end of the host's "
        "name, as in a StatefulSet; default: scale.shard and scale.shards of the configuration",
    )


def shard(text: str) -> Shard:
    """Read `2/4` or `auto/4`."""
    found = _SHARD.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f'"{text}" is no shard; write for instance 0/4 or auto/4')
    number = _ordinal() if found[1] == "auto" else int(found[1])
    if not number < int(found[2]):
        raise argparse.ArgumentTypeError(f"{number} is not below {found[2]}; shards count from 0")
    return Shard(number, int(found[2]))


def _ordinal() -> int:
    name = socket.gethostname()
    found = _ORDINAL.search(name)
    if found is None:
        raise argparse.ArgumentTypeError(
            f'auto needs a host name that ends in a number, as in a StatefulSet; this one is "{name}"'
        )
    return int(found[1])
