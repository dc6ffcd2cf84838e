"""The read-write migration of the demo, without sockets: what runs at each stage, and whom clients ask."""

from __future__ import annotations

import pytest
import yaml

from exporter.demo import READ_WRITE_FAULTS, Cluster, DemoSettings
from exporter.demo.simulation import read_write_migration
from exporter.demo.simulation.process import Process
from tests.demo.kit import get, metrics, page

ZONES = ("zone-a", "zone-b", "zone-c")
WAYS = {"read-write": ("microservices", "read-write"), "read-write-back": ("read-write", "microservices")}


def cluster_of(way: str = "read-write", **more: object) -> Cluster:
    told = {"product": "mimir", "tokens": 8, "migration": way} | more
    return Cluster(DemoSettings(**told))  # type: ignore[arg-type] # the settings' names


def at(stage: str, way: str = "read-write", **more: object) -> Cluster:
    """A cluster that came to a stage at the demo's default pace, and is nearly at its end."""
    cluster = cluster_of(way, **more)
    assert stage in {known.name for known in read_write_migration.STAGES}, "a stage that never comes"
    while read_write_migration.STAGES[cluster.mode_stage].name != stage:
        cluster.step(1.0)
    cluster.step(cluster.settings.walk_pause - 2.0)
    assert read_write_migration.STAGES[cluster.mode_stage].name == stage
    return cluster


def running(cluster: Cluster, group: str) -> set[str]:
    """The paths of which a group has processes that are up."""
    up = (process for process in cluster.processes if process.up and process.spec.group == group)
    return {read_write_migration.path_of(process) for process in up}


RUNNING = [
    ("old-group-only", {"read", "write", "backend"}, set()),
    ("read-up", {"read", "write", "backend"}, {"read"}),
    ("backend-up", {"read", "write", "backend"}, {"read", "backend"}),
    ("read-path-retired", {"write"}, {"read", "backend"}),
    ("write-up", {"write"}, {"read", "write", "backend"}),
    ("third-zone-retired", set(), {"read", "write", "backend"}),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("stage", "old", "new"), RUNNING, ids=[row[0] for row in RUNNING])
def test_at_the_default_pace_each_stage_is_done_before_the_next(
    way: str, stage: str, old: set[str], new: set[str]
) -> None:
    cluster = at(stage, way)
    leaves, arrives = WAYS[way]
    assert (running(cluster, leaves), running(cluster, arrives)) == (old, new)
    assert all(process.up == (process.name in cluster.deployed) for process in cluster.processes)


def rates(cluster: Cluster, process: Process) -> float:
    """Requests of users a second, as the process counts them."""
    before, after = (sum(_asked(cluster, process, step)) for step in (0.0, 10.0))
    return (after - before) / 10


def _asked(cluster: Cluster, process: Process, seconds: float) -> list[float]:
    cluster.step(seconds)
    told = metrics(cluster, process).items()
    return [value for name, value in told if "_count{" in name and ("api_v1_push" in name or "query" in name)]


@pytest.mark.parametrize(
    ("stage", "component", "asked"),
    [
        ("old-group-only", "query-frontend", True), ("old-group-only", "distributor", True),
        ("read-up", "query-frontend", False), ("read-up", "read", True), ("read-up", "distributor", True),
        ("write-up", "distributor", False), ("write-up", "write", True),
    ],
)  # fmt: skip
def test_clients_move_with_the_stage_that_brings_the_new_path(
    stage: str, component: str, asked: bool
) -> None:
    cluster = at(stage, hold=False)
    process = next(one for one in cluster.processes if one.spec.role.component == component)
    assert (rates(cluster, process) > 0) is asked


def test_old_ingesters_go_zone_by_zone_and_ship_before_they_stop() -> None:
    cluster = at("write-up")
    left: list[set[str]] = []
    while read_write_migration.STAGES[cluster.mode_stage].name != "third-zone-retired" or left[-1] != set(
        ZONES
    ):
        cluster.step(1.0)
        old = [one for one in cluster.processes if one.spec.role.component == "ingester"]
        going = {one.spec.zone for one in old if one.leaving and one.up}
        assert len(going) <= 1
        gone = {one.spec.zone for one in old if not one.up}
        left += [gone] if not left or left[-1] != gone else []
    assert left == [set(), {"zone-a"}, {"zone-a", "zone-b"}, set(ZONES)]


def store_gateways(cluster: Cluster) -> dict[str, str]:
    """The members of the store-gateways' ring, by state."""
    backend = next(one for one in cluster.processes if one.spec.role.component == "backend")
    shards = page(cluster, backend, "/store-gateway/ring")["shards"]
    return {shard["id"]: shard["state"] for shard in shards}


@pytest.mark.parametrize("stay", [True, False])
def test_store_gateways_that_do_not_unregister_stay_as_unhealthy_members(stay: bool) -> None:
    cluster = at("read-path-retired", faults=("store-gateways-stay",) if stay else ())
    states = store_gateways(cluster)
    new = {f"mimir-backend-{zone}-0": "ACTIVE" for zone in ZONES}
    old = {f"mimir-store-gateway-{zone}-0": "UNHEALTHY" for zone in ZONES}
    assert states == (new | old if stay else new)


def frontends(cluster: Cluster, component: str) -> set[str]:
    """The query frontends that the rulers of a component are configured with."""
    found = [one for one in cluster.processes if one.spec.role.component == component and one.up]
    told = [yaml.safe_load(get(cluster, one, "/config").body)["ruler"] for one in found]
    return {ruler["query_frontend"]["address"] for ruler in told}


@pytest.mark.parametrize("faults", [(), ("remote-evaluation-on",)])
def test_remote_evaluation_goes_once_the_old_read_path_has_gone(faults: tuple[str, ...]) -> None:
    before, after = at("backend-up", faults=faults), at("read-path-retired", faults=faults)
    assert all(frontends(before, "ruler"))
    assert all(frontends(before, "backend"))
    assert all(frontends(after, "backend")) is bool(faults)


@pytest.mark.parametrize("on", [True, False])
def test_an_unshipped_block_has_an_age_on_its_ingester_alone(on: bool) -> None:
    cluster = cluster_of(hold=True, faults=("unshipped-blocks",) if on else ())
    name = "cortex_ingester_oldest_unshipped_block_timestamp_seconds"
    told = {one.name: metrics(cluster, one).get(name) for one in cluster.deployed_now()}
    assert {process for process, at_ in told.items() if at_} == ({"mimir-ingester-zone-a-0"} if on else set())
    assert {at_ for at_ in told.values() if at_ is not None} >= {0.0}


@pytest.mark.parametrize("fault", READ_WRITE_FAULTS)
def test_its_faults_are_refused_in_other_walks(fault: str) -> None:
    with pytest.raises(ValueError, match="is of the read-write migration"):
        DemoSettings(faults=(fault,))
    with pytest.raises(ValueError, match="is of the read-write migration"):
        Cluster(DemoSettings(product="mimir")).set_fault(fault, on=True)


@pytest.mark.parametrize("product", ["cortex", "loki"])
def test_only_mimir_has_read_write_mode(product: str) -> None:
    with pytest.raises(ValueError, match="only mimir has read-write mode"):
        cluster_of(product=product)


def test_with_hold_the_walk_waits_for_the_reader() -> None:
    cluster = cluster_of(hold=True)
    cluster.step(600.0)
    assert cluster.walk() == {"read-write": "old-group-only"}
    assert cluster.next_step()
    cluster.step(600.0)
    assert cluster.walk() == {"read-write": "read-up"}
    for _ in range(6):
        assert cluster.next_step()
    assert not cluster.next_step()
