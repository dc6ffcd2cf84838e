"""Simulated clusters, exporters, a real Prometheus and a real Alertmanager, and whoever it notifies."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts import __main__ as command
from tests import real_servers
from tests.alerts.test_generation import ROOT, load

SCALE = 0.01
"""Waits and windows of the rules, against those in production: ten minutes are six seconds."""
SPEED = 10
"""Seconds of a simulated cluster in a real one."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One alert in one notification."""

    at: float
    job: str
    alert: str
    severity: str
    status: str
    description: str


@dataclass(slots=True)
class Inbox:
    """A webhook's receiver: everything that Alertmanager has sent, in order."""

    url: str
    sent: list[Sent] = field(default_factory=list)

    def take(self, body: dict[str, Any]) -> None:
        for alert in body["alerts"]:
            labels = alert["labels"]
            self.sent.append(
                Sent(
                    time.monotonic(), labels.get("job", ""), labels["alertname"], labels["severity"],
                    alert["status"], alert["annotations"]["description"],
                )
            )  # fmt: skip

    def names(self, job: str, since: float = 0.0, status: str = "firing") -> set[str]:
        """Alerts that were sent for this fleet since then."""
        return {one.alert for one in self.sent if (one.job, one.status) == (job, status) and one.at >= since}


@contextlib.contextmanager
def inbox() -> Iterator[Inbox]:
    """Listen on loopback until the end."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is http.server's
            received.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Inbox(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass(frozen=True, slots=True)
class Fleet:
    """One simulated cluster and its exporter; the job's name is the fleet's."""

    job: str
    control: str
    exporter: str

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(real_servers.call("GET", f"{self.control}/state"))
        return state

    def fault(self, name: str, *, on: bool) -> None:
        real_servers.call("POST", f"{self.control}/fault/{name}", b"on" if on else b"off")

    def phase(self, name: str) -> None:
        real_servers.call("POST", f"{self.control}/phase/{name}", b"")

    def next_step(self, migration: str = "") -> None:
        """Take the next step of its walk, or of one migration in it."""
        real_servers.call("POST", f"{self.control}/next/{migration}", b"")


@contextlib.contextmanager
def fleet(
    folder: Path,
    job: str,
    phase: str,
    *flags: str,
    size: int = 3,
    speed: int = SPEED,
    more: dict[str, Any] | None = None,
) -> Iterator[Fleet]:
    """A cluster that stays in its phase, watched; `flags` are further ones of the demo, `more` is further
    configuration of its exporter.
    """
    folder.mkdir(parents=True)
    with demo(folder, phase, *flags, size=size, speed=speed) as (control, state):
        config = folder / "kvmigration.yaml"
        config.write_text(json.dumps(configuration(state) | (more or {})))
        (port,) = real_servers.free_ports(1)
        listen = ["--config.file", str(config), "--web.listen-address", f"127.0.0.1:{port}"]
        with process(folder / "exporter.log", "serve", *listen):
            wait(lambda: ready(f"http://127.0.0.1:{port}"), f"exporter of {job}")
            yield Fleet(job, control, f"127.0.0.1:{port}")


@contextlib.contextmanager
def demo(
    folder: Path, phase: str, *flags: str, size: int = 3, speed: int = SPEED
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A cluster that stays in its phase; gives the URL of its control and its state."""
    words = ["--no-exporter", "--hold", "--start-phase", phase, "--tokens", "32", "--log-dir", str(folder)]
    words += ["--speed", str(speed), "--size", str(size), *flags]
    with process(folder / "demo.log", "demo", *words) as started:
        control = _said(started, folder / "demo.log", "control").removesuffix("/state")
        yield control, json.loads(real_servers.call("GET", f"{control}/state"))


def configuration(state: dict[str, Any]) -> dict[str, Any]:
    """An exporter's configuration that watches a demo closely."""
    store = state["store"]["url"]
    return {
        "interval": "1s",
        "http_client": {"timeout": "1s"},
        "targets": [_targets(state)],
        "stores": {"etcd": {"urls": [store]}} if state["product"] == "loki" else {"consul": {"url": store}},
        "gossip": {"label": state["label"]} if state["label"] else {},
        "rejections": [{"file": {"paths": [one["log"] for one in state["processes"]]}}],
    }


