"""Which files patterns name, and whose they are."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exporter.model.pages import Outcome
from exporter.sources.logs import file_patterns
from exporter.sources.logs.file_patterns import find, process_of, unlistable
from exporter.sources.logs.tail import PATIENCE, LogFiles

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
    monkeypatch.setattr(file_patterns, "MAX_FILES", 3)
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


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path | None, int], None]:
    """Close one directory, or none; root may list everything, so the system cannot refuse it."""
    closed: list[tuple[Path, int]] = []
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        for directory, error in closed:
            if Path(path) == directory:
                raise OSError(error, os.strerror(error), path)
        return scandir(path)

    def close(directory: Path | None, error: int = errno.EACCES) -> None:
        closed[:] = [(directory, error)] if directory else []

    monkeypatch.setattr(os, "scandir", refuse)
    return close


@pytest.mark.parametrize(
    ("pattern", "looked_into"),
    [
        ("pods/*/*/*.log", ("pods", "pods/a", "pods/a/b", "pods/other")),
        ("pods/**/*.log", ("pods", "pods/a", "pods/a/b", "pods/other")),
        ("pods/*.log", ("pods",)),
        ("pods/a/b/0.log", ("pods/a/b",)),
    ],
)
def test_a_directory_that_is_looked_into_and_cannot_be_listed_is_named(
    tmp_path: Path, close: Callable[..., None], pattern: str, looked_into: tuple[str, ...]
) -> None:
    for name in ("pods/a/b", "pods/other", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    patterns = [f"{tmp_path}/nowhere/*.log", f"{tmp_path}/{pattern}"]
    assert unlistable(patterns) is None
    for name in ("pods", "pods/a", "pods/a/b", "pods/other", "elsewhere"):
        close(tmp_path / name)
        error = unlistable(patterns)
        assert (error is not None) is (name in looked_into), name
        assert error is None or Path(error.filename) == tmp_path / name


@pytest.mark.parametrize("error", [errno.EACCES, errno.EMFILE])
def test_a_directory_that_cannot_be_listed_is_a_failure_and_its_files_are_not_forgotten(
    tmp_path: Path, close: Callable[..., None], error: int
) -> None:
    pod = tmp_path / "mimir_pod_uid"
    pod.mkdir()
    lines: list[bytes] = []
    tail = LogFiles((f"{tmp_path}/mimir_*/*.log",), b"label")

    def look() -> Outcome:
        return tail.look(lambda _, line: lines.append(line)).outcome

    with (pod / "a.log").open("a", buffering=1) as file, closing(tail):
        file.write("label 1\n")
        assert look() is Outcome.OK
        close(pod, error)
        assert [look() for _ in range(PATIENCE + 1)] == [Outcome.FAILED] * (PATIENCE + 1)
        close(None)
        file.write("label 2\n")
        assert look() is Outcome.OK
    assert len(lines) == 2
