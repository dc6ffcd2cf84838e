"""The Helm chart and the plain manifests made from it, against Kubernetes's own schemas and our promises."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from exporter.config import load_text
from tests.conftest import ROOT
from tools.render_chart import CHART, PLAIN, main, manifests, render, values

VERSIONS = ("1.25", "1.30", "1.34")
EVERYTHING: dict[str, Any] = {
    "replicas": 1,
    "image": {"digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "pull"}],
    "config": {
        "targets": [{"dns": {"name": "mimir", "type": "A", "port": 8080}}],
        "stores": {
            "consul": {"url": "http://consul:8500", "token_file": "/etc/kvmigration-secrets/consul/token"}
        },
    },
    "secrets": [{"name": "consul"}, {"name": "tls"}],
    "state": {"enabled": True, "claim": "kvmigration"},
    "restartOnChange": False,
    "extraArgs": ["--log.format=json"],
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "rbac": {"namespaces": ["mimir", "loki"], "podLogs": True},
    "serviceAccount": {"name": "watcher", "annotations": {"a": "b"}},
    "service": {"annotations": {"a": "b"}},
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    ],
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}], "ports": [8080]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboards": {"enabled": True},
}
LITTLE: dict[str, Any] = {
    "rbac": {"create": False},
    "serviceAccount": {"create": False},
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "state": {"enabled": True},
    "fullnameOverride": "x" * 80,
}
CASES = {"the defaults": {}, "everything": EVERYTHING, "as little as can be": LITTLE}
Thing = dict[str, Any]


def things(over: Thing) -> list[Thing]:
    return manifests(render(over, {"Name": "watch", "Namespace": "mimir", "Service": "Helm"}))


def only(found: list[Thing], kind: str) -> Thing:
    (thing,) = (thing for thing in found if thing["kind"] == kind)
    return thing


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_what_the_chart_gives_is_what_kubernetes_takes(case: str, version: str) -> None:
    for thing in things(CASES[case]):
        if not thing["apiVersion"].startswith("monitoring."):
            kubernetes_validate.validate(thing, version, strict=True)


@pytest.mark.parametrize("case", CASES)
def test_values_fit_their_schema_and_no_object_is_there_twice(case: str) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator(schema).validate(values(CASES[case]))
    names = [(t["kind"], t["metadata"].get("namespace"), t["metadata"]["name"]) for t in things(CASES[case])]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, _, name in names)


def test_a_value_that_nobody_knows_is_refused() -> None:
    validator = jsonschema.Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))
    for wrong in ({"replica": 1}, {"replicas": 2}, {"image": {"digest": "sha256:1"}}, {"secrets": ["a"]}):
        assert list(validator.iter_errors(values(wrong)))


@pytest.mark.parametrize("case", CASES)
def test_the_pod_has_no_privileges_and_writes_nowhere(case: str) -> None:
    pod = only(things(CASES[case]), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
    assert all("hostPath" not in volume for volume in pod["volumes"])
    writable = [mount for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert [mount["name"] for mount in writable] == (["state"] if CASES[case].get("state") else [])
    assert {"livenessProbe", "readinessProbe", "startupProbe", "resources"} <= set(container)


def test_what_it_may_ask_of_the_api_is_to_read_pods() -> None:
    allowed = [
        (resource, verb)
        for thing in things(EVERYTHING)
        if thing["kind"] in ("Role", "ClusterRole")
        for rule in thing["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    assert set(allowed) == {("pods", "list"), ("pods", "watch"), ("pods/log", "get")}
    assert not any(thing["kind"].startswith("Cluster") for thing in things(EVERYTHING))
    roles = [t["metadata"]["namespace"] for t in things(EVERYTHING) if t["kind"] == "Role"]
    assert roles == ["mimir", "loki"]


def test_without_rbac_the_pod_gets_no_token() -> None:
    pod = only(things(LITTLE), "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert not any(thing["kind"] in ("Role", "RoleBinding", "ServiceAccount") for thing in things(LITTLE))


@pytest.mark.parametrize("case", CASES)
def test_service_budget_policy_and_monitor_all_select_the_pod(case: str) -> None:
    found = things(CASES[case])
    deployment = only(found, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    selectors = [deployment["spec"]["selector"]["matchLabels"], only(found, "Service")["spec"]["selector"]]
    for kind, key in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        selectors += [t["spec"][key]["matchLabels"] for t in found if t["kind"] == kind]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels
    ports = [port["name"] for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]]
    assert only(found, "Service")["spec"]["ports"][0]["targetPort"] in ports


@pytest.mark.parametrize("case", CASES)
def test_the_configuration_in_the_config_map_is_one_the_exporter_takes(case: str) -> None:
    maps = [thing for thing in things(CASES[case]) if "config.yml" in thing.get("data", {})]
    assert len(maps) == 1
    assert load_text(maps[0]["data"]["config.yml"]).targets


def test_a_changed_configuration_restarts_the_pod_unless_told_otherwise() -> None:
    def pod(over: Thing) -> Thing:
        template: Thing = only(things(over), "Deployment")["spec"]["template"]
        return template

    other = {"config": EVERYTHING["config"]}
    assert pod({})["metadata"]["annotations"] != pod(other)["metadata"]["annotations"]
    kept = {"restartOnChange": False}
    assert pod(kept)["metadata"]["annotations"] == pod(kept | other)["metadata"]["annotations"]
    assert "--web.enable-lifecycle" in pod(kept)["spec"]["containers"][0]["args"]
    assert "--web.enable-lifecycle" not in pod({})["spec"]["containers"][0]["args"]


def test_rules_and_boards_are_the_built_ones() -> None:
    found = things(EVERYTHING)
    built = yaml.safe_load((ROOT / "alerts/built/prometheusrule.yaml").read_text())
    assert only(found, "PrometheusRule")["spec"] == built["spec"]
    boards = sorted((ROOT / "dashboards/built").glob("*.json"))
    told = {name: text for t in found if t["kind"] == "ConfigMap" for name, text in t["data"].items()}
    assert len(boards) >= 6
    for board in boards:
        assert json.loads(told[board.name]) == json.loads(board.read_text())


def test_the_plain_manifests_are_what_the_chart_gives() -> None:
    assert main(["--check"]) == 0


def test_the_kustomization_names_files_that_are_there() -> None:
    told = yaml.safe_load((PLAIN / "kustomization.yaml").read_text())
    assert all((PLAIN / name).is_file() for name in told["resources"])
