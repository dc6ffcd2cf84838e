"""Real clusters, replayed: what /metrics and the gate say of each phase and fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.expose.wording import checks as wording
from exporter.model import culprits
from exporter.model.gate import Verdict
from exporter.model.pages import Phase
from tests.conftest import Replay
from tests.derive.build import migration_of, step_of, verdicts
from tests.recorded import Seen, look

Start = Callable[..., Replay]
KEYS = ("collectors/compactor", "collectors/ring", "collectors/store-gateway", "ha-tracker/", "rulers/ring")

PHASES = [
    ("cortex/0-consul-only", "external", True, {"external"}),
    ("cortex/1-multi-mirror-off", "multi", True, {"multi"}),
    ("cortex/1b-rolling-out-multi", "external", False, {"external", "mirroring"}),
    ("cortex/2b-mirroring", "multi", False, {"multi", "mirroring"}),
    ("cortex/2c-mirroring-all-rings", "mirroring", True, {"mirroring"}),
    ("cortex/3a-switching-primary", "mirroring", False, {"mirroring", "switched"}),
    ("cortex/5-memberlist-only", "memberlist", True, {"memberlist"}),
    ("cortex/f3-foreign-label", "mirroring", True, {"mirroring"}),
    ("loki/1-multi-mirror-off", "multi", True, {"multi"}),
    ("loki/2-mirroring", "mirroring", True, {"mirroring"}),
]


@pytest.mark.parametrize(("recording", "phase", "uniform", "present"), PHASES, ids=[row[0] for row in PHASES])
def test_every_client_is_counted_in_its_phase(
    replay: Start, recording: str, phase: str, uniform: bool, present: set[str]
) -> None:
    seen = look(replay(recording))
    told = seen.values("phase", "phase", migration="rings")
    assert [name for name, value in told.items() if value] == [phase]
    assert seen.value("phase_uniform", migration="rings") == float(uniform)
    counted = {where for where in told if _clients_in(seen, where)}
    assert counted == present
    assert set(seen.values("target_up", "target").values()) == {1.0}


# Not where half of the processes have another primary: they watch different rings.
AT_REST = [row[0] for row in PHASES if "/f" not in row[0] and "switching" not in row[0]]
AT_REST += ["mimir/0-consul", "mimir/1-multi", "mimir/2-mirroring"]


@pytest.mark.parametrize("recording", AT_REST)
def test_by_their_metrics_all_processes_of_a_healthy_cluster_see_the_same_rings(
    replay: Start, recording: str
) -> None:
    seen = look(replay(recording))
    shown = seen.values("ring_views", "key", view="metrics")
    assert len(shown) >= 3
    assert set(shown.values()) == {1.0}
    assert set(seen.values("ring_view_missing_members", "key", "target", view="metrics").values()) == {0.0}
    stale = seen.values("ring_view_staleness_seconds", "key", "target", view="metrics")
    assert max(stale.values()) <= 15


def _clients_in(seen: Seen, phase: str) -> float:
    return sum(seen.values("kv_clients", "kv_name", phase=phase).values())


def test_every_recorded_page_is_read_or_absent(replay: Start) -> None:
    seen = look(replay("cortex/2c-mirroring-all-rings"))
    assert set(seen.values("page_up", "target", "page").values()) == {1.0}
    assert len({pair.split()[0] for pair in seen.values("page_up", "target", "page")}) == 3


def test_bare_multikv_metrics_of_loki_are_found_beside_its_own(replay: Start) -> None:
    seen = look(replay("loki/2-mirroring"))
    names = {pair.split()[1] for pair in seen.values("mirror_enabled", "target", "kv_name")}
    assert {"distributor-lifecycler", "ingester-lifecycler", "compactor"} <= names


def test_a_killed_process_is_unhealthy_in_each_ring_and_down(replay: Start) -> None:
    seen = look(replay("cortex/f1b-killed-90s"))
    assert sorted(seen.values("target_up", "target").values()) == [0.0, 1.0, 1.0]
    unhealthy = seen.values("ring_members", "key", state="unhealthy")
    assert {key: unhealthy[key] for key in KEYS if key != "ha-tracker/"} == dict.fromkeys(
        (key for key in KEYS if key != "ha-tracker/"), 1.0
    )


@pytest.mark.parametrize("recording", ["cortex/f1a-killed-30s", "cortex/f1b-killed-90s"])
def test_a_process_that_does_not_answer_keeps_no_series_but_target_up(replay: Start, recording: str) -> None:
    seen = look(replay(recording))
    (down,) = (target.name for target in seen.snapshot.targets if not target.up)
    kept = {
        name
        for name, series in seen.samples.items()
        if any(dict(labels).get("target") == down for labels in series)
    }
    assert kept == {"kvmigration_target_up"}


def test_a_process_killed_half_a_minute_ago_is_not_yet_unhealthy(replay: Start) -> None:
    seen = look(replay("cortex/f1a-killed-30s"))
    assert set(seen.values("ring_members", "key", "member_zone", "group", state="unhealthy").values()) == {
        0.0
    }


MISSING = [
    (
        "cortex/2b-mirroring",
        {"collectors/compactor", "collectors/store-gateway", "rulers/ring"},
    ),
    ("cortex/2c-mirroring-all-rings", set()),
    ("cortex/f3-foreign-label", {"ha-tracker/"}),
]


@pytest.mark.parametrize("store", [True, False], ids=["store", "pages"])
@pytest.mark.parametrize(("recording", "missing"), MISSING, ids=[row[0] for row in MISSING])
def test_keys_missing_in_the_secondary_are_named(
    replay: Start, recording: str, missing: set[str], store: bool
) -> None:
    found = look(replay(recording), store=store).values("secondary_key_missing", "key")
    mirrored = [key for key in KEYS if key != "ha-tracker/" or recording != "cortex/2b-mirroring"]
    assert found == {key: float(key in missing) for key in mirrored}, "no client of its migration mirrors"


LAGS = [
    ("cortex/2b-mirroring", {"collectors/ring": 5.0}),
    ("cortex/2c-mirroring-all-rings", dict.fromkeys(KEYS, 0.0)),
    ("cortex/f3-foreign-label", {"collectors/store-gateway": 15.0}),
    ("loki/2-mirroring", {"collectors/ring": 0.0}),
]


@pytest.mark.parametrize(("recording", "lags"), LAGS, ids=[row[0] for row in LAGS])
def test_lag_is_that_of_the_member_furthest_behind(
    replay: Start, recording: str, lags: dict[str, float]
) -> None:
    found = look(replay(recording)).values("secondary_lag_seconds", "key")
    assert {key: found[key] for key in lags} == lags


def test_a_converged_copy_shows_no_difference_and_one_view(replay: Start) -> None:
    seen = look(replay("cortex/2c-mirroring-all-rings"))
    for metric in ("missing_members", "extra_members"):
        assert set(seen.values(f"secondary_{metric}", "key").values()) == {0.0}
    assert set(seen.values("secondary_mismatched_members", "key", "field").values()) == {0.0}
    assert set(seen.values("ring_views", "key", "view").values()) == {1.0}
    assert set(seen.values("ring_token_conflicts", "key").values()) == {0.0}


NAMED = [
    ({"path": "/ring", "heartbeat_timeout": "2s"}, "ingester", 2.0),
    ({"path": "/ring", "key": "collectors/ring", "ring": "mine"}, "mine", 60.0),
]


@pytest.mark.parametrize(("spec", "name", "timeout"), NAMED, ids=["without a key", "named"])
def test_a_configured_ring_has_its_configured_name_and_timeout_and_its_quorum(
    replay: Start, spec: dict[str, str], name: str, timeout: float
) -> None:
    seen = look(replay("cortex/2c-mirroring-all-rings"), rings=[spec])
    facts = seen.key("collectors/ring")
    assert (facts.name, facts.heartbeat_timeout) == (name, timeout)
    for metric in ("ring_quorum_margin", "secondary_lag_seconds", "key_phase"):
        assert seen.values(metric, "ring", key="collectors/ring").keys() == {name}
    margin = seen.check("enable-mirroring", "quorum-margin")
    assert culprits.LookedKind.NO_QUORUM not in {one.kind for one in margin.evidence}


def test_a_primary_switched_on_one_process_is_never_called_equal(replay: Start) -> None:
    seen = look(replay("cortex/3a-switching-primary"))
    assert seen.value("ring_views", key="collectors/ring", view="ring") == 2
    assert seen.value("ring_views", key="collectors/ring", view="gossip") == 2
    assert seen.value("secondary_missing_members", key="collectors/ring") == 1
    assert seen.value("gossip_clusters") == 2
    assert not [step.name for step in seen.snapshot.steps if step.open]
    assert seen.snapshot.fleet.warnings[0].startswith("Primaries are mixed")
    assert seen.snapshot.fleet.warnings[1].startswith("Gossip is split into 2 clusters")


def test_keys_of_loki_are_on_both_sides(replay: Start) -> None:
    seen = look(replay("loki/2-mirroring"))
    assert seen.value("store_keys", store="etcd") == 4
    assert seen.values("secondary_key_missing", "ring") == dict.fromkeys(
        ("compactor", "distributor", "ingester", "scheduler"), 0.0
    )


def test_a_foreign_label_splits_the_gossip_without_strangers(replay: Start) -> None:
    seen = look(replay("cortex/f3-foreign-label"))
    assert seen.value("gossip_clusters") == 2
    assert seen.value("gossip_unknown_members") == 0
    assert seen.value("gossip_absent_members") == 1
    assert seen.values("gossip_label_targets", "label") == {"": 2.0, "other": 1.0}


GATES = [
    ("cortex/2b-mirroring", "switch-primary", False),
    ("cortex/2c-mirroring-all-rings", "switch-primary", True),
    ("cortex/f3-foreign-label", "switch-primary", False),
    ("cortex/f1b-killed-90s", "switch-primary", False),
    ("loki/1-multi-mirror-off", "enable-mirroring", True),
    ("loki/2-mirroring", "switch-primary", True),
]


@pytest.mark.parametrize(("recording", "step", "is_open"), GATES, ids=[f"{r[0]} {r[1]}" for r in GATES])
def test_the_gate_is_open_only_where_it_is_safe(
    replay: Start, recording: str, step: str, is_open: bool
) -> None:
    seen = look(replay(recording))
    assert seen.step(step).open is is_open
    assert seen.value("gate_open", migration="rings", step=step) == float(is_open)


def test_a_partial_mirror_names_its_clients_and_keys(replay: Start) -> None:
    seen = look(replay("cortex/2b-mirroring"))
    clients = " ".join(wording.culprits(seen.check("switch-primary", "clients-mirroring")))
    for name in ("compactor-lifecycler", "ruler", "store-gateway"):
        assert f"{name} on 3 of 3 processes" in clients
    mirror_writes = wording.culprits(seen.check("switch-primary", "mirror-writes"))
    assert "ruler on 3 of 3 processes does not mirror" in mirror_writes
    keys = " ".join(wording.culprits(seen.check("switch-primary", "keys-copied")))
    for key in ("collectors/compactor", "collectors/store-gateway", "rulers/ring"):
        assert key in keys
    assert "ruler on 3 of 3 processes still has mirroring off." in seen.snapshot.fleet.warnings
    tracker = migration_of(seen.snapshot, "ha-tracker")
    assert (tracker.phase, tracker.next_step) == (Phase.MULTI, "enable-mirroring")


MIMIR = [
    ("mimir/0-consul", Phase.EXTERNAL, "preflight"),
    ("mimir/1-multi", Phase.MULTI, "enable-mirroring"),
    ("mimir/2-mirroring", Phase.MIRRORING, "switch-primary"),
]


@pytest.mark.parametrize(("recording", "phase", "step"), MIMIR, ids=[row[0] for row in MIMIR])
def test_the_rings_of_a_mimir_go_on_while_its_ha_tracker_stays_on_the_store(
    replay: Start, recording: str, phase: Phase, step: str
) -> None:
    """Its build tells no version number, which leaves the tracker's preflight unknown and not the rings'."""
    seen = look(replay(recording))
    rings, tracker = (migration_of(seen.snapshot, name) for name in ("rings", "ha-tracker"))
    assert (rings.phase, rings.uniform, rings.next_step) == (phase, True, step)
    assert (tracker.phase, tracker.begun) == (Phase.EXTERNAL, False)
    assert "version-supports" not in verdicts(seen.snapshot, "preflight", "rings")
    assert verdicts(seen.snapshot, "preflight", "ha-tracker")["version-supports"] == "unknown"
    if step == "switch-primary":
        assert step_of(seen.snapshot, step).open
    assert seen.snapshot.fleet.warnings == ()


def test_a_store_that_does_not_answer_is_not_an_empty_store(
    replay: Start, free_port: Callable[[], int]
) -> None:
    started = replay("cortex/2c-mirroring-all-rings")
    url = f"http://127.0.0.1:{free_port()}"
    seen = look(started, store=False, stores={"consul": {"url": url}})
    assert seen.value("store_up", store="consul") == 0
    assert not seen.values("store_keys", "store")
    assert seen.check("decommission-store", "store-read").verdict is Verdict.UNKNOWN
    assert set(seen.values("secondary_key_missing", "key").values()) == {0.0}


def test_ownership_is_what_the_ring_page_of_the_recording_says(replay: Start) -> None:
    seen = look(replay("cortex/2c-mirroring-all-rings"))
    owned = {
        member.id: round((member.ownership or 0) * 100, 4) for member in seen.key("collectors/ring").members
    }
    assert owned == {"cortex-1": 32.4065, "cortex-2": 38.8557, "cortex-3": 28.7379}


def test_the_loki_that_joined_a_mimir_is_foreign_in_each_ring_it_is_in(replay: Start) -> None:
    seen = look(replay("mimir/f4-merged"))
    found = seen.values("ring_foreign_members", "key")
    merged = {"collectors/ring", "collectors/distributor", "collectors/compactor"}
    assert {key for key, count in found.items() if count} == merged
    assert {found[key] for key in merged} == {3.0}
    assert seen.value("gossip_foreign_members") == 3
    assert seen.snapshot.fleet.headline.startswith("3 rings have foreign members: collectors/ring 3 (loki-1,")
    assert seen.check("preflight", "no-foreign-members").verdict is Verdict.FAILED
    assert set(seen.values("ring_writers_missing", "key").values()) == {0.0}


@pytest.mark.parametrize("recording", ["mimir/0-consul", "mimir/1-multi", "mimir/2-mirroring"])
def test_each_writer_of_a_healthy_mimir_is_a_member_and_none_is_foreign(
    replay: Start, recording: str
) -> None:
    seen = look(replay(recording))
    for metric in ("foreign_members", "writers_missing", "duplicate_addresses"):
        assert set(seen.values(f"ring_{metric}", "key").values()) == {0.0}
