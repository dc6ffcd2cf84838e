"""What real processes answered: every page decodes or is a notice, and pages of one thing agree."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.decode.build import decode_build
from exporter.decode.config import decode_config
from exporter.decode.memberlist import decode_memberlist
from exporter.decode.metrics import decode_metrics
from exporter.decode.ring_page import decode_ring
from exporter.decode.tracker import decode_tracker
from exporter.decode.value import decode_value
from exporter.model.entry import State
from exporter.model.pages import MemberlistPage, Product, Ring, TrackerPage
from exporter.products.ring_pages import RING_PAGES
from tests.decode.recorded import Recorded, answers

RINGS = {page.path for page in RING_PAGES if not page.partitions}
INGESTERS = {"/ring", "/ingester/ring"}
AFTER_THE_SWITCH = {"cortex/3a-switching-primary", "cortex/5-memberlist-only", "mimir/f4-merged"}
DECODERS: dict[str, Callable[[bytes], object]] = {
    "/distributor/ha_tracker": decode_tracker,
    "/metrics": decode_metrics,
    "/loki/api/v1/status/buildinfo": decode_build,
} | dict.fromkeys(RINGS, decode_ring)


def decoded(answer: Recorded) -> object:
    if answer.page == "/memberlist":
        if key := answer.query("downloadKey"):
            return decode_value(key, answer.body)
        return decode_memberlist(answer.body)
    if answer.path == "/config":
        return decode_config(answer.body)
    return DECODERS[answer.page](answer.body)


def known(shared: Path) -> list[Recorded]:
    pages = {"/memberlist", *DECODERS}
    found = (answer for answer in answers(shared) if answer.page in pages or answer.path == "/config")
    return [answer for answer in found if not answer.query("viewKey")]


def test_every_page_decodes_or_is_a_notice(shared: Path) -> None:
    kinds: Counter[str] = Counter()
    for answer in known(shared):
        value = decoded(answer)
        kinds[f"{answer.page} {type(value).__name__}"] += 1
        if value is None:
            assert b"<table" not in answer.body, answer.where
            assert answer.body[:1] != b"{", answer.where
    assert kinds["/ring Ring"] > 50
    assert kinds["/ruler/ring NoneType"] >= 12  # Loki's ruler runs with shards disabled
    assert kinds["/memberlist NoneType"] >= 6  # Cortex before memberlist
    assert kinds["/memberlist Ring"] > 150
    assert kinds["/metrics ProcessMetrics"] >= 30


def pairs(shared: Path, page: str) -> list[tuple[Recorded, Recorded]]:
    """JSON and HTML of the same page of the same process in the same recording."""
    by_page: dict[tuple[str, str, str], dict[str, Recorded]] = defaultdict(dict)
    for answer in answers(shared):
        if answer.path == page and answer.accept:
            by_page[answer.recording, answer.target, answer.path][answer.accept] = answer
    return [(both["application/json"], both["text/html"]) for both in by_page.values() if len(both) == 2]


@pytest.mark.parametrize("page", sorted(RINGS))
def test_json_and_html_of_a_ring_agree(shared: Path, page: str) -> None:
    for as_json, as_html in pairs(shared, page):
        one, other = decode_ring(as_json.body), decode_ring(as_html.body)
        assert (one is None) == (other is None), as_json.where
        if one is None or other is None:
            continue
        assert one.now is not None
        assert other.now is not None
        assert abs(one.now - other.now) < 1, as_json.where
        assert list(one.members) == list(other.members), as_json.where
        for member in one.members.values():
            twin = other.members[member.id]
            assert member.time is not None
            assert twin.time is not None
            assert abs(member.time - twin.time) <= 15, as_json.where  # a beat came between
            assert twin == replace(member, time=twin.time, tokens=replace(member.tokens, digest=None)), (
                as_json.where
            )


def test_most_heartbeats_of_html_ages_are_exactly_those_of_the_json(shared: Path) -> None:
    """`5s ago (15:04:05)` is told in whole seconds of age, the heartbeat comes out exact."""
    same = total = 0
    for page in sorted(RINGS):
        for as_json, as_html in pairs(shared, page):
            if "loki" not in as_json.recording or not (one := decode_ring(as_json.body)):
                continue
            other = decode_ring(as_html.body)
            assert other is not None
            same += sum(m.time == other.members[m.id].time for m in one.members.values())
            total += len(one.members)
    assert total > 50
    assert same >= total - 2


def test_json_and_html_of_a_memberlist_agree_but_for_the_health_score(shared: Path) -> None:
    found = 0
    for as_json, as_html in pairs(shared, "/memberlist"):
        one, other = decode_memberlist(as_json.body), decode_memberlist(as_html.body)
        if one is None or other is None:
            assert one is other
            continue
        found += 1
        assert one.members == other.members
        assert one.keys.keys() == other.keys.keys()
        assert (one.health_score, other.health_score) == (None, 0)
        if "loki" in as_json.recording:  # a version may move between the two
            assert [(k.codec, k.deleted) for k in one.keys.values()] == [
                (k.codec, k.deleted) for k in other.keys.values()
            ]
    assert found >= 20


def test_json_and_html_of_the_ha_tracker_agree(shared: Path) -> None:
    found = 0
    for as_json, as_html in pairs(shared, "/distributor/ha_tracker"):
        one, other = decode_tracker(as_json.body), decode_tracker(as_html.body)
        assert isinstance(one, TrackerPage)
        assert isinstance(other, TrackerPage)
        assert one.entries == other.entries
        found += len(one.entries)
    assert found >= 20


def test_a_download_holds_the_members_and_tokens_that_the_process_shows(shared: Path) -> None:
    """The product's own JSON of a key beside our reading of its bytes."""
    views = {
        (answer.recording, answer.target, answer.query("viewKey")): json.loads(answer.body)
        for answer in answers(shared)
        if answer.query("viewKey") and answer.body[:1] == b"{"
    }
    compared = 0
    for answer in answers(shared):
        key = answer.query("downloadKey")
        shown = views.get((answer.recording, answer.target, key), {}).get("ingesters") if key else None
        if not shown:
            continue
        stored = decode_value(key, answer.body)
        assert isinstance(stored, Ring)
        assert stored.members.keys() == shown.keys(), answer.where
        for name, member in stored.members.items():
            tokens = sorted(shown[name].get("tokens") or ())
            packed = b"".join(token.to_bytes(4, "little") for token in tokens)
            assert (member.address, member.zone) == (shown[name]["addr"], shown[name].get("zone", ""))
            assert member.tokens.packed == packed, answer.where
        compared += 1
    assert compared > 80


