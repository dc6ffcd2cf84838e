"""`check --watch` until Ctrl-C, and the progress that only a terminal shows."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.cli import check
from tests.cli.conftest import Recorded

Start = Callable[..., Recorded]
SECONDS = 60.0


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_progress_is_drawn_on_a_terminal_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    args = Namespace(format="text", soak=40.0, quiet=False)
    check._progress(args, 10.0)
    assert screen.getvalue() == f"\r[{'#' * 10}{'.' * 30}] passed for 10 s of 40 s "
    check._clear(args)
    assert screen.getvalue().endswith(f"\r{' ' * 79}\r")


def test_no_progress_where_json_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    check._progress(Namespace(format="json", soak=40.0), 10.0)
    assert screen.getvalue() == ""


@pytest.mark.asyncio
async def test_watching_goes_on_until_it_is_interrupted(recorded: Start) -> None:
    config: Path = recorded("cortex/2b-mirroring").config
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "check", "switch-primary", "--watch", "--json"),
        f"--config.file={config}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 20,
    )
    assert process.stdout is not None
    for _ in range(2):
        line = await asyncio.wait_for(process.stdout.readline(), SECONDS)
        assert json.loads(line)["answer"] == "closed"
    process.send_signal(signal.SIGINT)
    out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    assert all(json.loads(line)["step"] == "switch-primary" for line in out.splitlines())
    assert process.returncode == 1
