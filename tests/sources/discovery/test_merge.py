"""One process found twice is one target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.config import TargetEntry
from exporter.model.pages import Target
from exporter.sources.discovery.merge import Addresses, Claim, left_behind, merge
from exporter.sources.discovery.target_source import FoundTarget, from_address, labelled

_KINDS: dict[str, dict[str, Any]] = {
    "static": {"static": {"urls": ("http://x:1",)}},
    "dns": {"dns": {"name": "x", "type": "A", "port": 1}},
    "file": {"file": {"paths": ("x",)}},
    "gossip": {"gossip": {"port": 1}},
}


class _Known(Addresses):
    def __init__(self, **addresses: str) -> None:
        super().__init__()
        self._of = {name.replace("_", "-"): address for name, address in addresses.items()}


def _claim(kind: str, source: int, address: str | FoundTarget, prefix: str = "", **entry: Any) -> Claim:
    found = from_address(address) if isinstance(address, str) else address
    return Claim(found, TargetEntry.model_validate(_KINDS[kind] | entry), "", prefix, source)


def _urls(targets: tuple[Target, ...]) -> list[str]:
    return [target.url for target in targets]


def test_the_same_address_from_two_sources_is_one_target_with_the_labels_of_both() -> None:
    file = labelled(from_address("mimir-0:8080"), {"pod": "mimir-0", "component": "ingester", "zone": "a"})
    (target,) = merge(
        [
            _claim("static", 0, "mimir-0:8080", labels={"zone": "b", "team": "x"}),
            _claim("file", 1, file),
        ],
        Addresses(),
    )
    assert (target.name, target.component, target.source) == ("mimir-0", "ingester", "static")
    assert dict(target.labels) == {"zone": "b", "team": "x", "pod": "mimir-0", "component": "ingester"}


def test_the_order_of_the_configuration_decides_whose_url_it_is() -> None:
    claims = [_claim("gossip", 0, "10.0.0.1:8080"), _claim("static", 1, "mimir-0:8080")]
    (target,) = merge(claims, _Known(mimir_0="10.0.0.1"))
    assert target.url == "http://mimir-0:8080"


def test_a_name_with_a_single_address_is_the_process_at_that_address() -> None:
    claims = [_claim("static", 0, "mimir-0:8080"), _claim("dns", 1, "10.0.0.1:8080")]
    assert len(merge(claims, _Known(mimir_0="10.0.0.1"))) == 1
    assert len(merge(claims, _Known(mimir_0="10.0.0.2"))) == 2
    assert len(merge(claims, Addresses())) == 2


def test_names_of_one_source_that_share_an_address_are_different_processes() -> None:
    claims = [_claim("static", 0, "mimir-0.ingress:80"), _claim("static", 0, "mimir-1.ingress:80")]
    known = Addresses()
    known._of = {"mimir-0.ingress": "10.0.0.1", "mimir-1.ingress": "10.0.0.1"}
    assert len(merge(claims, known)) == 2


def test_other_path_prefixes_are_other_processes_but_not_for_gossip() -> None:
    claims = [
        _claim("static", 0, "http://10.0.0.1:80/mimir-0"),
        _claim("static", 0, "http://10.0.0.1:80/mimir-1"),
        _claim("gossip", 1, "10.0.0.1:80"),
    ]
    targets = merge(claims, Addresses())
    assert _urls(targets) == ["http://10.0.0.1:80/mimir-0", "http://10.0.0.1:80/mimir-1"]
    assert [target.name for target in targets] == _urls(targets)


def test_gossip_adds_who_is_not_known_otherwise() -> None:
    claims = [_claim("static", 0, "mimir-0:8080"), _claim("gossip", 1, "10.0.0.2:8080")]
    targets = merge(claims, _Known(mimir_0="10.0.0.1"))
    assert [(target.name, target.source) for target in targets] == [
        ("10.0.0.2:8080", "gossip"),
        ("mimir-0:8080", "static"),
    ]


def test_the_same_address_twice_in_one_source_is_one() -> None:
    assert len(merge([_claim("file", 0, "a:1"), _claim("file", 0, "a:1")], Addresses())) == 1


def test_a_name_that_two_have_is_nobodys() -> None:
    one = labelled(from_address("10.0.0.1:8080"), {"pod": "mimir-0"})
    two = labelled(from_address("10.0.0.2:8080"), {"pod": "mimir-0"})
    other = labelled(from_address("10.0.0.3:8080"), {"pod": "mimir-1"})
    targets = merge([_claim("file", 0, found) for found in (one, two, other)], Addresses())
    assert [target.name for target in targets] == ["10.0.0.1:8080", "10.0.0.2:8080", "mimir-1"]


@pytest.mark.parametrize(
    ("found", "url"),
    [
        (FoundTarget("a", 1), "http://a:1/common"),
        (FoundTarget("a", 1, prefix="/own"), "http://a:1/own"),
        (FoundTarget("a", 1, "https", prefix=""), "https://a:1"),
        (FoundTarget("::1", 1), "http://[::1]:1/common"),
    ],
)
def test_a_prefix_of_its_own_goes_before_the_common_one(found: FoundTarget, url: str) -> None:
    assert _urls(merge([_claim("file", 0, found, prefix="/common")], Addresses())) == [url]


def test_what_an_entry_says_of_its_processes_yields_to_what_they_say_themselves() -> None:
    said = labelled(from_address("a:1"), {"component": "ingester", "zone": "own"})
    (target,) = merge([_claim("file", 0, said, component="all", labels={"zone": "x", "y": "z"})], Addresses())
    assert target.component == "ingester"
    assert dict(target.labels) == {"component": "ingester", "zone": "own", "y": "z"}


@pytest.mark.asyncio
async def test_addresses_of_real_names_are_learned_and_unknown_ones_are_none() -> None:
    known = Addresses()
    version = known.version
    await known.learn(["localhost", "127.0.0.1", "::1", "no-such-name.invalid"])
    assert known.of("no-such-name.invalid") == "no-such-name.invalid"
    assert known.of("127.0.0.1") == "127.0.0.1"
    assert known.of("localhost") in {"127.0.0.1", "::1", "localhost"}
    assert known.version is not version


def _found(names: str) -> tuple[FoundTarget, ...]:
    return tuple(from_address(f"{name}:80") for name in names)


@pytest.mark.parametrize(("before", "left", "now", "expected"), [
    ("abcd", "", "abcd", ""),
    ("abcd", "", "abc", ""),  # a scale-down
    ("abcd", "", "ab", "cd"),  # half of the list at once
    ("abcd", "", "", "abcd"),
    ("a", "", "", "a"),
    ("ab", "", "b", ""),
    ("a", "", "b", ""),  # it moved
    ("abcd", "", "efgh", ""),  # all of them moved
    ("abcd", "", "aef", "bcd"),
    ("ab", "cd", "abc", "d"),  # one came back
    ("ab", "cd", "a", "cd"),
    ("ab", "cd", "", "cdab"),
])  # fmt: skip
def test_what_a_list_loses_with_half_of_itself_is_left_behind(
    before: str, left: str, now: str, expected: str
) -> None:
    assert left_behind(_found(before), _found(left), _found(now)) == _found(expected)


def test_what_another_source_lists_is_listed() -> None:
    gone = replace(_claim("file", 0, "mimir-0:8080"), listed=False)
    assert [target.listed for target in merge([gone], Addresses())] == [False]
    there = _claim("static", 1, "mimir-0:8080")
    assert [target.listed for target in merge([gone, there], Addresses())] == [True]