def test_the_stores_content_decodes_to_the_digests_of_the_ring_pages(shared: Path) -> None:
    compared = 0
    for answer in answers(shared):
        if answer.path != "/v1/kv/?recurse" or answer.recording in AFTER_THE_SWITCH:
            continue
        for entry in json.loads(answer.body):
            value = decode_value(entry["Key"], base64.b64decode(entry["Value"]))
            if entry["Key"] == "collectors/ring" and isinstance(value, Ring):
                pages = (page for page in answers(shared) if page.recording == answer.recording)
                page = next(p for p in pages if p.path in INGESTERS and p.accept == "application/json")
                ring = decode_ring(page.body)
                assert ring is not None
                assert {m.id: m.tokens for m in ring.members.values()} == {
                    m.id: m.tokens for m in value.members.values()
                }
                compared += 1
    assert compared >= 8


def test_a_member_killed_90_seconds_ago_is_unhealthy_on_every_ring_page(shared: Path) -> None:
    rings = [
        ring
        for answer in answers(shared)
        if answer.recording == "cortex/f1b-killed-90s" and answer.page in RINGS
        if (ring := decode_ring(answer.body))
    ]
    assert len(rings) >= 12
    for ring in rings:
        assert ring.members["cortex-3"].state is State.UNHEALTHY
        assert all(m.state is State.ACTIVE for m in ring.members.values() if m.id != "cortex-3")


def test_lokis_bare_multikv_metrics_are_found_beside_the_prefixed(shared: Path) -> None:
    for answer in answers(shared):
        if answer.recording == "loki/2-mirroring" and answer.path == "/metrics":
            clients = decode_metrics(answer.body).clients
            assert set(clients) == {
                "compactor",
                "distributor-lifecycler",
                "distributor-ring",
                "ingester-lifecycler",
                "ingester-ring",
                "scheduler-ring-manager",
            }
            assert {client.primary for client in clients.values()} == {"etcd"}
            assert all(client.mirror is True for client in clients.values())


def test_the_runtime_switch_reached_two_clients_of_eight(shared: Path) -> None:
    """The trap of the published guides: `cortex/2b-mirroring`."""
    for answer in answers(shared):
        if answer.recording == "cortex/2b-mirroring" and answer.path == "/metrics":
            metrics = decode_metrics(answer.body)
            mirrored = {name for name, client in metrics.clients.items() if client.mirror}
            assert mirrored == {"ingester-lifecycler", "ingester-ring"}
            assert metrics.product is Product.CORTEX
            assert metrics.gossip_members == 3
            assert metrics.health_score == 0
            assert metrics.start_time is not None


def test_clients_without_multi_kv_show_their_store_in_their_requests(shared: Path) -> None:
    stores = {"cortex/0-consul-only": "consul", "cortex/5-memberlist-only": "memberlist"}
    for answer in answers(shared):
        if answer.recording in stores and answer.path == "/metrics":
            for client in decode_metrics(answer.body).clients.values():
                assert (client.primary, client.mirror, client.stores) == ("", None, ())
                assert {kind for kind, _ in client.requests} == {stores[answer.recording]}


def test_the_foreign_label_is_in_the_configuration_of_the_third_alone(shared: Path) -> None:
    labels = {
        answer.target[-1]: decode_config(answer.body).label
        for answer in answers(shared)
        if answer.recording == "cortex/f3-foreign-label" and answer.path == "/config"
    }
    assert labels == {"1": "", "2": "", "3": "other"}


def test_the_gossip_of_the_foreign_label_is_split(shared: Path) -> None:
    sizes = {}
    for answer in answers(shared):
        if answer.recording == "cortex/f3-foreign-label" and answer.path == "/memberlist":
            page = decode_memberlist(answer.body)
            assert isinstance(page, MemberlistPage)
            sizes[answer.target[-1]] = len(page.members)
    assert sizes == {"1": 2, "2": 2, "3": 1}
