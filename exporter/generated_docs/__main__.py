"""Writes the pages of `docs/` that are made from the code: `python -m exporter.generated_docs [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from exporter.generated_docs import configuration, harms, metrics, snippets
from exporter.generated_docs.write_or_compare import write_or_compare

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "configuration.md": configuration.page,
    "metrics.md": metrics.page,
    "harms.md": harms.page,
    "snippets.md": snippets.page,
}


def run(arguments: list[str]) -> int:
    """Write the pages; with `--check` return 1 and name those that are not current."""
    wanted = {DOCS / name: page() for name, page in PAGES.items()}
    return write_or_compare(wanted, "python -m exporter.generated_docs", only_compare="--check" in arguments)


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
