"""What the pages say in each phase, and on the way between them."""

from __future__ import annotations

import pytest
import yaml

from exporter.demo import Cluster, DemoSettings
from exporter.demo.pages.memberlist import NO_GOSSIP
from exporter.model.pages import Phase
from tests.demo.kit import get, held, metrics, names, ring, store_ring, view

PRODUCTS = ("cortex", "loki", "mimir")
# Phase: are there multikv gauges, is memberlist primary, is mirroring on.
GAUGES = {
    Phase.EXTERNAL: None,
    Phase.MULTI: (0, 0),
    Phase.MIRRORING: (0, 1),
    Phase.SWITCHED: (1, 1),
    Phase.DETACHED: (1, 0),
    Phase.MEMBERLIST: None,
}


def gauges(cluster: Cluster) -> set[tuple[float, float]]:
    """(memberlist is primary, mirroring) of every KV client of every process."""
    found = set()
    for process in cluster.processes:
        samples = metrics(cluster, process)
        for name, value in samples.items():
            if "multikv_mirror_enabled{" in name:
                labels = name.partition("mirror_enabled{")[2].rstrip("}")
                prefix = name.partition("mirror_enabled{")[0]
                found.add((samples[f'{prefix}primary_store{{{labels},store="memberlist"}}'], value))
    return found


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("phase", GAUGES)
def test_every_client_shows_the_phase_in_its_gauges(product: str, phase: Phase) -> None:
    cluster = held(product, phase)
    expected = GAUGES[phase]
    assert gauges(cluster) == (set() if expected is None else {expected})


@pytest.mark.parametrize("product", PRODUCTS)
def test_client_types_name_the_only_store_where_there_is_no_multi_kv(product: str) -> None:
    for phase, store in (
        (Phase.EXTERNAL, "etcd" if product == "loki" else "consul"),
        (Phase.MEMBERLIST, "memberlist"),
    ):
        cluster = held(product, phase)
        samples = metrics(cluster, cluster.processes[0])
        counted = [name for name in samples if "kv_request_duration_seconds_count" in name]
        assert counted
        assert all(f'type="{store}"' in name for name in counted)


def test_in_phase_external_there_is_no_memberlist_at_all() -> None:
    cluster = held(phase=Phase.EXTERNAL)
    assert get(cluster, cluster.processes[0], "/memberlist") is NO_GOSSIP
    assert not any("memberlist" in name for name in metrics(cluster, cluster.processes[0]))


def test_in_phase_multi_the_gossip_has_members_but_no_keys() -> None:
    cluster = held(phase=Phase.MULTI)
    assert len(names(cluster, cluster.processes[0])) == 6
    assert cluster.gossip_view(cluster.processes[0]).values == {}


def test_keys_reach_the_secondary_only_when_written_after_mirroring_began() -> None:
    cluster = held(phase=Phase.MULTI)
    cluster.set_phase(Phase.MIRRORING)
    cluster.step(2.5)
    early = set(cluster.gossip_view(cluster.processes[0]).values)
    cluster.step(25)
    assert early < set(cluster.gossip_view(cluster.processes[0]).values) == set(cluster.store.entries)


def test_a_key_that_nobody_writes_never_reaches_the_secondary() -> None:
    cluster = held(phase=Phase.MULTI)
    quiet = cluster.store.entries["collectors/ring"]
    cluster.store.entries["ha-tracker/quiet/one"] = quiet
    cluster.set_phase(Phase.MIRRORING)
    cluster.step(120)
    assert "ha-tracker/quiet/one" not in cluster.gossip_view(cluster.processes[0]).values


def test_while_mirroring_both_stores_hold_the_same_members_and_fresh_heartbeats() -> None:
    cluster = held()
    primary, secondary = store_ring(cluster), view(cluster, cluster.processes[0])
    assert set(primary) == set(secondary)
    lag = max(member.timestamp - secondary[name]["timestamp"] for name, member in primary.items())
    assert 0 <= lag <= 6
    assert all(list(member.tokens.values) == secondary[name]["tokens"] for name, member in primary.items())


def test_after_the_switch_the_ring_pages_read_the_gossip_and_the_store_is_mirrored() -> None:
    cluster = held(phase=Phase.SWITCHED)
    cluster.store.entries.clear()
    assert len(ring(cluster, cluster.processes[0])) == 6
    cluster.step(6)
    assert set(store_ring(cluster)) == {process.name for process in cluster.processes}


