"""The recordings of real clusters, if they lie beside the repository."""

from __future__ import annotations

import gzip
import json
import os
from base64 import b64decode
from pathlib import Path

import pytest


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
