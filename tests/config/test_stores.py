"""`stores`: one or several, what can never work, and what people paste from a product's own block."""

from __future__ import annotations

import pytest
import yaml

from exporter.config import Config, each_store, load_text
from exporter.errors import ConfigError

HEAD = 'targets: [{static: {urls: ["http://a:1"]}}]\n'


def loaded(stores: str) -> Config:
    return load_text(HEAD + "stores:\n" + stores)


def refused(stores: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        loaded(stores)
    return tuple(problem.partition(": ")[2] for problem in caught.value.problems)


ONE = "  consul: {url: 'http://consul:8500'}\n"
SEVERAL = (
    "  - {name: rings, consul: {url: 'http://consul-a:8500'}}\n"
    "  - {name: ha, consul: {url: 'http://consul-b:8500', known_as: ['consul.infra:8500']}}\n"
    "  - etcd: {urls: ['http://etcd:2379']}\n"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ONE, [(".consul", "consul")]),
        (SEVERAL, [("[0].consul", "rings"), ("[1].consul", "ha"), ("[2].etcd", "etcd")]),
    ],
    ids=["keys", "a list"],
)
def test_stores_are_keys_or_a_list(text: str, found: list[tuple[str, str]]) -> None:
    config = loaded(text)
    assert [(place, name) for place, name, _ in each_store(config.stores)] == found
    assert [name for name in config.http_settings() if name.startswith("stores")] == [
        f"stores{place}" for place, _ in found
    ]
    assert load_text(config.shown()) == config
    assert yaml.safe_load(config.shown())["stores"]


NEVER = {
    "  consul: {url: 'http://c', prefixes: [/collectors/]}": 'no leading slash: write "collectors/"',
    "  consul: {url: 'http://c', prefixes: ['a/../b']}": "not the beginning of a key",
    "  consul: {url: 'http://c', datacenter: 'dc 1'}": '"dc 1" is not the name of a datacenter',
    "  consul: {url: 'http://c/v1/kv'}": "the path /v1/kv is the API's own: leave it out",
    "  consul: {url: 'http://c/v1/'}": "the path /v1/ is the API's own",
    "  etcd: {urls: ['http://e/v3']}": "the path /v3 is the API's own",
    "  consul: {url: 'http://c/?dc=x'}": "must not have a query",
    "  - {consul: {url: 'http://c'}}\n  - {consul: {url: 'http://d'}}": '2 stores are called "consul"',
    "  - {name: x}": "give consul or etcd",
    "  - {consul: {url: 'http://c'}, etcd: {urls: ['http://e']}}": "give consul or etcd",
}


@pytest.mark.parametrize("text", NEVER)
def test_what_can_never_work_is_refused(text: str) -> None:
    (problem,) = refused(text)
    assert NEVER[text] in problem


def test_a_path_in_front_of_a_proxy_is_no_fault() -> None:
    assert loaded("  consul: {url: 'http://proxy/consul/', datacenter: eu-1, prefixes: [my/, collectors]}")


PASTED = {
    "consul": (
        {
            "host": "consul:8500",
            "acl_token": "s3cret",
            "http_client_timeout": "20s",
            "consistent_reads": False,
            "watch_rate_limit": 1,
            "watch_burst_size": 1,
            "cas_retry_delay": "1s",
        },
        {
            "host": "write url: http://consul:8500 (https:// with TLS)",
            "acl_token": "secrets stand in files here: put it into one, and write token_file: FILE",
            "http_client_timeout": "write http_client: {timeout: 20s}",
            "consistent_reads": "has no meaning here: remove it",
            "watch_rate_limit": "has no meaning here: remove it",
            "watch_burst_size": "has no meaning here: remove it",
            "cas_retry_delay": "has no meaning here: remove it",
        },
    ),
    "etcd": (
        {
            "endpoints": ["etcd-0:2379", "etcd-1:2379"],
            "dial_timeout": "10s",
            "max_retries": 10,
            "tls_enabled": True,
            "tls_cert_path": "/Etc/cert.pem",
            "tls_key_path": "/etc/key.pem",
            "tls_ca_path": "/etc/ca.pem",
            "tls_server_name": "etcd",
            "tls_insecure_skip_verify": False,
            "username": "reader",
            "password": "s3cret",
        },
        {
            "endpoints": "write urls: [http://etcd-0:2379, http://etcd-1:2379] (https:// with TLS)",
            "dial_timeout": "has no meaning here: http_client: {timeout: …} bounds a complete request",
            "max_retries": "has no meaning here: remove it",
            "tls_enabled": "write https:// in urls",
            "tls_cert_path": "write http_client: {tls_config: {cert_file: /Etc/cert.pem}}",
            "tls_key_path": "write http_client: {tls_config: {key_file: /etc/key.pem}}",
            "tls_ca_path": "write http_client: {tls_config: {ca_file: /etc/ca.pem}}",
            "tls_server_name": "write http_client: {tls_config: {server_name: etcd}}",
            "tls_insecure_skip_verify": "write http_client: {tls_config: {insecure_skip_verify: false}}",
            "password": "secrets stand in files here: put it into one, and write password_file: FILE",
        },
    ),
}


@pytest.mark.parametrize("kind", PASTED)
@pytest.mark.parametrize("listed", [False, True], ids=["keys", "list"])
def test_each_key_of_a_products_own_block_is_translated(kind: str, listed: bool) -> None:
    block, words = PASTED[kind]
    stores = {kind: block}
    problems = refused("  " + yaml.safe_dump([stores] if listed else stores).replace("\n", "\n  "))
    place = f"stores[0].{kind}" if listed else f"stores.{kind}"
    for key, text in words.items():
        assert f"{place}.{key}: this is a product's own key: {text}" in problems
    assert not any("s3cret" in problem for problem in problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  store: consul\n" + ONE, "name consul or etcd itself"),
        ("  prefix: collectors/\n" + ONE, "write it in prefixes"),
        ("  memberlist: {}\n" + ONE, "read from the processes"),
        ("  dynamodb: {region: x}\n" + ONE, "DynamoDB cannot be read"),
    ],
)
def test_what_stands_around_the_block_is_translated_too(text: str, words: str) -> None:
    (problem,) = refused(text)
    assert words in problem
