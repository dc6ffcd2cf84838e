"""Four shards, the one exporter beside them, a real Prometheus, and `check --prometheus` as people run it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from alerts import __main__ as command
from tests import real_servers
from tests.alerts.live import Fleet, configuration, demo, process, ready, wait

pytestmark = [pytest.mark.real, pytest.mark.slow]
SHARDS = 4
SCALE = 1 / 15
"""A second of the rules is 15 s in production: the shards' cycles are a second apart."""


@dataclass
class Running:
    """A simulated cluster, exporters that watch it and what scrapes them."""

    fleet: Fleet
    prometheus: str
    shards: list[subprocess.Popen[bytes]]

    def check(self, step: str, *source: str) -> tuple[int, dict[str, Any]]:
        """Run `kvmigration check STEP --json`; by default ask Prometheus."""
        words = [sys.executable, "-m", "exporter", "check", step, "--json"]
        words += source or ("--prometheus", self.prometheus)
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}

    def alone(self, step: str) -> tuple[int, dict[str, Any]]:
        """What the one exporter says of the whole."""
        return self.check(step, "--server", f"http://{self.fleet.exporter}")

    def until(self, step: str, status: int) -> dict[str, Any]:
        """Ask both until both say so; gives Prometheus's answer."""
        found: list[dict[str, Any]] = []

        def agreed() -> bool:
            (shards, told), (one, _) = self.check(step), self.alone(step)
            found[:] = [told]
            return shards == one == status

        wait(agreed, f"{step}: exit status {status} of both")
        return found[0]


@contextmanager
def running(folder: Path, phase: str) -> Iterator[Running]:
    with ExitStack() as stack:
        control, state = stack.enter_context(demo(folder, phase, size=6))
        config = folder / "kvmigration.yaml"
        config.write_text(json.dumps(configuration(state) | {"gate": {"soak": "3s"}}))
        ports = real_servers.free_ports(SHARDS + 1)
        shards = []
        for number, port in enumerate(ports):
            words = ["--config.file", str(config), "--web.listen-address", f"127.0.0.1:{port}"]
            words += ["--shard", f"{number}/{SHARDS}"] if number < SHARDS else []
            shards.append(stack.enter_context(process(folder / f"{number}.log", "serve", *words)))
        for port in ports:
            wait(partial(ready, f"http://127.0.0.1:{port}"), "an exporter")
        scraped = [f"127.0.0.1:{port}" for port in ports[:SHARDS]]
        prometheus = stack.enter_context(_prometheus(folder, scraped))
        one = Fleet("kvm", control, f"127.0.0.1:{ports[SHARDS]}")
        yield Running(one, prometheus, shards[:SHARDS])


@contextmanager
def _prometheus(folder: Path, scraped: list[str]) -> Iterator[str]:
    rules = folder / "rules"
    command.run(["--scale-durations", str(SCALE), "--output", str(rules)])
    config = folder / "prometheus.yaml"
    every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    jobs = [{"job_name": "kvm", "static_configs": [{"targets": scraped}]}]
    files = [str(rules / "kvmigration-shards.yaml")]
    config.write_text(json.dumps({"global": every, "rule_files": files, "scrape_configs": jobs}))
    with real_servers.prometheus(folder, config) as server:
        yield server.url


def culprits(told: dict[str, Any], check: str) -> str:
    return " ".join(next(one["culprits"] for one in told["checks"] if one["id"] == check))


def test_prometheus_has_the_answers_of_one_exporter(tmp_path: Path) -> None:
    """Open where it is open, closed with names where strangers come, and not known without a shard."""
    with running(tmp_path, "mirroring") as run:
        told = run.until("switch-primary", 0)
        assert told["place"] == "next"
        assert {check["evidence"] for check in told["checks"]} == {"In all 4 shards."}
        assert run.until("disable-mirroring", 1)["place"] == "ahead"
        run.fleet.fault("conjoined", on=True)
        wait(lambda: "tempo" in culprits(run.until("switch-primary", 1), "gossip-no-strangers"), "names")
        run.fleet.fault("conjoined", on=False)
        run.until("switch-primary", 0)
        run.shards[1].kill()
        wait(lambda: run.check("switch-primary")[0] == 2, "not known without shard 1")
        status, told = run.check("switch-primary")
        assert status == 2
        said = ("of 4 shards 3 are known", "Prometheus cannot scrape the exporter at")
        assert any(text in told["headline"] for text in said), told["headline"]
