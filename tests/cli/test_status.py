"""`kvmigration status`: one screen, danger first."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from exporter.cli.arguments import run
from exporter.cli.source.snapshot_source import Overview
from exporter.cli.status import ago, copy_of, text_of
from exporter.expose.api.answers import gossip_out, rings_out, status_out, step_out, targets_out
from exporter.expose.api.shapes import SecondaryOut
from exporter.model.facts import Snapshot
from exporter.model.pages import KVClient
from tests.cli.conftest import Recorded, as_reviewed, fits
from tests.conftest import Replay
from tests.derive.build import INGESTER, Fleet, member, ring
from tests.expose.snapshots import told

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


@pytest.mark.parametrize(
    ("lag", "word"), [(0.0, "complete"), (60.0, "complete"), (61.0, "BEHIND"), (None, "complete")]
)
def test_a_secondary_that_is_behind_by_more_than_the_heartbeat_timeout_is_not_called_complete(
    lag: float | None, word: str
) -> None:
    found = SecondaryOut("memberlist", False, (), lag, (), (), {}, (), (), False)
    (shown,) = rings_out(Fleet().look())[:1]
    assert copy_of(msgspec.structs.replace(shown, phase="mirroring", secondary=found), copied=True) == word


@pytest.mark.parametrize(("phase", "word"), [("switched", "complete"), ("detached", "no longer copied")])
def test_a_store_to_which_nothing_is_written_any_more_is_not_called_complete(phase: Any, word: str) -> None:
    (shown,) = rings_out(Fleet().look())[:1]
    found = SecondaryOut("consul", False, (), 30.0, (), (), {}, (), (), False)
    assert copy_of(msgspec.structs.replace(shown, phase=phase, secondary=found), copied=False) == word


def test_before_mirroring_a_key_that_is_not_copied_is_no_alarm_and_beside_one_that_is_it_is(
    recorded: Start,
) -> None:
    said = recorded("cortex/1-multi-mirror-off").run("status").out
    assert "KEY MISSING" not in said
    assert said.count("not copied yet") == 5
    assert recorded("cortex/2b-mirroring").run("status").out.count("KEY MISSING") == 4


@pytest.mark.parametrize(
    ("recording", "first"),
    [("mimir/2-mirroring", "mimir (version unknown): phase "), ("cortex/2b-mirroring", "cortex rev-")],
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
    gossip = gossip_out(seen)
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
    lines = screen_of(replace(seen, fleet=replace(seen.fleet, findings=told(*(long,) * 5))))
    marked = [line for line in lines if "harm" in line]
    assert len(marked) == 9
    assert all(line.endswith("…") for line in marked[2::3])
    assert "   and 2 more: kvmigration status --json shows all" in lines


def test_where_nobody_answers_nothing_is_said_twice() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.up = False
    lines = screen(fleet)
    assert "Product unknown: phase unknown" in lines
    assert any("10.0.0.1:80 (timeout)" in line for line in lines)


TIMES = [(0.0, "0 s"), (119.0, "119 s"), (120.0, "2 min"), (7200.0, "2 h"), (200_000.0, "2 d")]


@pytest.mark.parametrize(("seconds", "text"), TIMES)
def test_how_long_is_said_in_one_unit(seconds: float, text: str) -> None:
    assert ago(1000.0 + seconds, 1000.0) == text
    assert ago(None, 1000.0) == ago(1000.0, None) == "-"


def test_every_command_that_looks_takes_a_url_in_place_of_a_file_and_finds_the_others_by_name(
    replay: Callable[..., Replay], capsys: pytest.CaptureFixture[str]
) -> None:
    url = next(iter(replay("loki/2-mirroring").targets.values()))
    assert run(["status", "--json", url]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [target["name"] for target in shown["targets"]] == ["loki-1", "loki-2", "loki-3"]
    assert run(["check", "switch-primary", "--for", "1s", url]) == 0
    assert run(["diff", url, "--all"]) == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["status", "http://user:marked@127.0.0.1:1"], "a URL with a password is not taken"),
        (["status", "http://127.0.0.1:1"], "http://127.0.0.1:1: Connection refused"),
        (["diff", "--all", "http://"], '"http://" is not a URL such as http://10.0.0.5:8080'),
    ],
    ids=["password", "nobody", "no host"],
)
def test_a_url_that_leads_nowhere_says_why(
    capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    assert run(argv) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "marked" not in said


SHORT = [
    ("cortex/0-consul-only", 0, "rings: not begun, on the external store; next step preflight: "),
    ("cortex/2b-mirroring", 1, "3 warnings; rings: phase multi, clients in different phases; next step "),
    ("cortex/2c-mirroring-all-rings", 0, "rings: phase mirroring; next step switch-primary: "),
]


@pytest.mark.parametrize(("recording", "status", "begins"), SHORT, ids=[row[0] for row in SHORT])
def test_short_is_one_line(recorded: Start, recording: str, status: int, begins: str) -> None:
    said = recorded(recording).run("status", "--short")
    assert said.status == status
    (line,) = said.out.splitlines()
    assert line.startswith(begins)
    assert line.endswith("; 3 of 3 processes answer")


def test_watch_shows_the_screen_again_until_it_is_interrupted(recorded: Start) -> None:
    told = recorded("cortex/2c-mirroring-all-rings")
    argv = ["status", "--short", "--watch", "--config.file", str(told.config)]
    watching = subprocess.Popen([sys.executable, "-m", "exporter", *argv], stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    lines = [watching.stdout.readline() for _ in range(4)]
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=30)
    assert [line[:3] for line in lines] == ["-- ", "rin", "-- ", "rin"]
    assert watching.returncode == 0
