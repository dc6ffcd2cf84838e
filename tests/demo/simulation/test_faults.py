"""What the pages say under each fault, and that they are well again after it."""

from __future__ import annotations

import json

import pytest
import yaml

from exporter.demo import FAULTS, Cluster, DemoSettings
from exporter.demo.simulation.process import Process
from exporter.model.pages import Phase
from tests.demo.kit import get, held, metrics, names, page, ring, store_ring, view

ALL = {f"cortex-{number}" for number in range(1, 7)}


def mirrored(cluster: Cluster, process: Process) -> dict[str, float]:
    """Whether each KV client mirrors, by its name."""
    head = "cortex_multikv_mirror_enabled{kv_name="
    return {
        name.removeprefix(head).strip('"}'): value
        for name, value in metrics(cluster, process).items()
        if name.startswith(head)
    }


def lag(cluster: Cluster, key: str = "collectors/ring") -> int:
    """How far the gossip's copy is behind the store, at its worst member."""
    secondary = view(cluster, cluster.processes[0], key)
    rows = store_ring(cluster, key).items()
    return max(member.timestamp - secondary[name]["timestamp"] for name, member in rows)


def logged(cluster: Cluster, process: Process, words: str) -> list[str]:
    """What a process logged, not yet written to its file."""
    return [
        message for _, number, _, message, _ in cluster.logs if number == process.number and words in message
    ]


def test_partial_mirroring_reaches_only_the_ingesters_clients_as_recorded() -> None:
    cluster = held(phase=Phase.MULTI)
    cluster.set_fault("partial-mirroring", on=True)
    cluster.set_phase(Phase.MIRRORING)
    cluster.step(60)
    told = mirrored(cluster, cluster.processes[0])
    assert {name for name, value in told.items() if value} == {"ingester-lifecycler", "ingester-ring"}
    assert set(cluster.gossip_view(cluster.processes[0]).values) == {"collectors/ring"}
    text = get(cluster, cluster.processes[0], "/runtime_config").body
    assert yaml.safe_load(text)["multi_kv_config"] == {"primary": "consul", "mirror_enabled": True}


def test_partial_mirroring_ends_with_every_client_mirroring() -> None:
    cluster = held(faults=("partial-mirroring",))
    cluster.set_fault("partial-mirroring", on=False)
    cluster.step(30)
    assert set(mirrored(cluster, cluster.processes[0]).values()) == {1}
    assert set(cluster.gossip_view(cluster.processes[0]).values) == set(cluster.store.entries)


def test_lag_keeps_the_secondary_of_one_key_a_minute_behind() -> None:
    cluster = held()
    assert lag(cluster) <= 6
    cluster.set_fault("lag", on=True)
    cluster.step(120)
    assert 50 <= lag(cluster) <= 70
    assert lag(cluster, "rulers/ring") <= 6
    cluster.set_fault("lag", on=False)
    cluster.step(10)
    assert lag(cluster) <= 6


def test_a_crashed_process_ages_to_unhealthy_and_vanishes_from_the_gossip() -> None:
    cluster = held()
    watcher, victim = cluster.processes[0], cluster.processes[-1]
    cluster.set_fault("crash", on=True)
    cluster.step(20)
    assert not victim.up
    assert (ring(cluster, watcher)["cortex-6"]["state"], "cortex-6" in names(cluster, watcher)) == (
        "ACTIVE",
        True,
    )
    cluster.step(15)
    suspects = [row for row in page(cluster, watcher, "/memberlist")["SortedMembers"] if row["State"]]
    assert len(suspects) == 1
    assert metrics(cluster, watcher)["memberlist_client_cluster_node_health_score"] == 1
    cluster.step(45)
    assert ring(cluster, watcher)["cortex-6"]["state"] == "Unhealthy"
    assert "cortex-6" not in names(cluster, watcher)
    assert b"<td>Unhealthy</td>" in get(cluster, watcher, "/ring").body
    members = 'cortex_ring_members{name="ingester",state="Unhealthy",zone=""}'
    assert metrics(cluster, watcher)[members] == 1


def test_dskit_writes_unhealthy_in_capitals() -> None:
    cluster = held("loki", faults=("crash",), after=0)
    cluster.set_fault("crash", on=False)
    cluster.step(30)
    cluster.set_fault("crash", on=True)
    cluster.step(90)
    assert ring(cluster, cluster.processes[0])["loki-6"]["state"] == "UNHEALTHY"


def test_a_crashed_process_comes_back_healthy() -> None:
    cluster = held()
    cluster.set_fault("crash", on=True)
    cluster.step(90)
    cluster.set_fault("crash", on=False)
    cluster.step(30)
    assert {shard["state"] for shard in ring(cluster, cluster.processes[0]).values()} == {"ACTIVE"}
    assert set(names(cluster, cluster.processes[0])) == ALL


