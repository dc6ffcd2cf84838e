"""`--docs.base-url` and `--boards.base-url`: where the docs and boards are that a command or page names."""

from __future__ import annotations

import argparse

from exporter.config.docs_address import address_of


def add_docs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--docs.base-url",
        dest="docs_base_url",
        type=_address,
        default="",
        metavar="URL",
        help="where you serve the docs of this project: links and names of docs lead there; default: "
        "gate.docs_url of the configuration, else the exporter's own /docs",
    )


def add_boards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--boards.base-url",
        dest="boards_base_url",
        type=_address,
        default="",
        metavar="URL",
        help="Grafana's address: the page links to the boards there; default: no links",
    )


def _address(text: str) -> str:
    try:
        return address_of(text) if text else ""
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
