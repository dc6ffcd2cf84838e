"""Configuration pages of the products."""

from __future__ import annotations

import pytest

from exporter.decode.config import decode_config
from exporter.errors import DecodeError
from exporter.model.pages import Product, RingConfig

MIMIR = b"""\
target: all
multitenancy_enabled: true
server:
    http_listen_port: 8080
    grpc_listen_port: 9095
    http_path_prefix: /mimir/
distributor:
    ha_tracker:
        enable_ha_tracker: true
        kvstore:
            store: consul
            prefix: prom/ha-tracker/
    ring:
        kvstore:
            store: multi
            prefix: collectors/
        heartbeat_period: 15s
        heartbeat_timeout: 1m0s
        instance_id: distributor-0
ingester:
    ring:
        kvstore:
            store: multi
            prefix: eu/collectors/
        heartbeat_period: 2m0s
        heartbeat_timeout: 10m0s
        replication_factor: 3
        zone_awareness_enabled: true
        instance_id: ingester-zone-a-0
        excluded_zones: zone-a,zone-default
    partition_ring:
        kvstore:
            store: memberlist
            prefix: collectors/
ruler:
    ring:
        kvstore: {store: consul, prefix: rulers/}
memberlist:
    node_name: ""
    cluster_label: prod-eu.mimir
    cluster_label_verification_disabled: true
    join_members:
        - dnssrv+gossip-ring:7946
        - mimir-1:7946
    rejoin_interval: 10m0s
    advertise_addr: ""
    advertise_port: 7947
    bind_addr: []
    bind_port: 7946
    tls_enabled: true
usage_tracker:
    instance_ring:
        kvstore:
            store: memberlist
            prefix: collectors/
"""

LOKI = b"""\
target: read,write
http_prefix: /loki
server: {http_path_prefix: ""}
ruler:
  ring:
    kvstore:
      store: memberlist
      prefix: rulers/
ingester:
  lifecycler:
    ring:
      kvstore:
        store: etcd
        prefix: collectors/
      heartbeat_timeout: 30s
      replication_factor: 1
    heartbeat_period: 5s
    heartbeat_timeout: 1m0s
    id: loki-1
  kafka_ingestion:
    partition_ring:
      kvstore:
        store: etcd
        prefix: collectors/
query_scheduler:
  scheduler_ring:
    kvstore:
      store: etcd
      prefix: collectors/
limits_config:
  per_tenant: {}
memberlist:
  join_members: "loki-1:7946, loki-2:7946"
"""

TEMPO = b"""\
target: live-store
ingester:
    lifecycler:
        ring:
            kvstore:
                store: memberlist
                prefix: collectors/
        heartbeat_period: 5s
    override_ring_key: traces
live_store:
    ring:
        kvstore:
            store: memberlist
            prefix: collectors/
    partition_ring:
        kvstore:
            store: memberlist
            prefix: collectors/
metrics_generator:
    ring:
        kvstore: {store: memberlist}
    override_ring_key: metrics-generator
memberlist:
    cluster_label: ""
    join_members: []
"""


def test_mimir() -> None:
    found = decode_config(MIMIR)
    assert (found.target, found.path_prefix, found.grpc_port) == ("all", "/mimir", 9095)
    assert (found.label, found.label_verification_disabled) == ("prod-eu.mimir", True)
    assert (found.bind_port, found.advertise_port, found.bind_addresses) == (7946, 7947, ())
    assert found.join_members == ("dnssrv+gossip-ring:7946", "mimir-1:7946")
    assert (found.rejoin_interval, found.gossip_tls, found.ha_tracker) == (600.0, True, True)
    assert found.instance_id == "ingester-zone-a-0"
    assert set(found.rings) == {
        "eu/collectors/ring",
        "collectors/ingester-partitions",
        "collectors/distributor",
        "prom/ha-tracker/",
        "rulers/ring",
        "collectors/usage-tracker-instances",
    }
    assert found.rings["eu/collectors/ring"] == RingConfig(
        "multi", "eu/collectors/", 600.0, 120.0, 3, True, "collectors/ring", instance_id="ingester-zone-a-0",
        excluded_zones=frozenset({"zone-a", "zone-default"}),
    )  # fmt: skip
    assert found.rings["collectors/distributor"] == RingConfig(
        "multi", "collectors/", 60.0, 15.0, default_key="collectors/distributor", instance_id="distributor-0"
    )


