"""`kvmigration status`: one screen, danger first."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.cli.source.snapshot_source import Overview
from exporter.cli.status import ago, text_of
from exporter.expose.api.answers import gossip_out, rings_out, status_out, step_out, targets_out
from exporter.model.facts import Snapshot
from exporter.model.pages import KVClient
from tests.cli.conftest import Recorded, as_reviewed, fits
from tests.derive.build import INGESTER, Fleet, member, ring

Start = Callable[..., Recorded]
SCREENS = [
    ("cortex/1b-rolling-out-multi", 1),
    ("cortex/2b-mirroring", 1),
    ("cortex/2c-mirroring-all-rings", 0),
    ("cortex/3a-switching-primary", 1),
]


@pytest.mark.parametrize(("recording", "status"), SCREENS, ids=[row[0] for row in SCREENS])
def test_a_real_cluster_fits_a_screen(recorded: Start, recording: str, status: int) -> None:
    said = recorded(recording).run("status")
    assert said.status == status
    fits(said.out, 40)
    as_reviewed(f"status-{recording.partition('/')[2]}.txt", said.out)


def test_mixed_primaries_and_the_split_are_the_first_lines(recorded: Start) -> None:
    said = recorded("cortex/3a-switching-primary").run("status")
    marked = [line for line in said.out.splitlines() if line.startswith("!!")]
    assert marked[0].startswith(
        "!! Primaries are mixed: memberlist on 127.0.0.1:P9101; the external store on"
    )
    assert marked[1].startswith("!! Gossip is split into 2 clusters")


def test_before_mirroring_a_key_that_is_not_copied_is_no_alarm_and_beside_one_that_is_it_is(
    recorded: Start,
) -> None:
    said = recorded("cortex/1-multi-mirror-off").run("status").out
    assert "KEY MISSING" not in said
    assert said.count("not copied yet") == 5
    assert recorded("cortex/2b-mirroring").run("status").out.count("KEY MISSING") == 4


@pytest.mark.parametrize(
    ("recording", "first"),
    [("mimir/2-mirroring", "mimir (version not known): phase "), ("cortex/2b-mirroring", "cortex rev-")],
)
def test_a_build_that_calls_its_version_unknown_has_none(recorded: Start, recording: str, first: str) -> None:
    assert f"\n{first}" in f"\n{recorded(recording).run('status').out}"


def test_everything_as_json(recorded: Start) -> None:
    said = recorded("cortex/1b-rolling-out-multi").run("status", "--json")
    told = json.loads(said.out)
    assert (told["status"]["phase"], told["status"]["uniform"]) == ("external", False)
    assert told["status"]["rollback"]["safe"] is True


def screen(fleet: Fleet) -> list[str]:
    """The screen of a cluster that was not recorded."""
    return screen_of(fleet.look(beat=True))


def screen_of(seen: Snapshot) -> list[str]:
    gossip = gossip_out(seen.gossip)
    steps = tuple(map(step_out, seen.steps))
    overview = Overview(status_out(seen, "1"), targets_out(seen), rings_out(seen), gossip, steps)
    return text_of(overview, seen.at).splitlines()


def test_a_migration_that_has_not_begun_is_one_line() -> None:
    told = "ha-tracker: not begun, on the external store; next step preflight: "
    fleet = Fleet()
    assert not [line for line in screen(fleet) if line.startswith("ha-tracker")]
    alone = KVClient("distributor-hatracker", requests={("consul", "CAS"): 9.0})
    for process in fleet.processes:
        process.clients = (*process.clients, alone)
    assert [line[: len(told)] for line in screen(fleet) if line.startswith("ha-tracker:")] == [told]


def test_a_time_stamp_from_the_future_counts_as_ill() -> None:
    fleet = Fleet()
    ring_row = next(line for line in screen(fleet) if line.startswith(INGESTER)).split()
    assert ring_row[3] == "0"
    fleet.look(beat=True)
    ahead = ring([member(p.name, fleet.now + 3600) for p in fleet.processes[:1]], fleet.now)
    for process in fleet.processes:
        process.copies[INGESTER] = ahead
    lines = screen_of(fleet.look(0.0))
    assert next(line for line in lines if line.startswith(INGESTER)).split()[3] == "1"


def test_what_is_cut_says_so_and_where_all_of_it_is() -> None:
    fleet = Fleet()
    fleet.look()
    seen = fleet.look(beat=True)
    long = " ".join(["harm"] * 100)
    lines = screen_of(replace(seen, fleet=replace(seen.fleet, warnings=(long,) * 5)))
    marked = [line for line in lines if "harm" in line]
    assert len(marked) == 9
    assert all(line.endswith("…") for line in marked[2::3])
    assert "   and 2 more: kvmigration status --json shows all" in lines


def test_where_nobody_answers_nothing_is_said_twice() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.up = False
    lines = screen(fleet)
    assert "Product not known: phase not known" in lines
    assert any("10.0.0.1:80 (timeout)" in line for line in lines)


TIMES = [(0.0, "0 s"), (119.0, "119 s"), (120.0, "2 min"), (7200.0, "2 h"), (200_000.0, "2 d")]


@pytest.mark.parametrize(("seconds", "text"), TIMES)
def test_how_long_is_said_in_one_unit(seconds: float, text: str) -> None:
    assert ago(1000.0 + seconds, 1000.0) == text
    assert ago(None, 1000.0) == ago(1000.0, None) == "-"
