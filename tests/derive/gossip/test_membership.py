"""Who sees whom: splits, strangers, absences, and what is none of them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from exporter.derive.gossip.membership import heartbeat_ages
from exporter.derive.identity.member_processes import gossipers, identities, own_member, owners
from exporter.derive.judging_rules import Rules
from exporter.model.entry import Member, Replica, bare, host_of, port_of
from exporter.model.facts import GossipFacts, Snapshot
from exporter.model.pages import GossipMember, GossipState, ProcessConfig, Product
from exporter.model.views import ViewFacts
from exporter.products.ring_pages import known_keys
from tests.derive.build import NOW, Fleet, Process, member, ring

STRANGER = GossipMember("loki-ingester-0-99aa88bb", "10.0.9.9", 7946)


def gossip_of(snapshot: Snapshot) -> GossipFacts:
    assert snapshot.gossip is not None
    return snapshot.gossip


def fleet_of(count: int) -> Fleet:
    fleet = Fleet(processes=[Process(number) for number in range(1, count + 1)])
    for process in fleet.processes:
        process.sees = tuple(range(1, count + 1))
    return fleet


def see(fleet: Fleet, *groups: tuple[int, ...]) -> None:
    """Each group sees itself alone."""
    for group in groups:
        for number in group:
            fleet.processes[number - 1].sees = group


def test_a_converged_fleet_is_one_cluster_with_nobody_missing() -> None:
    found = gossip_of(fleet_of(4).look())
    assert [len(cluster) for cluster in found.clusters] == [4]
    assert found.absent == found.unread == found.unidentified == found.unknown == ()


@pytest.mark.parametrize(
    ("groups", "sizes"),
    [
        (((1, 2), (3, 4)), [2, 2]),
        (((1, 2, 3), (4,)), [3, 1]),
        (((1,), (2,), (3,), (4,)), [1, 1, 1, 1]),
    ],
)
def test_groups_that_do_not_see_each_other_are_clusters(
    groups: tuple[tuple[int, ...], ...], sizes: list[int]
) -> None:
    fleet = fleet_of(4)
    see(fleet, *groups)
    assert [len(cluster) for cluster in gossip_of(fleet.look()).clusters] == sizes


def test_a_chain_of_processes_that_list_each_other_is_one_cluster() -> None:
    fleet = fleet_of(4)
    for number, sees in ((1, (1, 2)), (2, (1, 2, 3)), (3, (2, 3, 4)), (4, (3, 4))):
        fleet.processes[number - 1].sees = sees
    assert len(gossip_of(fleet.look()).clusters) == 1


def test_one_process_that_restarts_is_no_split_and_nobody_is_absent() -> None:
    fleet = fleet_of(4)
    fleet.look()
    back = fleet.processes[3]
    back.up = False
    see(fleet, (1, 2, 3))
    found = gossip_of(fleet.look())
    assert [len(cluster) for cluster in found.clusters] == [3]
    assert found.absent == ()
    back.up, back.sees, back.started = True, (4,), fleet.now + 10
    found = gossip_of(fleet.look())
    assert [len(cluster) for cluster in found.clusters] == [3], "too young to have joined"
    assert found.absent == ()


def test_one_that_stays_alone_after_its_start_is_a_split_and_absent() -> None:
    fleet = fleet_of(4)
    see(fleet, (1, 2, 3), (4,))
    fleet.processes[3].started = fleet.now
    assert len(gossip_of(fleet.look()).clusters) == 1
    for _ in range(3):
        found = gossip_of(fleet.look(beat=True))
    assert [len(cluster) for cluster in found.clusters] == [3, 1]
    assert found.absent == ("10.0.0.4:80",)


def test_a_rolling_restart_is_silent_from_beginning_to_end() -> None:
    """Each process goes, comes back under another suffix and address, and joins: nothing is said."""
    fleet = fleet_of(4)
    fleet.look()
    for process in fleet.processes:
        others = tuple(p.number for p in fleet.processes if p is not process)
        process.up = False
        for other in fleet.processes:
            other.sees = others  # it left; the library drops it soon
        quiet(fleet, process)
        process.up, process.started, process.sees = True, fleet.now + 5, (process.number,)
        quiet(fleet, process)
        for other in fleet.processes:
            other.sees = (1, 2, 3, 4)
        quiet(fleet, process)
        quiet(fleet, process)


def quiet(fleet: Fleet, process: Process) -> None:
    found = gossip_of(fleet.look(beat=True))
    assert len(found.clusters) == 1, process.name
    assert (found.unknown, found.absent) == ((), ()), process.name


def test_a_dead_process_of_ours_that_others_still_list_is_no_stranger() -> None:
    fleet = fleet_of(4)
    fleet.look()
    fleet.processes[3].up = False
    found = gossip_of(fleet.look())
    assert found.unknown == ()
    assert [len(cluster) for cluster in found.clusters] == [3]


def test_dead_and_left_members_of_nobody_are_no_strangers() -> None:
    fleet = fleet_of(3)
    fleet.processes[0].strangers = tuple(
        GossipMember(f"old-{state}-0123abcd", "10.0.9.9", 7946, state)
        for state in (GossipState.DEAD, GossipState.LEFT)
    )
    assert gossip_of(fleet.look()).unknown == ()


def test_a_stranger_is_named_with_its_address_and_who_sees_it() -> None:
    fleet = fleet_of(3)
    for process in fleet.processes[:2]:
        process.strangers = (STRANGER,)
    (found,) = gossip_of(fleet.look()).unknown
    assert (found.name, found.address) == ("loki-ingester-0-99aa88bb", "10.0.9.9:7946")
    assert found.seen_by == ("10.0.0.1:80", "10.0.0.2:80")


def test_a_suspected_stranger_is_one_as_well() -> None:
    fleet = fleet_of(3)
    fleet.processes[0].strangers = (GossipMember("x-99aa88bb", "10.0.9.9", 7946, GossipState.SUSPECT),)
    assert len(gossip_of(fleet.look()).unknown) == 1


@pytest.mark.parametrize(("pattern", "strangers"), [("^loki-", 0), ("loki-ingester-0", 0), ("^mimir-", 1)])
def test_expected_members_are_no_strangers(pattern: str, strangers: int) -> None:
    fleet = fleet_of(3)
    fleet.rules = Rules(soak=0.0, stores=("consul",), expected_members=(re.compile(pattern),))
    fleet.processes[0].strangers = (STRANGER,)
    assert len(gossip_of(fleet.look()).unknown) == strangers


def test_a_stranger_at_the_address_that_a_process_of_ours_had_is_one() -> None:
    """The incident: a pod of ours is gone for good, its address went to a pod of another database."""
    fleet = fleet_of(4)
    fleet.look()
    fleet.processes = fleet.processes[:3]  # discovery knows it no more
    reused = GossipMember("loki-ingester-0-99aa88bb", "10.0.0.4", 7946)
    see(fleet, (1, 2, 3))
    for process in fleet.processes:
        process.strangers = (reused,)
    (found,) = gossip_of(fleet.look()).unknown
    assert found.name == reused.name


def test_a_stranger_at_the_address_of_a_process_of_ours_that_is_down_is_one_all_the_same() -> None:
    fleet = fleet_of(4)
    fleet.look()
    fleet.processes[3].up = False
    see(fleet, (1, 2, 3))
    for process in fleet.processes:
        process.strangers = (GossipMember("loki-ingester-0-99aa88bb", "10.0.0.4", 7946),)
    (found,) = gossip_of(fleet.look()).unknown
    assert found.name == "loki-ingester-0-99aa88bb"


def test_the_member_of_a_process_that_never_answered_is_no_stranger() -> None:
    fleet = fleet_of(4)
    fleet.processes[3].up = False
    assert gossip_of(fleet.look()).unknown == ()


def test_a_member_that_carries_our_name_under_another_suffix_is_no_stranger_at_once() -> None:
    fleet = fleet_of(3)
    fleet.processes[1].started = fleet.now
    fleet.processes[0].strangers = (GossipMember("p-2-ffffffff", "10.0.0.77", 7946),)
    assert gossip_of(fleet.look()).unknown == ()


def test_ring_members_of_nobody_are_reported_beside_the_strangers() -> None:
    fleet = fleet_of(3)
    for key in list(fleet.store):
        value = ring([*(member(p.name) for p in fleet.processes), member("ghost-9", NOW - 500)])
        fleet.store[key] = value
        for process in fleet.processes:
            process.pages[key] = value
    found = gossip_of(fleet.look())
    assert {(one.name, one.where) for one in found.orphaned} >= {("ghost-9", "collectors/ring")}
    assert found.unknown == ()


def test_a_key_of_another_product_is_unknown_and_our_own_are_not() -> None:
    fleet = fleet_of(3)
    fleet.processes[0].copies["collectors/usagestats_token"] = fleet.processes[0].copies["collectors/ring"]
    fleet.processes[0].copies["ha-tracker/user/cluster"] = Replica("r", NOW)
    assert gossip_of(fleet.look()).unknown_keys == ("collectors/usagestats_token",)


@pytest.mark.parametrize(
    ("product", "known"), [("mimir", False), ("cortex", False), ("loki", True), ("tempo", True)]
)
def test_the_seed_of_usage_statistics_is_at_home_in_some_products(product: str, known: bool) -> None:
    assert ("collectors/usagestats_token" in known_keys(Product(product))) is known


def test_an_unread_list_is_named_and_its_process_is_in_nobodys_cluster() -> None:
    fleet = fleet_of(3)
    fleet.processes[2].lost = frozenset({"gossip"})
    found = gossip_of(fleet.look())
    assert found.unread == ("10.0.0.3:80",)
    assert [len(cluster) for cluster in found.clusters] == [2]
    assert found.unknown == (), "its member is ours although its own list was not read"


def test_where_nobody_has_memberlist_there_is_no_judgement() -> None:
    fleet = fleet_of(3)
    for process in fleet.processes:
        process.memberlist = False
    assert fleet.look().gossip is None


def test_one_process_alone_in_a_fleet_of_one_is_neither_split_nor_absent() -> None:
    found = gossip_of(fleet_of(1).look())
    assert [len(cluster) for cluster in found.clusters] == [1]
    assert found.absent == ()


@pytest.mark.parametrize(("others", "age"), [(2, 3615.0), (0, None)])
def test_one_that_never_heard_of_anybody_has_heard_nothing_since_it_started(
    others: int, age: float | None
) -> None:
    fleet = fleet_of(1 + others)
    see(fleet, (1,), tuple(range(2, 2 + others)))
    alone = fleet.processes[0]
    alone.copies = {key: ring([member(alone.name)]) for key in alone.copies}
    snapshot = fleet.look()
    found = snapshot.targets[0].gossip
    assert found is not None
    assert found.isolated
    assert gossip_of(snapshot).heartbeat_ages.get(snapshot.targets[0].name) == (
        None if age is None else pytest.approx(age, abs=1.0)
    )


def test_labels_are_counted_whether_or_not_a_process_shows_its_gossip() -> None:
    fleet = fleet_of(3)
    fleet.processes[1].memberlist = False
    fleet.processes[2].lost = frozenset({"gossip"})
    assert {label: len(names) for label, names in gossip_of(fleet.look()).labels.items()} == {"lab": 3}


def test_one_that_sees_only_itself_is_alone_and_its_neighbours_heartbeats_age() -> None:
    fleet = fleet_of(3)
    see(fleet, (1, 2), (3,))
    kept = fleet.processes[2].copies
    for _ in range(8):
        snapshot = fleet.look(beat=False)
        for process in fleet.processes[:2]:
            process.copies = {
                k: ring((member(p.name, fleet.now) for p in fleet.processes), fleet.now) for k in kept
            }
    by_name = {target.name: target.gossip for target in snapshot.targets}
    lost, well = by_name["10.0.0.3:80"], by_name["10.0.0.1:80"]
    assert lost is not None
    assert well is not None
    assert lost.isolated
    assert not well.isolated
    ages = gossip_of(snapshot).heartbeat_ages
    assert ages["10.0.0.3:80"] > 100
    assert ages["10.0.0.1:80"] < 20


def test_a_fleet_on_one_address_is_told_apart_by_ports() -> None:
    members = [GossipMember(f"p-{n}-0000000{n}", "127.0.0.1", 17000 + n) for n in (1, 2, 3)]
    config = ProcessConfig(bind_port=17002, bind_addresses=("127.0.0.1",))
    found = own_member(members, "127.0.0.1", config, frozenset())
    assert found == members[1]
    assert own_member(members, "127.0.0.1", None, frozenset()) is None
    assert own_member(members, "127.0.0.1", None, frozenset({"p-3"})) == members[2]


def test_an_advertised_address_and_port_come_first() -> None:
    members = [GossipMember("x-00000001", "192.0.2.1", 7947), GossipMember("y-00000002", "10.0.0.1", 7946)]
    config = ProcessConfig(bind_port=7946, advertise_address="192.0.2.1", advertise_port=7947)
    assert own_member(members, "10.0.0.1", config, frozenset()) == members[0]


def test_a_reused_address_does_not_make_a_stranger_our_own_member_when_ours_is_there_by_name() -> None:
    members = [GossipMember("p-1-00000001", "10.0.0.1", 7946), GossipMember("q-1-00000002", "10.0.0.1", 7999)]
    config = ProcessConfig(bind_port=7946)
    assert own_member(members, "10.0.0.1", config, frozenset({"p-1"})) == members[0]


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("ingester-0-5f0e8c1a", "ingester-0"),
        ("ingester-0", "ingester-0"),
        ("ingester-5F0E8C1A", "ingester-5F0E8C1A"),
        ("5f0e8c1a", "5f0e8c1a"),
        ("a-b-12345678-87654321", "a-b-12345678"),
    ],
)
def test_only_the_random_suffix_is_taken_off(name: str, without: str) -> None:
    assert bare(name) == without


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("10.0.0.1:9095", "10.0.0.1", 9095),
        ("[2001:db8::1]:9095", "2001:db8::1", 9095),
        ("ingester-0", "ingester-0", None),
        ("10.0.0.1", "10.0.0.1", None),
        ("a:b", "a:b", None),
        ("h:123456", "h", None),
    ],
)
def test_an_address_is_host_and_port(address: str, host: str, port: int | None) -> None:
    assert (host_of(address), port_of(address)) == (host, port)


def test_a_ring_member_is_found_by_its_id_and_by_an_address_that_is_one_process_alone() -> None:
    observed = [process.read(NOW) for process in fleet_of(3).processes]
    known = owners(identities(observed))
    assert known.of(Member("p-2")) == "10.0.0.2:80"
    assert known.at(Member("other", "10.0.0.2:9095")) == "10.0.0.2:80"
    assert known.at(Member("other", "10.0.0.2:1")) == "10.0.0.2:80"
    assert known.of(Member("other")) == known.at(Member("other", "10.0.9.9:9095")) == ""
    assert known.sure


def test_a_gossip_address_that_two_members_share_tells_nothing() -> None:
    listed = (GossipMember("a-00000001", "127.0.0.1", 1), GossipMember("b-00000002", "127.0.0.1", 2))
    found = gossipers([listed])
    assert found is not None
    assert found.has(Member("a", ""))
    assert found.has(Member("b-00000002", ""))
    assert not found.has(Member("c", "127.0.0.1:9095"))


@pytest.mark.parametrize("lost", [{"gossip"}, {"gossip", "config"}, {"gossip", "config", "/ingester/ring"}])
def test_a_process_whose_member_list_is_not_read_is_known_by_its_address(lost: set[str]) -> None:
    """A sidecar that asks for a password in front of some pages makes no unknown member of a target."""
    fleet = Fleet()
    fleet.processes[1].lost = frozenset(lost)
    found = gossip_of(fleet.look())
    assert (found.unknown, found.unread) == ((), ("10.0.0.2:80",))
    fleet.processes[0].strangers = (STRANGER,)
    assert [one.name for one in gossip_of(fleet.look()).unknown] == [STRANGER.name]


@pytest.mark.parametrize(
    ("primary", "staleness", "age"),
    [("memberlist", 0.0, 5.0), ("memberlist", 40.0, 45.0), ("consul", 40.0, None)],
    ids=["as fresh as most", "frozen", "its metrics show the store's ring"],
)
def test_who_was_not_read_in_full_heard_the_newest_of_others_less_what_its_metrics_are_behind(
    primary: str, staleness: float, age: float | None
) -> None:
    snapshot = fleet_of(3).look()
    key = next(key for key in snapshot.keys if key.key == "collectors/ring")
    aged = zip(key.members, (0.0, 5.0, 10.0), strict=True)
    members = tuple(replace(m, age=old, target=f"cortex-{old / 5:.0f}") for m, old in aged)
    view = ViewFacts("metrics", "cortex-0", known=True, staleness=staleness)
    key = replace(key, primary=primary, members=members, views=(view,))
    assert snapshot.targets[0].gossip is not None
    unread = replace(snapshot.targets[0].gossip, heartbeat_age=None)
    target = replace(snapshot.targets[0], name="cortex-0", gossip=unread)
    assert heartbeat_ages((target,), [key], snapshot.at).get("cortex-0") == age
