"""What the demo serves has the shape of what real clusters served: checked on the bytes themselves."""

from __future__ import annotations

import json
import re

import cramjam
import pytest
import yaml

from exporter.demo import Cluster
from exporter.demo.pages import wire_format
from exporter.demo.pages.wire_format import encode_instance
from exporter.demo.simulation.ring_values import Instance, Replica, Tokens
from exporter.model.pages import Phase
from tests.demo.kit import get, held
from tests.demo.recorded import answer, answers

RECORDINGS = {"cortex": "cortex/2c-mirroring-all-rings", "loki": "loki/2-mirroring"}
SAME_HTML = [
    ("cortex", "/ring"),
    ("cortex", "/ingester/ring"),
    ("cortex", "/ruler/ring"),
    ("cortex", "/distributor/ring"),
    ("cortex", "/multitenant_alertmanager/ring"),
    ("cortex", "/distributor/ha_tracker"),
    ("cortex", "/memberlist"),
    ("loki", "/ring"),
    ("loki", "/distributor/ring"),
    ("loki", "/compactor/ring"),
    ("loki", "/scheduler/ring"),
    ("loki", "/ruler/ring"),
    ("loki", "/memberlist"),
]
SAME_PLAIN = [
    ("cortex", "/"),
    ("loki", "/ready"),
    ("loki", "/services"),
    ("loki", "/loki/api/v1/status/buildinfo"),
    ("loki", "/config?mode=diff"),
    ("loki", "/distributor/ha_tracker"),
]
JSON_PAGES = [
    ("cortex", "/ring"),
    ("cortex", "/ruler/ring"),
    ("cortex", "/memberlist"),
    ("cortex", "/distributor/ha_tracker"),
    ("loki", "/ring"),
    ("loki", "/scheduler/ring"),
    ("loki", "/memberlist"),
]
VIEWS = [
    ("cortex", "collectors/ring"),
    ("cortex", "rulers/ring"),
    ("cortex", "ha-tracker/fake/demo"),
    ("loki", "collectors/ring"),
    ("loki", "collectors/scheduler"),
]
_VOLATILE = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? &#43;0000 UTC( m=&#43;[\d.]+)?", "TIME"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"-[0-9a-f]{8}</td>", "-SUFFIX</td>"),
    (r"-?\d+(\.\d+)?(e-\d+)?%", "SHARE"),
    (r"\d+s ago \([\d:]+\)", "AGO"),
    (r"-?[\d.]+s</td>", "DURATION</td>"),
    (r"127.0.0.1:\d+", "ADDRESS"),
    (r"(?<=<td>)\d+(?=</td>)", "NUMBER"),
    (r"version: \d+", "version: NUMBER"),
    (r"prom-[ab]", "REPLICA"),
)


_CLIENT_SERIES = re.compile(
    r"^(\w*kv_request_duration_seconds_count\{.*\}|\w*multikv_[a-z_]+\{.*\}) ", re.MULTILINE
)


def cluster_like(product: str) -> Cluster:
    """The demo in the state of the recording: three processes, mirroring, converged."""
    return held(product, size=3, released=False)


def steady(text: str) -> str:
    for pattern, word in _VOLATILE:
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize(("product", "path"), SAME_HTML)
def test_html_pages_are_the_recorded_ones_but_for_their_values(product: str, path: str) -> None:
    cluster = cluster_like(product)
    real = answer(RECORDINGS[product], path, "text/html")
    ours = get(cluster, cluster.processes[0], path)
    assert steady(ours.body.decode()) == steady(real.body.decode())
    assert ours.content_type == real.content_type


@pytest.mark.parametrize(("product", "path"), SAME_PLAIN)
def test_plain_pages_are_the_recorded_ones(product: str, path: str) -> None:
    cluster = cluster_like(product)
    real = next(row for row in answers(RECORDINGS[product]) if row.path == path and row.target.endswith("1"))
    ours = get(cluster, cluster.processes[0], path)
    assert (ours.body, ours.content_type, ours.status) == (real.body, real.content_type, real.status)


def test_the_notice_of_a_module_that_still_starts_is_the_recorded_one() -> None:
    cluster = held("cortex", Phase.MIRRORING, size=3)
    cluster.restart(cluster.processes[0])
    cluster.step(5)
    real = answer(RECORDINGS["cortex"], "/compactor/ring", "application/json")
    ours = get(cluster, cluster.processes[0], "/compactor/ring", as_json=True)
    assert (ours.body, ours.content_type) == (real.body, real.content_type)


