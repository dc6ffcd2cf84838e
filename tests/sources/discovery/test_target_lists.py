"""Prometheus's lists of targets, as files and answers."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import DecodeError
from exporter.sources.discovery.target_lists import read_groups, read_json, read_list
from exporter.sources.discovery.target_source import Listing, from_address, from_url

YAML = """
- targets: [mimir-0:8080, "10.0.0.2:8080", "[::1]:8080"]
  labels: {component: ingester, zone: 1, __meta_x: dropped}
- targets: [mimir-9]
  labels: {__scheme__: https, __metrics_path__: /mimir/metrics, pod: mimir-9-abc}
"""


def _addresses(finding: Listing) -> list[str]:
    return [item.address for item in finding.found]


def test_a_yaml_list() -> None:
    finding = read_list(YAML.encode(), "a.yml", "http")
    assert _addresses(finding) == ["mimir-0:8080", "10.0.0.2:8080", "[::1]:8080", "mimir-9:443"]
    assert finding.trouble == ""
    first, last = finding.found[0], finding.found[3]
    assert (first.component, dict(first.labels)) == ("ingester", {"component": "ingester", "zone": "1"})
    assert (last.scheme, last.prefix, last.name) == ("https", "/mimir", "mimir-9-abc")


def test_the_same_list_as_json() -> None:
    text = json.dumps([{"targets": ["a:1", "b:2"], "labels": {"app_kubernetes_io_component": "querier"}}])
    for finding in (read_list(text.encode(), "a.json", "https"), read_json(text.encode(), "https")):
        assert _addresses(finding) == ["a:1", "b:2"]
        assert {(item.component, item.scheme) for item in finding.found} == {("querier", "https")}


@pytest.mark.parametrize(
    ("labels", "name", "component"),
    [
        ({"pod": "p", "instance": "i"}, "p", ""),
        ({"instance": "i"}, "i", ""),
        ({"__meta_kubernetes_pod_name": "m", "instance": "i"}, "m", ""),
        ({"__meta_kubernetes_pod_label_app_kubernetes_io_component": "c"}, "", "c"),
        ({"app.kubernetes.io/component": "c"}, "", "c"),
        ({"pod": "with blank", "component": "line\nbreak"}, "", ""),
        ({"pod": ""}, "", ""),
    ],
)
def test_name_and_component_come_from_labels(labels: dict[str, str], name: str, component: str) -> None:
    (found,) = read_groups([{"targets": ["a:1"], "labels": labels}], "http").found
    assert (found.name, found.component) == (name, component)


def test_groups_without_targets_or_labels_are_empty() -> None:
    assert read_groups([{}, {"targets": None}, {"targets": [], "labels": None}], "http") == Listing(())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty; a list without targets is []"),
        (b"  \n# nothing\n", "must be a list"),
        (b"\xff", "not UTF-8"),
        (b"- targets: [a", "line 1: not YAML"),
        (b"targets: [a:1]", "must be a list"),
        (b"- [a]", "group 0 must have targets and labels and nothing else"),
        (b"- {targets: [a:1], lables: {}}", "group 0 must have targets and labels and nothing else"),
        (b"- {targets: a:1}", "the targets of group 0 must be a list"),
        (b"- {targets: [1]}", "target 0 of group 0 must be text"),
        (b"- {targets: [a:1], labels: [x]}", "the labels of group 0 must be a mapping"),
        (b"- {targets: [a:1], labels: {x: {y: z}}}", "must have text as values"),
    ],
)
def test_a_list_of_another_shape_is_refused_as_a_whole(content: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message.replace("[", r"\[").replace("]", r"\]")):
        read_list(content, "a.yml", "http")


@pytest.mark.parametrize("content", [b"[", b"nul", b"{}", b"[" * 100_000, b'[{"targets":["a:1"]}] x'])
def test_what_is_no_json_list_is_refused(content: bytes) -> None:
    with pytest.raises(DecodeError):
        read_json(content, "http")


def test_an_address_that_cannot_be_is_left_out_and_said() -> None:
    finding = read_groups([{"targets": ["a:1", "a b:1", "http://x:hunter2@b:1", "c:99999", "d:1"]}], "http")
    assert _addresses(finding) == ["a:1", "d:1"]
    assert finding.trouble == "target 1 of group 0 is not a host name and 2 more: left out"
    assert "hunter2" not in finding.trouble


def test_a_hostile_path_prefix_is_left_out() -> None:
    labels = {"__path_prefix__": "/../ingester/shutdown?x="}
    finding = read_groups([{"targets": ["a:1"], "labels": labels}], "http")
    assert finding.found == ()
    assert "a path prefix that cannot be" in finding.trouble


def test_too_many_targets_are_refused() -> None:
    with pytest.raises(DecodeError, match="more than 20000 targets"):
        read_groups([{"targets": [f"a:{port}" for port in range(1, 30_000)]}], "http")


@pytest.mark.parametrize(
    ("url", "address", "prefix"),
    [
        ("http://a", "a:80", None),
        ("https://a/", "a:443", None),
        ("http://A.Example:8080/mimir/", "a.example:8080", "/mimir"),
        ("http://[2001:DB8::1]:8080", "[2001:db8::1]:8080", None),
    ],
)
def test_urls(url: str, address: str, prefix: str | None) -> None:
    found = from_url(url)
    assert (found.address, found.prefix) == (address, prefix)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_decode_error(text: str) -> None:
    try:
        found = from_address(text)
    except DecodeError:
        return
    assert 0 < found.port < 65536
    assert found.address.isprintable()


_SCALARS = st.none() | st.booleans() | st.integers() | st.text()
_KEYS = st.sampled_from(["targets", "labels", "x"])
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner))


@given(_VALUES)
def test_any_value_is_a_list_or_a_decode_error(value: object) -> None:
    with suppress(DecodeError):
        read_groups(value, "http")
