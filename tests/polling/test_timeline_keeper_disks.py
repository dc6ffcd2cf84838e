"""A disk that is full or read-only costs the history on it, and one warning: on a real small file system."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Written cycle after cycle, each with something new; then asked what is left, in memory and on the disk.
KEEPER = """
import asyncio, json, logging, sys
from pathlib import Path
from exporter.model.planning.timeline import Timeline
from exporter.polling.timeline_keeper import TimelineKeeper
from exporter.sources import timeline_file

warned = []
class Note(logging.Handler):
    def emit(self, record):
        warned.append(record.getMessage())
logging.getLogger("kvmigration.timeline").addHandler(Note())

async def main(path):
    keeper = TimelineKeeper(path)
    await keeper.recall()
    for cycle in range(30):
        lags = (*keeper.timeline.lags, *((f"key-{n}", 60.0 * cycle, 1.0) for n in range(100)))
        keeper.timeline = Timeline(lags=lags, at=60.0 * cycle)
        await keeper._write(path)
    return len(keeper.timeline.lags)

path = Path(sys.argv[1])
kept = asyncio.run(main(path))
on_disk = len(timeline_file.load(path).lags) if path.exists() and path.stat().st_size else 0
print(json.dumps({"memory": kept, "disk": on_disk, "warned": warned}))
"""
MOUNTS = {
    "roomy": "mount -t tmpfs -o size=16m none {0}",
    "full": "mount -t tmpfs -o size=128k none {0}",
    "read-only": "mount -t tmpfs -o size=16m,ro none {0}",
}


@pytest.fixture(params=MOUNTS)
def told(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, object]]:
    """What a keeper tells whose file is on this file system, in a mount namespace of its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a mount namespace needs root and unshare")
    mount = MOUNTS[request.param].format(tmp_path)
    script = tmp_path.with_name("keeper.py")
    script.write_text(KEEPER)
    inside = f"{mount} && exec {sys.executable} {script} {tmp_path}/history.sqlite"
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", inside],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if "mount:" in ran.stderr:
        pytest.skip(f"nothing can be mounted here: {ran.stderr}")
    assert ran.returncode == 0, ran.stderr
    found: dict[str, object] = json.loads(ran.stdout.splitlines()[-1])
    return str(request.param), found


def test_a_disk_costs_the_history_on_it_and_one_warning_and_nothing_in_memory(
    told: tuple[str, dict[str, object]],
) -> None:
    kind, found = told
    assert found["memory"] == 3_000
    warned = [str(line) for line in found["warned"]]  # type: ignore[attr-defined] # a list
    if kind == "roomy":
        assert (found["disk"], warned) == (3_000, [])
        return
    assert len(warned) == 1
    assert "is kept in memory only" in warned[0]
    # What was written before is still a history: a full disk breaks no file.
    assert found["disk"] == 0 if kind == "read-only" else 0 < int(str(found["disk"])) < 3_000
