"""Where Consul is fetched from, and that no daemon is started on the way."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import setup_servers
from tools.setup_servers import SetupError

DEB822 = """\
# kept by the image
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb deb-src
# a comment inside
URIs: http://security.example/debian-security
Suites:
 bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
"""
ONE_LINE = """\
# deb http://comment.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://mirror.example/debian bookworm main  # ours
deb http://security.example/debian-security bookworm-security main
deb
"""


def test_deb822_sources_give_enabled_binary_mirrors() -> None:
    assert list(setup_servers.deb822_mirrors(DEB822)) == [
        ("http://mirror.example/debian", "bookworm"),
        ("http://mirror.example/debian", "bookworm-updates"),
        ("http://security.example/debian-security", "bookworm-security"),
    ]


def test_one_line_sources_give_binary_mirrors_whatever_their_options() -> None:
    assert list(setup_servers.one_line_mirrors(ONE_LINE)) == [
        ("http://mirror.example/debian", "bookworm"),
        ("http://security.example/debian-security", "bookworm-security"),
    ]


@pytest.mark.parametrize(
    ("name", "text"), [("sources.list", ONE_LINE), ("sources.list.d/debian.sources", DEB822)]
)
def test_the_mirror_is_the_one_of_this_machines_own_release(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "other.sources.disabled").write_text(DEB822.replace("mirror", "disabled"))
    (tmp_path / name).write_text(text)
    pairs = setup_servers.configured_mirrors(tmp_path)
    assert setup_servers.main_mirror(pairs, "bookworm") == "http://mirror.example/debian"


def test_no_mirror_is_said_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://security.example/debian bookworm-security main\n")
    with pytest.raises(SetupError, match=r"no apt source for the release 'bookworm'.*consul"):
        setup_servers.main_mirror(setup_servers.configured_mirrors(tmp_path), "bookworm")


def test_services_are_refused_only_while_packages_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(setup_servers, "POLICY", policy)
    with pytest.raises(RuntimeError), setup_servers.no_services():
        assert "exit 101" in policy.read_text()
        assert policy.stat().st_mode & stat.S_IXUSR
        raise RuntimeError
    assert not policy.exists()


def test_an_administrators_own_policy_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("mine")
    monkeypatch.setattr(setup_servers, "POLICY", policy)
    with setup_servers.no_services():
        pass
    assert policy.read_text() == "mine"


def test_without_root_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(setup_servers, "SBIN", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["setup_servers"])
    assert setup_servers.main() == 1
    said = capsys.readouterr().err
    assert all(package in said for package in setup_servers.PACKAGES.values())


def test_every_server_is_on_this_machine(program: Callable[[str], str]) -> None:
    """What the suite was promised: under `make test` nothing real is skipped."""
    assert all(program(name) for name in setup_servers.PACKAGES)
