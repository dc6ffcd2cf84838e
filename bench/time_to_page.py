"""`python -m bench.time_to_page`: how long until each fault is told, by a real Prometheus and Alertmanager.

Every fault of the demo has a cluster, an exporter and a job of its own, all at once. The rules and the routes
are those of `alerts/built`, the intervals are the defaults: 15 s for the exporter, 1 min for Prometheus's
scrapes. With `--recording FILE` a recorded cluster is served by `--replay PROGRAM` and counts from its first
minute. Clusters without a fault stand beside them, at rest and in rollouts: nothing may be told of them.
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
from collections.abc import Iterator
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


@dataclass(frozen=True, slots=True)
class Play:
    """A fault, in the phase in which it harms; a rollout goes to `to` instead."""

    name: str
    phase: str
    size: int = 6
    to: str = ""
    product: str = "mimir"

    @property
    def job(self) -> str:
        return f"{self.name}-{self.phase}-{self.size}"


FAULTS = (
    Play("conjoined", "switched"), Play("conjoined", "mirroring"), Play("clobber", "mirroring"),
    Play("split", "memberlist"), Play("split", "mirroring"), Play("foreign-label", "memberlist"),
    Play("store-down", "mirroring"), Play("store-down", "switched"), Play("partial-mirroring", "mirroring"),
    Play("lag", "mirroring"), Play("mirror-errors", "mirroring"), Play("crash", "mirroring"),
    Play("token-conflict", "memberlist"), Play("pages-hang", "memberlist"),
    Play("pages-rubbish", "memberlist"), Play("clock-skew", "memberlist"),
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
    exporter: str
    control: str = ""
    before: str = ""
    headline: float | None = None
    words: str = ""
    began: float = 0.0
    ended: float | None = None
    told: list[Notification] = field(default_factory=list)

    def look(self) -> None:
        """Note when the first warning that was not there before the fault is shown."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            said = self._warnings()
            if self.headline is None and said != self.before:
                self.headline, self.words = time.time(), said

    def rest(self) -> None:
        """Note what is said before the fault."""
        self.before = self._warnings()

    def _warnings(self) -> str:
        with urllib.request.urlopen(f"http://{self.exporter}/api/v1/status", timeout=5) as answer:
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


@contextlib.contextmanager
def exporter_of(folder: Path, name: str, config: dict[str, Any]) -> Iterator[str]:
    """An exporter with this configuration; its address."""
    path = folder / "kvmigration.yaml"
    path.write_text(json.dumps(config))
    (port,) = real_servers.free_ports(1)
    listen = ["--config.file", str(path), "--web.listen-address", f"127.0.0.1:{port}"]
    with live.process(folder / "exporter.log", "serve", *listen):
        live.wait(lambda: live.ready(f"http://127.0.0.1:{port}"), f"exporter of {name}", 240)
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def demo(folder: Path, play: Play) -> Iterator[Watched]:
    """A simulated cluster, and the exporter that watches it."""
    place = folder / play.job
    place.mkdir()
    flags = ["--product", play.product, "--restart-every", "20s"]
    with live.demo(place, play.phase, *flags, size=play.size, speed=1) as (control, state):
        config = live.configuration(state) | {"interval": "15s"}
        del config["http_client"]
        with exporter_of(place, play.job, config) as address:
            yield Watched(play, address, control)


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
        with exporter_of(place, name, config) as address:
            yield Watched(Play(name, "recorded", 0), address, began=began)
    finally:
        served.terminate()
        served.wait(10)


def _of_recording(mapping: dict[str, Any]) -> dict[str, Any]:
    """Give the configuration for what the replaying program says that it serves."""
    ports: dict[str, str] = dict(mapping["ports"])
    consul, etcd = ports.pop("consul", ""), ports.pop("etcd", "")
    stores = ({"consul": {"url": consul}} if consul else {}) | ({"etcd": {"urls": [etcd]}} if etcd else {})
    return {"targets": [{"static": {"urls": list(ports.values())}}], "stores": stores}


@contextlib.contextmanager
def prometheus(folder: Path, jobs: list[Watched]) -> Iterator[live.Inbox]:
    """Prometheus with the rules as they are built, Alertmanager with the routes, and who they notify."""
    with live.inbox() as received:
        notify = yaml.safe_load((BUILT / "alertmanager.yaml").read_text())
        for receiver in notify["receivers"]:
            receiver["webhook_configs"][0]["url"] = f"{received.url}/{receiver['name']}"
        path = folder / "alertmanager.yaml"
        path.write_text(json.dumps(notify))
        with real_servers.alertmanager(folder, path) as manager:
            places = {"cluster": "bench", "namespace": "kv"}
            scrape = folder / "prometheus.yaml"
            document = {
                "rule_files": [str(BUILT / "kvmigration-alerts.yaml")],
                "alerting": {
                    "alertmanagers": [
                        {"static_configs": [{"targets": [manager.url.removeprefix("http://")]}]}
                    ]
                },
                "scrape_configs": [
                    {
                        "job_name": one.play.job,
                        "static_configs": [{"targets": [one.exporter], "labels": places}],
                    }
                    for one in jobs
                ],
            }
            scrape.write_text(json.dumps(document))
            with real_servers.prometheus(folder, scrape):
                yield received


def wait(jobs: list[Watched], seconds: float) -> None:
    """Look at every headline until the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for one in jobs:
            one.look()
        time.sleep(LOOK)


def play(arguments: argparse.Namespace) -> list[Watched]:
    """Play everything at once, and give what was told of it."""
    with tempfile.TemporaryDirectory(prefix="kvmigration-time-") as name, contextlib.ExitStack() as stack:
        folder, jobs = Path(name), list[Watched]()
        for one in chosen(arguments):
            jobs.append(stack.enter_context(demo(folder, one)))
        for number, recording in enumerate(arguments.recording):
            port = 21_000 + 200 * number
            jobs.append(stack.enter_context(recorded(folder, arguments.replay, recording, port)))
        received = stack.enter_context(prometheus(folder, jobs))
        offset = time.time() - time.monotonic()
        wait([one for one in jobs if one.began], WARM)
        for one in jobs:
            if not one.began:
                one.rest()
        for one in jobs:
            if not one.began:
                one.began = time.time()
                one.switch(on=True)
        wait(jobs, arguments.minutes * 60)
        for one in jobs:
            if one.control:
                one.switch(on=False)
                one.ended = None if one.play.to else time.time()
        wait(jobs, arguments.after * 60)
        for one in jobs:
            one.told = notified.of_job(received.sent, one.play.job, offset)
        return jobs


def chosen(arguments: argparse.Namespace) -> list[Play]:
    """Give what is to be played."""
    every = (*FAULTS, *(() if arguments.no_healthy else HEALTHY))
    return [one for one in every if not arguments.only or one.name in arguments.only]


def main() -> int:
    """Play, and write the table."""
    parser = argparse.ArgumentParser("python -m bench.time_to_page", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="NAME", help="this fault; may be repeated")
    add("--no-healthy", action="store_true", help="no rollouts, no cluster at rest")
    add("--minutes", type=float, default=16.0, help="how long a fault lasts (default: %(default)s)")
    add("--after", type=float, default=30.0, help="how long to look on after its end (default: %(default)s)")
    add("--recording", type=Path, action="append", default=[], help="a recorded cluster; may be repeated")
    add("--replay", type=Path, default=None, help="the program that serves a recording")
    add("--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    jobs = play(arguments)
    arguments.output.write_text(notified.table(jobs, arguments.minutes, arguments.after))
    sys.stdout.write(arguments.output.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
