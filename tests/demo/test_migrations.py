"""What moves in a demo: every client, the rings alone, the HA tracker alone, or the label."""

from __future__ import annotations

from itertools import pairwise

import pytest

from exporter.demo import Cluster, DemoSettings
from exporter.model.pages import Phase
from tests.demo.kit import get, metrics

TRACKER = "distributor-hatracker"


def cluster_of(migration: str, **more: object) -> Cluster:
    """Six processes whose rollouts are done within a phase."""
    told = {"product": "mimir", "phase_duration": 60.0, "migration": migration} | more
    return Cluster(DemoSettings(**told))  # type: ignore[arg-type] # the settings' names


def modes(cluster: Cluster, *, tracker: bool) -> set[str]:
    """Of the clients of all processes, those of the tracker or the others."""
    clients = (client for process in cluster.processes for client in process.clients.values())
    return {client.mode for client in clients if (client.spec.kv_name == TRACKER) == tracker}


WALKS = [
    ("", {"memberlist"}, {"memberlist"}),
    ("rings", {"memberlist"}, {"external"}),
    ("ha-tracker", {"memberlist"}, {"memberlist"}),
]


@pytest.mark.parametrize(("migration", "rings", "tracker"), WALKS, ids=[walk[0] or "all" for walk in WALKS])
def test_what_moves_arrives_and_what_stays_is_where_it_was(
    migration: str, rings: set[str], tracker: set[str]
) -> None:
    cluster = cluster_of(migration)
    stays = modes(cluster, tracker=False) if migration == "ha-tracker" else modes(cluster, tracker=True)
    for _ in range(360):
        cluster.step(1.0)
        still = modes(cluster, tracker=migration != "ha-tracker")
        assert migration == "" or still == stays
    assert cluster.phase is Phase.MEMBERLIST
    assert (modes(cluster, tracker=False), modes(cluster, tracker=True)) == (rings, tracker)


def test_a_tracker_that_stays_is_on_the_store_while_its_process_gossips() -> None:
    cluster = cluster_of("rings", start_phase=Phase.MIRRORING, hold=True)
    cluster.step(30.0)
    process = next(one for one in cluster.processes if one.spec.role.tracker)
    told = metrics(cluster, process)
    assert not [name for name in told if "multikv" in name and TRACKER in name]
    assert [name for name in told if "multikv_mirror_enabled" in name]
    assert process.has_gossip


def test_labels_are_rolled_out_in_three_steps_and_split_nothing() -> None:
    cluster = cluster_of("labels", product="cortex", phase_duration=15.0)
    seen: list[set[tuple[bool, bool]]] = []
    for _ in range(260):
        cluster.step(1.0)
        up = [process for process in cluster.processes if process.up]
        now = {(bool(process.label), process.verified) for process in up}
        if not seen or seen[-1] != now:
            seen.append(now)
        assert len(now) <= 2
        assert modes(cluster, tracker=False) == {"memberlist"}
        groups = {cluster.gossip.views[process.name].group for process in up}
        assert len(groups) == 1
    stages = [(False, True), (False, False), (True, False), (True, True)]
    assert [one for now in seen if len(now) == 1 for one in now] == stages
    assert "cluster_label: demo.cortex" in get(cluster, cluster.processes[0], "/config").body.decode()


@pytest.mark.parametrize(("product", "migration"), [("loki", "ha-tracker"), ("mimir", "none")])
def test_a_migration_that_a_product_has_not_is_refused(product: str, migration: str) -> None:
    with pytest.raises(ValueError, match="migration"):
        cluster_of(migration, product=product)


def test_one_after_the_other_each_begins_where_the_one_before_it_ended() -> None:
    cluster = cluster_of("all", phase_duration=20.0, tokens=4)
    walks: list[dict[str, str]] = []
    for _ in range(2400):
        cluster.step(1.0)
        if not walks or walks[-1] != cluster.walk():
            walks.append(cluster.walk())
    first = [[name for name in walks[0] if before[name] != after[name]] for before, after in pairwise(walks)]
    order = [name for names in first for name in names]
    assert order == [*["rings"] * 4, *["labels"] * 3, *["ha-tracker"] * 5, *["read-write"] * 7]
    assert modes(cluster, tracker=True) == modes(cluster, tracker=False) == {"memberlist"}


def test_two_at_once_move_together_and_each_can_be_told_alone() -> None:
    cluster = cluster_of("rings-and-labels", hold=True)
    assert cluster.next_step()
    assert cluster.walk() == {"rings": "mirroring", "labels": "open"}
    assert cluster.next_step("rings")
    assert cluster.walk() == {"rings": "switched", "labels": "open"}
    with pytest.raises(KeyError):
        cluster.next_step("read-write")


@pytest.mark.parametrize(
    ("migration", "version"), [("rings", "2.16.2"), ("ha-tracker", "2.17.1"), ("", "2.17.1")]
)
def test_a_mimir_whose_tracker_stays_is_one_that_cannot_move_it(migration: str, version: str) -> None:
    cluster = cluster_of(migration)
    assert f'version="{version}"' in get(cluster, cluster.processes[0], "/metrics").body.decode()
