"""Names, zones and labels from a hostile cluster arrive escaped as the real servers escape them."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from exporter.demo import Demo, DemoSettings
from exporter.demo.log_files import line, quote
from exporter.demo.pages.go_format import compact, escape, in_query
from exporter.demo.pages.go_format import yaml as to_yaml
from exporter.model.pages import Phase
from tests.demo.kit import get, held, names, ring

PRODUCTS = ("cortex", "loki", "mimir")


@pytest.mark.parametrize("product", PRODUCTS)
def test_hostile_names_reach_json_unchanged_and_html_escaped(product: str) -> None:
    cluster = held(product, size=13, hostile=True)
    path = "/ingester/ring" if product == "mimir" else "/ring"
    members = ring(cluster, cluster.processes[0], path)
    html = get(cluster, cluster.processes[0], path).body.decode()
    everybody = [process.name for process in cluster.processes]
    assert all(
        any(part in name for name in everybody) for part in ("<script>", "\n", '"', "\u202e", "x" * 400)
    )
    assert set(members) <= set(everybody)
    assert "<script>" not in html
    assert "<i>" not in html
    assert all(escape(name) in html for name in members)
    assert all(shard["zone"].startswith("<i>") for shard in members.values())


@pytest.mark.parametrize("product", PRODUCTS)
def test_hostile_member_lists_metrics_and_configurations_stay_well_formed(product: str) -> None:
    cluster = held(product, size=7, hostile=True)
    process = cluster.processes[0]
    assert len(names(cluster, process)) == 7
    assert "<script>" not in get(cluster, process, "/memberlist").body.decode()
    config = yaml.safe_load(get(cluster, process, "/config").body)
    assert config["memberlist"]["node_name"] == process.name
    assert config["memberlist"]["cluster_label"] == cluster.settings.gossip_label
    sample = re.compile(r'[a-z_]+(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\})? \S+')
    lines = get(cluster, process, "/metrics").body.decode().split("\n")
    assert all(sample.fullmatch(row) for row in lines if row and not row.startswith("#"))


def test_hostile_users_and_clusters_are_tracked() -> None:
    cluster = held("cortex", hostile=True)
    page = json.loads(get(cluster, cluster.processes[0], "/distributor/ha_tracker", as_json=True).body)
    assert {row["userID"] for row in page["elected"]} == {"fake", "</td><script>alert(1)</script>"}
    html = get(cluster, cluster.processes[0], "/distributor/ha_tracker").body.decode()
    assert "<script>" not in html


@pytest.mark.asyncio
async def test_log_files_of_hostile_names_stay_in_their_directory() -> None:
    settings = DemoSettings(size=7, hostile=True, manual=True, start_phase=Phase.MULTI)
    async with Demo(settings) as demo:
        assert len({path.parent for path in demo.log_paths}) == 1
        assert all(re.fullmatch(r"\d{3}-[A-Za-z0-9._-]{1,60}\.log", path.name) for path in demo.log_paths)
        rows = [row for path in demo.log_paths for row in path.read_text().splitlines()]
        assert all(row.startswith("ts=") for row in rows)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a+b", "a&#43;b"),
        ("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"),
        ("\u202e", "\u202e"),
        ("\0", "\ufffd"),
    ],
)
def test_html_is_escaped_as_go_does(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_queries_json_and_logs_are_escaped_as_go_does() -> None:
    assert in_query("a/b c<é") == "a%2fb%20c%3c%c3%a9"
    assert compact({"a": "<&>\u2028é"}) == '{"a":"\\u003c\\u0026\\u003e\\u2028é"}'
    assert quote('say "x"\n') == '"say \\"x\\"\\n"'
    assert quote("plain/1.0") == "plain/1.0"
    assert quote("") == '""'
    assert line(0.5, "info", "a b", {"k": "v w"}).endswith('caller=log.go:115 level=info msg="a b" k="v w"\n')


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "a: b",
        "true",
        "12",
        "1e3",
        "0.5",
        "127.0.0.1",
        "a#b",
        " a",
        "a ",
        '"',
        "\n",
        "- a",
        "é",
        "5m0s",
        "~",
    ],
)
def test_yaml_values_read_back_as_they_were(value: str) -> None:
    for text in (
        to_yaml({"a": {"b": value, "c": [value]}}, 2, 0),
        to_yaml({"a": {"b": value, "c": [value]}}, 4, 4),
    ):
        assert yaml.safe_load(text) == {"a": {"b": value, "c": [value]}}