def test_loki() -> None:
    found = decode_config(LOKI)
    assert found.target == "read,write"
    assert found.path_prefix == ""  # http_prefix stands before the query API, not before the pages
    assert found.join_members == ("loki-1:7946", "loki-2:7946")
    assert found.instance_id == "loki-1"
    assert set(found.rings) == {
        "collectors/ring",
        "collectors/ingester-partitions-key",
        "collectors/scheduler",
        "rulers/rulers",
    }
    assert found.rings["collectors/ring"] == RingConfig(
        "etcd", "collectors/", 30.0, 5.0, 1, default_key="collectors/ring", instance_id="loki-1"
    )


MULTI = b"""\
ingester:
    lifecycler:
        ring:
            kvstore:
                store: multi
                prefix: collectors/
                consul: {host: "http://me:secret@consul:8500", acl_token: secret}
                etcd: {endpoints: [etcd-0:2379, etcd-1:2379], password: secret}
                multi: {primary: consul, secondary: memberlist, mirror_enabled: true}
        availability_zone: zone-b
        address: 10.0.0.7
        port: 9097
        id: ingester-7
        observe_period: 10s
        join_after: 30s
        unregister_on_shutdown: false
compactor:
    sharding_ring:
        kvstore: {store: etcd}
        instance_port: 0
        instance_addr: 10.0.0.8
        instance_availability_zone: zone-c
        wait_stability_min_duration: 0s
memberlist:
    tls_enabled: true
    tls_key_path: /secret
    tls_server_name: gossip
    tls_insecure_skip_verify: false
    compression_enabled: true
    left_ingesters_timeout: 5m0s
    abort_if_cluster_join_fails: true
ingest_storage:
    enabled: true
"""


def test_what_a_ring_is_told_of_its_stores_and_of_this_instance() -> None:
    found = decode_config(MULTI).rings
    assert found["collectors/ring"] == RingConfig(
        "multi",
        "collectors/",
        default_key="collectors/ring",
        primary="consul",
        secondary="memberlist",
        mirror_enabled=True,
        consul_host="http://consul:8500",
        etcd_endpoints=("etcd-0:2379", "etcd-1:2379"),
        instance_id="ingester-7",
        observe_period=10.0,
        join_after=30.0,
        unregister_on_shutdown=False,
    )
    assert found["collectors/compactor"] == RingConfig(
        "etcd",
        "collectors/",
        default_key="collectors/compactor",
    )
    assert "secret" not in repr(decode_config(MULTI))


def test_what_members_of_one_gossip_should_agree_on() -> None:
    found = decode_config(MULTI)
    assert (found.gossip_tls, found.abort_if_join_fails, found.ingest_storage) == (True, True, True)


@pytest.mark.parametrize(
    ("page", "supported"),
    [
        (b"target: all\n", None),
        (b"memberlist:\n  bind_port: 7946\n", False),
        (b'memberlist:\n  cluster_label: ""\n', True),
        (b"memberlist:\n  cluster_label_verification_disabled: false\n", True),
    ],
)
def test_a_release_without_labels_is_not_a_page_that_was_not_read(
    page: bytes, supported: bool | None
) -> None:
    assert decode_config(page).labels_supported is supported


ONE_PREFIX = b"""\
ingester: {ring: {kvstore: {store: multi, prefix: mimir/}, replication_factor: 3}}
ruler: {ring: {kvstore: {store: multi, prefix: mimir/}}}
compactor: {sharding_ring: {kvstore: {store: multi, prefix: mimir/}}}
"""


def test_two_rings_that_one_prefix_gives_the_same_key_are_both_named() -> None:
    found = decode_config(ONE_PREFIX, Product.MIMIR)
    assert {key: ring.default_keys for key, ring in found.rings.items()} == {
        "mimir/ring": ("collectors/ring", "rulers/ring"),
        "mimir/compactor": ("collectors/compactor",),
    }
    assert found.rings["mimir/ring"].replication_factor == 3
    assert found.by_default["rulers/ring"] == found.by_default["collectors/ring"] == ("mimir/ring",)


COMMON = b"""\
common:
  replication_factor: 2
  ring:
    kvstore: {store: etcd, prefix: loki/, etcd: {endpoints: [etcd:2379]}}
    heartbeat_period: 15s
    heartbeat_timeout: 1m0s
    zone_awareness_enabled: true
    instance_id: loki-0
schema_config:
  configs: []
distributor:
  ring: {heartbeat_timeout: 30s}
compactor:
  compactor_ring:
    kvstore: {store: consul}
index_gateway:
  ring:
    kvstore: {prefix: ""}
    replication_factor: 3
"""


