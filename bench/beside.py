"""`python -m bench.beside TREE`: the cycle of this checkout beside that of another one, over the same pages.

Both stay up and take turns, a cycle each, so that a busy machine slows both alike. What counts is the ratio
of the CPU that the two need for the same cycle. Writes `results/beside.md`.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from bench.__main__ import Child
from bench.nginx import serving
from bench.pages import LABEL, PageSet, Size
from exporter.model.pages import Phase

HERE = Path(__file__).parents[1]
FILE = Path(__file__).parent / "results" / "beside.md"
SIZES = ("30x30", "300x30", "30x300", "300x300", "1000x1000")
PHASES = {phase.label: phase for phase in (Phase.EXTERNAL, Phase.MIRRORING, Phase.SWITCHED, Phase.MEMBERLIST)}
FIRST = 3  # cycles in which everything is new

HEAD = """\
# A cycle beside that of {other}

{at}, `python -m bench.beside`. Both states of the code read the same pages over HTTP
and take turns, {cycles} cycles each. The ratio is the median of the pairs' CPU time; the milliseconds are the
mean of the faster half. Where a cycle reads more pages, a look at every view of every process takes fewer
seconds: `look`. `by byte` is the ratio of the CPU time for each byte that was read.

| targets x members | phase | ms before | now | ratio | MB before | now | look before | now | by byte |
|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One cycle: its CPU seconds, the bytes that it read, and the seconds in which all views are read."""

    cpu: float
    read: int
    sweep: float


@contextmanager
def running(tree: Path, config: Path) -> Iterator[Child]:
    """An exporter of a checkout."""
    child = Child("exporter", config, tree)
    try:
        yield child
    finally:
        child.end()


def measure(size: Size, phase: Phase, trees: tuple[Path, Path], cycles: int) -> list[tuple[Cycle, Cycle]]:
    """Each cycle of both trees."""
    root = Path(tempfile.mkdtemp(prefix="kvmigration-bench-"))
    root.chmod(0o755)  # nginx's workers run as another user
    try:
        pages = PageSet(size, root, phase=phase)
        pages.write(time.time())
        with serving(root, size.targets) as urls, ExitStack() as stack:
            config = root / "config.yml"
            result = {
                "interval": "15s",
                "targets": [{"static": {"urls": list(urls)}}],
                "gossip": {"label": LABEL},
            }
            config.write_text(yaml.safe_dump(result))
            both = [stack.enter_context(running(tree, config)) for tree in trees]
            found = []
            for number in range(FIRST + cycles):
                pages.beat(time.time())
                answers = {n: both[n].ask("cycle") for n in ((0, 1) if number % 2 else (1, 0))}
                before, now = (Cycle(t["cpu"], t["bytes"], t["sweep"]) for t in (answers[0], answers[1]))
                found.append((before, now))
            return found[FIRST:]
    finally:
        shutil.rmtree(root, ignore_errors=True)


def row(name: str, phase: str, pairs: list[tuple[Cycle, Cycle]]) -> str:
    """A line of the table."""
    each = list(zip(*pairs, strict=True))
    times = [1000 * statistics.mean(sorted(c.cpu for c in cycles)[: len(cycles) // 2]) for cycles in each]
    read = [statistics.median(c.read for c in cycles) / 1e6 for cycles in each]
    ratio = statistics.median(new.cpu / old.cpu for old, new in pairs)
    by_byte = statistics.median(new.cpu / new.read / (old.cpu / old.read) for old, new in pairs)
    took = [f"{before:.0f} | {now:.0f}" for before, now in (times, read)]
    looks = " | ".join(f"{cycles[-1].sweep:.0f} s" for cycles in each)
    return f"| {name} | {phase} | {took[0]} | {ratio:.3f} | {took[1]} | {looks} | {by_byte:.3f} |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.beside", description=__doc__)
    parser.add_argument("tree", type=Path, help="the other checkout")
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="TARGETSxMEMBERS")
    parser.add_argument("--phases", nargs="+", default=["mirroring"], choices=PHASES)
    parser.add_argument("--cycles", type=int, default=20)
    args = parser.parse_args()
    tree = args.tree.resolve()
    rows = []
    for size in args.sizes:
        for phase in args.phases:
            pairs = measure(Size(*map(int, size.split("x"))), PHASES[phase], (tree, HERE), args.cycles)
            rows.append(row(size, phase, pairs))
            print(rows[-1], flush=True)
    commit = subprocess.run(
        ["git", "-C", str(tree), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    at = datetime.now(UTC).isoformat(timespec="minutes")
    head = HEAD.format(other=commit.stdout.strip(), at=at, cycles=args.cycles)
    FILE.write_text(head + "\n".join(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
