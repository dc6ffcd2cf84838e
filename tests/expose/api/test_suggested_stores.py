"""The block `stores` that configuration pages suggest: it is valid, and holds no secret."""

from __future__ import annotations

import pytest

from exporter.config import each_store, load_text
from exporter.expose.api.suggested_stores import suggested_stores
from exporter.model.stores import NamedStore

HEAD = 'targets: [{static: {urls: ["http://a:1"]}}]\n'
USUAL = ("collectors/", "ha-tracker/")
CASES = {
    "one Consul": ((NamedStore("consul", ("consul:8500",), USUAL),), ["consul"]),
    "own prefixes": ((NamedStore("consul", ("consul:8500",), ("mimir/",)),), ["consul"]),
    "etcd": ((NamedStore("etcd", ("e-0:2379", "e-1:2379"), USUAL),), ["etcd"]),
    "two of a kind": (
        (NamedStore("consul", ("a:8500",), USUAL), NamedStore("consul", ("b:8500",), USUAL)),
        ["consul-1", "consul-2"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_block_can_be_pasted(case: str) -> None:
    named, names = CASES[case]
    config = load_text(HEAD + "\n".join(suggested_stores(named)) + "\n")
    found = list(each_store(config.stores))
    assert [name for _, name, _ in found] == names
    urls = [url for _, _, store in found for url in getattr(store, "urls", None) or (store.url,)]  # type: ignore[union-attr] # Consul has no urls
    assert urls == [f"http://{address}" for store in named for address in store.addresses]


def test_own_prefixes_are_named_and_the_usual_ones_are_not() -> None:
    assert '    prefixes: ["mimir/"]' in suggested_stores(CASES["own prefixes"][0])
    assert not any("prefixes" in line for line in suggested_stores(CASES["one Consul"][0]))
    assert suggested_stores(()) == ()


def test_a_store_that_cannot_be_read_is_named_and_no_block_is_made_of_it() -> None:
    told = "# dynamodb cannot be read: docs/stores.md#dynamodb"
    dynamodb = NamedStore("dynamodb", (), USUAL)
    assert suggested_stores((dynamodb,)) == (told,)
    both = suggested_stores((NamedStore("consul", ("consul:8500",), USUAL), dynamodb))
    assert both[:3] == (told, "stores:", "  consul:")
