"""`kvmigration` and `python -m exporter`: the exit status is whatever the command returns."""

from __future__ import annotations

import sys

from exporter.cli.arguments import run


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
