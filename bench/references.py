"""What people use today, over the same pages: a script with curl and jq, and a real Prometheus."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.nginx import free_port

# For each process: which phase its clients are in, and which members its gossip copy lacks or has late.
SCRIPT = """
set -eu
while read -r url; do
  curl -s --compressed "$url/metrics" | grep -cE 'multikv_(mirror|primary_store)' >/dev/null || true
  curl -s -H 'Accept: application/json' "$url/ingester/ring" |
    jq -c '[.shards[] | {key: .id, value: [.state, .timestamp, (.tokens | length)]}] | from_entries' >"$1/a"
  curl -s "$url/memberlist?viewKey=collectors%2Fring&format=json" |
    jq -c '.ingesters | map_values([.state, .timestamp, (.tokens | length)])' >"$1/b"
  jq -n --slurpfile a "$1/a" --slurpfile b "$1/b" '($a[0] | keys) - ($b[0] | keys) | length' >/dev/null
done
"""


def curl_and_jq(urls: Sequence[str], root: Path, most: int = 15) -> dict[str, Any]:
    """CPU and wall seconds for each process of the cluster; measured on at most `most` of them."""
    if shutil.which("jq") is None or shutil.which("curl") is None:
        return {"missing": "jq or curl"}
    some = list(urls)[:most]
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        ["bash", "-c", SCRIPT, "bash", str(root)], input="\n".join(some) + "\n", text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "measured_on": len(some),
        "cpu_per_process": cpu / len(some),
        "wall_per_process": (time.perf_counter() - wall) / len(some),
    }


def prometheus(urls: Sequence[str], root: Path, most: int = 40, interval: int = 2) -> dict[str, Any]:
    """CPU seconds that Prometheus spends to scrape one process once, after its series exist."""
    if shutil.which("prometheus") is None:
        return {"missing": "prometheus"}
    some = [url.removeprefix("http://") for url in urls][:most]
    port = free_port()
    config = root / "prometheus.yml"
    scrape = {"job_name": "bench", "static_configs": [{"targets": some}]}
    config.write_text(
        json.dumps({"global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"},
                    "scrape_configs": [scrape]})
    )  # fmt: skip
    server = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
         f"--storage.tsdb.path={root}/tsdb", "--log.level=error"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        return _watched(server.pid, port, len(some), interval)
    finally:
        server.terminate()
        server.wait(30)


def _watched(pid: int, port: int, targets: int, interval: int) -> dict[str, Any]:
    _until(port, targets * 2)
    cpu, count = _cpu(pid), _scrapes(port)
    time.sleep(5 * interval)
    cpu, count = _cpu(pid) - cpu, _scrapes(port) - count
    return {"measured_on": targets, "scrapes": count, "cpu_per_process": cpu / max(1.0, count)}


def _until(port: int, scrapes: float) -> None:
    for _ in range(120):
        time.sleep(0.5)
        if _scrapes(port) >= scrapes:
            return
    raise RuntimeError("Prometheus does not scrape")


def _scrapes(port: int) -> float:
    """How many scrapes of the bench's processes there were."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return 0.0
    name = "prometheus_target_interval_length_seconds_count"
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
