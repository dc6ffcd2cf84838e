"""`kvmigration diff`: what it prints, and its exit status."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import diff
from exporter.cli.arguments import run as main
from exporter.cli.diff import DIFFERENT, EQUAL, UNKNOWN, status_of
from exporter.cli.terminal.diff_table import counts
from exporter.derive.comparison.key_input import KeyInput, View, view
from exporter.derive.identity.member_processes import Owners
from exporter.derive.judging_rules import Rules
from exporter.derive.key_judgement import CycleContext, judge_key
from exporter.derive.previous_cycle import RingHistory, Watched
from exporter.expose.api.answers import ring_out
from exporter.expose.api.shapes import DifferenceOut, RingDetailOut
from exporter.model.entry import Member, State
from exporter.model.facts import ClientFacts
from exporter.model.pages import Phase
from tests.conftest import Replay
from tests.derive.build import INGESTER, NOW, member, ring
from tests.running import exporter, written

Start = Callable[..., Replay]
CLIENT = ClientFacts(
    "p", "c", INGESTER, Phase.MIRRORING, writes=True, primary="consul", stores=("consul", "memberlist")
)


def detail(members: list[Member], *copies: View) -> RingDetailOut:
    """The key as the API gives it: the store has these members, the processes have these copies."""
    read = KeyInput(
        INGESTER, (CLIENT,), (), copies, ring(members), store_known=True, store_kind="consul", store_clock=NOW
    )
    facts, _ = judge_key(
        read, RingHistory(), CycleContext(Owners({}, {}, sure=True), None, Rules(), NOW, Watched())
    )
    return ring_out(facts)


def copy(target: str, *members: Member) -> View:
    return view(target, ring(members), clock=NOW, read_at=NOW)


def printed(found: RingDetailOut, capsys: pytest.CaptureFixture[str]) -> list[str]:
    diff._show(found, Namespace(json=False))
    return capsys.readouterr().out.splitlines()


def some(count: int, heartbeat: float = NOW) -> list[Member]:
    return [member(f"ingester-zone-a-{n}", heartbeat) for n in range(count)]


def test_what_is_equal_is_said_in_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(detail(some(500), *(copy(f"p-{n}", *some(500)) for n in range(30))), capsys)
    assert lines == [
        "collectors/ring: equal. Primary consul (store), secondary memberlist.",
        "500 members in the primary.",
        "Lag: 0 s.",
        "30 of 30 views are equal to the primary.",
        "",
    ]


def test_a_time_stamp_from_the_future_proves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    found = detail(some(2), copy("p-1", *some(1, NOW + 60), *some(2)[1:]))
    assert status_of(found) == UNKNOWN
    lines = printed(found, capsys)
    assert lines[0].startswith("collectors/ring: UNKNOWN.")
    assert lines[1] == "ingester-zone-a-0 is 60 s in the future: its lag is unknown."
    assert status_of(detail(some(2), copy("p-1", *some(2, NOW + 9)))) == EQUAL


def test_differences_stand_side_by_side_and_are_marked_without_colour(
    capsys: pytest.CaptureFixture[str],
) -> None:
    three = some(3)
    left = replace(three[0], state=State.LEAVING, time=NOW - 60)
    found = detail(three, copy("p-1", *three), copy("p-2", *three[1:]), copy("p-3", left, *three[1:]))
    text = "\n".join(printed(found, capsys))
    assert "DIFFERENT" in text
    assert "1 of 3 views is equal" in text
    assert "gossip of p-2" in text
    assert "gossip of p-3" in text
    assert "gossip of p-1" not in text
    assert "!= missing" in text
    assert "!= state" in text
    assert "60 s behind" in text
    assert "\x1b" not in text


def test_views_that_differ_alike_share_a_column(capsys: pytest.CaptureFixture[str]) -> None:
    three = some(3)
    text = "\n".join(printed(detail(three, *(copy(f"p-{n:02}", *three[1:]) for n in range(30))), capsys))
    assert text.count("!= missing") == 1
    assert "gossip of p-00, p-01 and" in text
    assert "0 of 30 views are equal" in text


@pytest.mark.parametrize("views", [1, 3, 4, 30])
def test_many_members_and_views_stay_within_a_screen_or_two(
    views: int, capsys: pytest.CaptureFixture[str]
) -> None:
    members = some(500)
    lines = printed(detail(members, *(copy(f"p-{n}", *members[100 + n :]) for n in range(views))), capsys)
    assert len(lines) < 80
    assert max(map(len, lines)) <= 80
    assert any("more" in line for line in lines)


def test_a_missing_key_is_one_line_and_no_table_of_all_members(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(detail(some(500), *(view(f"p-{n}", None, clock=NOW) for n in range(30))), capsys)
    assert "The key is missing in: p-0, p-1, p-10, p-11 and 26 more." in lines
    assert len(lines) < 8


def test_a_name_from_the_cluster_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    bad = replace(member("x-1"), id="x\x1b[31m[bold]-1")
    text = "\n".join(printed(detail([bad, *some(1)], copy("p-1", *some(1))), capsys))
    assert "\x1b" not in text
    assert "[bold]" in text


STATUSES = [
    ("equal", lambda: detail(some(2), copy("p-1", *some(2))), EQUAL),
    ("late by less than a period", lambda: detail(some(2), copy("p-1", *some(2, NOW - 15))), EQUAL),
    ("late by more", lambda: detail(some(2), copy("p-1", *some(2, NOW - 16))), DIFFERENT),
    ("a member missing", lambda: detail(some(2), copy("p-1", *some(1))), DIFFERENT),
    ("a member extra", lambda: detail(some(1), copy("p-1", *some(2))), DIFFERENT),
    (
        "a view not read",
        lambda: detail(some(2), copy("p-1", *some(2)), View("p-2", None, known=False)),
        UNKNOWN,
    ),
    (
        "different and a view not read",
        lambda: detail(some(2), copy("p-1"), View("p-2", None, known=False)),
        DIFFERENT,
    ),
    ("nothing to compare with", lambda: detail(some(2)), UNKNOWN),
]


@pytest.mark.parametrize(("make", "status"), [c[1:] for c in STATUSES], ids=[c[0] for c in STATUSES])
def test_exit_status(make: Callable[[], RingDetailOut], status: int) -> None:
    assert status_of(make()) == status


@pytest.mark.parametrize(
    ("text", "is_one"), [("15 s behind", False), ("16 s behind", True), ("rubbish", True)]
)
def test_a_lag_of_one_heartbeat_is_no_difference(text: str, is_one: bool) -> None:
    assert counts(DifferenceOut("m", "v", "lag", "", text)) is is_one


def config(folder: Path, replayed: Replay) -> Path:
    told: dict[str, Any] = {
        "targets": [{"static": {"urls": list(replayed.targets.values())}}],
        "stores": {"consul": {"url": replayed.ports["consul"]}},
        "interval": "5s",
    }
    return written(folder / "config.yml", told)


def run(*args: str) -> int:
    return main(["diff", *args])


def test_a_recording_with_four_keys_not_copied(
    replay: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = f"--config.file={config(tmp_path, replay('cortex/2b-mirroring'))}"
    assert run(file, "rulers/ring") == DIFFERENT
    assert "The key is missing in: " in capsys.readouterr().out
    assert run(file, "collectors/ring") == EQUAL
    assert "Lag: 5 s." in capsys.readouterr().out
    assert run(file, "--all", "--json") == DIFFERENT
    keys = [json.loads(line)["summary"]["key"] for line in capsys.readouterr().out.splitlines()]
    assert keys == sorted(keys)
    assert {"ha-tracker/", "rulers/ring"} <= set(keys)


def test_a_recording_without_a_difference(
    replay: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = f"--config.file={config(tmp_path, replay('cortex/2c-mirroring-all-rings'))}"
    assert run(file, "--all") == EQUAL
    assert "DIFFERENT" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("recording", "store"), [("0-consul-only", "consul"), ("5-memberlist-only", "memberlist")]
)
def test_keys_with_one_store_are_one_line_each_and_nothing_is_called_equal(
    replay: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, store: str
) -> None:
    file = f"--config.file={config(tmp_path, replay(f'cortex/{recording}'))}"
    assert run(file, "--all") == UNKNOWN
    said = capsys.readouterr()
    assert f"collectors/ring: one store, {store}; nothing to compare.\n" in said.out
    assert "equal" not in said.out
    assert "no key has a secondary; nothing was compared" in said.err


def test_a_running_exporter_says_the_same(
    replay: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config(tmp_path, replay("cortex/2b-mirroring"))

    async def ask() -> dict[str, int]:
        async with exporter(file) as running:
            await running.cycles(1)
            where = f"--server=http://{running.address}"
            keys = ("rulers/ring", "collectors/ring", "ha-tracker/")
            return {key: await asyncio.to_thread(run, where, key) for key in keys}

    assert asyncio.run(ask()) == {
        "rulers/ring": DIFFERENT,
        "collectors/ring": EQUAL,
        "ha-tracker/": DIFFERENT,
    }
    assert "Entries are missing in: " in capsys.readouterr().out


def test_a_key_that_nobody_shows_is_a_mistake_that_names_the_keys(
    replay: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(f"--config.file={config(tmp_path, replay('cortex/2b-mirroring'))}", "collectors/rign") == UNKNOWN
    )
    assert "the keys are: collectors/compactor, collectors/ring" in capsys.readouterr().err


@pytest.mark.parametrize("args", [[], ["collectors/ring", "--all"]])
def test_exactly_one_of_a_key_and_all_is_asked_for(
    args: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yml"
    file.write_text(yaml.safe_dump({"targets": [{"static": {"urls": ["http://127.0.0.1:1"]}}]}))
    assert run(f"--config.file={file}", *args) == UNKNOWN
    assert "give one KEY, or --all" in capsys.readouterr().err
