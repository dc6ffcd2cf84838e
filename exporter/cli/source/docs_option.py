"""`--docs.base-url` and `--boards.base-url`: where the docs and boards are that a command or page names."""

from __future__ import annotations

import argparse

from exporter.config.overrides import address_of

_HELP = {
    "docs": "where you serve the docs of this project: links and names of docs lead there; default: "
    "gate.docs_url of the configuration, else the exporter's own /docs",
    "boards": "Grafana's address: the page links to the boards there; default: no links",
}


def add_docs(parser: argparse.ArgumentParser, what: str = "docs") -> None:
    """Add the address of the docs, or of the boards."""
    parser.add_argument(
        f"--{what}.base-url",
        dest=f"{what}_base_url",
        type=_address,
        default="",
        metavar="URL",
        help=_HELP[what],
    )


def _address(text: str) -> str:
    try:
        return address_of(text) if text else ""
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
