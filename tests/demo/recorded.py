"""The recordings of real clusters, as test data: answers by (port, path, accept)."""

from __future__ import annotations

import base64
import gzip
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("KVMIGRATION_SHARED") or Path(__file__).parents[2] / ".." / "shared").resolve()


@dataclass(frozen=True)
class Recorded:
    """One recorded answer."""

    target: str
    path: str
    accept: str
    status: int
    content_type: str
    body: bytes


@cache
def answers(name: str) -> tuple[Recorded, ...]:
    """All answers of a recording, `cortex/2b-mirroring` for instance; skips where it is missing."""
    path = SHARED / "recordings" / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no recording at {path}: set KVMIGRATION_SHARED")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][1:]
    return tuple(_answer(row) for row in rows)


def _answer(row: dict) -> Recorded:
    body = row["body"]
    raw = base64.b64decode(body["b64"]) if isinstance(body, dict) else body.encode()
    return Recorded(row["target"], row["path"], row["accept"], row["status"], row["content_type"], raw)


def answer(name: str, path: str, accept: str = "", port: str = "1") -> Recorded:
    """The recorded answer of the process whose port ends in `port`."""
    return next(
        row
        for row in answers(name)
        if row.path == path and row.accept == accept and row.status and row.target.endswith(port)
    )
