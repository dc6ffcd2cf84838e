"""`python -m bench.one_process`: what one hostile process of ten costs, attack by attack.

::

    python -m bench.one_process --code /tmp/before --column before   # another state of the code
    python -m bench.one_process                                      # this one: the column `after`

Nine processes of the demo and one of `bench.hostile`, watched by a real `kvmigration serve` under the
chart's memory limit. Writes `results/one-process.json` and, of both columns, `results/one-process.md`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.hostile import KINDS
from bench.memory_cgroup import Cgroup, limited

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
LIMIT = ROOT / "deploy/helm/kvmigration-exporter/values.yaml"
INTERVAL = 5
HONEST = 9
TICKS = os.sysconf("SC_CLK_TCK")
WHAT = {
    "none": "nine processes, no hostile one",
    "keys": "99,000 keys listed in /memberlist",
    "members": "90,000 members on every ring page, 99,000 in /memberlist",
    "tokens": "2,000 members of 4,096 tokens on every ring page",
    "html": "40 MB of HTML on every ring page",
    "bomb": "1 GiB of zeros in every gzip body",
    "deep": "30 MB of `[` on every page",
    "aliases": "60,000 aliases in /config",
    "lines": "2,000,000 lines of /metrics that nearly match",
    "chunks": "bodies without end in chunks of one byte",
    "interim": "interim answers (103) without end",
    "headers": "headers without end",
    "drip": "a byte every 200 ms",
}

HEAD = """\
# One hostile process of ten

Made by `python -m bench.one_process`. Interval {interval} s, {seconds:.0f} s for each attack, in a memory
cgroup of {measured} MiB. Each cell says before → after. Peaks are the cgroup's, page cache included; those of
the column before are of the process alone, which had no limit. CPU is what the exporter needs more than with
nine processes alone, as a share of one core. Where the machine is shared, silences and cycle times are upper
bounds: `echo -15 > /proc/self/autogroup` in a session of its own (`setsid`) keeps the others away, as was
done for the column after. A cycle waits for a process that answers too slowly until 90 % of the interval; the
others are read before.

The limit: 1,000 processes with 1,000 members need {large} MiB (last.md), one hostile process at most {more}
MiB more than nine processes alone, and a quarter of the limit is left for what was not thought of. In steps
of 64 MiB that is {least} MiB; a test holds the chart to it.

"""


@dataclass(slots=True)
class Watcher:
    """Requests /-/healthy and /metrics all the time; records the longest time without an answer of each."""

    base: str
    longest: dict[str, float] = field(default_factory=lambda: {"/-/healthy": 0.0, "/metrics": 0.0})
    page: str = ""
    _ended: threading.Event = field(default_factory=threading.Event)

    def watch(self, path: str) -> None:
        """Request one path until the end."""
        while not self._ended.wait(0.2):
            asked = time.monotonic()
            with suppress(OSError, urllib.error.URLError):
                with urllib.request.urlopen(self.base + path, timeout=60) as answer:
                    text = answer.read().decode()
                if path == "/metrics":
                    self.page = text
            self.longest[path] = max(self.longest[path], time.monotonic() - asked)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Request both inside the `with`."""
        threads = [threading.Thread(target=self.watch, args=(path,), daemon=True) for path in self.longest]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join(70)

    def value(self, name: str) -> float:
        """A sample without labels of the last /metrics."""
        found = re.search(rf"(?m)^{name} (\S+)", self.page)
        return float(found[1]) if found else 0.0


def memory_limit() -> int:
    """The chart's memory limit, MiB."""
    return int(yaml.safe_load(LIMIT.read_text())["resources"]["limits"]["memory"].removesuffix("Mi"))


def largest() -> int:
    """What the largest cluster of the common measurement needs, MiB."""
    rows = json.loads((RESULTS / "last.json").read_text())["rows"]
    return round(max(row["peak_mb"] for row in rows))


def extra(after: dict[str, Any]) -> int:
    """What the worst hostile process takes beyond a run with nine processes, MiB."""
    peaks = [row["peak_mib"] for row in after.values()]
    return int(max(peaks, default=0)) - int(after.get("none", {"peak_mib": 0})["peak_mib"])


def needed(after: dict[str, Any]) -> int:
    """The limit that follows from the measurements, MiB: a quarter of it is to spare, in steps of 64."""
    return 64 * math.ceil((largest() + extra(after)) / 0.75 / 64)


def measure(kind: str, code: Path, base: int, seconds: float) -> dict[str, Any]:
    """One attack, against the exporter in `code`."""
    urls = [f"http://127.0.0.1:{base + n}" for n in range(HONEST)]
    with tempfile.TemporaryDirectory() as directory, limited(memory_limit()) as group, _ended() as started:
        started.append(_start(_demo(base), code))
        every = list(urls)
        if kind != "none":
            started.append(_hostile(base + 90, kind))
            every.append(f"http://127.0.0.1:{base + 90}")
        _answers(urls[0])
        config, listen = Path(directory) / "config.yml", f"127.0.0.1:{base + 91}"
        store = {"consul": {"url": f"http://127.0.0.1:{base + 900}"}}
        settings = {"interval": f"{INTERVAL}s", "targets": [{"static": {"urls": every}}], "stores": store}
        config.write_text(yaml.safe_dump(settings))
        serve = ["-m", "exporter", "serve", "--config.file", str(config), "--web.listen-address", listen]
        served = _start([sys.executable, *serve], code, preexec_fn=group.enter)
        started.append(served)
        _answers(f"http://{listen}/-/healthy")
        return {"kind": kind, "limit_mib": memory_limit()} | _watched(
            served.pid, group, f"http://{listen}", urls, seconds
        )


