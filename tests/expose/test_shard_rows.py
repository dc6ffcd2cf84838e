"""What a shard exposes: its own processes as ever, the whole's families as its part, nobody else's."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s
from exporter.expose.collector import gather
from exporter.expose.metric import Metric
from exporter.expose.series import rows_of
from exporter.model.facts import Rejection, Snapshot
from exporter.model.pages import Phase
from exporter.model.shard import ClientKind, Part, Share
from tests.expose import snapshots
from tests.expose.snapshots import COMPACTOR, RING
from tests.registry import registry_of

GOLDEN = Path(__file__).parent / "golden" / "shard.prom"
MANY = 1_000_000
BORROWED, OWN, SILENT = "mimir-write-0", "mimir-write-1", "mimir-write-2"
ITSELF = {metric for metric in c.ALL if metric.group == "The exporter itself"}
"""Families about the exporter are each shard's own."""


def part(**more: object) -> Part:
    """Of shard 1 of 4: it owns two of the snapshot's processes and shares the first with all others."""
    share = Share(1, 4, 123_456_789, frozenset({BORROWED}), frozenset({BORROWED}))
    told: dict[str, object] = {
        "share": share,
        "soak": 300.0,
        "interval": 15.0,
        "rules_digest": 42,
        "clients": {
            ClientKind(RING, Phase.MIRRORING, writes=True, migration="rings"): 1,
            ClientKind("mystery", Phase.UNKNOWN, writes=False, migration="rings"): 2,
        },
        "strange": {"mimir-write-3-1a2b3c4d": True, "loki-write-0-99aa88bb": False},
        "own": {"mimir-write-1-5e6f7a8b": True, "mimir-write-2-00000000": False},
        "seen": frozenset({"mimir-write-1-5e6f7a8b", "loki-write-0-99aa88bb"}),
        "unseen": frozenset({"mimir-write-2-00000000"}),
        "orphaned": {RING: ("mimir-write-2",), "rulers/ring": ("ruler-9",)},
        "used": frozenset({RING, COMPACTOR}),
        "claims": {RING: ("mimir-write-1",)},
        "views": {(RING, "gossip", "members"): (1, 2**48 - 1), (RING, "ring", "states"): ()},
    }
    return Part(**(told | more))  # type: ignore[arg-type] # the names are the fields'


def shard() -> Snapshot:
    return replace(snapshots.rich(), part=part())


def families(snapshot: Snapshot) -> dict[Metric, dict[tuple[str, ...], float]]:
    return {metric: series for metric, series in gather(rows_of(snapshot), MANY).families.items() if series}


def test_the_whole_exposition_of_a_shard_is_as_reviewed() -> None:
    """`UPDATE_GOLDEN=1 pytest tests/expose` rewrites the file; the diff is the review."""
    text = generate_latest(registry_of(shard(), MANY)).decode()
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_ring_has_its_configured_name_in_every_family_of_a_shard() -> None:
    named = tuple(replace(key, called="mine") if key.key == RING else key for key in shard().keys)
    found = families(replace(shard(), keys=named))
    rings = {
        labels[metric.labels.index("ring")]
        for metric, series in found.items()
        for labels in series
        if "ring" in metric.labels and labels[metric.labels.index("key")] == RING
    }
    assert rings == {"mine"}
    assert {s.SHARD_GHOST_MEMBER, s.SHARD_VIEW_DIGEST, s.PART_OF[c.KEY_PHASE]} <= found.keys()


@pytest.mark.parametrize("make", [snapshots.rich, snapshots.unknown, snapshots.hostile])
def test_promtool_has_nothing_to_say(make: object) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    assert callable(make)
    hostile = {snapshots.HOSTILE: False, snapshots.HOSTILE + "\x01": False}
    told = replace(
        make(), part=part(strange=hostile, own=hostile, claims={snapshots.HOSTILE: tuple(hostile)})
    )
    text = generate_latest(registry_of(told, MANY))
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_every_family_is_a_processs_the_exporters_or_joined_or_of_the_whole() -> None:
    """A new one must be thought about: beside one exporter nobody sees that a shard counts alone."""
    of_targets = {metric for metric in c.ALL if "target" in metric.labels}
    rest = set(c.ALL) - of_targets - ITSELF
    assert rest == s.JOINED.keys() | s.JUDGED_ANEW
    assert not s.JOINED.keys() & s.JUDGED_ANEW
    assert set(s.JOINED.values()) <= {"sum", "max", "min", "rule"}


def test_no_family_of_the_whole_stands_under_its_ordinary_name() -> None:
    shown = set(families(shard()))
    assert not shown & (s.JOINED.keys() | s.JUDGED_ANEW)
    missing = set(s.ALL) - shown
    assert missing == set(), "the snapshot shows every family of a shard"


