"""A Prometheus of our own for a while: on a free port of loopback, over a history or scraping."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from dashboards.preview.prometheus_client import Prometheus, QueryError
from exporter.errors import UsageError

PATIENCE = 60.0


def backfilled(lines: Mapping[str, Iterable[str]], where: Path) -> None:
    """Make a Prometheus's storage in `where`/data out of samples with times, by metric name.

    Raises:
        UsageError: promtool is not installed, or does not take the samples.
    """
    text = "".join(f"# TYPE {name} unknown\n" + "\n".join(of) + "\n" for name, of in lines.items())
    source = where / "history.om"
    source.write_text(f"{text}# EOF\n", encoding="utf-8")
    command = [
        _program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(source), str(where / "data"),
        "--max-block-duration=24h",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own files)
    if done.returncode:
        raise UsageError(f"promtool: {done.stderr.strip()[-500:]}")


@contextmanager
def running(where: Path, config: str = "global: {}\n") -> Iterator[Prometheus]:
    """A Prometheus with its storage in `where`/data, ended with the block.

    Raises:
        UsageError: prometheus is not installed, or does not answer.
    """
    (where / "prometheus.yml").write_text(config, encoding="utf-8")
    port = _free_port()
    command = [
        _program("prometheus"), f"--config.file={where}/prometheus.yml",
        f"--storage.tsdb.path={where}/data", "--storage.tsdb.retention.time=30d",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    log_file = where / "prometheus.log"
    with log_file.open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:  # noqa: S603 (as above)
        try:
            api = Prometheus(f"http://127.0.0.1:{port}")
            _wait_until_it_answers(api, log_file)
            yield api
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise UsageError(f"{name} is not installed: apt-get install prometheus")
    return found


def _free_port() -> int:
    with closing(socket.socket()) as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port


def _wait_until_it_answers(api: Prometheus, log: Path) -> None:
    tick, end = threading.Event(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            api.instant("vector(1)", time.time())
        except QueryError:
            tick.wait(0.1)
        else:
            return
    raise UsageError(f"prometheus does not answer:\n{log.read_text(encoding='utf-8')[-1000:]}")
