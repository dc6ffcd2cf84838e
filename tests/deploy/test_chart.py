"""The Helm chart and the plain manifests made from it, against Kubernetes's own schemas and our promises."""

from __future__ import annotations

import copy
import functools
import ipaddress
import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from alerts.rule import Options
from alerts.yaml_writer import files
from exporter.cli.arguments import parser
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
LINKS = {"runbookBase": "https://wiki.test/r/", "dashboardBase": "https://boards.test"}
LITTLE: dict[str, Any] = {
    "rbac": {"create": False},
    "serviceAccount": {"create": False},
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "state": {"enabled": True},
    "fullnameOverride": "x" * 80,
}
CASES = {
    "the defaults": {},
    "everything": EVERYTHING,
    "as little as can be": LITTLE,
    "four shards": {"shards": 4},
    "links of its own": EVERYTHING | {"links": LINKS},
    "everything, four shards": EVERYTHING | {"shards": 4},
    "as little as can be, twelve shards": LITTLE | {"shards": 12},
}
Thing = dict[str, Any]


def things(over: Thing) -> list[Thing]:
    return copy.deepcopy(_things(json.dumps(over)))


@functools.cache
def _things(over: str) -> list[Thing]:
    """Rendered once: the rules are long."""
    return manifests(render(json.loads(over), {"Name": "watch", "Namespace": "mimir", "Service": "Helm"}))


def only(found: list[Thing], kind: str) -> Thing:
    (thing,) = (thing for thing in found if thing["kind"] == kind)
    return thing


def workload(found: list[Thing]) -> Thing:
    (thing,) = (thing for thing in found if thing["kind"] in ("Deployment", "StatefulSet"))
    return thing


def everybodys_service(found: list[Thing]) -> Thing:
    """The service that is scraped, not the one that gives the shards their names."""
    (thing,) = (t for t in found if t["kind"] == "Service" and t["spec"].get("clusterIP") != "None")
    return thing


def test_the_page_links_to_the_boards_where_the_values_have_their_address() -> None:
    for case, links in (("links of its own", ["--boards.base-url=https://boards.test"]), ("everything", [])):
        (container,) = workload(things(CASES[case]))["spec"]["template"]["spec"]["containers"]
        assert [arg for arg in container["args"] if "boards" in arg] == links


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
    for wrong in (
        {"replica": 1}, {"replicas": 2}, {"shards": 0}, {"shards": "4"}, {"image": {"digest": "sha256:1"}},
        {"secrets": ["a"]},
    ):  # fmt: skip
        assert list(validator.iter_errors(values(wrong)))


@pytest.mark.parametrize("case", CASES)
def test_the_pod_has_no_privileges_and_writes_nowhere(case: str) -> None:
    pod = workload(things(CASES[case]))["spec"]["template"]["spec"]
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


def test_a_token_is_there_only_where_the_configuration_asks_the_api() -> None:
    """An exporter that finds its processes otherwise would only lose it."""
    by_dns = {"config": EVERYTHING["config"]}
    logs = {"config": EVERYTHING["config"] | {"rejections": [{"kubernetes": {"selector": "a=b"}}]}}
    for over, token in (({}, True), (by_dns, False), (logs, True)):
        found = things(over)
        assert workload(found)["spec"]["template"]["spec"]["automountServiceAccountToken"] is token
        (policy,) = (thing for thing in found if thing["kind"] == "NetworkPolicy")
        ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
        assert (6443 in ports) is token


@pytest.mark.parametrize("case", ["the defaults", "everything"])
def test_the_policy_names_a_destination_for_every_port_and_none_is_the_metadata_service(case: str) -> None:
    (policy,) = (thing for thing in things(CASES[case]) if thing["kind"] == "NetworkPolicy")
    for rule in policy["spec"]["egress"]:
        assert rule["ports"]
        assert rule["to"]
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            cut = [ipaddress.ip_network(network) for network in block.get("except", ())]
            for address in map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254")):
                assert address not in ipaddress.ip_network(block["cidr"]) or any(
                    address in net for net in cut
                )


@pytest.mark.parametrize("case", CASES)
def test_service_budget_policy_and_monitor_all_select_the_pod(case: str) -> None:
    found = things(CASES[case])
    running = workload(found)
    labels = running["spec"]["template"]["metadata"]["labels"].items()
    selectors = [running["spec"]["selector"]["matchLabels"]]
    selectors += [t["spec"]["selector"] for t in found if t["kind"] == "Service"]
    for kind, key in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        selectors += [t["spec"][key]["matchLabels"] for t in found if t["kind"] == kind]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels
    ports = [port["name"] for port in running["spec"]["template"]["spec"]["containers"][0]["ports"]]
    assert everybodys_service(found)["spec"]["ports"][0]["targetPort"] in ports


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


def test_one_exporter_is_a_deployment_as_ever() -> None:
    for case in ({}, {"shards": 1}):
        found = things(case)
        assert only(found, "Deployment")["spec"]["replicas"] == 1
        assert only(found, "Service")["spec"].get("clusterIP") is None
        assert not any("--shard" in word for word in words(only(found, "Deployment")))


@pytest.mark.parametrize(("replicas", "running"), [(1, 4), (0, 0)])
def test_shards_are_a_stateful_set_whose_pods_know_their_number(replicas: int, running: int) -> None:
    found = things({"shards": 4, "replicas": replicas})
    spec = only(found, "StatefulSet")["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"]) == (running, "Parallel")
    assert not any(thing["kind"] == "Deployment" for thing in found)
    headless = [t for t in found if t["metadata"]["name"] == spec["serviceName"] and t["kind"] == "Service"]
    assert [service["spec"]["clusterIP"] for service in headless] == ["None"]
    (word,) = (word for word in words(only(found, "StatefulSet")) if "--shard" in word)
    assert word == "--shard=auto/4"