def test_a_process_without_memberlist_says_so_as_recorded() -> None:
    cluster = held("cortex", Phase.EXTERNAL, size=3)
    real = answer("cortex/0-consul-only", "/memberlist", "application/json")
    ours = get(cluster, cluster.processes[0], "/memberlist", as_json=True)
    assert (ours.body, ours.content_type, ours.status) == (real.body, real.content_type, real.status)


def test_unknown_paths_get_the_recorded_404() -> None:
    cluster = cluster_like("cortex")
    real = answer(RECORDINGS["cortex"], "/indexgateway/ring", "application/json")
    ours = get(cluster, cluster.processes[0], "/indexgateway/ring", as_json=True)
    assert (ours.body, ours.content_type, ours.status) == (real.body, real.content_type, real.status)


def shape(value: object) -> object:
    """A JSON value's keys and types, texts by their pattern, lists by their first element."""
    if isinstance(value, dict):
        keyed = all(isinstance(inner, dict) for inner in value.values()) and value
        if keyed and ("ingesters" not in value):
            return {"*": shape(next(iter(value.values())))}
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, str):
        # Fractions come with as many digits as they have, and none when they have none.
        return re.sub(r"[0-9]+", "9", re.sub(r"\.[0-9]+", "", re.sub(r"[a-z]+-[0-9ab]", "name", value)))
    return type(value).__name__


@pytest.mark.parametrize(("product", "path"), JSON_PAGES)
def test_json_pages_have_the_recorded_keys_in_order_types_and_time_formats(product: str, path: str) -> None:
    cluster = cluster_like(product)
    real = answer(RECORDINGS[product], path, "application/json")
    ours = get(cluster, cluster.processes[0], path, as_json=True)
    mine, theirs = json.loads(ours.body), json.loads(real.body)
    if path == "/memberlist":
        assert list(mine["Store"]) == list(theirs["Store"])
        suffix = r"-[0-9a-f]{8}$"
        assert all(re.search(suffix, row["Name"]) for row in mine["SortedMembers"] + theirs["SortedMembers"])
        for row in mine["SortedMembers"] + theirs["SortedMembers"]:
            row["Name"] = "node"
    assert json.dumps(shape(mine)) == json.dumps(shape(theirs))
    assert ours.content_type == real.content_type


@pytest.mark.parametrize(("product", "key"), VIEWS)
def test_views_of_gossip_keys_have_the_recorded_shape(product: str, key: str) -> None:
    cluster = cluster_like(product)
    path = f"/memberlist?viewKey={key}&format=json"
    real = answer(RECORDINGS[product], path)
    ours = get(cluster, cluster.processes[0], path)
    assert json.dumps(shape(json.loads(ours.body))) == json.dumps(shape(json.loads(real.body)))
    assert (ours.content_type, ours.body[-1:]) == (real.content_type, real.body[-1:])


@pytest.mark.parametrize(("product", "key"), VIEWS)
def test_our_encoder_writes_the_recorded_bytes(product: str, key: str) -> None:
    """What a real process printed as JSON, encoded by us, is what it offered for download."""
    theirs = json.loads(answer(RECORDINGS[product], f"/memberlist?viewKey={key}&format=json").body)
    packed = answer(RECORDINGS[product], f"/memberlist?downloadKey={key}").body
    raw = bytes(cramjam.snappy.decompress_raw(packed))
    if "replica" in theirs:
        assert wire_format.encode_replica(Replica(theirs["replica"], theirs["received_at"])) == raw
        return
    members = {name: _instance(name, row) for name, row in theirs["ingesters"].items()}
    with_id = product == "loki"
    for member in members.values():
        assert encode_instance(member, with_id) in raw
    assert len(wire_format.encode_ring(members, with_id)) == len(raw)


def _instance(name: str, row: dict) -> Instance:
    tokens = Tokens(tuple(row.get("tokens", ())))
    return Instance(name, row["addr"], row["timestamp"], row["registered_timestamp"], tokens=tokens)


