"""The two commands of the README, as far as a test can run them: `make run` with and without a cluster."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Replay

WAIT = 60.0
LISTEN = "--web.listen-address=127.0.0.1:0"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+(?=/metrics)|(?<=address=)127\.0\.0\.1:\d+")
Make = Callable[..., "Running"]


class Running:
    """`make run` in a session of its own; `address` is what it tells people to open."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            ["make", "run", f"PYTHON={sys.executable}", *arguments],
            cwd=ROOT,
            env={
                name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said: list[str] = []
        self.address = ""
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said.append(line)
                if found := ADDRESS.search(line):
                    self.address = found[0] if found[0].startswith("http") else f"http://{found[0]}"
                    self._listening.set()
        self._listening.set()

    def metrics(self) -> str:
        """What is exposed after the first cycle; a failure shows what was said so far."""
        assert self._listening.wait(WAIT), "".join(self.said)
        assert self.address, "".join(self.said)
        deadline, pause = time.monotonic() + WAIT, threading.Event()
        while not (text := self._get("/metrics") if self._get("/-/ready") else ""):
            assert time.monotonic() < deadline, "".join(self.said)
            pause.wait(0.1)
        return text

    def _get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(self.address + path, timeout=WAIT) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as answer:
            answer.close()
            return ""

    def stop(self, number: int) -> int:
        """As Ctrl-C does it: the signal goes to make and to what it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        try:
            return self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()
        finally:
            self._reader.join(WAIT)


@pytest.fixture
def make() -> Iterator[Make]:
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("`make run` would set up .venv first; these tests run from another environment")
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(*arguments))
        return started[-1]

    yield start
    for running in started:
        running.stop(signal.SIGKILL)


def test_make_run_watches_a_demo_and_stops_on_ctrl_c(make: Make) -> None:
    running = make(f"ARGS={LISTEN} --size 3 --hold --start-phase mirroring")
    assert running.metrics().count('kvmigration_phase{migration="rings",phase="mirroring"} 1.0') == 1
    assert any("Open http" in line for line in running.said)
    assert 'action="./demo/next"' in running._get("/")
    running.stop(signal.SIGINT)
    assert not any("Traceback" in line for line in running.said), "".join(running.said)


def test_make_run_with_a_configuration_watches_that_cluster(
    make: Make, replay: Callable[..., Replay], tmp_path: Path
) -> None:
    served = replay("cortex/2b-mirroring")
    config = tmp_path / "my.yml"
    config.write_text(yaml.safe_dump({"targets": [{"static": {"urls": list(served.targets.values())}}]}))
    running = make(f"CONFIG={config}", f"ARGS={LISTEN}")
    up = re.findall(r"^kvmigration_target_up\{.*\} 1\.0$", running.metrics(), re.MULTILINE)
    assert len(up) == len(served.targets)
    running.stop(signal.SIGTERM)
    assert not any("Traceback" in line for line in running.said), "".join(running.said)


def test_make_run_with_a_wrong_configuration_says_what_is_wrong(make: Make, tmp_path: Path) -> None:
    config = tmp_path / "my.yml"
    config.write_text("targts: []\n")
    running = make(f"CONFIG={config}")
    assert running.process.wait(WAIT) != 0
    running.stop(signal.SIGKILL)
    said = "".join(running.said)
    assert "targts" in said
    assert "Traceback" not in said


def test_help_names_both_commands() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^  run +\S", said, re.MULTILINE)
    assert re.search(r"^  test +\S", said, re.MULTILINE)


def test_ci_runs_make_test_and_nothing_weaker() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert script.rstrip().endswith("exec make test </dev/null")
    checks = re.search(r"^test: (.*?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert checks is not None
    wanted = {"setup", "check-style", "check-types", "check-generated", "check-docker", "check-tests"}
    assert wanted <= set(checks[1].split())
