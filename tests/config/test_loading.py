"""Good files, and what of them is where."""

import json
from pathlib import Path

import pytest
import yaml

from exporter.config import HttpClient, load, load_as, load_text, schema
from exporter.errors import ConfigError
from exporter.sources.http.allow_list import is_prefix, is_ring_page

GOOD = Path(__file__).parent / "good"
MINIMAL = 'targets:\n  - static: {urls: ["http://mimir-0:8080"]}\n'


def test_only_targets_is_needed() -> None:
    config = load(GOOD / "minimal.yml")
    assert (config.interval, config.product, config.rings) == (15.0, "auto", "auto")
    assert config.http_client.timeout == 5.0
    assert config.http_client.max_response_bytes == 64 * 1024**2
    assert config.gate.soak == 300.0
    assert config.stores.consul is None
    assert config.gossip.label is None


def test_the_file_of_the_design_says_what_the_defaults_say() -> None:
    config = load(GOOD / "full.yml")
    minimal = load(GOOD / "minimal.yml")
    assert [entry.kind for entry in config.targets] == [
        "static",
        "dns",
        "file",
        "http",
        "kubernetes",
        "gossip",
    ]
    assert config.http_client == minimal.http_client
    assert config.gate == minimal.gate
    assert config.scale == minimal.scale
    assert config.stores.consul is not None
    assert config.stores.consul.prefixes == ("collectors/", "rulers/", "alertmanagers/", "ha-tracker/")


def test_every_setting_takes_another_value() -> None:
    config = load(GOOD / "everything.yml")
    assert config.interval == 90.0
    assert config.http_client.max_response_bytes == 1536 * 1024**2
    assert config.http_client.path_prefix == "/mimir"
    assert config.targets[0].labels == {"region": "eu", "shard": "007"}
    assert config.targets[0].static is not None
    assert config.targets[0].static.urls[0] == "https://mimir-0.example.com:8443/prefix"
    assert config.rings[1].heartbeat_timeout == 120.0  # type: ignore[union-attr]  # not "auto" in this file
    assert config.scale.views_per_cycle == 20


def test_a_key_without_a_value_is_a_key_left_out() -> None:
    assert load(GOOD / "empty_sections.yml") == load(GOOD / "minimal.yml")


def test_a_byte_order_mark_does_no_harm() -> None:
    assert load(GOOD / "bom.yml") == load(GOOD / "minimal.yml")


def test_anchors_and_merges_work_and_own_keys_win() -> None:
    first, second, third = load(GOOD / "anchors.yml").targets
    assert first.static != second.static
    assert first.http_client == second.http_client
    assert first.http_client is not None and first.http_client.headers == {"X-Scope-OrgID": "007"}
    assert third.http_client is not None
    assert (third.http_client.timeout, third.http_client.headers) == (3.0, {"X-Scope-OrgID": "007"})


def test_file_names_are_relative_to_the_configuration_file() -> None:
    config = load(GOOD / "everything.yml")
    assert config.targets[3].file is not None
    assert config.targets[3].file.paths == (str(GOOD / "targets" / "*.yml"), "/etc/targets.json")
    assert config.stores.consul is not None
    assert config.stores.consul.token_file == str(GOOD / "secrets" / "consul")


def test_yes_and_no_and_country_codes_are_text() -> None:
    config = load_text(MINIMAL + "gossip: {label: no}\n")
    assert config.gossip.label == "no"


def test_numbers_in_text_fields_stay_as_they_were_written() -> None:
    config = load_text(MINIMAL + "http_client: {headers: {X-Scope-OrgID: 1.10}}\n")
    assert config.http_client.headers == {"X-Scope-OrgID": "1.10"}


def test_a_configuration_cannot_be_changed() -> None:
    config = load_text(MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        config.interval = 3.0  # type: ignore[misc]  # that it is refused is the point


@pytest.mark.parametrize("name", ["minimal", "full", "everything", "anchors"])
def test_what_is_shown_can_be_read_again_and_holds_no_secret(name: str) -> None:
    shown = load(GOOD / f"{name}.yml").shown()
    assert "hunter2" not in shown
    again = load_text(shown.replace("<secret>@", ""))
    assert again.shown() == shown.replace("<secret>@", "")


def test_secrets_are_in_no_repr() -> None:
    config = load(GOOD / "everything.yml")
    assert "hunter2" not in repr(config).replace("token=hunter2", "")
    assert "hunter2" not in str(config.http_client)


def test_a_proxy_is_shown_without_its_credentials() -> None:
    shown = yaml.safe_load(load(GOOD / "everything.yml").shown())
    assert shown["http_client"]["proxy_url"] == "http://<secret>@proxy:3128"
    assert shown["http_client"]["headers"] == {"X-Scope-OrgID": "1", "X-Api-Key": "<secret>"}
    assert shown["targets"][4]["http"]["url"] == "https://sd:8080/targets?token=<secret>"


def test_an_entry_is_shown_with_what_it_sets_and_no_more() -> None:
    shown = yaml.safe_load(load(GOOD / "anchors.yml").shown())
    assert shown["targets"][0]["http_client"] == {"timeout": "2s", "headers": {"X-Scope-OrgID": "007"}}


def test_the_schema_is_json_and_names_every_key_with_its_default() -> None:
    written = json.loads(json.dumps(schema()))
    assert set(written["properties"]) == {
        *("interval", "product", "targets", "http_client", "rings", "stores", "gossip"),
        *("rejections", "groups", "migrations", "gate", "scale", "state_file"),
    }
    assert written["required"] == ["targets"]
    assert written["properties"]["interval"]["default"] == "15s"
    assert written["$defs"]["HttpClient"]["properties"]["max_response_bytes"]["default"] == "64MiB"


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    with pytest.raises(ConfigError) as caught:
        load_text("interval: 1\nproduct: x\ntargets: []\n", name="a.yml")
    assert [line.split(":")[1] for line in caught.value.problems] == ["1", "2", "3"]


PATHS = ["/ring", "/ingester/ring", "/my-ring/x", "/x/../ring", "/ring?forget=x", "/ingester/shutdown"]
PATHS += [
    "/ring-segment-writer",
    "/a/partition-ring",
    "/Ring",
    "//ring",
    "ring",
    "/ring/",
    "/%2e/ring",
    "/string",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_ring_page_may_be_named_exactly_if_it_may_be_asked(path: str) -> None:
    try:
        load_text(MINIMAL + f'rings: [{{path: "{path}", key: k}}]\n')
        accepted = True
    except ConfigError:
        accepted = False
    assert accepted == is_ring_page(path)


@pytest.mark.parametrize(
    "prefix", ["/mimir", "/a/b", "/..", "/a%20", "/a//b", "mimir", "/a.b~c_d-e", "/a/./b"]
)
def test_a_path_prefix_is_accepted_exactly_if_it_may_be_asked(prefix: str) -> None:
    try:
        load_text(MINIMAL + f'http_client: {{path_prefix: "{prefix}"}}\n')
        accepted = True
    except ConfigError:
        accepted = False
    assert accepted == is_prefix(prefix)


@pytest.mark.parametrize("content", ["", "# only a comment\n"])
def test_an_empty_file_of_a_part_that_needs_nothing_has_its_defaults(content: str, tmp_path: Path) -> None:
    path = tmp_path / "http.yml"
    path.write_text(content)
    assert load_as(path, HttpClient) == HttpClient()
