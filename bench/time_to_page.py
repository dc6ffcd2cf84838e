"""`python -m bench.time_to_page`: how long until each fault is reported, by a real Prometheus and
Alertmanager.

Every fault of the demo has a cluster, an exporter and a job of its own, all at once. The rules and the routes
are those of `alerts/built`, the intervals are the defaults: 15 s for the exporter, 1 min for Prometheus's
scrapes. With `--recording FILE` a recorded cluster is served by `--replay PROGRAM` and counts from its first
minute. Clusters without a fault stand beside them, at rest and in rollouts: no alert about them may be sent.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench import notified
from bench.notified import Notification
from tests import real_servers
from tests.alerts import live

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "alerts" / "built"
RESULT = ROOT / "bench" / "results" / "time-to-page.md"
WARM = 150.0  # seconds before the fault: two scrapes, and every process older than two heartbeats
LOOK = 2.0
RESTART, SERVERS = 7 * 60.0, 14 * 60.0
"""Seconds after the faults began at which exporters are restarted, and Prometheus and Alertmanager."""


@dataclass(frozen=True, slots=True)
class Play:
    """A fault, in the phase in which it harms; a rollout goes to `to` instead."""

    name: str
    phase: str
    size: int = 6
    to: str = ""
    product: str = "mimir"
    restarts: bool = False  # its exporter is restarted while the fault lasts

    @property
    def job(self) -> str:
        return f"{self.name}-{self.phase}-{self.size}{'-restarts' * self.restarts}"


FAULTS = (
    Play("conjoined", "switched"), Play("conjoined", "mirroring"), Play("clobber", "mirroring"),
    Play("split", "memberlist"), Play("split", "mirroring"), Play("foreign-label", "memberlist"),
    Play("store-down", "mirroring"), Play("store-down", "switched"), Play("partial-mirroring", "mirroring"),
    Play("lag", "mirroring"), Play("mirror-errors", "mirroring"), Play("crash", "mirroring"),
    Play("token-conflict", "memberlist"), Play("pages-hang", "memberlist"),
    Play("pages-rubbish", "memberlist"), Play("clock-skew", "memberlist"),
    Play("split", "mirroring", restarts=True), Play("store-down", "mirroring", restarts=True),
    Play("partial-mirroring", "mirroring", restarts=True), Play("crash", "mirroring", restarts=True),
)  # fmt: skip
HEALTHY = (
    Play("rollout", "external", 6, "multi"), Play("rollout", "external", 18, "multi"),
    Play("rollout", "detached", 18, "memberlist"), Play("rollout", "external", 100, "multi"),
    Play("at-rest", "mirroring"),
)  # fmt: skip


@dataclass(slots=True)
class Watched:
    """One job: what it plays, where its exporter is, and when its headline changed, by our clock."""

    play: Play
    exporter: Exporter
    control: str = ""
    before: str = ""
    headline: float | None = None
    words: str = ""
    began: float = 0.0
    ended: float | None = None
    notifications: list[Notification] = field(default_factory=list)

    def look(self) -> None:
        """Note when the first warning that was not there before the fault is shown."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            warnings = self._warnings()
            if self.headline is None and warnings != self.before:
                self.headline, self.words = time.time(), warnings

    def rest(self) -> None:
        """Note the warnings before the fault."""
        self.before = self._warnings()

    def _warnings(self) -> str:
        with urllib.request.urlopen(f"http://{self.exporter.address}/api/v1/status", timeout=5) as answer:
            found = json.load(answer)
        return "; ".join(found["data"]["warnings"])

    def switch(self, *, on: bool) -> None:
        """Begin the fault or the rollout, or end the fault."""
        if self.play.to:
            if on:
                real_servers.call("POST", f"{self.control}/phase/{self.play.to}", b"")
        elif self.control and self.play.name != "at-rest":
            state = b"on" if on else b"off"
            real_servers.call("POST", f"{self.control}/fault/{self.play.name}", state)


@dataclass(slots=True)
class Exporter:
    """An exporter that may be restarted."""

    folder: Path
    address: str
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self) -> None:
        """Start it, and wait for its first cycle."""
        listen = [
            "--config.file",
            str(self.folder / "kvmigration.yaml"),
            "--web.listen-address",
            self.address,
        ]
        self.running.enter_context(live.process(self.folder / "exporter.log", "serve", *listen))
        live.wait(lambda: live.ready(f"http://{self.address}"), f"exporter in {self.folder}", 240)

    def restart(self) -> None:
        """End it and start it anew: its state is lost."""
        self.running.close()
        self.start()


@contextlib.contextmanager
def exporter_of(folder: Path, config: dict[str, Any]) -> Iterator[Exporter]:
    """An exporter with this configuration."""
    (folder / "kvmigration.yaml").write_text(json.dumps(config))
    (port,) = real_servers.free_ports(1)
    made = Exporter(folder, f"127.0.0.1:{port}")
    with contextlib.closing(made.running):
        made.start()
        yield made


@contextlib.contextmanager
def demo(folder: Path, play: Play) -> Iterator[Watched]:
    """A simulated cluster, and the exporter that watches it."""
    place = folder / play.job
    place.mkdir()
    flags = ["--product", play.product, "--restart-every", "20s"]
    with live.demo(place, play.phase, *flags, size=play.size, speed=1) as (control, state):
        config = live.configuration(state) | {"interval": "15s"}
        del config["http_client"]
        with exporter_of(place, config) as exporter:
            yield Watched(play, exporter, control)


