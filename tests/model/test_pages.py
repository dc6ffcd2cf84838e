"""The model: its clock, its seed, how values spread, and what a view does with them."""

from __future__ import annotations

import pytest

from exporter.demo import Cluster, DemoSettings
from exporter.demo.pages.site import Site
from exporter.demo.simulation.gossip import Gossip, GossipCopy, NoChange, Peer
from exporter.demo.simulation.ring_values import ACTIVE, LEFT, Instance, Tokens
from exporter.model.pages import Phase
from tests.demo.kit import get, held, metrics, ring, store_ring, view

NOW = 1000.0


def everything(cluster: Cluster) -> list[bytes]:
    """All pages of all processes, and the store's revision."""
    site = Site(cluster)
    fixed = ("/metrics", "/memberlist", "/config", "/services", "/distributor/ha_tracker")
    bodies = [
        site.get(process, path, {}, accept).body
        for process in cluster.processes
        for path in (*fixed, *(page.path for page in process.spec.role.pages))
        for accept in ("", "application/json")
    ]
    return [*bodies, str(cluster.store.revision).encode()]


@pytest.mark.parametrize("product", ["cortex", "loki", "mimir"])
def test_the_same_seed_and_steps_give_the_same_bytes(product: str) -> None:
    settings = DemoSettings(product=product, phase_duration=20, faults=("mirror-errors", "conjoined"))
    first, second = Cluster(settings), Cluster(settings)
    for cluster in (first, second):
        for _ in range(12):
            cluster.step(10)
    assert everything(first) == everything(second)


def test_looking_at_pages_and_smaller_steps_change_nothing() -> None:
    settings = DemoSettings(phase_duration=20, tokens=8)
    plain, watched = Cluster(settings), Cluster(settings)
    plain.step(90)
    for _ in range(90):
        watched.step(1)
        for process in watched.processes:
            get(watched, process, "/memberlist", as_json=True)
            get(watched, process, "/distributor/ha_tracker")
    assert everything(plain) == everything(watched)


def test_another_seed_gives_another_cluster() -> None:
    tokens = [
        ring(cluster, cluster.processes[0])["cortex-1"]["tokens"] for cluster in (held(seed=1), held(seed=2))
    ]
    assert tokens[0] != tokens[1]


def test_members_claim_as_many_tokens_as_asked_for_and_none_twice() -> None:
    cluster = held(tokens=512)
    claimed = [token for member in store_ring(cluster).values() for token in member.tokens.values]
    assert len(claimed) == len(set(claimed)) == 6 * 512


def test_heartbeats_are_renewed_every_five_seconds_and_some_every_fifteen() -> None:
    cluster = held(phase=Phase.EXTERNAL)
    ages = [cluster.now - member.timestamp for member in store_ring(cluster).values()]
    slow = [
        cluster.now - member.timestamp for member in store_ring(cluster, "collectors/store-gateway").values()
    ]
    assert max(ages) < 7
    assert 7 < max(slow) < 17


def test_every_write_moves_the_stores_own_index() -> None:
    cluster = held(phase=Phase.EXTERNAL)
    before = cluster.store.entries["collectors/ring"].modified
    cluster.step(5)
    assert cluster.store.entries["collectors/ring"].modified > before


def test_a_restart_begins_counters_anew_and_changes_the_gossip_name() -> None:
    cluster = held()
    process = cluster.processes[0]
    name, started = process.node_name, metrics(cluster, process)["process_start_time_seconds"]
    cluster.restart(process)
    cluster.step(6)
    assert process.node_name != name
    assert metrics(cluster, process)["process_start_time_seconds"] > started
    assert metrics(cluster, process)['cortex_multikv_mirror_writes_total{kv_name="ingester-lifecycler"}'] <= 2


def test_a_graceful_stop_leaves_the_ring_and_a_tombstone_in_the_gossip() -> None:
    cluster = held()
    cluster.stop(cluster.processes[0])
    cluster.step(2)
    assert "cortex-1" not in ring(cluster, cluster.processes[1])
    assert view(cluster, cluster.processes[1])["cortex-1"]["state"] == "LEFT"
    assert "tokens" not in view(cluster, cluster.processes[1])["cortex-1"]


def test_tombstones_are_forgotten_after_five_minutes() -> None:
    cluster = held()
    cluster.stop(cluster.processes[0])
    cluster.step(400)
    assert "cortex-1" not in view(cluster, cluster.processes[1])


def test_a_rejoining_ingester_is_joining_before_it_is_active() -> None:
    cluster = held()
    cluster.restart(cluster.processes[0])
    cluster.step(5)
    assert ring(cluster, cluster.processes[1])["cortex-1"]["state"] == "JOINING"
    cluster.step(10)
    assert ring(cluster, cluster.processes[1])["cortex-1"]["state"] == "ACTIVE"


