"""What one cycle read of a recording or a case, as the judgement is given it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from exporter.config import load_text
from exporter.derive.comparison.collect import Cycle
from exporter.derive.conclude import Words, conclude
from exporter.derive.judging_rules import Rules
from exporter.derive.previous_cycle import History
from exporter.model.facts import Snapshot
from exporter.wiring import one_cycle
from tests.conftest import ROOT
from tests.real_servers import free_ports

SHARED = Path(os.environ.get("KVMIGRATION_SHARED") or ROOT.parent / "shared")


def names() -> list[str]:
    """Every recording and every case there is; none without `shared/`."""
    recordings = sorted(SHARED.glob("recordings/*/*.jsonl.gz"))
    cases = sorted(SHARED.glob("cases/*/recording.jsonl.gz"))
    return [
        *(f"recordings/{file.parent.name}/{file.name.removesuffix('.jsonl.gz')}" for file in recordings),
        *(f"cases/{file.parent.name}" for file in cases),
    ]


def capture(name: str, port: int) -> tuple[Cycle, Rules]:
    """Read a recording or a case once. `port` is the first of the ports that it is served on."""
    with _served(name, port) as config:
        taken: list[tuple[Cycle, Rules]] = []

        def keep(cycle: Cycle, past: History, rules: Rules, words: Words) -> tuple[Snapshot, History]:
            taken.append((cycle, rules))
            return conclude(cycle, past, rules, words)

        with patch("exporter.polling.cycle.conclude", keep):
            asyncio.run(one_cycle(load_text(config)))
    cycle, rules = taken[0]
    return cycle, replace(rules, soak=0.0)


@contextmanager
def _served(name: str, port: int) -> Iterator[str]:
    server, said = _started(name, port)
    try:
        if name.startswith("cases/"):
            yield (SHARED / name / "config.yml").read_text("utf-8").replace("PROXYPORT", str(said["port"]))
        else:
            yield yaml.safe_dump(_config_of(said["ports"]))
    finally:
        server.terminate()
        server.communicate()


def _started(name: str, port: int) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """The server and what it says first. Another test may take its port meanwhile: then it says nothing."""
    for _ in range(8):
        server = subprocess.Popen(_command(name, port), stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        if line := server.stdout.readline():
            return server, {"port": port, **json.loads(line)}
        server.communicate()
        (port,) = free_ports(1)
    raise AssertionError(f"no server for {name}")


def _command(name: str, port: int) -> list[str]:
    if name.startswith("cases/"):
        recording = SHARED / name / "recording.jsonl.gz"
        return [sys.executable, str(SHARED / "replay_proxy.py"), str(recording), str(port)]
    recording = SHARED / f"{name}.jsonl.gz"
    return [sys.executable, str(SHARED / "replay.py"), str(recording), "--base-port", str(port)]


def _config_of(ports: dict[str, str]) -> dict[str, Any]:
    urls = [url for name, url in ports.items() if name not in {"consul", "etcd"}]
    stores: dict[str, Any] = {"consul": {"url": ports["consul"]}} if "consul" in ports else {}
    stores |= {"etcd": {"urls": [ports["etcd"]]}} if "etcd" in ports else {}
    return {"targets": [{"static": {"urls": urls}}]} | ({"stores": stores} if stores else {})