@contextmanager
def _ended() -> Iterator[list[subprocess.Popen[bytes]]]:
    """A list of processes, which end with the block."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        yield started
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def _demo(base: int) -> list[str]:
    demo = ["-m", "exporter", "demo", "--no-exporter", "--base-port", str(base), "--size", str(HONEST)]
    return [sys.executable, *demo, "--start-phase", "mirroring", "--hold", "--log.level", "error"]


def _hostile(port: int, kind: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.hostile", str(port), kind]
    hostile = _start(command, ROOT, stdout=subprocess.PIPE)
    if hostile.stdout is None or not hostile.stdout.readline():
        raise RuntimeError(f"{kind} did not start")
    return hostile


def _watched(pid: int, group: Cgroup, base: str, honest: list[str], seconds: float) -> dict[str, Any]:
    watcher, cycles, hurt, last = Watcher(base), list[float](), 0, 0.0
    started, began = _cpu(pid), time.monotonic()
    with watcher.watching():
        while time.monotonic() - began < seconds and Path(f"/proc/{pid}/stat").exists():
            time.sleep(0.5)
            at = watcher.value("kvmigration_snapshot_timestamp_seconds")
            if at and at != last:
                cycles.append(watcher.value("kvmigration_cycle_duration_seconds"))
                last = at
                hurt += _hurt(base, honest)
        spent = _cpu(pid) - started
    return {
        "cycles": cycles,
        "hurt": hurt,
        "peak_mib": group.peak(),
        "killed": group.killed(),
        "cpu_share": spent / (time.monotonic() - began),
        "silence": {path: round(longest, 2) for path, longest in watcher.longest.items()},
    }


def _hurt(base: str, honest: list[str]) -> int:
    """How many pages of the ordinary processes failed in the last cycle."""
    try:
        with urllib.request.urlopen(f"{base}/targets", timeout=60) as answer:
            rows = json.loads(answer.read())["data"]
    except (OSError, ValueError):
        return 1
    theirs = [row for row in rows if row["url"] in honest]
    return sum(page["outcome"] == "failed" for row in theirs for page in row["pages"])


def _start(command: list[str], cwd: Path, **how: Any) -> subprocess.Popen[bytes]:
    how.setdefault("stdout", subprocess.DEVNULL)
    return subprocess.Popen(command, cwd=cwd, stderr=subprocess.DEVNULL, **how)


def _answers(url: str, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"{url} does not answer")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def table(results: dict[str, dict[str, Any]]) -> str:
    """Both columns, a row for each attack."""
    lines = [
        "| one process of ten sends | cycles: longest, s | pages of the other nine lost | peak, MiB | "
        "longest silence of /-/healthy, /metrics, s | CPU of a core for that process |",
        "|---|---|---|---|---|---|",
    ]
    columns = [column for column in ("before", "after") if column in results]
    for kind in ("none", *KINDS):
        cells = [_cells(results[column].get(kind), results[column].get("none")) for column in columns]
        joined = [" → ".join(each) for each in zip(*cells, strict=True)]
        lines.append(f"| {WHAT[kind]} | {' | '.join(joined)} |")
    return "\n".join(lines) + "\n"


def _cells(row: dict[str, Any] | None, none: dict[str, Any] | None) -> tuple[str, ...]:
    if row is None:
        return ("–",) * 5
    silence = row["silence"]
    longest = f"{max(row['cycles']):.1f}" if row["cycles"] else "no cycle ended"
    peak = f"killed at {row['peak_mib']}" if row.get("killed") else str(row["peak_mib"])
    share = row["cpu_share"] - (none["cpu_share"] if none and row["kind"] != "none" else 0.0)
    return (
        longest,
        str(row["hurt"]),
        peak,
        f"{silence['/-/healthy']:.1f}, {silence['/metrics']:.1f}",
        f"{max(0.0, share):.0%}",
    )


def save(results: dict[str, dict[str, Any]], seconds: float) -> None:
    """Write the numbers and the table."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "one-process.json").write_text(json.dumps(results, indent=1) + "\n")
    after = results.get("after", {})
    measured = max((row["limit_mib"] for row in after.values()), default=memory_limit())
    numbers = {"measured": measured, "large": largest(), "more": extra(after), "least": needed(after)}
    head = HEAD.format(interval=INTERVAL, seconds=seconds, **numbers)
    (RESULTS / "one-process.md").write_text(head + table(results))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.one_process", description=__doc__)
    parser.add_argument("--code", type=Path, default=ROOT, help="a directory with the package `exporter`")
    parser.add_argument("--column", choices=("before", "after"), default="after")
    parser.add_argument("--kinds", nargs="+", default=("none", *KINDS), choices=("none", *KINDS))
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--base-port", type=int, default=28000)
    args = parser.parse_args()
    file = RESULTS / "one-process.json"
    results: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind in args.kinds:
        row = measure(kind, args.code, args.base_port, args.seconds)
        results.setdefault(args.column, {})[kind] = row
        print(json.dumps(row), flush=True)
        save(results, args.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
