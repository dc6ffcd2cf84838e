"""`make bench`: page sets of several sizes, served by nginx, watched by the exporter, with references."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.deviations import cycles_of
from bench.nginx import serving
from bench.pages import LABEL, PageSet, Size
from bench.references import curl_and_jq, prometheus
from bench.report import row_of, save, table
from exporter.model.pages import Phase

ROOT = Path(__file__).parents[1]
PROFILED = "300x300"
SIZES = ("30x30", "300x30", "30x300", "300x300", "1000x1000")
NOTES = """\
- A row is one size: processes × members of the ingester ring, 512 tokens each, /metrics of 300 KB (gzip on
  the wire, as the products send it). Every process has a loopback address of its own; nginx serves the pages,
  which move on between cycles. Medians over the cycles after the first.
- *floor*: the same requests by aiohttp as it comes, the bodies unpacked and thrown away; "× floor" is the
  exporter's CPU over that.
- *curl+jq ×*: CPU of a script that asks each process for its metrics, its ring and its copy and compares the
  member names, over the exporter's CPU for a cycle. Measured on 15 processes.
- *Prometheus ms*: CPU of one scrape of one process by a Prometheus that knows its series, beside the
  exporter's CPU for all pages of one process.
- *stall*: the longest time between two turns of a ticker, in CPU time of the loop's own thread; wall time,
  which other processes on the machine prolong, is in last.json. The floor has one too: it is the client's.
- *render*: the exposition as text and gzip, once per cycle in a thread; *answer*: a scrape after that.
- *Growth*: how much more the second size costs than the first. Memory is what is above an idle exporter.
- All columns but those that begin with *gate* are of a fleet at rest, after its migration; these are of one
  in which a step is next, so that every view is read anew within five minutes.
- *MB/min*: what the exporter is sent in a minute, with packed /metrics: by one process, and by the fleet.
- *sweep*: how long until every process's ring page and gossip copy was read; those not read in a cycle stand
  as they were read last, and count as unread after two sweeps.
- *Deviations*: after how many cycles it shows that one process of so many lacks a member, stands still, is
  isolated or has other tokens; in brackets, after how many its members are named. In virtual time.
- The machine is shared: compare the columns of one row, not rows of two runs."""


class Child:
    """A measured process that obeys one order after another."""

    def __init__(self, kind: str, file: Path, tree: Path = ROOT) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.child", kind, str(file)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)},
        )  # fmt: skip

    def ask(self, order: str) -> dict[str, Any]:
        """Give an order and wait for what it cost."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes")
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        result: dict[str, Any] = json.loads(self._process.stdout.readline())
        return result

    def end(self) -> None:
        """Let it go."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="TARGETSxMEMBERS")
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--metrics-bytes", type=int, default=300_000)
    parser.add_argument("--cycles", type=int, default=5, help="the first is not counted")
    parser.add_argument("--no-references", action="store_true", help="without curl, jq and Prometheus")
    parser.add_argument("--no-save", action="store_true", help="leave bench/results alone")
    args = parser.parse_args()
    raw = []
    for size in args.sizes:
        targets, members = map(int, size.split("x"))
        raw.append(_measure(Size(targets, members, args.tokens, args.metrics_bytes), args))
        print(table([row_of(raw[-1])]), flush=True)
    rows = [row_of(result) for result in raw]
    print(table(rows))
    if not args.no_save:
        shown = cycles_of({row["targets"] for row in rows})
        print(f"written to {save(rows, raw, NOTES, {**_value(), 'deviations': shown})}")
    return 0


def _measure(size: Size, args: argparse.Namespace) -> dict[str, Any]:
    """At rest, which is after the migration, beside the references; and while a step is next."""
    with _pages(size, Phase.MEMBERLIST) as (pages, urls):
        result = _served(pages, urls, args)
    with _pages(size, Phase.MIRRORING) as (pages, urls):
        return result | {"gate": _under_gate(pages, urls, args.cycles + 1)}


@contextmanager
def _pages(size: Size, phase: Phase) -> Iterator[tuple[PageSet, tuple[str, ...]]]:
    root = Path(tempfile.mkdtemp(prefix="kvmigration-bench-"))
    root.chmod(0o755)  # nginx's workers run as another user
    try:
        pages = PageSet(size, root, phase=phase)
        pages.write(time.time())
        with serving(root, size.targets) as urls:
            yield pages, urls
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _exporter(pages: PageSet, urls: tuple[str, ...]) -> Child:
    config = pages.root / "config.yml"
    static = {"static": {"urls": list(urls)}}
    config.write_text(yaml.safe_dump({"interval": "15s", "targets": [static], "gossip": {"label": LABEL}}))
    return Child("exporter", config)


def _under_gate(pages: PageSet, urls: tuple[str, ...], cycles: int) -> list[dict[str, Any]]:
    exporter = _exporter(pages, urls)
    results = [_cycle(pages, exporter) for _ in range(cycles)]
    exporter.end()
    return results


def _served(pages: PageSet, urls: tuple[str, ...], args: argparse.Namespace) -> dict[str, Any]:
    exporter = _exporter(pages, urls)
    result: dict[str, Any] = {"size": {"targets": pages.size.targets, "members": pages.size.members}}
    result["idle"] = exporter.ask("idle")
    result["cycles"] = [_cycle(pages, exporter) for _ in range(args.cycles)]
    for order in ("scrape", "again", "series"):
        result[order] = exporter.ask(order)
    calls = pages.root / "calls.json"
    calls.write_text(json.dumps(exporter.ask("calls")["calls"]))
    result["large"] = exporter.ask("large")
    if f"{pages.size.targets}x{pages.size.members}" == PROFILED:
        for _ in range(args.cycles):
            _cycle(pages, exporter, "sampled")
        result["profile"] = exporter.ask("profile")["profile"]
    exporter.end()
    floor = Child("floor", calls)
    result["floor"] = [floor.ask("cycle") for _ in range(args.cycles)]
    floor.end()
    skipped = {"missing": "not asked for"}
    result["curl"] = skipped if args.no_references else curl_and_jq(urls, pages.root)
    result["prometheus"] = skipped if args.no_references else prometheus(urls, pages.root)
    return result


def _cycle(pages: PageSet, exporter: Child, order: str = "cycle") -> dict[str, Any]:
    """One cycle, with its bytes on the wire: /metrics is packed there."""
    pages.beat(time.time())
    result = exporter.ask(order)
    return result | {"wire": result["bytes"] - (1 - pages.packed_share) * result["packed"]}


def _value() -> dict[str, Any]:
    """The gossip value of the targets, in a process of its own."""
    command = [sys.executable, "-m", "bench.compare", "--value"]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    value: dict[str, Any] = json.loads(found.stdout)
    return value


if __name__ == "__main__":
    sys.exit(main())