@contextlib.contextmanager
def recorded(folder: Path, program: Path, recording: Path, port: int) -> Iterator[Watched]:
    """A recorded cluster, and the exporter that watches it: the fault is there from the beginning."""
    name = recording.name.removesuffix(".jsonl.gz")
    place = folder / name
    place.mkdir()
    words = [sys.executable, str(program), str(recording), "--base-port", str(port)]
    served = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        line = served.stdout.readline() if served.stdout else ""
        config = _of_recording(json.loads(line))
        began = time.time()
        with exporter_of(place, config) as exporter:
            yield Watched(Play(name, "recorded", 0), exporter, began=began)
    finally:
        served.terminate()
        served.wait(10)


def _of_recording(mapping: dict[str, Any]) -> dict[str, Any]:
    """The configuration for the output of the replaying program."""
    ports: dict[str, str] = dict(mapping["ports"])
    consul, etcd = ports.pop("consul", ""), ports.pop("etcd", "")
    stores = ({"consul": {"url": consul}} if consul else {}) | ({"etcd": {"urls": [etcd]}} if etcd else {})
    return {"targets": [{"static": {"urls": list(ports.values())}}], "stores": stores}


@contextlib.contextmanager
def prometheus(folder: Path, jobs: list[Watched], received: live.Inbox) -> Iterator[None]:
    """Prometheus with the rules as they are built, Alertmanager with the routes, and the receivers. Started
    again in the same folder they still have the alerts that they have sent.
    """
    notify = yaml.safe_load((BUILT / "alertmanager.yaml").read_text())
    for receiver in notify["receivers"]:
        receiver["webhook_configs"][0]["url"] = f"{received.url}/{receiver['name']}"
    path = folder / "alertmanager.yaml"
    path.write_text(json.dumps(notify))
    with real_servers.alertmanager(folder, path) as manager:
        scrape = folder / "prometheus.yaml"
        scrape.write_text(json.dumps(_scraping(jobs, manager.url.removeprefix("http://"))))
        with real_servers.prometheus(folder, scrape):
            yield


def _scraping(jobs: list[Watched], manager: str) -> dict[str, Any]:
    places = {"cluster": "bench", "namespace": "kv"}
    return {
        "rule_files": [str(BUILT / "kvmigration-alerts.yaml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
        "scrape_configs": [
            {
                "job_name": one.play.job,
                "static_configs": [{"targets": [one.exporter.address], "labels": places}],
            }
            for one in jobs
        ],
    }


def wait(jobs: list[Watched], seconds: float) -> None:
    """Read every headline until the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for one in jobs:
            one.look()
        time.sleep(LOOK)


def play(arguments: argparse.Namespace) -> list[Watched]:
    """Play everything at once, and give the reports of it."""
    with tempfile.TemporaryDirectory(prefix="kvmigration-time-") as name, contextlib.ExitStack() as stack:
        folder, jobs = Path(name), list[Watched]()
        for one in chosen(arguments):
            jobs.append(stack.enter_context(demo(folder, one)))
        for number, recording in enumerate(arguments.recording):
            port = 21_000 + 200 * number
            jobs.append(stack.enter_context(recorded(folder, arguments.replay, recording, port)))
        received = stack.enter_context(live.inbox())
        servers = stack.enter_context(contextlib.ExitStack())
        servers.enter_context(prometheus(folder, jobs, received))
        offset = time.time() - time.monotonic()
        wait([one for one in jobs if one.began], WARM)
        begin(jobs)
        with_restarts(
            jobs, lambda: (servers.close(), servers.enter_context(prometheus(folder, jobs, received)))
        )
        wait(jobs, arguments.minutes * 60 - SERVERS)
        end(jobs)
        wait(jobs, arguments.after * 60)
        for one in jobs:
            one.notifications = notified.of_job(received.sent, one.play.job, offset)
        return jobs


def begin(jobs: list[Watched]) -> None:
    """Note the warnings before the faults, and begin the faults."""
    ours = [one for one in jobs if not one.began]
    for one in ours:
        one.rest()
    for one in ours:
        one.began = time.time()
        one.switch(on=True)


def with_restarts(jobs: list[Watched], restart_servers: Callable[[], object]) -> None:
    """Wait until the servers have been restarted, and the exporters of some before."""
    began = time.monotonic()
    wait(jobs, RESTART)
    for one in jobs:
        if one.play.restarts:
            one.exporter.restart()
    wait(jobs, SERVERS - (time.monotonic() - began))
    restart_servers()


def end(jobs: list[Watched]) -> None:
    """End the faults; a rollout has no end."""
    for one in jobs:
        if one.control:
            one.switch(on=False)
            one.ended = None if one.play.to else time.time()


def chosen(arguments: argparse.Namespace) -> list[Play]:
    """What is to be played."""
    every = (*FAULTS, *(() if arguments.no_healthy else HEALTHY))
    wanted = set(arguments.only)
    return [one for one in every if not wanted or wanted & {one.name, one.job}]


def main() -> int:
    """Play, and write the table."""
    parser = argparse.ArgumentParser("python -m bench.time_to_page", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="NAME", help="a fault or one job; may be repeated")
    add("--no-healthy", action="store_true", help="no rollouts, no cluster at rest")
    add(
        "--minutes",
        type=float,
        default=18.0,
        help="how long a fault lasts, 15 at least (default: %(default)s)",
    )
    add("--after", type=float, default=30.0, help="how long to look on after its end (default: %(default)s)")
    add("--recording", type=Path, action="append", default=[], help="a recorded cluster; may be repeated")
    add("--replay", type=Path, default=None, help="the program that serves a recording")
    add("--note", default="", help="a sentence below the table: what was special about the run")
    add("--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    jobs = play(arguments)
    arguments.output.write_text(notified.table(jobs, arguments.minutes, arguments.after, arguments.note))
    sys.stdout.write(arguments.output.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
