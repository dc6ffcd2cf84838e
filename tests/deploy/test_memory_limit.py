"""The memory limit follows from what was measured."""

from __future__ import annotations

import json

import pytest
import yaml

from bench.one_process import RESULTS, ROOT, memory_limit, needed

MANIFESTS = ["deploy/kubernetes/exporter.yaml", "deploy/kubernetes/shards/exporter.yaml"]


def test_the_chart_s_limit_is_what_the_worst_process_and_the_largest_cluster_need() -> None:
    told = json.loads((RESULTS / "one-process.json").read_text())
    assert memory_limit() == needed(told["after"])


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_the_manifests_have_the_chart_s_limit(manifest: str) -> None:
    limits = [
        container["resources"]["limits"]["memory"]
        for document in yaml.safe_load_all((ROOT / manifest).read_text())
        if document and document["kind"] in {"Deployment", "StatefulSet"}
        for container in document["spec"]["template"]["spec"]["containers"]
    ]
    assert limits and set(limits) == {f"{memory_limit()}Mi"}