def test_ha_tracker_entries_are_renewed_and_sometimes_change_hands() -> None:
    cluster = held(after=0, size=1, tokens=1)
    replicas, ages = set(), []
    for _ in range(300):
        cluster.step(15)
        entry = cluster.store.get("ha-tracker/fake/demo")
        replicas.add(entry.replica)
        ages.append(cluster.now - entry.received_at / 1000)
    assert replicas == {"prom-a", "prom-b"}
    assert max(ages) <= 20
    changes = "cortex_ha_tracker_elected_replica_changes_total" + '{cluster="demo",user="fake"}'
    assert metrics(cluster, cluster.processes[0])[changes] > 1


def test_benign_mirror_errors_stay_rare() -> None:
    cluster = held(after=600)
    counted = metrics(cluster, cluster.processes[0])
    writes = sum(value for name, value in counted.items() if "mirror_writes_total" in name)
    errors = sum(value for name, value in counted.items() if "mirror_write_errors_total" in name)
    assert writes > 300
    assert errors / writes < 0.05


def test_a_large_cluster_keeps_up() -> None:
    """Every one of 100 views has every member within two heartbeats."""
    cluster = held(size=100, tokens=4, after=20)
    assert {len(view(cluster, process)) for process in cluster.processes} == {100}


# The gossip by itself.


def gossip(*owners: str, delay: float = 1.0) -> Gossip:
    network = Gossip()
    for port, owner in enumerate(owners):
        network.join(owner, GossipCopy(Peer(owner, "127.0.0.1", port), "", delay), NOW)
    return network


def member(name: str, at: int, state: int = ACTIVE) -> Instance:
    return Instance(name, "127.0.0.1:1", at, 900, state, tokens=Tokens((1, 2)))


def test_a_write_is_here_at_once_and_there_after_the_delay() -> None:
    network = gossip("a", "b")
    network.put("a", "ring", {"x": member("x", 1000)}, NOW)
    assert network.get("a", "ring", NOW) == {"x": member("x", 1000)}
    assert network.get("b", "ring", NOW + 0.5) is None
    assert network.get("b", "ring", NOW + 1.0) == {"x": member("x", 1000)}


def test_a_write_without_a_member_makes_a_tombstone_of_it() -> None:
    network = gossip("a")
    network.put("a", "ring", {"x": member("x", 1000), "y": member("y", 1000)}, NOW)
    network.put("a", "ring", {"x": member("x", 1005)}, NOW + 5)
    assert network.views["a"].values["ring"]["y"].state == LEFT
    assert list(network.get("a", "ring", NOW + 5)) == ["x"]


def test_a_write_that_brings_nothing_is_refused_as_no_change() -> None:
    network = gossip("a")
    network.put("a", "ring", {"x": member("x", 1000)}, NOW)
    with pytest.raises(NoChange):
        network.put("a", "ring", {"x": member("x", 1000)}, NOW)


def test_an_older_heartbeat_never_replaces_a_newer_one() -> None:
    network = gossip("a", "b")
    network.put("a", "ring", {"x": member("x", 1010)}, NOW)
    network.put("b", "ring", {"x": member("x", 1000)}, NOW)
    assert network.get("b", "ring", NOW + 2)["x"].timestamp == 1010
    assert network.get("a", "ring", NOW + 2)["x"].timestamp == 1010


def test_groups_do_not_hear_each_other_and_exchange_all_when_they_meet() -> None:
    network = gossip("a", "b")
    network.regroup({"b": "other"}, NOW)
    network.put("a", "ring", {"x": member("x", 1000)}, NOW)
    assert network.get("b", "ring", NOW + 10) is None
    network.regroup({"b": ""}, NOW + 10)
    assert list(network.get("b", "ring", NOW + 10)) == ["x"]


def test_a_newcomer_gets_all_that_its_group_knows() -> None:
    network = gossip("a")
    network.put("a", "ring", {"x": member("x", 1000)}, NOW)
    network.join("c", GossipCopy(Peer("c", "127.0.0.1", 9), "", 1.0), NOW + 1)
    assert list(network.get("c", "ring", NOW + 1)) == ["x"]


def test_a_lost_member_is_suspect_and_then_gone() -> None:
    network = gossip("a", "b")
    network.leave("b", NOW, graceful=False)
    states = [[peer.state for peer in network.peers("a", NOW + age)] for age in (0, 29, 31, 49, 51)]
    assert states == [[0, 0], [0, 0], [0, 1], [0, 1], [0]]


def test_a_member_that_says_goodbye_is_gone_at_once() -> None:
    network = gossip("a", "b")
    network.leave("b", NOW, graceful=True)
    assert [peer.name for peer in network.peers("a", NOW)] == ["a"]


def test_versions_count_what_changed_this_view() -> None:
    cluster = held()
    text = get(cluster, cluster.processes[0], "/memberlist").body.decode()
    before = cluster.gossip.views["cortex-1"].versions["collectors/ring"]
    assert f"version: {before}, codec: ringDesc" in text
    cluster.step(5)
    assert cluster.gossip_view(cluster.processes[0]).versions["collectors/ring"] > before
