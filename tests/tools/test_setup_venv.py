"""A venv is made once per lock and Python, and again when either changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tools import setup_venv


def synced(venv: Path, *locks: Path) -> None:
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    (venv / "bin" / "python").touch()
    for lock in locks:
        setup_venv.stamp_of(venv, lock).write_text(setup_venv.digest(lock))


def test_a_synced_venv_is_current_until_its_lock_changes(tmp_path: Path) -> None:
    lock, venv = tmp_path / "requirements.lock", tmp_path / "venv"
    lock.write_text("one")
    assert not setup_venv.is_current(venv, lock)
    synced(venv, lock)
    assert setup_venv.is_current(venv, lock)
    lock.write_text("two")
    assert not setup_venv.is_current(venv, lock)


def test_a_venv_without_its_python_is_not_current(tmp_path: Path) -> None:
    lock, venv = tmp_path / "requirements.lock", tmp_path / "venv"
    lock.write_text("one")
    synced(venv, lock)
    (venv / "bin" / "python").unlink()
    assert not setup_venv.is_current(venv, lock)


def test_each_lock_has_a_stamp_of_its_own(tmp_path: Path) -> None:
    runtime, dev = tmp_path / "requirements.lock", tmp_path / "requirements-dev.lock"
    runtime.write_text("one")
    dev.write_text("two")
    synced(tmp_path / "venv", runtime)
    assert setup_venv.is_current(tmp_path / "venv", runtime)
    assert not setup_venv.is_current(tmp_path / "venv", dev)


def test_a_directory_that_is_no_venv_is_not_taken_for_ours(tmp_path: Path) -> None:
    assert not setup_venv.is_ours(tmp_path)
    assert setup_venv.is_ours(Path(sys.prefix))


def test_an_old_python_is_refused_in_one_line(tmp_path: Path) -> None:
    """The check itself, run by a Python that says it is old."""
    code = "import sys; sys.version_info = (3, 10, 0); from tools.setup_venv import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "lock")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("setup: Python 3.11 or later is needed")