def families(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Families with their type and the names of their labels."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    found: dict[str, set[str]] = {name: set() for name in kinds}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{([^}]*)\})? \S+$", text, re.MULTILINE):
        family = name if name in kinds else re.sub(r"_(bucket|sum|count)$", "", name)
        found[family] |= set(re.findall(r'([a-z_]+)="', labels))
    return {name: (kinds[name], frozenset(labels)) for name, labels in found.items()}


@pytest.mark.parametrize("product", ["cortex", "loki"])
def test_metric_families_are_recorded_ones_with_their_types_and_labels(product: str) -> None:
    cluster = cluster_like(product)
    ours = families(get(cluster, cluster.processes[0], "/metrics").body.decode())
    real = families(answer(RECORDINGS[product], "/metrics").body.decode())
    late = {"loki_memberlist_tcp_transport_unknown_connections_total"}
    assert {name: found for name, found in ours.items() if name not in late and real.get(name) != found} == {}


@pytest.mark.parametrize("product", ["cortex", "loki"])
def test_kv_clients_and_their_operations_are_the_recorded_ones(product: str) -> None:
    cluster = held(product, size=3, after=240.0)  # long enough for each HA tracker to have written

    def series(text: str) -> set[str]:
        return {name for name in _CLIENT_SERIES.findall(text) if 'status_code="500"' not in name}

    ours = series(get(cluster, cluster.processes[0], "/metrics").body.decode())
    assert ours == series(answer(RECORDINGS[product], "/metrics").body.decode())


@pytest.mark.parametrize(
    ("recording", "phase"),
    [("cortex/0-consul-only", Phase.EXTERNAL), ("cortex/5-memberlist-only", Phase.MEMBERLIST)],
)
def test_clients_without_multi_kv_show_the_recorded_series(recording: str, phase: Phase) -> None:
    cluster = held("cortex", phase, size=3)
    ours = _CLIENT_SERIES.findall(get(cluster, cluster.processes[0], "/metrics").body.decode())
    assert set(ours) == set(_CLIENT_SERIES.findall(answer(recording, "/metrics").body.decode()))


def test_metrics_have_the_recorded_content_type() -> None:
    cluster = cluster_like("cortex")
    assert (
        get(cluster, cluster.processes[0], "/metrics").content_type
        == answer(RECORDINGS["cortex"], "/metrics").content_type
    )


def paths(tree: object, at: str = "") -> dict[str, str]:
    """Every key of a YAML tree with its value's type."""
    if not isinstance(tree, dict) or not tree:
        return {at: type(tree).__name__}
    return {path: kind for key, inner in tree.items() for path, kind in paths(inner, f"{at}/{key}").items()}


@pytest.mark.parametrize("product", ["cortex", "loki"])
def test_the_memberlist_block_of_the_configuration_is_made_of_recorded_keys(product: str) -> None:
    cluster = cluster_like(product)
    ours = yaml.safe_load(get(cluster, cluster.processes[0], "/config").body)["memberlist"]
    real = yaml.safe_load(answer(RECORDINGS[product], "/config").body)["memberlist"]
    assert {key: type(value) for key, value in ours.items() if not isinstance(value, type(real[key]))} == {}
    assert [key for key in real if key in ours] == list(ours)


def test_the_configuration_is_made_of_recorded_keys_and_types() -> None:
    cluster = cluster_like("cortex")
    ours = paths(yaml.safe_load(get(cluster, cluster.processes[0], "/config").body))
    real = paths(yaml.safe_load(answer(RECORDINGS["cortex"], "/config").body))
    shared = {path: kind for path, kind in ours.items() if path in real}
    assert {path: (kind, real[path]) for path, kind in shared.items() if kind != real[path]} == {}
    assert len(shared) > 120


@pytest.mark.parametrize("product", ["cortex", "loki"])
def test_the_configuration_is_laid_out_as_recorded(product: str) -> None:
    """Indentation and dashes: yaml.v2 in Cortex, yaml.v3 in Loki."""
    cluster = cluster_like(product)
    ours = get(cluster, cluster.processes[0], "/config")
    real = answer(RECORDINGS[product], "/config")
    pattern = r"^ *bind_addr:\n *- 127.0.0.1$"
    mine, theirs = (re.findall(pattern, body.decode(), re.MULTILINE) for body in (ours.body, real.body))
    assert mine == theirs
    assert ours.content_type == real.content_type