def test_a_foreign_label_splits_one_process_off_and_leaves_log_lines_only() -> None:
    cluster = held()
    stranger = cluster.processes[-1]
    cluster.set_fault("foreign-label", on=True)
    cluster.step(60)
    assert names(cluster, stranger) == ["cortex-6"]
    assert set(names(cluster, cluster.processes[0])) == ALL - {"cortex-6"}
    assert set(ring(cluster, cluster.processes[0])) == ALL
    config = yaml.safe_load(get(cluster, stranger, "/config").body)["memberlist"]
    assert config["cluster_label"] == "other"
    lines = [line for process in cluster.processes[:-1] for line in logged(cluster, process, "discarding")]
    assert lines
    assert all(
        line.startswith('discarding stream with unacceptable label "other": from=127.0.0.1:')
        for line in lines
    )
    assert logged(cluster, stranger, 'label "demo.cortex"')


def test_a_process_with_the_right_label_again_joins_again() -> None:
    cluster = held(faults=("foreign-label",))
    cluster.set_fault("foreign-label", on=False)
    cluster.step(20)
    assert set(names(cluster, cluster.processes[0])) == set(names(cluster, cluster.processes[-1])) == ALL


def test_conjoined_members_are_in_the_gossip_and_in_the_ingester_ring() -> None:
    cluster = held(phase=Phase.MEMBERLIST)
    cluster.set_fault("conjoined", on=True)
    cluster.step(20)
    strangers = {"tempo-ingester-0", "tempo-ingester-1"}
    assert strangers < set(names(cluster, cluster.processes[0]))
    assert strangers < set(ring(cluster, cluster.processes[0]))
    assert "collectors/metrics-generator" in page(cluster, cluster.processes[0], "/memberlist")["Store"]
    cluster.set_fault("conjoined", on=False)
    cluster.step(90)
    assert not strangers & set(names(cluster, cluster.processes[0]))
    assert ring(cluster, cluster.processes[0])["tempo-ingester-0"]["state"] == "Unhealthy"


def test_conjoined_members_come_back_after_each_mirror_write_that_dropped_them() -> None:
    cluster = held()
    cluster.set_fault("conjoined", on=True)
    states = set()
    for _ in range(100):
        cluster.step(0.2)
        states.add(view(cluster, cluster.processes[0]).get("tempo-ingester-0", {}).get("state", "ACTIVE"))
    assert states == {"ACTIVE", "LEFT"}
    assert "tempo-ingester-0" not in store_ring(cluster)


def test_a_split_leaves_two_gossip_groups_that_do_not_see_each_other() -> None:
    cluster = held(phase=Phase.MEMBERLIST)
    cluster.set_fault("split", on=True)
    cluster.step(100)
    first, second = cluster.processes[0], cluster.processes[-1]
    assert names(cluster, first) == ["cortex-1", "cortex-2", "cortex-3"]
    assert names(cluster, second) == ["cortex-4", "cortex-5", "cortex-6"]
    unhealthy = {n for n, shard in ring(cluster, first).items() if shard["state"] == "Unhealthy"}
    assert unhealthy == {"cortex-4", "cortex-5", "cortex-6"}
    cluster.set_fault("split", on=False)
    cluster.step(10)
    assert set(names(cluster, first)) == ALL
    assert {shard["state"] for shard in ring(cluster, first).values()} == {"ACTIVE"}


@pytest.mark.parametrize("product", ["cortex", "loki", "mimir"])
def test_a_token_conflict_shows_tokens_that_two_members_claim(product: str) -> None:
    cluster = held(product, faults=("token-conflict",))
    tokens = [token for member in store_ring(cluster).values() for token in member.tokens.values]
    assert len(tokens) - len(set(tokens)) == 3
    cluster.set_fault("token-conflict", on=False)
    cluster.step(10)
    tokens = [token for member in store_ring(cluster).values() for token in member.tokens.values]
    assert len(tokens) == len(set(tokens))


def test_without_the_store_writes_fail_and_heartbeats_age() -> None:
    cluster = held(phase=Phase.EXTERNAL)
    cluster.set_fault("store-down", on=True)
    cluster.step(90)
    assert {shard["state"] for shard in ring(cluster, cluster.processes[0]).values()} == {"Unhealthy"}
    failed = [n for n in metrics(cluster, cluster.processes[0]) if 'status_code="500"' in n and "_count" in n]
    assert failed
    cluster.set_fault("store-down", on=False)
    cluster.step(20)
    assert {shard["state"] for shard in ring(cluster, cluster.processes[0]).values()} == {"ACTIVE"}


def test_after_the_switch_a_lost_store_only_costs_mirror_writes() -> None:
    cluster = held(phase=Phase.SWITCHED, faults=("store-down",))
    assert {shard["state"] for shard in ring(cluster, cluster.processes[0]).values()} == {"ACTIVE"}
    assert (
        metrics(cluster, cluster.processes[0])[
            'cortex_multikv_mirror_write_errors_total{kv_name="ingester-lifecycler"}'
        ]
        > 5
    )


