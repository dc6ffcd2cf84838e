"""Grafana's types are installed from the lock, once, and the lock says nothing of a registry."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tools import setup_types
from tools.setup_types import COPIED, SOURCE, STAMP, digest, is_current


@pytest.fixture
def source(tmp_path: Path) -> Path:
    where = tmp_path / "source"
    where.mkdir()
    for name in COPIED:
        shutil.copyfile(SOURCE / name, where / name)
    return where


def test_an_installation_is_left_alone_while_it_holds_the_lock(source: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    assert not is_current(source, installed)
    installed.mkdir()
    (installed / STAMP).write_text(digest(source))
    assert is_current(source, installed)
    (source / "package-lock.json").write_text("{}")
    assert not is_current(source, installed)


@pytest.mark.parametrize(("script", "stamped"), [("exit 3", False), ("exit 0", True)])
def test_an_installation_that_fails_leaves_no_stamp(
    script: str, stamped: bool, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=":")
    installed = tmp_path / "installed"
    if stamped:
        setup_types.install(source, installed)
    else:
        with pytest.raises(SystemExit, match=r"npm failed \(3\)"):
            setup_types.install(source, installed)
    assert is_current(source, installed) is stamped


def test_the_lock_has_a_hash_for_every_package_and_no_address() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())
