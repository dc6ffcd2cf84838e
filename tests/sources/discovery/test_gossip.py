"""Who becomes a target because member lists have him: nobody by the word of one process among several."""

from __future__ import annotations

import pytest

from exporter.config import GossipSd, load_text
from exporter.sources.discovery.gossip import GRACE, GossipSource, Lists, host_of
from exporter.sources.discovery.targets import Discovery
from tests.sources.serving import Clock

SEEDS = frozenset({"10.0.0.1", "10.0.0.2", "10.0.0.3"})
ONE = frozenset({"10.0.0.1"})
METADATA = ["169.254.169.254", "fe80::1", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"]
NOWHERE = ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::ffff:169.254.169.254"]


def listing(*alive: str, dead: tuple[str, ...] = (), count: int = 1) -> Lists:
    return Lists(frozenset(alive), frozenset((*alive, *dead)), count)


def targets(source: GossipSource) -> list[str]:
    return [found.host for found in source.current()]


CASES = [
    ("most name a member", [listing("10.0.0.7", count=2), listing("10.0.0.1")], SEEDS, ["10.0.0.7"]),
    ("one of three names a member", [listing("10.0.0.7"), listing("10.0.0.1", count=2)], SEEDS, ["10.0.0.1"]),
    ("one of two names a member", [listing("10.0.0.7"), listing("10.0.0.8")], SEEDS, []),
    ("the only seed names a member", [listing("10.0.0.7")], ONE, ["10.0.0.7"]),
    ("of several seeds only one answers", [listing("10.0.0.7")], SEEDS, []),
    ("a dead member is named", [listing("10.0.0.8", dead=("10.0.0.7",))], ONE, ["10.0.0.8"]),
    ("nobody lists anybody", [listing()], ONE, []),
    ("loopback, and the seed is elsewhere", [listing("127.0.0.1", "::1")], ONE, []),
    ("loopback, as the seed itself", [listing("127.0.0.2")], frozenset({"127.0.0.1"}), ["127.0.0.2"]),
    ("metadata services", [listing(*METADATA)], ONE, []),
    ("addresses of nobody", [listing(*NOWHERE)], ONE, []),
]  # fmt: skip


@pytest.mark.parametrize(("what", "lists", "seeds", "found"), CASES, ids=[case[0] for case in CASES])
def test_a_member_becomes_a_target_where_most_processes_call_it_alive(
    what: str, lists: list[Lists], seeds: frozenset[str], found: list[str]
) -> None:
    source = GossipSource(GossipSd(port=1), Clock())
    source.take_lists(lists, seeds)
    assert targets(source) == found, what


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("10.0.0.1:7946", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("[fd00::1]:7946", "fd00::1"),
        ("fd00::1", "fd00::1"),
        ("localhost", ""),
        ("metadata.google.internal:80", ""),
        ("2130706433", ""),
        ("0x7f.1", ""),
        ("fe80::1%eth0", ""),
        ("127.0.0.1\r\nX: y", ""),
        ("http://10.0.0.1/x", ""),
        ("user:pw@10.0.0.1", ""),
        ("", ""),
    ],
)
def test_only_an_address_as_it_stands_is_one(address: str, host: str) -> None:
    assert host_of(address) == host


def test_a_member_that_is_gone_stays_a_target_for_a_while() -> None:
    clock = Clock()
    source = GossipSource(GossipSd(port=1), clock)
    source.take_lists([listing("10.0.0.1", "10.0.0.2")], ONE)
    clock.now += GRACE - 1
    source.take_lists([listing("10.0.0.1")], ONE)
    assert targets(source) == ["10.0.0.1", "10.0.0.2"]
    clock.now += 2
    assert targets(source) == ["10.0.0.1"]


def test_the_members_of_a_smaller_half_stay_targets_when_the_gossip_splits() -> None:
    clock = Clock()
    source = GossipSource(GossipSd(port=1), clock)
    source.take_lists([listing("10.0.0.7", "10.0.0.8", count=5)], SEEDS)
    for _ in range(5):
        clock.now += GRACE / 2
        source.take_lists([listing("10.0.0.7", count=3), listing("10.0.0.8", count=2)], SEEDS)
    assert targets(source) == ["10.0.0.7", "10.0.0.8"]


def test_a_cycle_without_any_list_says_nothing_about_the_members() -> None:
    clock = Clock()
    source = GossipSource(GossipSd(port=1), clock)
    source.take_lists([listing("10.0.0.1")], ONE)
    clock.now += 1
    source.take_lists([], ONE)
    assert targets(source) == ["10.0.0.1"]


def test_a_flood_of_members_is_capped_and_those_that_are_targets_stay() -> None:
    source = GossipSource(GossipSd(port=1, max_members=3), Clock())
    source.take_lists([listing("10.9.0.1", "10.9.0.2")], ONE)
    source.take_lists([listing("10.9.0.1", "10.9.0.2", *(f"10.1.{n}.1" for n in range(200)))], ONE)
    assert targets(source) == ["10.1.0.1", "10.9.0.1", "10.9.0.2"]


@pytest.mark.asyncio
async def test_members_of_the_gossip_become_targets_and_one_that_is_known_stays_the_others() -> None:
    text = 'targets: [{static: {urls: ["http://127.0.0.1:8080"]}}, {gossip: {port: 8080}}]'
    discovery = Discovery(load_text(text))
    await discovery.refresh()
    discovery.take_lists([listing("127.0.0.1", "10.0.0.7", "fd00::1")])
    found = {target.name: target.source for target in discovery.targets()}
    assert found == {"10.0.0.7:8080": "gossip", "127.0.0.1:8080": "static", "[fd00::1]:8080": "gossip"}
    assert discovery.discovered() == {"static": 1, "gossip": 3}
