"""`kvmigration check`: what it says, and its exit status, of real clusters and of a running exporter."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
import yaml

from exporter.cli.arguments import run
from tests.cli.conftest import Recorded, as_reviewed, fits

Start = Callable[..., Recorded]

CHECKS = [
    ("cortex/1b-rolling-out-multi", "enable-mirroring", 1),
    ("cortex/2b-mirroring", "switch-primary", 1),
    ("cortex/2c-mirroring-all-rings", "switch-primary", 0),
    ("cortex/3a-switching-primary", "disable-mirroring", 1),
]


@pytest.mark.parametrize(("recording", "step", "status"), CHECKS, ids=[row[0] for row in CHECKS])
def test_the_gate_of_a_real_cluster_reads_as_reviewed(
    recorded: Start, recording: str, step: str, status: int
) -> None:
    said = recorded(recording).run("check", step, "-v")
    assert said.status == status
    fits(said.out, 200)
    as_reviewed(f"check-{recording.partition('/')[2]}.txt", said.out)


def test_without_v_what_passed_is_counted_and_the_rest_is_shown(recorded: Start) -> None:
    short = recorded("cortex/2c-mirroring-all-rings").run("check", "switch-primary").out
    assert re.search(r"\n\n(\d+) of \1 checks passed\. -v shows them\.\n$", short)
    assert "passed  " not in short
    closed = recorded("cortex/2b-mirroring").run("check", "switch-primary").out
    assert "\nfailed  clients-mirroring: Every writing client is in phase mirroring.\n" in closed
    assert "\nunknown lag: " in closed
    assert "passed  " not in closed


def test_formats_for_programs_say_the_same(recorded: Start) -> None:
    started = recorded("cortex/2b-mirroring")
    said = {name: started.run("check", "switch-primary", "-o", name) for name in ("json", "yaml", "junit")}
    assert {each.status for each in said.values()} == {1}
    told = json.loads(said["json"].out)
    assert yaml.safe_load(said["yaml"].out).keys() == told.keys()
    suite = ElementTree.fromstring(said["junit"].out)
    verdicts = [check["verdict"] for check in told["checks"]]
    counts = {
        "tests": len(verdicts),
        "failures": verdicts.count("fails"),
        "errors": verdicts.count("unknown"),
    }
    assert {name: int(suite.get(name, "")) for name in counts} == counts
    assert len(suite.findall("testcase/failure")) == counts["failures"] > 0
    assert len(suite.findall("testcase/error")) == counts["errors"]


@pytest.mark.parametrize(("recording", "status"), [("2c-mirroring-all-rings", 0), ("2b-mirroring", 2)])
def test_waiting_ends_when_it_is_open_or_the_time_is_over(
    recorded: Start, recording: str, status: int
) -> None:
    said = recorded(f"cortex/{recording}").run("check", "switch-primary", "--wait=1s")
    assert said.status == status
    assert ("rings/switch-primary: closed: " in said.err) is (status == 2)
    assert (" Checks: clients-mirroring, keys-copied" in said.err) is (status == 2)
    assert said.out.startswith(f"rings/switch-primary: {'closed' if status else 'open'}: ")


def test_one_look_says_how_to_soak(recorded: Start) -> None:
    said = recorded("cortex/2c-mirroring-all-rings", soak="300s").run("check", "switch-primary")
    assert said.status == 1
    first = " ".join(said.out.split("\n\n")[0].split())
    assert first == (
        "rings/switch-primary: closed: every check has passed, for 0 s of 300 s; run with --for 5m, or read "
        "a running exporter with --server"
    )


def test_a_soak_of_its_own_opens_it(recorded: Start) -> None:
    said = recorded("cortex/2c-mirroring-all-rings", soak="5m").run("check", "switch-primary", "--for", "1s")
    assert said.status == 0
    assert re.match(r"rings/switch-primary: open: every check has passed for \d+ s\.", said.out)
    assert said.err == "", "no progress where nobody looks"


def test_the_first_break_ends_a_soak(recorded: Start) -> None:
    said = recorded("cortex/2b-mirroring").run("check", "switch-primary", "--for", "10m")
    assert said.status == 1


def test_json_is_one_object_a_look(recorded: Start) -> None:
    said = recorded("cortex/2b-mirroring").run("check", "switch-primary", "--json")
    told = json.loads(said.out)
    assert (told["step"], told["answer"], said.status) == ("switch-primary", "closed", 1)
    keys = next(check for check in told["checks"] if check["id"] == "keys-copied")
    assert len(keys["culprits"]) == 3
    assert told["migration"] == "rings"


def test_a_step_that_is_next_in_two_migrations_is_asked_in_both(recorded: Start) -> None:
    """The exit status is the worst of theirs, and a migration that is named is asked alone."""
    started = recorded("cortex/2c-mirroring-all-rings")
    said = started.run("check", "switch-primary", "--json")
    assert [json.loads(line)["migration"] for line in said.out.splitlines()] == ["rings", "ha-tracker"]
    alone = started.run("check", "ha-tracker/switch-primary", "--json")
    assert [json.loads(line)["migration"] for line in alone.out.splitlines()] == ["ha-tracker"]
    assert said.status == alone.status == 0


@pytest.mark.parametrize("wanted", ["labels/switch-primary", "/switch-primary", "rings/set-label"])
def test_a_migration_without_the_step_is_misuse(recorded: Start, wanted: str) -> None:
    said = recorded("cortex/2b-mirroring").run("check", wanted)
    assert said.status == 2
    assert "is no migration that has the step" in said.err


def test_an_unknown_step_is_misuse(recorded: Start) -> None:
    said = recorded("cortex/2b-mirroring").run("check", "switch")
    assert said.status == 2
    assert '"switch" is no step; steps are preflight, enable-mirroring' in said.err


def test_an_exporter_that_does_not_answer_cannot_tell(
    capsys: pytest.CaptureFixture[str], free_port: Callable[[], int]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert run(["check", "switch-primary", "--server", url]) == 2
    assert "no answer of an exporter (Connection refused)" in capsys.readouterr().err


def test_a_cluster_that_does_not_answer_is_closed_and_named(
    recorded: Start, free_port: Callable[[], int]
) -> None:
    started = recorded("cortex/2c-mirroring-all-rings")
    told = yaml.safe_load(started.config.read_text())
    lost = f"127.0.0.1:{free_port()}"
    told["targets"].append({"static": {"urls": [f"http://{lost}"]}})
    started.config.write_text(yaml.safe_dump(told))
    said = started.run("check", "switch-primary")
    assert said.status == 1
    assert f"    - {lost}\n" in said.out


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["check switch-primary", "check switch-primary --json", "status"])
def test_a_reader_that_went_away_is_no_open_gate(recorded: Start, command: str, unbuffered: str) -> None:
    config = recorded("cortex/2b-mirroring").config
    line = f"set -o pipefail; {sys.executable} -m exporter {command} --config.file={config} | true"
    said = subprocess.run(
        ["bash", "-c", line],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert said.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in said.stderr
    assert "BrokenPipe" not in said.stderr
