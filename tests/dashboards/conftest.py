"""A real Prometheus over an exposition of our own, and one over a history made with promtool."""

from __future__ import annotations

import http.server
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from dashboards.preview.prometheus_client import Prometheus, QueryError
from dashboards.preview.temporary_prometheus import backfilled, running
from tests.dashboards.synthetic import exposition, line, samples

LABELS = {"cluster": "prod", "namespace": "mimir", "job": "kvmigration", "instance": "exporter:9895"}


@dataclass(frozen=True)
class Running:
    """A Prometheus that has data up to `end`, unix seconds."""

    prometheus: Prometheus
    start: float
    end: float


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    tick = threading.Event()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        tick.wait(0.1)
    pytest.fail(f"not within {seconds} s: {what}")


@contextmanager
def prometheus_over(where: Path, config: str = "global: {}\n") -> Iterator[Prometheus]:
    """A Prometheus of the test's own; skips where it is not installed."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        pytest.skip("no prometheus; the test run installs Debian's")
    with running(where, config) as api:
        yield api


def _answers(api: Prometheus, query: str) -> bool:
    try:
        return bool(api.instant(query, time.time()))
    except QueryError:
        return False


@contextmanager
def exposing(text: Callable[[], str]) -> Iterator[int]:
    """A server on loopback that answers every GET with the text; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(10)


def _now(progress: float) -> str:
    return exposition(time.time(), progress, fault=True)


@pytest.fixture(scope="session")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Prometheus that scrapes the synthetic exposition, mirroring and with faults, as two replicas."""
    where = tmp_path_factory.mktemp("scraped")
    with ExitStack() as stack:
        ports = [stack.enter_context(exposing(partial(_now, 0.45))) for _ in range(2)]
        hosts = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        config = f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: kvmigration
    static_configs: [{{targets: [{hosts}], labels: {{cluster: prod, namespace: mimir}}}}]
"""
        api = stack.enter_context(prometheus_over(where, config))
        start = time.time()
        wait_for(
            lambda: _answers(api, "count(count_over_time(kvmigration_build_info[1m]) > 2) == 2"), "scraped"
        )
        yield Running(api, start, time.time())


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An hour of a migration, the exporter silent in its last ten minutes."""
    where = tmp_path_factory.mktemp("history")
    end = int(time.time()) // 60 * 60
    start = end - 3600
    families: dict[str, list[str]] = {}
    for at in range(start, end - 600, 15):
        for name, labels, value in samples(at, (at - start) / 3600, fault=at > end - 1200):
            families.setdefault(name, []).append(line((name, {**LABELS, **labels}, value), at))
    backfilled(families, where)
    with prometheus_over(where) as api:
        yield Running(api, start, end)