def _targets(state: dict[str, Any]) -> dict[str, Any]:
    """All processes by address; by their list where some are scaled to 0."""
    if "read-write" in state["walk"]:
        return {"file": {"paths": [state["targets"]], "refresh": "500ms"}}
    return {"static": {"urls": [one["url"] for one in state["processes"]]}}


def ready(url: str) -> bool:
    """Tell whether an exporter is ready."""
    with contextlib.suppress(OSError):
        return bool(real_servers.call("GET", f"{url}/-/ready"))
    return False


@contextlib.contextmanager
def process(log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """One command of the program, ended with SIGTERM."""
    with log.open("wb") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", "exporter", *words], cwd=ROOT, stdout=output, stderr=output,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(20)


def _said(demo: subprocess.Popen[bytes], log: Path, word: str) -> str:
    """What stands behind a word in the program's output."""
    found: list[str] = []

    def said() -> bool:
        assert demo.poll() is None, log.read_text()
        found[:] = [
            line.split()[-1] for line in log.read_text().splitlines() if line.strip().startswith(word)
        ]
        return bool(found)

    wait(said, f"{word} of the demo")
    return found[0]


def wait(condition: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
    """Look until it holds."""
    tick = threading.Event()
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        tick.wait(0.2)


@contextlib.contextmanager
def watched(folder: Path, fleets: list[Fleet], *, hurried: bool = True) -> Iterator[tuple[Inbox, str]]:
    """Prometheus with the rules and Alertmanager with the example; the inbox, and Prometheus's URL. `hurried`
    lets the one alert that waits for a day wait for seconds.
    """
    command.run(["--scale-durations", str(SCALE), "--output", str(folder / "rules")])
    with inbox() as received:
        notify = folder / "alertmanager.yaml"
        notify.write_text(json.dumps(_notifying(received.url)))
        with real_servers.alertmanager(folder, notify) as manager:
            scrape = folder / "prometheus.yaml"
            scrape.write_text(json.dumps(_scraping(fleets, manager.url, folder / "rules", hurried)))
            with real_servers.prometheus(folder, scrape) as prometheus:
                yield received, prometheus.url


def _notifying(url: str) -> dict[str, Any]:
    """The example as it is committed, quick, and with one receiver's address."""
    config: dict[str, Any] = load(ROOT / "alerts" / "built" / "alertmanager.yaml")
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    for route in config["route"]["routes"]:
        route.pop("routes", None)  # its wait is longer than a walk's phase
    for receiver in config["receivers"]:
        receiver["webhook_configs"][0]["url"] = f"{url}/{receiver['name']}"
    return config


def _scraping(fleets: list[Fleet], manager: str, rules: Path, hurried: bool) -> dict[str, Any]:
    places = {"cluster": "demo", "namespace": "mimir"}
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(_waiting(rules / "kvmigration-alerts.yaml", hurried))],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager.removeprefix("http://")]}]}]},
        "scrape_configs": [
            {"job_name": one.job, "static_configs": [{"targets": [one.exporter], "labels": places}]}
            for one in fleets
        ],
    }


LEAST = 4.0
"""Seconds: clusters run ten times as fast; a heartbeat, a cycle and a scrape take this, whatever `SCALE`."""


def _waiting(path: Path, hurried: bool) -> Path:
    """The one alert that waits for a day waits for seconds here, and none for less than a heartbeat takes."""
    document = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    for group in document["groups"]:
        for rule in group["rules"]:
            if hurried and rule.get("alert") == "KVMigrationLabelVerificationOff":
                rule["for"] = "5s"
            if rule.get("for", "").endswith("ms") or rule.get("for") in {"1s", "2s", "3s"}:
                rule["for"] = f"{LEAST:g}s"
    path.write_text(json.dumps(document))
    return path
