"""What every room's tests may use: recordings of real clusters, programs, ports, and a check for leaks."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import random
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.real_servers import free_ports, is_free

ROOT = Path(__file__).resolve().parent.parent
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
START_SECONDS = 60.0
STOP_SECONDS = 15.0
TABLES = frozenset(
    {
        "tests/alerts/test_expressions.py",
        "tests/alerts/test_runbooks.py",
        "tests/cli/test_explain.py",
        "tests/dashboards/test_lint.py",
        "tests/dashboards/test_missing_data.py",
        "tests/dashboards/test_queries.py",
        "tests/derive/test_checks.py",
        "tests/expose/wording/test_culprits.py",
    }
)
"""Hundreds of tests of a millisecond: handing them out one by one takes longer than they do."""
TOGETHER = TABLES | frozenset(
    {
        "tests/cli/test_arguments_terminal.py",  # one exporter
        "tests/dashboards/test_types.py",  # one run of the compiler
        "tests/dashboards/test_walk.py",  # one migration
        "tests/deploy/test_image.py",  # one image
        "tests/page/test_hostile.py",  # one browser
        "tests/page/test_phases_and_faults.py",
        "tests/page/test_use.py",
        "tests/test_pasted.py",  # one demo, and a shell for each block
        "tests/test_shards_unknown.py",  # one cluster and five exporters, some minutes long
    }
)
# Offsets that replay.py may take from its base port, and a demo of up to 20 processes.
BASE_OFFSETS = (*range(21), 91, 92, 900, 990, *range(1000, 1021))

# promtool and the real servers spend up to a fifth of their time collecting a few megabytes of garbage.
os.environ.setdefault("GOGC", "400")

# A busy machine is slow to make examples and to run them, which says nothing of either.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")  # --hypothesis-profile goes before it


@dataclass(frozen=True)
class Replay:
    """A recording that answers on loopback. `ports` is by recorded target, `consul` and `etcd` included."""

    note: str
    recorded_at: float
    ports: dict[str, str]
    process: subprocess.Popen[str]

    @property
    def targets(self) -> dict[str, str]:
        """URLs of the processes alone, without the stores."""
        return {name: url for name, url in self.ports.items() if name not in ("consul", "etcd")}


class Scheduling(LoadScopeScheduling):
    """Tests one by one to whoever is free; those of a module that shares something dear to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if module in TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Instead of `xdist_group`, which this pytest and this xdist pass over in silence."""
    config.option.loadscopereorder = False  # the slow ones are first, see below
    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect garbage seldom: half a million objects of the tests themselves outlive the run,
    and to visit them again and again takes a fifth of its CPU.
    """
    gc.disable()
    collected = yield
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 40)
    gc.enable()
    return collected


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several work, the slow ones come first: nobody is left with one of them at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """`shared/` beside the repository, or where KVMIGRATION_SHARED says."""
    path = Path(os.environ.get("KVMIGRATION_SHARED") or ROOT.parent / "shared")
    if not (path / "replay.py").is_file():
        pytest.skip(f"no recordings of real clusters in {path}; set KVMIGRATION_SHARED to where they are")
    return path


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """The path of a real program, or a skip; under `make test` a missing one is a failure."""

    def find(name: str) -> str:
        path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}")
        if path is None and os.environ.get("KVMIGRATION_REQUIRE_REAL") == "1":
            pytest.fail(f"{name} is missing; `make servers` installs it")
        if path is None:
            pytest.skip(f"{name} is not installed; `make servers` installs it")
        return path

    return find


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A port of loopback that was free a moment ago. Bind port 0 yourself wherever you can."""

    def choose() -> int:
        return free_ports(1)[0]

    return choose


@pytest.fixture
def replay(shared: Path) -> Iterator[Callable[..., Replay]]:
    """Serve a recording: `replay("cortex/2b-mirroring")`, `replay(name, hang=True)`; stopped at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, *, hang: bool = False) -> Replay:
        recording = shared / "recordings" / f"{name}.jsonl.gz"
        for _ in range(8):
            process = _start_replay(shared / "replay.py", recording, hang)
            started.append(process)
            if said := _first_line(process, START_SECONDS):
                told = json.loads(said)
                return Replay(told["note"], told["recorded_at"], told["ports"], process)
            _stop(process)
        pytest.fail(f"replay.py did not start with {recording}")

    yield start
    for process in started:
        _stop(process)


def _start_replay(script: Path, recording: Path, hang: bool) -> subprocess.Popen[str]:
    command = [sys.executable, str(script), str(recording), "--base-port", str(free_base_port())]
    return subprocess.Popen(
        [*command, *(["--hang"] if hang else [])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def free_base_port() -> int:
    """Below the range from which the kernel gives out port 0, so only another block can be in the way."""
    for _ in range(200):
        base = random.randrange(11_000, 31_000, 100)
        if all(is_free(base + offset) for offset in BASE_OFFSETS):
            return base
    pytest.fail("no block of free ports on loopback")


def _first_line(process: subprocess.Popen[str], seconds: float) -> str:
    """What the process says first; empty if it ended or said nothing in time."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if ready else ""


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@pytest.fixture(scope="session", autouse=True)
def no_process_left() -> Iterator[None]:
    """Every process that a test starts, and every one that those start, has ended when the tests have.

    The test process adopts orphans (PR_SET_CHILD_SUBREAPER), so a daemon whose parent went away counts too.
    """
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    before = set(children())
    yield
    left = _left_after(before, STOP_SECONDS)
    assert not left, f"processes left behind by tests: {left}"


def _left_after(before: set[int], seconds: float) -> dict[int, str]:
    """Children that are still there after `seconds`. Gone is gone when two looks in a row agree: one look
    can miss an orphan that changes hands while we read.
    """
    deadline, waiting, clean = time.monotonic() + seconds, threading.Event(), 0
    while True:
        left = {pid: what for pid, what in children().items() if pid not in before}
        clean = 0 if left else clean + 1
        if clean == 2 or time.monotonic() > deadline:
            return left
        waiting.wait(0.05)


def children() -> dict[int, str]:
    """Living children of this process by pid, with their command lines."""
    found: dict[int, str] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it ended while we looked
            continue
        if int(parent) == os.getpid() and state not in "ZX" and "multiprocessing" not in command:
            found[int(path.name)] = command
    return found
