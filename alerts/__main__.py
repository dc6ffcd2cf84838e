"""`python -m alerts`: write the rule files, or compare them with what is committed."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from alerts.docs_page import markdown
from alerts.rule import Options
from alerts.runbook_advice import runbooks
from alerts.yaml_writer import HERE, files
from exporter.generated_docs.write_or_compare import write_or_compare

BUILT = HERE / "built"
PAGE = HERE.parent / "docs" / "alerts.md"
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _label_name(text: str) -> str:
    if text and not LABEL_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no label name")
    return text


def _label(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not LABEL_NAME.fullmatch(name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1000")
    return value


def _parser() -> argparse.ArgumentParser:
    given = Options()
    parser = argparse.ArgumentParser("python -m alerts", description=__doc__)
    add = parser.add_argument
    add(
        "--output",
        type=Path,
        default=None,
        help="directory to write to (default: alerts/built, and docs/alerts.md)",
    )
    add(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if a file differs from what would be written",
    )
    add(
        "--selector",
        default=given.selector,
        metavar="MATCHERS",
        help="""matchers for every series, as job="kvm" """,
    )
    add(
        "--loki-selector",
        default=given.loki_selector,
        metavar="MATCHERS",
        help="matchers for the log streams",
    )
    add(
        "--label", type=_label, action="append", default=[], metavar="NAME=VALUE", help="label for every rule"
    )
    add("--cluster-label", type=_label_name, default=given.cluster_label, help="'' for none")
    add("--namespace-label", type=_label_name, default=given.namespace_label, help="'' for none")
    add("--job-label", type=_label_name, default=given.job_label, help="'' for none")
    add("--runbook-base", default=given.runbook_base, metavar="URL")
    add("--dashboard-base", default=given.dashboard_base, metavar="URL")
    add("--scale-durations", type=_scale, default=1.0, metavar="FACTOR", help="for trials: 0.01 makes 5m 3s")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        selector=arguments.selector.strip().strip("{}"),
        loki_selector=arguments.loki_selector.strip().strip("{}"),
        cluster_label=arguments.cluster_label,
        namespace_label=arguments.namespace_label,
        job_label=arguments.job_label,
        labels=dict(arguments.label),
        runbook_base=arguments.runbook_base.rstrip("/"),
        dashboard_base=arguments.dashboard_base.rstrip("/"),
        scale=arguments.scale_durations,
    )


def run(arguments: list[str]) -> int:
    """Write the files and give 0; with `--check`, give 1 and name the files that differ."""
    given = _parser().parse_args(arguments)
    options = _options(given)
    built: Path = given.output or BUILT
    page: Path = given.output / PAGE.name if given.output else PAGE
    wanted = {built / name: text for name, text in files(options).items()} | {page: markdown(options)}
    if not given.output:
        wanted |= runbooks()
    return write_or_compare(wanted, "python -m alerts", only_compare=given.check)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
