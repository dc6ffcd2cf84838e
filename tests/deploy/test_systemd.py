"""The systemd unit, by systemd's own judgement."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

UNIT = ROOT / "deploy" / "systemd" / "kvmigration-exporter.service"
MOST_EXPOSED = 1.5  # of 10; the network is what is left
Program = Callable[[str], str]


@pytest.fixture
def analyze(program: Program) -> Callable[..., subprocess.CompletedProcess[str]]:
    path = program("systemd-analyze")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=120)

    return run


@pytest.mark.real
def test_the_unit_is_understood(
    analyze: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """With a program that is there, for systemd looks for it."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/kvmigration/bin/kvmigration", "/bin/true"))
    done = analyze("verify", "--man=no", str(unit))
    told = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (told, done.returncode) == ([], 0)


@pytest.mark.real
def test_the_unit_is_hardly_exposed(analyze: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = analyze("security", "--offline=yes", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSED


def test_a_reload_is_a_sighup_and_nothing_runs_as_root() -> None:
    text = UNIT.read_text()
    for line in (
        "ExecReload=/bin/kill -HUP $MAINPID",
        "DynamicUser=yes",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
    ):
        assert line in text.splitlines()
