"""The fixtures that other tests stand on."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT, Replay, children


@pytest.mark.parametrize("name", ["cortex/f1b-killed-90s", "loki/2-mirroring"])
def test_a_replayed_recording_answers_on_every_port_but_the_dead_ones(
    name: str, replay: Callable[..., Replay]
) -> None:
    served = replay(name)
    assert served.targets
    answering = [url for url in served.targets.values() if _answers(url)]
    dead = len(served.targets) - len(answering)
    assert dead == (1 if "killed" in name else 0)


def test_two_replays_run_beside_each_other(replay: Callable[..., Replay]) -> None:
    first, second = replay("cortex/0-consul-only"), replay("cortex/0-consul-only")
    assert not set(first.ports.values()) & set(second.ports.values())
    assert "consul" in first.ports
    assert "consul" not in first.targets


def test_a_recording_that_does_not_exist_is_a_failure(replay: Callable[..., Replay]) -> None:
    with pytest.raises(pytest.fail.Exception, match="did not start"):
        replay("cortex/no-such-recording")


def test_a_free_port_can_be_bound(free_port: Callable[[], int]) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1]


def test_a_living_child_is_seen_and_an_ended_one_is_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert child.pid in children()
    finally:
        child.communicate(b"\n")
    assert child.pid not in children()


def test_a_missing_program_fails_where_the_real_servers_are_required(
    program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVMIGRATION_REQUIRE_REAL", "1")
    with pytest.raises(pytest.fail.Exception, match="make servers"):
        program("no-such-program")
    monkeypatch.delenv("KVMIGRATION_REQUIRE_REAL")
    with pytest.raises(pytest.skip.Exception, match="make servers"):
        program("no-such-program")
    assert Path(program("sh")).is_file()


LEAK = """
import subprocess

def test_leaks():
    subprocess.Popen(["sh", "-c", "sleep 600 & echo $!"], stdout=open({pid!r}, "w"))
"""


def test_a_process_left_behind_fails_the_run(tmp_path: Path) -> None:
    """Even one whose parent has ended."""
    pid = tmp_path / "pid"
    (tmp_path / "conftest.py").write_text(
        "from tests.conftest import *\nimport tests.conftest\ntests.conftest.STOP_SECONDS = 0.5\n"
    )
    (tmp_path / "test_leak.py").write_text(LEAK.format(pid=str(pid)))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
    try:
        ended = subprocess.run(
            [*command, "--rootdir", str(tmp_path), "-c", "/dev/null", str(tmp_path / "test_leak.py")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        subprocess.run(["kill", "-KILL", pid.read_text().strip()], check=False)
    assert ended.returncode == 1, ended.stdout
    assert "processes left behind by tests" in ended.stdout
    assert "sleep 600" in ended.stdout


def _answers(url: str) -> bool:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=30)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()
