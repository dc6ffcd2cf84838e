"""`python -m dashboards`: write the boards, or check that the written files are current."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from exporter.errors import KVMigrationError


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 where something differs")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: dashboards/built")
    parser.add_argument(
        "--format",
        choices=("json", "api", "configmap"),
        default="json",
        help="json to import or provision, api for POST /api/dashboards/db, configmap for the sidecar",
    )
    parser.add_argument("--datasource", default="datasource", help="name of the data source variable")
    parser.add_argument("--cluster-label", default="cluster", help='"" where there is none')
    parser.add_argument("--namespace-label", default="namespace", help='"" where there is none')
    parser.add_argument("--pod-label", default="pod", help="label that names a component's pod")
    parser.add_argument("--selector", default="", metavar="MATCHERS", help='more matchers: team="metrics"')
    parser.add_argument(
        "--folder", default="", help="subdirectory (json), folder uid (api) or folder annotation (configmap)"
    )
    parser.add_argument("--runbooks", metavar="URL", help="where the runbooks are, without the last part")
    parser.add_argument("--read-write-pods", metavar="REGEX", help="pods of read-write mode")
    return parser.parse_args(argv)


def run(argv: Sequence[str]) -> int:
    """Write or check; the exit status."""
    arguments = _arguments(argv)
    try:
        from dashboards.build import BUILT, differences, files, write  # noqa: PLC0415 (needs grafanalib)
        from dashboards.installation_settings import Options  # noqa: PLC0415 (as above)

        given = {
            key: getattr(arguments, key) for key in Options.__slots__ if getattr(arguments, key) is not None
        }
        wanted = files(Options(**given), arguments.format)
    except KVMigrationError as error:
        print(error, file=sys.stderr)  # noqa: T201 (a command's own output)
        return 2
    where = arguments.output or BUILT
    if not arguments.check:
        write(wanted, where)
        return 0
    found = differences(wanted, where)
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)  # noqa: T201 (a command's own output)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
