"""docs/terminal.md: what we have beside other tools is there, and does what the row says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from unittest.mock import patch

import pytest
import yaml

from exporter.demo import DemoSettings
from exporter.model.pages import Phase
from tests.cli.conftest import said_here
from tests.cli.guarded import guarded
from tests.conftest import ROOT, free_base_port
from tools.stage import INTERVAL, Stage

pytestmark = [pytest.mark.real, pytest.mark.slow]
PAGE: Final = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
ROW: Final = re.compile(r"^\| (?!what you|-)([^|]+) \| ([^|]+) \|", re.MULTILINE)
ROWS: Final = {name: re.findall(r"`([^`]+)`", ours) for name, ours in ROW.findall(PAGE)}
COMMANDS: Final = [(name, command) for name, commands in ROWS.items() for command in commands]
PASSWORD: Final = "s3cret-word"


class Ends(NamedTuple):
    """How the commands of a row end, and what each prints."""

    statuses: tuple[int, ...]
    prints: str


EXPECTED: Final = {
    "completion": Ends((0, 0, 0), r"kvmigration"),
    "wait until a gate is open": Ends((0,), r"(?m)^rings/preflight: open: every check passed"),
    "watch": Ends((0, 0), r"^-- \d{4}-\d\d-\d\d "),
    "one line": Ends((0,), r"\A[^\n]+mirroring[^\n]+\n\Z"),
    "JSON": Ends((0, 0, 0, 0), r"\A[\[{]"),
    "YAML, JUnit": Ends((0, 0), r"preflight"),
    "exit status": Ends((0, 1, 2), r"\A(?!.*Traceback)"),
    "explain": Ends((0, 0, 0), r"\A[\w-]+ \((check|alert|phase)\)\n"),
    "doctor": Ends((1,), r"processes: 4 of 4 answer"),
    "report": Ends((0, 0), r"\A(<!DOCTYPE html>|# Migration report)"),
    "environment": Ends((0,), r"\A[^\n]+mirroring[^\n]+\n\Z"),
    "credentials": Ends((0,), r"COMPONENT +PROCESSES"),
    "no colour": Ends((0,), r"\Acollectors/ring: equal[^\x1b]*\Z"),
    "no output": Ends((0, 0), r"\A\Z"),
}


class Place(NamedTuple):
    """A demo that mirrors and the exporter that watches it: addresses, and a folder with `http.yml`."""

    server: str
    guarded: str
    process: str
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("terminal")
    told = {"basic_auth": {"username": "me", "password": PASSWORD}}
    (folder / "http.yml").write_text(yaml.safe_dump(told), encoding="utf-8")
    settings = DemoSettings(
        size=4, tokens=16, hold=True, manual=True, start_phase=Phase.MIRRORING, base_port=free_base_port(),
        start_time=time.time() - 40 * INTERVAL,
    )  # fmt: skip
    with Stage(settings) as stage:
        stage.advance(90.0)
        stage.cycles(20)
        asks = stage.run(stage.enter(guarded(stage.url, "me", PASSWORD)))
        process = stage.demo.config()["targets"][0]["static"]["urls"][0]
        yield Place(stage.url, asks, process, folder)


def run(command: str, place: Place, **more: str) -> tuple[int, str, str]:
    """Run what a row shows: here, or as a process where its end is what the row is about. One that goes on is
    interrupted once it has answered.
    """
    words = shlex.split(command.replace("PROCESS", place.process))
    given = [word for word in words if re.match(r"[A-Z_]+=", word)]
    set_here = dict(word.split("=", 1) for word in given)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KVMIGRATION_")}
    environment = {**kept, "KVMIGRATION_SERVER": place.server, "PYTHONPATH": str(ROOT), **set_here, **more}
    if words[len(given) + 1] == "doctor":
        del environment["KVMIGRATION_SERVER"]
    if command not in [*ROWS["watch"], *ROWS["exit status"], *ROWS["environment"]]:
        return _run_here(words[len(given) + 1 :], environment, place.folder)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "exporter", *words[len(given) + 1 :]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=place.folder,
    )  # fmt: skip
    assert process.stdout is not None
    first = ""
    if "--watch" in words:
        first = process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return process.returncode, first + out, err


def _run_here(words: list[str], environment: dict[str, str], folder: Path) -> tuple[int, str, str]:
    with contextlib.chdir(folder), patch.dict(os.environ, environment, clear=True):
        said = said_here(*words)
    return said.status, said.out, said.err


def test_the_page_has_every_row_and_no_other() -> None:
    assert set(ROWS) == set(EXPECTED)
    assert {name: len(commands) for name, commands in ROWS.items()} == {
        name: len(ends.statuses) for name, ends in EXPECTED.items()
    }


@pytest.mark.parametrize(("row", "command"), COMMANDS, ids=[command for _, command in COMMANDS])
def test_what_a_row_says_of_ours_is_so(row: str, command: str, place: Place) -> None:
    server = {"KVMIGRATION_SERVER": place.guarded} if row == "credentials" else {}
    status, out, err = run(command, place, **server)
    assert status == EXPECTED[row].statuses[ROWS[row].index(command)], out + err
    assert re.search(EXPECTED[row].prints, out), out
    assert "Traceback" not in err
    assert PASSWORD not in out + err
    if row == "JSON":
        assert all(json.loads(line) for line in (out.splitlines() if "diff" in command else [out]))


def test_without_the_credentials_that_a_server_asks_for_there_is_no_answer(place: Place) -> None:
    status, out, err = run("kvmigration status", place, KVMIGRATION_SERVER=place.guarded)
    assert (status, out) == (2, "")
    assert "401" in err


def test_quiet_keeps_errors(place: Place) -> None:
    status, out, err = run("kvmigration status --quiet --server http://127.0.0.1:1", place)
    assert (status, out) == (2, "")
    assert "http://127.0.0.1:1" in err


def test_without_quiet_the_same_is_printed(place: Place) -> None:
    status, out, _ = run("kvmigration check preflight", place)
    assert status == 0
    assert out