def test_lokis_rings_inherit_what_they_do_not_name() -> None:
    found = decode_config(COMMON).rings
    assert {"loki/ring", "loki/distributor", "loki/compactor", "loki/rulers", "loki/scheduler"} <= set(found)
    ring, distributor, gateway = found["loki/ring"], found["loki/distributor"], found["index-gateway"]
    assert (ring.store, ring.default_key, ring.etcd_endpoints) == ("etcd", "collectors/ring", ("etcd:2379",))
    assert (ring.replication_factor, ring.zone_awareness, ring.heartbeat_period) == (2, True, 15.0)
    assert (distributor.heartbeat_timeout, distributor.zone_awareness) == (30.0, None)
    assert (distributor.replication_factor, distributor.instance_id) == (None, "loki-0")
    assert found["loki/compactor"].store == "consul"
    assert (gateway.store, gateway.replication_factor, gateway.zone_awareness) == ("etcd", 3, True)


def test_the_common_block_of_another_product_is_handed_on_to_no_ring() -> None:
    assert not decode_config(COMMON.replace(b"schema_config", b"server")).rings.keys() & {"loki/ring"}


def test_tempo_shows_the_request_before_the_page() -> None:
    found = decode_config(b"GET /status/config\n---\n" + TEMPO)
    assert found == decode_config(TEMPO)
    assert found.target == "live-store"


def test_tempo_chooses_the_names_of_its_keys() -> None:
    found = decode_config(TEMPO)
    assert set(found.rings) == {
        "collectors/traces",
        "collectors/live-store",
        "collectors/livestore-partitions",
        "collectors/metrics-generator",
    }
    assert found.label == ""
    assert found.join_members == ()


def test_what_the_page_does_not_say_is_none_and_not_empty() -> None:
    found = decode_config(b"target: all\nmemberlist:\n  bind_port: null\n")
    assert found.label is None
    assert found.join_members is None
    assert found.rejoin_interval is None
    assert found.bind_port is None
    assert found.ha_tracker is None
    assert not found.rings


def test_other_blocks_are_not_even_parsed() -> None:
    found = decode_config(b"limits: [[[ {{ * & !x\n  : :\n" + MIMIR + b"ruler_storage:\n  - <<: *nothing\n")
    assert found.label == "prod-eu.mimir"


def test_aliases_and_merges_are_nodes_and_nothing_more() -> None:
    bomb = b"memberlist:\n  a: &a [x, x, x, x]\n  b: &b [*a, *a, *a, *a]\n  c: &c [*b, *b, *b, *b]\n"
    bomb += b"  <<: [*c, *c, *c]\n  cluster_label: here\n"
    assert decode_config(bomb).label == "here"


REFUSED = {
    "nothing": (b"", "no top-level key of a product"),
    "HTML": (b"<html><body>target: all</body></html>", "no top-level key of a product"),
    "JSON": (b'{"target": "all"}', "no top-level key of a product"),
    "no YAML": (b"memberlist:\n  a: [1\n", "expected YAML"),
    "no UTF-8": (b"memberlist:\n  cluster_label: \xff\n", "expected YAML"),
    "an unknown alias": (b"memberlist: *x\n", "expected YAML"),
    "a port that is none": (
        b"memberlist:\n  bind_port: many\n",
        "memberlist.bind_port: 'many', expected an integer",
    ),
    "a duration that is none": (
        b"memberlist:\n  rejoin_interval: soon\n",
        "memberlist.rejoin_interval: 'soon'",
    ),
    "a flag that is none": (
        b"memberlist:\n  tls_enabled: 7\n",
        "memberlist.tls_enabled: '7', expected true or false",
    ),
    "a list for a label": (
        b"memberlist:\n  cluster_label: [a]\n",
        "memberlist.cluster_label: expected a single value",
    ),
    "a long label": (b"memberlist:\n  cluster_label: %s\n" % (b"a" * 513), "at most 512"),
    "many seeds": (b"memberlist:\n  join_members:\n" + b"    - a\n" * 1001, "1001 entries"),
    "deep brackets": (b"memberlist: " + b"[" * 100_000, "nested too deeply"),
    "deep dashes": (b"memberlist:\n  " + b"- " * 10_000, "nested too deeply"),
    "deep question marks": (b"memberlist:\n  " + b"? " * 10_000, "nested too deeply"),
    "megabytes": (b"memberlist:\n" + b"  a: b\n" * 400_000, "bytes to parse"),
    "more megabytes": (b"limits:\n" + b"  a: b\n" * 1_300_000, "bytes, expected at most"),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_configuration_is_refused_by_the_path_to_the_key(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=r"^config: ") as caught:
        decode_config(body)
    assert message in str(caught.value)


def test_deep_indentation_within_the_bounds_is_read() -> None:
    deep = b"".join(b" " * (depth + 1) + b"a:\n" for depth in range(1000))
    assert decode_config(b"memberlist:\n" + deep + b"target: all\n").target == "all"
