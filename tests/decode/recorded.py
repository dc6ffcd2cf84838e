"""The recordings as decoders see them: path, accept header, body. Status other than 200 left out."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Recorded:
    """One answer with status 200."""

    recording: str
    target: str
    path: str
    accept: str
    body: bytes

    @property
    def page(self) -> str:
        """The path without its query."""
        return urlsplit(self.path).path

    def query(self, name: str) -> str:
        """A parameter of the query, "" where it is not there."""
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    @property
    def where(self) -> str:
        return f"{self.recording} {self.target}{self.path} ({self.accept})"


@cache
def answers(shared: Path) -> tuple[Recorded, ...]:
    """Every answer of every recording."""
    found = sorted((shared / "recordings").glob("*/*.jsonl.gz"))
    assert len(found) >= 13
    return tuple(answer for path in found for answer in _read(path))


def _read(path: Path) -> Iterator[Recorded]:
    name = f"{path.parent.name}/{path.name.removesuffix('.jsonl.gz')}"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        next(lines)
        for row in map(json.loads, lines):
            if row["status"] == 200:
                body = row["body"]
                data = base64.b64decode(body["b64"]) if isinstance(body, dict) else body.encode()
                yield Recorded(name, row["target"], row["path"], row["accept"], data)
