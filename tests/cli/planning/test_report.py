"""`kvmigration report`: one file of a recorded cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Recorded

Start = Callable[..., Recorded]


def test_a_cluster_that_is_looked_at_once_has_a_report(recorded: Start, tmp_path: Path) -> None:
    started, file = recorded("cortex/2b-mirroring"), tmp_path / "report.html"
    assert started.run("report", f"--output={file}").status == 0
    text = file.read_text()
    assert "<title>Migration report" in text
    assert "mirroring-partial" in text
    said = recorded("cortex/3a-switching-primary").run("report", "--format", "markdown", "--redact")
    assert "process-1" in said.out
    assert "127.0.0.1" not in said.out
    assert "Left out by --redact." in said.out


def test_a_place_that_cannot_be_written_is_told(recorded: Start, tmp_path: Path) -> None:
    said = recorded("cortex/2b-mirroring").run("report", f"--output={tmp_path / 'no' / 'r.html'}")
    assert said.status == 2
    assert "cannot be written" in said.err


def test_html_is_not_written_to_a_terminal(recorded: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    started = recorded("cortex/2b-mirroring")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    said = started.run("report")
    assert (said.status, said.out) == (2, "")
    assert "--output FILE, or --format markdown" in said.err
    assert started.run("report", "--format", "markdown").status == 0
