"""A snapshot's exposition: golden text, the tools' own parsers, and what must not have a series."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import exposition, parser
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from prometheus_client.registry import Collector

from exporter.expose import catalogue as c
from exporter.expose.clean_label_values import MAX_LENGTH, clean
from exporter.expose.collector import gather
from exporter.expose.metric import Metric
from exporter.expose.series import rows_of
from exporter.model.facts import Snapshot
from exporter.model.findings import Finding, FindingKind
from exporter.model.pages import Outcome, Phase
from exporter.model.views import NOT_READ, ViewFacts
from tests.expose import snapshots
from tests.registry import registry_of

GOLDEN = Path(__file__).parent / "golden" / "rich.prom"
MANY = 1_000_000
openmetrics: Callable[[Collector], bytes] = exposition.generate_latest
parse_openmetrics: Callable[[str], Iterable[Family]] = parser.text_string_to_metric_families


def plain(snapshot: Snapshot, max_series: int = MANY) -> str:
    return generate_latest(registry_of(snapshot, max_series)).decode()


def series(snapshot: Snapshot, metric: Metric) -> dict[tuple[str, ...], float]:
    return gather(rows_of(snapshot), MANY).families[metric]


def test_the_whole_exposition_is_as_reviewed() -> None:
    """`UPDATE_GOLDEN=1 pytest tests/expose` rewrites the file; the diff is the review."""
    text = plain(snapshots.rich())
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_the_rich_snapshot_shows_every_metric_of_the_catalogue_but_the_exporters_own() -> None:
    shown = {sample.name for family in parse_plain(plain(snapshots.rich())) for sample in family.samples}
    own = {
        c.CONFIG_LAST_RELOAD_SUCCESSFUL,
        c.CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS,
        c.BUILD_INFO,
    }
    assert shown == {metric.name for metric in c.ALL if metric not in own}


@pytest.mark.parametrize("make", [snapshots.rich, snapshots.unknown, snapshots.hostile])
def test_promtool_has_nothing_to_say(make: object) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    assert callable(make)
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=plain(make()).encode(), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.parametrize("make", [snapshots.rich, snapshots.unknown, snapshots.hostile])
def test_openmetrics_round_trips_and_says_the_same_as_plain_text(make: object) -> None:
    assert callable(make)
    snapshot = make()
    text = openmetrics(registry_of(snapshot, MANY)).decode()
    assert text.endswith("# EOF\n")
    parsed = list(parse_openmetrics(text))
    collected = list(registry_of(snapshot, MANY).collect())
    assert [family.name for family in parsed] == [family.name for family in collected]
    assert _samples(parsed) == _samples(list(parse_plain(plain(snapshot))))
    assert all(family.unit == "seconds" for family in parsed if family.name.endswith("_seconds"))


def _samples(families: list[Family]) -> dict[object, str]:
    found: dict[object, str] = {}
    for family in families:
        for sample in family.samples:
            where = (sample.name, tuple(sorted(sample.labels.items())))
            assert where not in found, "a label set stands twice"
            found[where] = repr(sample.value)
    return found


def test_a_silent_target_keeps_up_0_only() -> None:
    lines = [line for line in plain(snapshots.rich()).splitlines() if 'target="mimir-write-2"' in line]
    assert lines == ['kvmigration_target_up{component="ingester",target="mimir-write-2"} 0.0']


def test_nothing_known_says_nothing_good() -> None:
    names = {
        line.split("{")[0].split(" ")[0] for line in plain(snapshots.unknown()).splitlines() if line[0] != "#"
    }
    assert names == {
        c.PHASE.name,
        c.TARGET_UP.name,
        c.STORE_UP.name,
        c.SNAPSHOT_TIMESTAMP_SECONDS.name,
        c.CYCLE_DURATION_SECONDS.name,
        c.SERIES_DROPPED.name,
    }
    assert series(snapshots.unknown(), c.PHASE)["rings", "unknown"] == 1
    assert series(snapshots.unknown(), c.STORE_UP) == {("consul",): 0}


@pytest.mark.parametrize(("remains", "count"), [((), 1), (("collectors/usagestats_token2",), 0)])
def test_unknown_keys_count_while_a_process_writes_them(remains: tuple[str, ...], count: int) -> None:
    rich = snapshots.rich()
    assert rich.gossip is not None
    told = replace(rich, gossip=replace(rich.gossip, remains=remains))
    assert series(told, c.GOSSIP_UNKNOWN_KEYS) == {(): count}


@pytest.mark.parametrize("is_used", [False, True])
def test_a_ring_of_another_product_in_our_gossip_is_none_of_ours_to_judge(*, is_used: bool) -> None:
    rich = snapshots.rich()
    assert rich.gossip is not None
    ring = next(key for key in rich.keys if key.kind == "ring" and key.source)
    views = ring.views if is_used else tuple(view for view in ring.views if view.kind != "ring")
    told = replace(
        rich,
        keys=(replace(ring, views=views),),
        gossip=replace(rich.gossip, foreign_keys=(ring.key,)),
    )
    assert bool(series(told, c.RING_MEMBERS)) is is_used
    assert series(rich, c.RING_MEMBERS)


@pytest.mark.parametrize("kind", [FindingKind.MIRRORING_PARTIAL, FindingKind.WITHOUT_MULTI, FindingKind.LAG])
def test_clients_that_mirroring_left_out_are_counted_by_name_and_the_others_are_0(kind: FindingKind) -> None:
    rich = snapshots.rich()
    found = Finding(kind, "compactor-lifecycler", count=2, of=3)
    rings, *others = rich.migrations
    told = replace(rich, migrations=(replace(rings, findings=(found,)), *others))
    left = 0.0 if kind is FindingKind.LAG else 2.0
    counts = {("rings", "compactor-lifecycler"): left, ("rings", "ingester-lifecycler"): 0.0}
    assert series(told, c.UNREACHED_CLIENTS) == counts


def test_an_absent_page_has_no_series_and_a_failed_one_is_0() -> None:
    pages = series(snapshots.rich(), c.PAGE_UP)
    assert pages["mimir-write-0", "/config"] == 0
    assert ("mimir-write-0", "/compactor/ring") not in pages


def test_an_answering_target_without_a_known_phase_says_minus_1() -> None:
    lost = replace(snapshots.target("a"), phase=Phase.UNKNOWN, clients=())
    assert series(replace(snapshots.rich(), targets=(lost,)), c.TARGET_PHASE) == {("a", "rings"): -1}


def test_without_its_member_list_a_process_has_the_count_of_its_metrics() -> None:
    hidden = replace(snapshots.target("a"), gossip=None, gossip_members=6.0)
    for target, found in (
        (hidden, {("a", "alive"): 6.0}),
        (replace(hidden, gossip_members=None), {}),  # it has no memberlist
    ):
        assert series(replace(snapshots.rich(), targets=(target,)), c.GOSSIP_MEMBERS) == found


def test_a_check_without_evidence_is_nan_and_its_gate_0() -> None:
    assert math.isnan(series(snapshots.rich(), c.GATE_CHECK)["rings", "switch-primary", "views-agree"])
    assert series(snapshots.rich(), c.GATE_OPEN)["store", "decommission-store"] == 0


def test_a_gate_that_is_withheld_is_closed_and_its_checks_are_nan() -> None:
    withheld = snapshots.rich().withheld("Unknown: reloaded.")
    assert set(series(withheld, c.GATE_OPEN).values()) == {0}
    assert all(map(math.isnan, series(withheld, c.GATE_CHECK).values()))


def test_a_ring_nobody_read_is_not_an_empty_ring() -> None:
    unread = replace(snapshots.ring_key(), source=NOT_READ, views=(), distinct={}, secondary=None)
    empty = replace(snapshots.ring_key(), members=(), lost=0)
    assert not series(replace(snapshots.rich(), keys=(unread,)), c.RING_MEMBERS)
    members = series(replace(snapshots.rich(), keys=(empty,)), c.RING_MEMBERS)
    assert set(members.values()) == {0.0}
    assert len(members) == 6


def test_a_secondary_of_which_no_view_was_read_reports_that_and_nothing_else() -> None:
    for metric in (c.SECONDARY_KEY_MISSING, c.SECONDARY_MISSING_MEMBERS, c.SECONDARY_MISMATCHED_MEMBERS):
        assert {labels[0] for labels in series(snapshots.rich(), metric)} == {snapshots.RING}
    assert series(snapshots.rich(), c.SECONDARY_UNREAD_VIEWS)[snapshots.HA, "ha-tracker"] == 1


UNREAD = [
    (Phase.MIRRORING, Outcome.OK, (False, False), 2.0),
    (Phase.MIRRORING, Outcome.OK, (True, True), None),  # it is the primary that was not read
    (Phase.SWITCHED, Outcome.FAILED, (True, True), 1.0),
    (Phase.SWITCHED, Outcome.OK, (True, True), None),
    (Phase.MULTI, Outcome.OK, (False, False), None),  # nothing is copied yet
    (Phase.MEMBERLIST, Outcome.OK, (False, False), None),
]


@pytest.mark.parametrize(("phase", "store", "known", "unread"), UNREAD)
def test_a_secondary_of_which_nothing_could_be_compared_counts_what_was_not_read(
    phase: Phase, store: Outcome, known: tuple[bool, ...], unread: float | None
) -> None:
    views = tuple(ViewFacts("gossip", f"p-{n}", known=one) for n, one in enumerate(known))
    key = replace(snapshots.ring_key(), phase=phase, secondary=None, views=views)
    rich = snapshots.rich()
    seen = replace(rich, keys=(key,), stores=(replace(rich.stores[0], outcome=store),))
    assert series(seen, c.SECONDARY_UNREAD_VIEWS).get((key.key, key.ring)) == unread


def test_the_secondary_store_counts_as_read_only_if_the_store_answered() -> None:
    secondary = snapshots.ring_key().secondary
    assert secondary is not None
    key = replace(snapshots.ring_key(), secondary=replace(secondary, store="consul"))
    fine = replace(snapshots.rich(), keys=(key,))
    down = replace(fine, stores=(replace(fine.stores[0], outcome=Outcome.FAILED),))
    assert series(fine, c.SECONDARY_MISSING_MEMBERS)
    assert not series(down, c.SECONDARY_MISSING_MEMBERS)
    assert not series(down, c.STORE_LAST_WRITE_TIMESTAMP_SECONDS)


def test_labels_are_told_of_every_process_whose_configuration_was_read() -> None:
    told = {("prod-eu.mimir",): 1.0, ("",): 1.0}
    for snapshot in (snapshots.rich(), replace(snapshots.rich(), gossip=None)):
        assert series(snapshot, c.GOSSIP_LABEL_TARGETS) == told
    silent = tuple(replace(target, config=None) for target in snapshots.rich().targets)
    assert not series(replace(snapshots.rich(), targets=silent), c.GOSSIP_LABEL_TARGETS)
    assert not series(replace(snapshots.rich(), targets=silent), c.GOSSIP_LABEL_VERIFIED)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 10**400])
def test_a_counter_never_holds_what_openmetrics_forbids(value: float) -> None:
    broken = replace(snapshots.target("a"), ha_elections=value, skew=value if value != -1.0 else None)
    snapshot = replace(snapshots.rich(), targets=(broken,))
    assert not series(snapshot, c.HA_TRACKER_ELECTIONS_TOTAL)
    assert not series(snapshot, c.TARGET_CLOCK_SKEW_SECONDS)


def test_rejections_with_equal_labels_add_up() -> None:
    found = series(snapshots.rich(), c.FOREIGN_LABEL_REJECTIONS_TOTAL)
    assert found == {("mimir-write-0", "other", "file"): 5}


def test_hostile_names_stay_apart_and_cannot_forge_a_line() -> None:
    text = plain(snapshots.hostile())
    assert len(series(snapshots.hostile(), c.TARGET_UP)) == 5
    assert not any(line.startswith("evil") for line in text.splitlines())
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_targets_of_one_name_make_one_series_and_the_rest_is_counted() -> None:
    twice = replace(snapshots.rich(), targets=(snapshots.target("a"), snapshots.silent_target("a")))
    gathered = gather(rows_of(twice), MANY)
    assert len(gathered.families[c.TARGET_UP]) == 1
    assert gathered.dropped == 1  # target_up of the second


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("", ""),
        ("mimir-write-0", "mimir-write-0"),
        ('quote" and \\', 'quote" and \\'),
        ("ключ", "ключ"),
        ("a\nb", "a\ufffdb~d7d5c9d1"),
        ("\ud800", "\ufffd~"),
    ],
)
def test_label_values_are_cleaned(value: str, cleaned: str) -> None:
    assert clean(value).startswith(cleaned.partition("~")[0])
    assert ("~" in clean(value)) == ("~" in cleaned)
    clean(value).encode()


def test_cleaned_values_are_bounded_and_distinct() -> None:
    longest = [clean("x" * count) for count in (255, 256, 257, 258, 100_000)]
    assert len(set(longest)) == 5
    assert all(len(value) <= MAX_LENGTH for value in longest)


def test_at_the_cap_nothing_is_dropped_and_below_it_the_largest_families_are_cut_alike() -> None:
    total = sum(map(len, gather(rows_of(snapshots.rich()), MANY).families.values()))
    assert gather(rows_of(snapshots.rich()), total).dropped == 0
    cut = gather(rows_of(snapshots.rich()), total - 20)
    assert cut.dropped == 20 or sum(map(len, cut.families.values())) <= total - 20
    assert len(cut.families[c.TARGET_UP]) == 3
    assert cut.families == gather(rows_of(snapshots.rich()), total - 20).families


@pytest.mark.parametrize("max_series", [0, 1, 50, 100, 150])
def test_fleet_wide_series_outlive_any_cap(max_series: int) -> None:
    full = gather(rows_of(snapshots.rich()), MANY).families
    cut = gather(rows_of(snapshots.rich()), max_series)
    for metric in (c.PHASE, c.PHASE_UNIFORM, c.GATE_OPEN, c.GATE_CHECK, c.GOSSIP_CLUSTERS, c.STORE_UP):
        assert cut.families[metric].keys() == full[metric].keys()
    kept = sum(map(len, cut.families.values()))
    assert kept + cut.dropped == sum(map(len, full.values()))
    assert kept <= max(max_series, 60)


def test_a_process_with_a_flood_of_clients_loses_its_own_series_and_what_is_up_is_the_last_to_go() -> None:
    honest = [(c.MIRROR_ENABLED, (f"mimir-{n}", "ingester"), 1.0) for n in range(10)]
    flood = [(c.MIRROR_ENABLED, ("aaa", f"{n:04}"), 1.0) for n in range(500)]
    up = [(c.TARGET_UP, (f"mimir-{n}", ""), 1.0) for n in range(40)]
    keys = [(c.RING_TOKEN_CONFLICTS, (f"aaa/{n:03}", "x"), 0.0) for n in range(90)]
    known = [(c.RING_TOKEN_CONFLICTS, ("collectors/ring", "ingester"), 0.0)]
    found = gather([*flood, *honest, *up, *keys, *known], 150).families
    assert {("mimir-3", "ingester"), ("mimir-9", "ingester")} <= found[c.MIRROR_ENABLED].keys()
    assert (len(found[c.TARGET_UP]), len(found[c.RING_TOKEN_CONFLICTS])) == (40, 91)
    few = gather([*flood, *honest, *up, *keys, *known], 45).families
    assert len(few[c.TARGET_UP]) == 40
    assert ("collectors/ring", "ingester") in few[c.RING_TOKEN_CONFLICTS]


def test_series_dropped_says_how_many() -> None:
    assert "kvmigration_series_dropped 0.0" in plain(snapshots.rich())
    dropped = gather(rows_of(snapshots.rich()), 100).dropped
    assert dropped > 0
    assert f"kvmigration_series_dropped {float(dropped)}" in plain(snapshots.rich(), 100)


@given(st.lists(st.text(alphabet=st.characters(), max_size=300), min_size=1, max_size=5, unique=True))
def test_whatever_a_target_is_called_the_exposition_parses_and_keeps_them_apart(names: list[str]) -> None:
    targets = tuple(snapshots.silent_target(name) for name in names)
    snapshot = replace(snapshots.unknown(), targets=targets)
    for parse, text in (
        (parse_plain, plain(snapshot)),
        (parse_openmetrics, openmetrics(registry_of(snapshot, MANY)).decode()),
    ):
        found = [s for family in parse(text) for s in family.samples if s.name == c.TARGET_UP.name]
        assert sorted(s.labels["target"] for s in found) == sorted(map(clean, names))
        assert len({s.labels["target"] for s in found}) == len(names)
