"""The command line against recordings of real clusters: its output with ports that do not change."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli.arguments import run
from tests.conftest import Replay

TIME = re.compile(r"\d\d\s\w{3}\s\d\d:\d\d:\d\d(?=\sUTC)")
GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


def said_here(*words: str) -> Said:
    """Run a command in this process: a start of Python and of the program takes a second of CPU."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = run(words)
    return Said(status, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Recorded:
    """A recording that answers, and a configuration file that names its processes and its store."""

    replayed: Replay
    config: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Said:
        """Run a command on it; ports are as recorded, with a letter before them to be as long."""
        return self.say(*arguments, f"--config.file={self.config}")

    def say(self, *arguments: str) -> Said:
        """Run a command as it stands."""
        status = run(arguments)
        out, err = self.capsys.readouterr()
        for recorded, served in self.replayed.ports.items():
            out = out.replace(served.removeprefix("http://"), f"127.0.0.1:P{recorded.rpartition(':')[2]}")
        return Said(status, out, err)


@pytest.fixture
def recorded(
    replay: Callable[..., Replay], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Recorded]:
    """Serve a recording and write a configuration for it: `recorded("cortex/2b-mirroring", soak="5m")`."""

    def start(name: str, soak: str = "0s", **more: Any) -> Recorded:
        replayed = replay(name)
        told = {
            "targets": [{"static": {"urls": list(replayed.targets.values())}}],
            "stores": {"consul": {"url": replayed.ports["consul"]}}
            if "consul" in replayed.ports
            else {"etcd": {"urls": [replayed.ports["etcd"]]}},
            "gate": {"soak": soak, "check_interval": "100ms"},
            **more,
        }
        config = tmp_path / "kvmigration.yml"
        config.write_text(yaml.safe_dump(told))
        return Recorded(replayed, config, capsys)

    return start


def as_reviewed(name: str, text: str) -> None:
    """Compare with a reviewed file, but for times of day; `UPDATE_GOLDEN=1 pytest tests/cli` rewrites it."""
    file, text = GOLDEN / name, TIME.sub(lambda found: re.sub(r"\w", "0", found[0]), text)
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def fits(text: str, lines: int) -> None:
    """80 columns, so many lines, no colour and nothing else that moves a cursor."""
    rows = text.splitlines()
    assert len(rows) <= lines
    assert max(map(len, rows)) <= 80
    assert all(row.isprintable() for row in rows)
