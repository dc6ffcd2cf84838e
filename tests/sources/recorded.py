"""The recordings of real clusters, if they lie beside the repository."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import select
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_servers import free_ports


def shared() -> Path:
    """The folder of recordings; skips the test where it is missing."""
    beside = Path(__file__).parents[3] / "shared"
    folder = Path(os.environ.get("KVMIGRATION_SHARED", beside))
    if not (folder / "recordings").is_dir():
        pytest.skip(f"no recordings in {folder}")
    return folder


def stored(recording: str, kind: str) -> dict[str, bytes]:
    """What the recorded Consul or etcd held, read from the file itself."""
    path = shared() / "recordings" / f"{recording}.jsonl.gz"
    want = {"consul": "/v1/kv/?recurse", "etcd": "/v3/kv/range"}[kind]
    with gzip.open(path, "rt") as lines:
        rows = [json.loads(line) for line in lines][1:]
    row = next(row for row in rows if row["path"].rstrip("=") == want and row["status"] == 200)
    body = row["body"]
    found = json.loads(b64decode(body["b64"]) if isinstance(body, dict) else body)
    if kind == "consul":
        return {entry["Key"]: b64decode(entry["Value"]) for entry in found if entry["Value"]}
    return {b64decode(entry["key"]).decode(): b64decode(entry["value"]) for entry in found["kvs"]}


@contextlib.contextmanager
def replayed(recording: str) -> Iterator[dict[str, str]]:
    """The recording served on loopback: URLs by recorded target, `consul` and `etcd` among them."""
    script = shared() / "replay.py"
    for base in (port for _ in range(5) for port in free_ports(1) if port < 65_000):
        path = shared() / "recordings" / f"{recording}.jsonl.gz"
        command = [sys.executable, str(script), str(path), "--base-port", str(base)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            try:
                ready, _, _ = select.select([process.stdout], [], [], 60)
                line = process.stdout.readline() if ready else b""
                if not line:
                    continue  # one of its hundred ports is somebody else's
                ports: dict[str, str] = json.loads(line)["ports"]
                yield ports
                return
            finally:
                process.terminate()
                process.wait(15)
    pytest.fail("the recording could not be served")
