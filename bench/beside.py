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

{at}, `python -m bench.beside`. Both states of the code read the same pages over HTTP and take turns, {cycles}
cycles each; the ratio is the median of the pairs' CPU time, the milliseconds are the mean of the faster half.

| targets x members | phase | before, ms | now, ms | ratio |
|---|---|---|---|---|
"""


@contextmanager
def running(tree: Path, config: Path) -> Iterator[Child]:
    """An exporter of a checkout."""
    child = Child("exporter", config, tree)
    try:
        yield child
    finally:
        child.end()


def measure(size: Size, phase: Phase, trees: tuple[Path, Path], cycles: int) -> list[tuple[float, float]]:
    """CPU seconds of each cycle, of both trees."""
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
                spent = {n: both[n].ask("cycle")["cpu"] for n in ((0, 1) if number % 2 else (1, 0))}
                found.append((spent[0], spent[1]))
            return found[FIRST:]
    finally:
        shutil.rmtree(root, ignore_errors=True)


def row(name: str, phase: str, pairs: list[tuple[float, float]]) -> str:
    """A line of the table."""
    before, now = (
        1000 * statistics.mean(sorted(each)[: len(each) // 2]) for each in zip(*pairs, strict=True)
    )
    ratio = statistics.median(new / old for old, new in pairs)
    return f"| {name} | {phase} | {before:.0f} | {now:.0f} | {ratio:.3f} |"


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
