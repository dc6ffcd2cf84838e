"""Which files patterns name, and whose they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.sources import logs_found
from exporter.sources.logs_found import find, process_of

UID = "1a2b3c4d-0000-4000-8000-123456789abc"


@pytest.mark.parametrize(
    ("path", "process"),
    [
        (f"/var/log/pods/mimir_mimir-ingester-zone-a-0_{UID}/ingester/0.log", "mimir-ingester-zone-a-0"),
        (f"/var/log/pods/mimir_mimir-ingester-0_{UID}/ingester/0.log.20261121-013327", "mimir-ingester-0"),
        (f"/var/log/containers/mimir-write-1_mimir_mimir-{'0f' * 32}.log", "mimir-write-1"),
        ("/tmp/logs/003-cortex-3.log", "003-cortex-3"),
        ("cortex-1-excerpt.log", "cortex-1-excerpt"),
        ("/var/log/loki-1.log.2", "loki-1"),
        ("/var/log/loki-1.log-20261121", "loki-1"),
        ("/var/log/loki.stdout", "loki.stdout"),
        ("/a/.log", ".log"),
        ("/a/" + "x" * 300, "x" * 200),
    ],
)
def test_a_files_name_tells_whose_it_is(path: str, process: str) -> None:
    assert process_of(path) == process


def test_only_the_newest_files_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_found, "MAX_FILES", 3)
    for number in range(5):
        path = tmp_path / f"{number}.log"
        path.touch()
        os.utime(path, (number, number))
    found, more = find([f"{tmp_path}/*.log"])
    assert sorted(Path(name).name for name in found.values()) == ["2.log", "3.log", "4.log"]
    assert more


def test_patterns_reach_into_directories(tmp_path: Path) -> None:
    deep = tmp_path / "mimir_pod_uid" / "ingester" / "0.log"
    deep.parent.mkdir(parents=True)
    deep.touch()
    for pattern in (
        f"{tmp_path}/mimir_*/*/*.log",
        f"{tmp_path}/**/*.log",
        f"{tmp_path}/mimir_*/ingester/[0-9].log",
    ):
        assert list(find([pattern, pattern])[0].values()) == [str(deep)]


def test_a_name_that_is_no_utf_8_has_a_process_all_the_same(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff-1.log"
    Path(os.fsdecode(path)).touch()
    (name,) = find([f"{tmp_path}/*.log"])[0].values()
    assert process_of(name) == "?-1"
