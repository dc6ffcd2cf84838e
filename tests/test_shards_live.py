"""Four shards, the one exporter beside them, a real Prometheus, and `check --prometheus` as people run it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from alerts import __main__ as command
from exporter.cli.arguments import run as run_command
from tests import real_servers
from tests.alerts.live import Fleet, configuration, demo, process, ready, wait

pytestmark = [pytest.mark.real, pytest.mark.slow]
Steps = dict[str, dict[str, Any]]
"""A step by migration."""
SHARDS = 4
SCALE = 1 / 15
"""A second of the rules is 15 s in production: the shards' cycles are a second apart."""


@dataclass
class Running:
    """A simulated cluster, exporters that watch it and what scrapes them."""

    fleet: Fleet
    prometheus: str
    shards: list[subprocess.Popen[bytes]]

    @property
    def joined(self) -> tuple[str, str]:
        """Where the shards' answers are joined."""
        return "--prometheus", self.prometheus

    @property
    def alone(self) -> tuple[str, str]:
        """Where the one exporter answers for the whole."""
        return "--server", f"http://{self.fleet.exporter}"

    def until(self, step: str, status: int) -> Steps:
        """Ask both until both say so, of the same migrations; gives Prometheus's answer."""
        joined: Steps = {}

        def agreed() -> bool:
            (shards, joined_steps), (one, steps) = check(step, *self.joined), check(step, *self.alone)
            joined.clear()
            joined.update(joined_steps)
            return shards == one == status and answers(joined_steps) == answers(steps)

        wait(agreed, f"{step}: exit status {status} of both, of the same migrations")
        return joined


def check(step: str, *source: str) -> tuple[int, Steps]:
    """Run `kvmigration check STEP --json`, here and not as a process: it is asked until an answer changes.
    Gives a document a migration.
    """
    with redirect_stdout(io.StringIO()) as said:
        status = run_command(["check", step, "--json", *source])
    return status, _documents(said.getvalue())


def pasted(step: str, *source: str) -> tuple[int, Steps]:
    """Run it as people do."""
    words = [sys.executable, "-m", "exporter", "check", step, "--json", *source]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, _documents(done.stdout)


def same(source: tuple[str, str], told: dict[str, tuple[str, str]]) -> bool:
    """Whether a process says the same; a busy machine may be late for a cycle."""
    status, steps = pasted("switch-primary", *source)
    return (status, answers(steps)) == (0, told)


def _documents(said: str) -> Steps:
    return {document["migration"]: document for document in map(json.loads, said.splitlines())}


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


def answers(steps: Steps) -> dict[str, tuple[str, str]]:
    """What is said of each migration. While a fault is on single checks differ from look to look."""
    return {migration: (step["place"], step["answer"]) for migration, step in steps.items()}


def without_one(run: Running) -> bool:
    """Whether each answer of the shards is unknown, and says that one of them is missing."""
    status, told = check("switch-primary", *run.joined)
    said = ("of 4 shards 3 are known", "Prometheus cannot scrape the exporter at")
    missed = [any(text in step["headline"] for text in said) for step in told.values()]
    return status == 2 and bool(missed) and all(missed)


def culprits(told: dict[str, Any], check: str) -> str:
    return " ".join(next(one["culprits"] for one in told["checks"] if one["id"] == check))


def test_prometheus_has_the_answers_of_one_exporter(tmp_path: Path) -> None:
    """Open where it is open, closed with names where strangers come, and unknown without a shard."""
    with running(tmp_path, "mirroring") as run:
        told = run.until("switch-primary", 0)
        assert {migration: step["place"] for migration, step in told.items()} == {
            "rings": "next",
            "ha-tracker": "next",
        }
        evidence = {check["evidence"] for step in told.values() for check in step["checks"]}
        assert evidence == {"In all 4 shards."}
        for source in (run.joined, run.alone):
            wait(partial(same, source, answers(told)), "the same of a process")
        for migration in ("rings", "ha-tracker"):
            assert run.until(f"{migration}/disable-mirroring", 1)[migration]["place"] == "ahead"
        run.fleet.fault("conjoined", on=True)
        wait(
            lambda: "tempo" in culprits(run.until("rings/switch-primary", 1)["rings"], "gossip-no-strangers"),
            "names",
        )
        run.fleet.fault("conjoined", on=False)
        run.until("switch-primary", 0)
        run.shards[1].kill()
        wait(partial(without_one, run), "unknown without shard 1, and why")
