"""`python -m tests.faults`: play every fault and write the table of what was lost to docs/faults.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT
from tests.faults.stage import TABLE

PAGE = ROOT / "docs" / "faults.md"
HEAD = """# Faults

Written by `python -m tests.faults`, which plays each of these with the real exporter against demos and raw
sockets and writes a row only after it has passed. "Lost" is what the healthy processes, the counters, the
history and the running configuration lost. The tests are in `tests/faults` and `tests/test_reload.py`.

| what | how many | lost |
|---|---|---|
"""


def main(workers: str = "2") -> int:
    """Run the suite; the page stays as it is where a test failed."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            workers,
            "tests/faults",
            "tests/test_reload.py",
        ]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, TABLE: str(table)}, check=False)
        if done.returncode:
            return done.returncode
        rows = sorted(json.loads(line) for line in table.read_text(encoding="utf-8").splitlines())
    PAGE.write_text(HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