def test_names_of_shards_are_nobody_elses() -> None:
    names = [metric.name for metric in (*c.ALL, *s.ALL)]
    assert len(set(names)) == len(names)
    for metric, renamed in s.PART_OF.items():
        assert renamed.name == metric.name.replace("kvmigration_", "kvmigration_shard_", 1)
        assert (renamed.labels, renamed.kind, renamed.unit) == (metric.labels, metric.kind, metric.unit)


def test_series_of_processes_that_another_shard_reports_are_left_out() -> None:
    shown = families(shard())
    for metric in (metric for metric in shown if "target" in metric.labels):
        at = metric.labels.index("target")
        said = {labels[at] for labels in shown[metric]}
        assert (BORROWED in said) == (metric is c.FOREIGN_LABEL_REJECTIONS_TOTAL), metric.name
    assert shown[c.TARGET_UP] == {(OWN, "ingester"): 1.0, (SILENT, "ingester"): 0.0}
    assert shown[s.SHARD_TARGETS] == {(): 2.0}


def test_own_series_are_those_of_one_exporter() -> None:
    whole, shown = families(snapshots.rich()), families(shard())
    for metric in (metric for metric in whole if "target" in metric.labels):
        at = metric.labels.index("target")
        own = {labels: value for labels, value in whole[metric].items() if labels[at] != BORROWED}
        if metric is not c.FOREIGN_LABEL_REJECTIONS_TOTAL:
            assert shown.get(metric, {}) == own, metric.name


def test_rejections_are_shown_by_the_one_shard_that_reads_the_logs() -> None:
    """Of every process, the borrowed ones too: no other shard would tell."""
    told = replace(
        shard(), rejections=(Rejection(BORROWED, "other", "file", 3), Rejection(OWN, "other", "file", 2))
    )
    assert families(told)[c.FOREIGN_LABEL_REJECTIONS_TOTAL] == {
        (BORROWED, "other", "file"): 3.0,
        (OWN, "other", "file"): 2.0,
    }


def test_counts_leave_out_what_others_count() -> None:
    """Joined by sum, a borrowed process would count in every shard."""
    whole, shown = families(snapshots.rich()), families(shard())
    assert whole[c.KV_CLIENTS]["ingester-lifecycler", "mirroring"] == 2
    assert shown[s.PART_OF[c.KV_CLIENTS]]["ingester-lifecycler", "mirroring"] == 1
    assert whole[c.GOSSIP_LABEL_TARGETS] == {("",): 1.0, ("prod-eu.mimir",): 1.0}
    assert shown[s.PART_OF[c.GOSSIP_LABEL_TARGETS]] == {("",): 1.0}


def test_a_key_has_a_phase_only_where_a_process_here_writes_it() -> None:
    told = families(shard())[s.PART_OF[c.KEY_PHASE]]
    assert told.keys() == {(RING, "ingester"), (COMPACTOR, "compactor")}


def test_the_gates_checks_are_four_words_and_no_gate_is_there() -> None:
    step = snapshots.steps()[1]
    holds, vacuous = step.checks[2], replace(step.checks[1], id="nothing-here", vacuous=True)
    told = snapshots.with_steps(shard(), replace(step, checks=(*step.checks, vacuous)))
    assert families(told)[s.SHARD_CHECK] == {
        ("rings", step.name, step.checks[0].id): 0.0,
        ("rings", step.name, step.checks[1].id): 1.0,
        ("rings", step.name, "nothing-here"): 2.0,
        ("rings", step.name, holds.id): 3.0,
    }


def test_what_only_this_shard_knows_of_members() -> None:
    shown = families(shard())
    assert shown[s.SHARD_OWN_MEMBER].keys() == {
        ("mimir-write-1-5e6f7a8b", "true", "true"),
        ("mimir-write-2-00000000", "false", "false"),
    }
    assert shown[s.SHARD_GHOST_MEMBER].keys() == {
        (RING, "ingester", "mimir-write-2", "true"),
        ("rulers/ring", "ruler", "ruler-9", "false"),
    }
    assert set(shown[s.SHARD_VIEW_DIGEST].values()) == {1.0, 2.0**48 - 1}


def test_series_that_are_left_out_are_counted_whatever_they_are_about() -> None:
    """A shard that leaves any out is not whole, and neither is what is joined."""
    many = {f"member-{n}": False for n in range(1000)}
    gathered = gather(rows_of(replace(shard(), part=part(strange=many))), 600)
    assert gathered.dropped > 0
    assert sum(map(len, gathered.families.values())) <= 600


def test_one_exporter_shows_no_family_of_a_shard() -> None:
    assert not set(families(snapshots.rich())) & set(s.ALL)