@pytest.mark.parametrize("phase", [Phase.DETACHED, Phase.MEMBERLIST])
def test_after_mirroring_nobody_writes_the_old_store(phase: Phase) -> None:
    cluster = held(phase=Phase.SWITCHED)
    cluster.set_phase(phase)
    cluster.step(60)
    revision = cluster.store.revision
    cluster.step(120)
    assert cluster.store.revision == revision
    assert len(ring(cluster, cluster.processes[0])) == 6


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_walk_goes_through_all_phases_and_keeps_every_ring_whole(product: str) -> None:
    cluster = Cluster(DemoSettings(product=product, phase_duration=60))
    seen = []
    for _ in range(7):
        cluster.step(59)
        seen.append(cluster.phase)
        up = {process.name for process in cluster.processes if process.up}
        assert len(up) == 6
        for process in cluster.processes:
            for page in process.spec.role.pages:
                writers = {
                    other.name
                    for other in cluster.processes
                    for client in other.clients.values()
                    if client.spec.period and client.spec.key == page.key
                }
                if page.key:
                    assert set(ring(cluster, process, page.path)) == writers
        cluster.step(1)
    assert seen == [*(phase for phase in Phase if phase is not Phase.UNKNOWN), Phase.MEMBERLIST]


def test_processes_restart_one_after_another_on_the_way_into_multi() -> None:
    cluster = held(phase=Phase.EXTERNAL, phase_duration=60.0)
    cluster.set_phase(Phase.MULTI)
    down, mixed = [], False
    for _ in range(80):
        cluster.step(0.5)
        down.append(sum(not process.up for process in cluster.processes))
        mixed |= {process.mode for process in cluster.processes} == {"external", "multi"}
    assert max(down) == 1
    assert mixed
    assert {process.mode for process in cluster.processes} == {"multi"}


def test_a_runtime_switch_needs_no_restart_and_reaches_everybody_within_its_period() -> None:
    cluster = held(phase=Phase.MULTI)
    started = [process.started for process in cluster.processes]
    cluster.set_phase(Phase.MIRRORING)
    cluster.step(2)
    assert gauges(cluster) == {(0, 1)}
    assert [process.started for process in cluster.processes] == started


def test_the_way_back_is_open() -> None:
    cluster = held(phase=Phase.MEMBERLIST)
    cluster.set_phase(Phase.EXTERNAL)
    cluster.step(60)
    assert {process.mode for process in cluster.processes} == {"external"}
    assert set(store_ring(cluster)) == {process.name for process in cluster.processes}


def test_mirror_writes_count_only_while_mirroring_and_only_for_clients_that_write() -> None:
    cluster = held(phase=Phase.MULTI)
    process = cluster.processes[0]
    assert {v for k, v in metrics(cluster, process).items() if "mirror_writes_total" in k} == {0}
    cluster.set_phase(Phase.MIRRORING)
    cluster.step(60)
    samples = metrics(cluster, process)
    assert samples['cortex_multikv_mirror_writes_total{kv_name="ingester-lifecycler"}'] > 8
    assert samples['cortex_multikv_mirror_writes_total{kv_name="ingester-ring"}'] == 0


BLOCKS = [
    (Phase.EXTERNAL, None),
    (Phase.MULTI, None),
    (Phase.MIRRORING, ("consul", True)),
    (Phase.SWITCHED, ("memberlist", True)),
    (Phase.DETACHED, ("memberlist", False)),
    (Phase.MEMBERLIST, None),
]


@pytest.mark.parametrize("product", ["cortex", "mimir"])
@pytest.mark.parametrize(("phase", "block"), BLOCKS)
def test_the_runtime_configuration_shows_the_block_as_recorded_processes_do(
    product: str, phase: Phase, block: tuple[str, bool] | None
) -> None:
    cluster = held(product, phase)
    whole = get(cluster, cluster.processes[0], "/runtime_config").body
    short = get(cluster, cluster.processes[0], "/runtime_config?mode=diff").body
    primary, mirror = block or ("", None)
    assert yaml.safe_load(whole)["multi_kv_config"] == {"primary": primary, "mirror_enabled": mirror}
    assert (yaml.safe_load(short) or {}).get("multi_kv_config") == (
        {"primary": primary, "mirror_enabled": mirror} if block else None
    )
    assert (b"\n    primary" in whole) is (product == "mimir")


def test_a_process_shows_the_block_that_it_has_loaded_and_the_last_step_leaves_it_until_all_restarted() -> (
    None
):
    cluster = held(phase=Phase.SWITCHED)
    cluster.set_phase(Phase.DETACHED)
    process = cluster.processes[0]
    assert b"mirror_enabled: true" in get(cluster, process, "/runtime_config").body
    cluster.step(2.5)
    assert b"mirror_enabled: false" in get(cluster, process, "/runtime_config").body
    cluster.set_phase(Phase.MEMBERLIST)
    cluster.step(10)
    assert b"primary: memberlist" in get(cluster, process, "/runtime_config").body
    cluster.step(120)
    assert b"primary: memberlist" not in get(cluster, process, "/runtime_config").body


def test_loki_has_no_page_of_its_runtime_configuration() -> None:
    cluster = held("loki", Phase.MIRRORING)
    assert get(cluster, cluster.processes[0], "/runtime_config").status == 404