def test_a_shard_is_like_the_one_exporter_but_for_its_number() -> None:
    for over in (EVERYTHING, LITTLE):
        alone, shard = (workload(things(over | {"shards": n}))["spec"]["template"] for n in (1, 4))
        shard["spec"]["containers"][0]["args"].remove("--shard=auto/4")
        assert shard == alone


def test_the_exporter_takes_the_shards_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the pod with the longest name that Kubernetes gives."""
    running = workload(things(LITTLE | {"shards": 99}))
    host = f"{running['metadata']['name']}-98"
    assert len(host) <= 63, "a longer one is cut, and its number is lost"
    monkeypatch.setattr("socket.gethostname", lambda: host)
    said = parser().parse_args(words(running))
    assert (said.shard.number, said.shard.count) == (98, 99)


def test_no_shard_is_scraped_twice() -> None:
    """Both services name the same pods; twice the same series under two jobs would be two fleets."""
    found = things(EVERYTHING | {"shards": 4})
    monitor = only(found, "ServiceMonitor")["spec"]["selector"]
    chosen = [t for t in found if t["kind"] == "Service" and is_chosen(monitor, t["metadata"]["labels"])]
    assert chosen == [everybodys_service(found)]
    assert is_chosen(monitor, only(things(EVERYTHING), "Service")["metadata"]["labels"])


def is_chosen(selector: Thing, labels: dict[str, str]) -> bool:
    (rule,) = selector["matchExpressions"]
    assert rule["operator"] == "NotIn"
    return selector["matchLabels"].items() <= labels.items() and labels.get(rule["key"]) not in rule["values"]


def words(running: Thing) -> list[str]:
    told: list[str] = running["spec"]["template"]["spec"]["containers"][0]["args"]
    return told


def test_the_rules_that_join_shards_are_there_where_there_are_shards() -> None:
    """Beside one exporter they would write what it says itself a second time."""
    files = ["prometheusrule"], ["prometheusrule", "prometheusrule-shards"]
    for count, names in zip((1, 4), files, strict=True):
        found = [t for t in things(EVERYTHING | {"shards": count}) if t["kind"] == "PrometheusRule"]
        built = [yaml.safe_load((ROOT / f"alerts/built/{name}.yaml").read_text()) for name in names]
        assert [t["spec"] for t in found] == [rule["spec"] for rule in built]
        assert all(t["metadata"]["labels"]["release"] == "prometheus" for t in found)


def test_rules_and_boards_are_the_built_ones() -> None:
    found = things(EVERYTHING)
    built = yaml.safe_load((ROOT / "alerts/built/prometheusrule.yaml").read_text())
    assert only(found, "PrometheusRule")["spec"] == built["spec"]
    boards = sorted((ROOT / "dashboards/built").glob("*.json"))
    told = {name: text for t in found if t["kind"] == "ConfigMap" for name, text in t["data"].items()}
    assert len(boards) >= 6
    for board in boards:
        assert json.loads(told[board.name]) == json.loads(board.read_text())


def test_links_lead_where_the_values_say_as_the_generators_write_them() -> None:
    found = things(EVERYTHING | {"links": LINKS})
    options = Options(runbook_base="https://wiki.test/r", dashboard_base="https://boards.test")
    wanted = yaml.safe_load(files(options)["prometheusrule.yaml"])
    assert only(found, "PrometheusRule")["spec"] == wanted["spec"]
    kept = [t["data"] for t in found if t["kind"] == "ConfigMap"]
    boards = [text for data in kept for name, text in data.items() if name.endswith(".json")]
    linked = [text for text in boards if "https://wiki.test/r/KVMigration" in text]
    assert linked and not [text for text in boards if "/docs/runbooks/" in text]
    assert all(json.loads(text)["panels"] for text in boards)


@pytest.mark.parametrize("base", ["wiki.test", "javascript:alert(1)"])
def test_a_base_that_is_no_address_is_refused(base: str) -> None:
    validator = jsonschema.Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))
    assert not validator.is_valid(values({"links": {"runbookBase": base}}))
    assert validator.is_valid(values({"links": LINKS}))


def test_the_plain_manifests_are_what_the_chart_gives() -> None:
    assert main(["--check"]) == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_the_job_that_waits_for_the_gate_asks_the_chart_s_own_service(version: str) -> None:
    job = yaml.safe_load((PLAIN / "hooks" / "check-job.yaml").read_text())
    kubernetes_validate.validate(job, version, strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    args = parser("check").parse_args(container["args"])
    service = everybodys_service(list(yaml.safe_load_all((PLAIN / "exporter.yaml").read_text())))
    name, port = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
    assert args.server == f"http://{name}:{port}"
    assert args.wait < job["spec"]["activeDeadlineSeconds"]
    deployment = workload(list(yaml.safe_load_all((PLAIN / "exporter.yaml").read_text())))
    assert container["image"] == deployment["spec"]["template"]["spec"]["containers"][0]["image"]


@pytest.mark.parametrize("folder", [PLAIN, PLAIN / "shards"], ids=["one", "shards"])
def test_the_kustomization_names_files_that_are_there(folder: Path) -> None:
    told = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert all((folder / name).is_file() for name in told["resources"])


def test_the_shards_monitoring_is_only_what_they_need_besides() -> None:
    rules = yaml.safe_load_all((PLAIN / "shards" / "monitoring.yaml").read_text())
    (rule,) = (thing for thing in rules if thing)
    built = yaml.safe_load((ROOT / "alerts/built/prometheusrule-shards.yaml").read_text())
    assert rule["spec"] == built["spec"]
