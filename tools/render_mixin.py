"""`python -m tools.render_mixin`: rules and boards for `mixin/mixin.libsonnet`, from the source of `built/`.

A mark stands where an installation may need another name. The mixin replaces it by the value of `_config`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alerts import yaml_writer
from alerts.rule import Options
from dashboards import build
from dashboards.installation_settings import Options as BoardOptions
from exporter.generated_docs.write_or_compare import write_or_compare

MIXIN = Path(__file__).resolve().parent.parent / "mixin"
SELECTOR = 'kvm_selector="kvm_value"'
CLUSTER, NAMESPACE, JOB, POD = "kvm_cluster", "kvm_namespace", "kvm_job", "kvm_pod"
BASE = "https://kvm-base.invalid"


def rules() -> Mapping[str, Any]:
    """Alerts and the rules that join shards, with marks."""
    options = Options(
        selector=SELECTOR,
        cluster_label=CLUSTER,
        namespace_label=NAMESPACE,
        job_label=JOB,
        dashboard_base=BASE,
    )
    alerts, shards = yaml_writer.alert_groups(options), yaml_writer.shard_groups(options)
    _without_labels(shards["groups"])
    return {"alerts": alerts["groups"], "shards": shards["groups"]}


def _without_labels(groups: list[Any]) -> None:
    """Take the label of the mark from recording rules: the mixin puts its own there."""
    for group in groups:
        for rule in group["rules"]:
            rule.pop("labels", None)


def boards() -> Mapping[str, Any]:
    """The boards by file name, with marks."""
    options = BoardOptions(selector=SELECTOR, cluster_label=CLUSTER, namespace_label=NAMESPACE, pod_label=POD)
    return {f"{uid}.json": board for uid, board in build.boards(options).items()}


def main(arguments: list[str]) -> int:
    """Write the two files, or with `--check` compare them."""
    parser = argparse.ArgumentParser("python -m tools.render_mixin", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    found = {"rules.json": rules(), "dashboards.json": boards()}
    wanted = {MIXIN / name: _text(document) for name, document in found.items()}
    only = parser.parse_args(arguments).check
    return write_or_compare(wanted, "python -m tools.render_mixin", only_compare=only)


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",\n", ":")) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
