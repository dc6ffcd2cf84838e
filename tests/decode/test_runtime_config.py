"""The runtime configuration that a process shows: its switch of the KV clients, and nothing else of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from exporter.decode.runtime_config import decode_runtime_config
from exporter.errors import DecodeError
from exporter.model.settings import RuntimeConfig

PAGES = [
    ("Cortex, mode=diff", b"multi_kv_config:\n  mirror_enabled: true\n  primary: consul\n", ("consul", True)),
    (
        "Mimir, mode=diff",
        b"multi_kv_config:\n    mirror_enabled: false\n    primary: memberlist\n",
        ("memberlist", False),
    ),
    ("nothing differs", b"{}\n", ("", None)),
    ("tenants alone", b"overrides:\n  one:\n    max_series: 1\n", ("", None)),
    (
        "the complete page, as a release without mode=diff answers",
        b'overrides: {}\nmulti_kv_config:\n  primary: ""\n  mirror_enabled: null\ningester_limits: null\n',
        ("", None),
    ),
    ("tenants beside it", b"overrides:\n  a: {x: 1}\nmulti_kv_config:\n  primary: etcd\n", ("etcd", None)),
    ("no file", b"runtime config file doesn't exist", ("", None)),
    ("Cortex 1.0", b"multi_kv_config:\n  primary: consul\n  mirroring: enabled\n", ("consul", True)),
    ("Cortex 1.0, off", b'multi_kv_config:\n  mirroring: "false"\n', ("", False)),
]


@pytest.mark.parametrize("case", PAGES, ids=[case[0] for case in PAGES])
def test_the_switch_is_told_in_each_spelling(case: tuple[str, bytes, tuple[str, bool | None]]) -> None:
    _, page, (primary, mirror) = case
    assert decode_runtime_config(page) == RuntimeConfig(primary, mirror)


BROKEN = [
    b"",
    b"<html>login</html>",
    b'{"a": 1}',
    b"multi_kv_config: [a, b]\nx: " + b"[" * 3000,
    b"multi_kv_config:\n  primary: [a]\n",
]


@pytest.mark.parametrize("page", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_such_page_is_refused(page: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_runtime_config(page)


RECORDED = [
    ("cortex/0-consul-only", ("", None)),
    ("cortex/1-multi-mirror-off", ("consul", False)),
    ("cortex/2b-mirroring", ("consul", True)),
    ("mimir/1-multi", ("", None)),
    ("mimir/2-mirroring", ("consul", True)),
    ("mimir/f4-merged", ("memberlist", False)),
]


@pytest.mark.parametrize(("recording", "told"), RECORDED)
def test_recorded_pages_say_the_same_with_and_without_their_defaults(
    shared: Path, recording: str, told: tuple[str, bool | None]
) -> None:
    with gzip.open(shared / "recordings" / f"{recording}.jsonl.gz", "rt") as lines:
        rows = [row for row in map(json.loads, lines) if "/runtime_config" in row.get("path", "")]
    found = [decode_runtime_config(row["body"].encode()) for row in rows if row["status"] == 200]
    assert len({row["path"] for row in rows}) == 2
    assert set(found) == {RuntimeConfig(*told)}