def test_clobber_overwrites_the_store_with_one_process_and_tombstones_the_others() -> None:
    cluster = held()
    cluster.set_fault("clobber", on=True)
    smallest, left = 99, set()
    for _ in range(600):
        cluster.step(0.1)
        smallest = min(smallest, len(store_ring(cluster)))
        seen = view(cluster, cluster.processes[1])
        left |= {name for name, member in seen.items() if member.get("state") == "LEFT"}
    primary = 'cortex_multikv_primary_store{kv_name="ingester-lifecycler",store="memberlist"}'
    flags = [metrics(cluster, process)[primary] for process in cluster.processes]
    assert flags == [1, 0, 0, 0, 0, 0]
    assert smallest == 1
    assert left - {"cortex-1"}
    assert names(cluster, cluster.processes[0]) == ["cortex-1"]


def test_a_clobbered_store_is_whole_again_afterwards() -> None:
    cluster = held(faults=("clobber",))
    cluster.set_fault("clobber", on=False)
    cluster.step(60)
    assert set(store_ring(cluster)) == ALL
    assert set(names(cluster, cluster.processes[0])) == ALL


@pytest.mark.parametrize(("fault", "flag"), [("pages-hang", "hangs"), ("pages-rubbish", "rubbish")])
def test_page_faults_mark_one_process(fault: str, flag: str) -> None:
    cluster = held(faults=(fault,))
    assert sum(getattr(process, flag) for process in cluster.processes) == 1
    cluster.set_fault(fault, on=False)
    assert not any(getattr(process, flag) for process in cluster.processes)


def test_a_skewed_clock_shows_in_the_pages_and_heartbeats_of_one_process() -> None:
    cluster = held()
    cluster.set_fault("clock-skew", on=True)
    cluster.step(10)
    victim = cluster.process(cluster.victims["clock-skew"])
    shown, there = (
        page(cluster, process, "/memberlist")["Now"] for process in (victim, cluster.processes[0])
    )
    assert shown > there
    assert store_ring(cluster)[victim.name].timestamp > cluster.now + 60


def test_verification_off_shows_in_the_configuration() -> None:
    cluster = held(faults=("verification-off",))
    configs = [
        yaml.safe_load(get(cluster, process, "/config").body)["memberlist"] for process in cluster.processes
    ]
    assert all(config["cluster_label_verification_disabled"] for config in configs)


def test_verification_may_be_off_on_one_process_alone() -> None:
    cluster = held()
    cluster.set_fault("verification-off", on=True, process="cortex-2")
    assert [process.verified for process in cluster.processes] == [True, False, True, True, True, True]


def test_mirror_errors_are_counted_and_logged_on_one_process() -> None:
    cluster = held(faults=("mirror-errors",), after=120.0)
    counted = metrics(cluster, cluster.processes[0])
    errors = counted['cortex_multikv_mirror_write_errors_total{kv_name="ingester-lifecycler"}']
    writes = counted['cortex_multikv_mirror_writes_total{kv_name="ingester-lifecycler"}']
    assert 0.3 < errors / writes < 0.9
    assert logged(cluster, cluster.processes[0], "failed to update value in secondary store")
    other = metrics(cluster, cluster.processes[1])
    assert other['cortex_multikv_mirror_write_errors_total{kv_name="ingester-lifecycler"}'] < 5


@pytest.mark.parametrize("product", ["cortex", "loki", "mimir"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_goes_on_and_off_in_every_product_and_leaves_a_whole_cluster(
    product: str, fault: str
) -> None:
    cluster = held(product)
    cluster.set_fault(fault, on=True)
    cluster.set_fault(fault, on=True)
    cluster.step(40)
    cluster.set_fault(fault, on=False)
    cluster.step(100)
    assert not cluster.faults
    assert all(process.up for process in cluster.processes)
    assert {len(names(cluster, process)) for process in cluster.processes} == {6}
    ages = {member.timestamp for member in store_ring(cluster).values()}
    assert min(ages) > cluster.now - 10


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("phase", [Phase.EXTERNAL, Phase.SWITCHED])
def test_every_fault_can_be_there_from_the_start_in_any_phase(fault: str, phase: Phase) -> None:
    cluster = Cluster(DemoSettings(start_phase=phase, hold=True, faults=(fault,), size=2))
    cluster.step(60)
    assert fault in cluster.faults


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_survives_a_cluster_of_one(fault: str) -> None:
    cluster = Cluster(DemoSettings(size=1, faults=(fault,), phase_duration=20))
    cluster.step(150)
    assert cluster.phase is Phase.MEMBERLIST


def test_the_walk_goes_on_under_a_crash() -> None:
    cluster = Cluster(DemoSettings(faults=("crash",), phase_duration=60))
    cluster.step(340)
    assert {process.mode for process in cluster.processes if process.up} == {"memberlist"}
    assert sum(process.up for process in cluster.processes) == 5


def test_an_unknown_fault_or_process_is_refused() -> None:
    cluster = held()
    with pytest.raises(KeyError):
        cluster.set_fault("nonsense", on=True)
    with pytest.raises(KeyError):
        cluster.set_fault("crash", on=True, process="nobody")
    assert not cluster.faults


def test_the_memberlist_page_stays_json_under_faults() -> None:
    cluster = held(faults=("conjoined", "crash"))
    assert json.loads(get(cluster, cluster.processes[0], "/memberlist", as_json=True).body)
