"""What the demo serves decodes to what the model holds, and to the same shapes as the recordings."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import yaml

from exporter.config.loading import load_text
from exporter.decode.build import decode_build
from exporter.decode.config import decode_config
from exporter.decode.label_rejections import rejected_label
from exporter.decode.memberlist import decode_memberlist
from exporter.decode.metrics import decode_metrics
from exporter.decode.ring_page import decode_ring
from exporter.decode.tracker import decode_tracker
from exporter.decode.value import decode_value
from exporter.demo import Cluster, Demo, DemoSettings
from exporter.demo.log_files import line
from exporter.demo.simulation.process import Process
from exporter.demo.stores_http import StorePages
from exporter.model.entry import State
from exporter.model.pages import Phase, Product
from tests.demo.kit import get, held
from tests.demo.recorded import answer

PRODUCTS = ("cortex", "loki", "mimir")
RECORDINGS = {"cortex": "cortex/2c-mirroring-all-rings", "loki": "loki/2-mirroring"}
STORE = {"cortex": "consul", "loki": "etcd", "mimir": "consul"}


def filled(value: Any) -> dict[str, bool]:
    """Which fields of a decoded page say something."""
    return {each.name: getattr(value, each.name) not in (None, "", (), {}) for each in fields(value)}


def ring_path(process: Process) -> str:
    return "/ingester/ring" if process.spec.role.component != "all" else "/ring"


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("as_json", [True, False])
def test_ring_pages_decode_to_the_models_members(product: str, as_json: bool) -> None:
    cluster = held(product)
    process = cluster.processes[0]
    decoded = decode_ring(get(cluster, process, ring_path(process), as_json=as_json).body)
    assert decoded is not None
    model = cluster.store.get("collectors/ring")
    assert isinstance(model, dict)
    assert set(decoded.members) == set(model)
    assert decoded.now == pytest.approx(cluster.now, abs=0.01)
    for name, member in decoded.members.items():
        assert member.time == model[name].timestamp
        assert member.registered == model[name].registered
        assert (member.address, member.zone) == (model[name].addr, model[name].zone)
        assert (member.state, member.tokens.count) == (State.ACTIVE, 128)


@pytest.mark.parametrize("product", ["cortex", "loki"])
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_decoded_ring_members_say_as_much_as_recorded_ones(product: str, accept: str) -> None:
    cluster = held(product, size=3)
    ours = decode_ring(get(cluster, cluster.processes[0], "/ring", as_json="json" in accept).body)
    real = decode_ring(answer(RECORDINGS[product], "/ring", accept).body)
    assert ours is not None
    assert real is not None
    mine, theirs = ours.members[f"{product}-1"], real.members[f"{product}-1"]
    assert filled(mine) == filled(theirs)
    assert filled(ours) == filled(real)


@pytest.mark.parametrize("path", ["/distributor/ring", "/multitenant_alertmanager/ring"])
def test_notices_decode_to_no_ring(path: str) -> None:
    cluster = held()
    assert decode_ring(get(cluster, cluster.processes[0], path, as_json=True).body) is None


def test_an_empty_ring_is_a_ring() -> None:
    cluster = held(phase=Phase.EXTERNAL, after=0)
    decoded = decode_ring(get(cluster, cluster.processes[0], "/ring", as_json=True).body)
    assert decoded is not None
    assert decoded.members == {}


@pytest.mark.parametrize(
    ("product", "as_json"),
    [("cortex", True), ("cortex", False), ("loki", True), ("loki", False), ("mimir", True)],
)
def test_memberlist_pages_decode_to_the_models_members_and_keys(product: str, as_json: bool) -> None:
    cluster = held(product)
    process = cluster.processes[0]
    decoded = decode_memberlist(get(cluster, process, "/memberlist", as_json=as_json).body)
    assert decoded is not None
    assert {(m.name, m.port) for m in decoded.members} == {
        (other.node_name, other.at.gossip) for other in cluster.processes
    }
    assert set(decoded.keys) == set(cluster.store.entries)
    assert decoded.health_score == (None if as_json else 0)


@pytest.mark.parametrize("product", ["cortex", "loki"])
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_decoded_memberlist_pages_say_as_much_as_recorded_ones(product: str, accept: str) -> None:
    cluster = held(product, size=3)
    ours = decode_memberlist(get(cluster, cluster.processes[0], "/memberlist", as_json="json" in accept).body)
    real = decode_memberlist(answer(RECORDINGS[product], "/memberlist", accept).body)
    assert ours is not None
    assert real is not None
    assert filled(ours) == filled(real)
    assert {k: filled(v) for k, v in ours.keys.items()} == {k: filled(v) for k, v in real.keys.items()}
    assert len(ours.members) == len(real.members)


def test_a_process_without_memberlist_decodes_to_none() -> None:
    cluster = held(phase=Phase.EXTERNAL)
    assert decode_memberlist(get(cluster, cluster.processes[0], "/memberlist").body) is None


@pytest.mark.parametrize("product", PRODUCTS)
def test_stored_values_and_downloads_decode_to_the_same(product: str) -> None:
    cluster = held(product)
    cluster.step(1.5)
    process, pages = cluster.processes[0], StorePages(cluster)
    for key, entry in cluster.store.entries.items():
        downloaded = get(cluster, process, f"/memberlist?downloadKey={key}").body
        stored = decode_value(key, pages.value(key, entry))
        assert filled(stored) == filled(decode_value(key, downloaded))


@pytest.mark.parametrize("product", ["cortex", "loki"])
def test_tombstones_decode_as_left(product: str) -> None:
    cluster = held(product)
    cluster.stop(cluster.processes[1])
    cluster.step(2)
    body = get(cluster, cluster.processes[0], "/memberlist?downloadKey=collectors/ring").body
    ring: Any = decode_value("collectors/ring", body)
    assert ring.members[f"{product}-2"].state is State.LEFT


@pytest.mark.parametrize("product", ["cortex", "mimir"])
@pytest.mark.parametrize("as_json", [True, False])
def test_the_tracker_page_decodes_to_the_stored_entries(product: str, as_json: bool) -> None:
    cluster = held(product)
    decoded = decode_tracker(
        get(cluster, cluster.processes[0], "/distributor/ha_tracker", as_json=as_json).body
    )
    assert decoded is not None
    for entry in decoded.entries:
        stored: Any = cluster.store.get(f"ha-tracker/{entry.user}/{entry.cluster}")
        assert entry.replica == stored.replica
        assert entry.received_at == pytest.approx(stored.received_at / 1000, abs=0.002)
    assert len(decoded.entries) == (2 if product == "mimir" else 1)


def phases(cluster: Cluster, process: Process) -> set[tuple[str, bool | None]]:
    decoded = decode_metrics(get(cluster, process, "/metrics").body)
    return {(client.primary, client.mirror) for client in decoded.clients.values()}


@pytest.mark.parametrize("product", PRODUCTS)
def test_metrics_decode_to_the_phase_of_every_client(product: str) -> None:
    store = STORE[product]
    expected = {
        Phase.EXTERNAL: ("", None),
        Phase.MULTI: (store, False),
        Phase.MIRRORING: (store, True),
        Phase.SWITCHED: ("memberlist", True),
        Phase.DETACHED: ("memberlist", False),
        Phase.MEMBERLIST: ("", None),
    }
    for phase, said in expected.items():
        cluster = held(product, phase)
        for process in cluster.processes:
            assert phases(cluster, process) == {said}


@pytest.mark.parametrize("product", PRODUCTS)
def test_metrics_decode_to_the_models_clients_and_start(product: str) -> None:
    cluster = held(product)
    for process in cluster.processes:
        decoded = decode_metrics(get(cluster, process, "/metrics").body)
        assert decoded.product == Product(product)
        assert set(decoded.clients) == set(process.clients)
        assert decoded.start_time == pytest.approx(process.started, abs=0.01)
        assert (decoded.health_score, decoded.gossip_members) == (0, 6)
        for name, client in process.clients.items():
            assert decoded.clients[name].mirror_writes == client.mirror_writes
            assert decoded.clients[name].mirror_errors == client.mirror_errors


@pytest.mark.parametrize("product", ["cortex", "loki"])
def test_decoded_metrics_say_as_much_as_recorded_ones(product: str) -> None:
    cluster = held(product, size=3, after=240.0, released=False)
    ours = decode_metrics(get(cluster, cluster.processes[0], "/metrics").body)
    real = decode_metrics(answer(RECORDINGS[product], "/metrics").body)
    assert filled(ours) == filled(real)
    assert ours.product == real.product == Product(product)
    assert set(ours.clients) == set(real.clients)
    for name, client in ours.clients.items():
        assert {kind for kind in client.requests if kind[1] in ("CAS", "GET")} == set(
            real.clients[name].requests
        ) - {kind for kind in real.clients[name].requests if kind[1] not in ("CAS", "GET")}


@pytest.mark.parametrize("product", PRODUCTS)
def test_configurations_decode_to_label_addresses_and_rings(product: str) -> None:
    cluster = held(product)
    for process in cluster.processes:
        decoded = decode_config(get(cluster, process, "/config").body)
        assert (decoded.label, decoded.label_verification_disabled) == (f"demo.{product}", False)
        assert (decoded.node_name, decoded.bind_port) == (process.name, process.at.gossip)
        seeds = {f"127.0.0.1:{other.at.gossip}" for other in cluster.processes[:2]}
        own = f"127.0.0.1:{process.at.gossip}"
        assert set(decoded.join_members or ()) <= seeds, "the seeds are the first two"
        assert set(decoded.join_members or ()) - {own}, "nobody joins only itself"
        assert decoded.target == process.spec.role.component
        ring = decoded.rings["collectors/ring"]
        assert (ring.store, ring.heartbeat_timeout) == ("multi", 60.0)


@pytest.mark.parametrize("product", ["cortex", "loki"])
def test_decoded_configurations_say_as_much_as_recorded_ones(product: str) -> None:
    cluster = held(product, size=3)
    ours = decode_config(get(cluster, cluster.processes[0], "/config").body)
    real = decode_config(answer(RECORDINGS[product], "/config").body)
    said = filled(real)
    assert {name: told for name, told in filled(ours).items() if name not in ("label",)} == {
        name: told for name, told in said.items() if name not in ("label",)
    }


def test_build_information_decodes() -> None:
    mimir = held("mimir")
    decoded = decode_build(get(mimir, mimir.processes[0], "/api/v1/status/buildinfo").body)
    assert (decoded.product, decoded.version) == (Product.MIMIR, "2.17.1")


def test_log_lines_decode_to_rejections() -> None:
    cluster = held(faults=("foreign-label",))
    cluster.step(60)
    lines = [line(at, level, message, dict(more)).encode() for at, _, level, message, more in cluster.logs]
    found = [label for label in map(rejected_label, lines) if label is not None]
    assert set(found) == {"other", "demo.cortex"}
    assert len(found) == sum(b"discarding" in text for text in lines)
    assert len(found) == sum(b"discarding stream" in text for text in lines)


@pytest.mark.asyncio
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("hostile", [False, True])
async def test_the_offered_configuration_is_one_that_the_exporter_takes(product: str, hostile: bool) -> None:
    async with Demo(DemoSettings(product=product, manual=True, hostile=hostile)) as demo:
        load_text(yaml.safe_dump(demo.config()))


@pytest.mark.parametrize("product", PRODUCTS)
def test_hostile_pages_decode_to_the_models_names(product: str) -> None:
    cluster = held(product, size=13, hostile=True)
    process = cluster.processes[0]
    path = ring_path(process)
    for as_json in (True, False):
        decoded = decode_ring(get(cluster, process, path, as_json=as_json).body)
        assert decoded is not None
        assert len(decoded.members) == sum("ingester-lifecycler" in p.clients for p in cluster.processes)
    assert len(decode_metrics(get(cluster, process, "/metrics").body).clients) == len(process.clients)
    decoded_config = decode_config(get(cluster, process, "/config").body)
    assert decoded_config.label == cluster.settings.gossip_label
