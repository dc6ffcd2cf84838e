"""The history in a file: what was written is there again, whatever happened in between."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

from exporter.model.planning.timeline import Span, Timeline, Track
from exporter.sources import timeline_file
from exporter.sources.timeline_file import RETENTION, UnusableFileError, load, save

DAY = 86_400.0
LASTING = Span(Track.PHASE, "rings", "mirroring", 2 * DAY)
ENDED = Span(Track.GATE, "rings/x", "closed", DAY, 2 * DAY, start_observed=False)
TIMELINE = Timeline(
    MappingProxyType({(LASTING.track, LASTING.subject): LASTING}), (ENDED,), (("a/b", 60.0, 1.5),), 3 * DAY
)
WRITER = """
import sys
from pathlib import Path
from exporter.model.planning.timeline import Span, Timeline, Track
from exporter.sources.timeline_file import save
old, ended = Timeline(), ()
for number in range(100000):
    ended = (*ended, Span(Track.GATE, "rings/x", str(number), float(number), number + 1.0))[-500:]
    new = Timeline(ended=ended, at=float(number))
    save(Path(sys.argv[1]), old, new)
    old = new
    print(number, flush=True)
"""


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    save(tmp_path / "h.db", Timeline(), TIMELINE)
    assert load(tmp_path / "h.db") == TIMELINE
    assert load(tmp_path / "none.db") == Timeline()


def test_a_state_that_ended_replaces_the_one_that_lasted(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    save(file, Timeline(), TIMELINE)
    over = Span(LASTING.track, LASTING.subject, LASTING.value, LASTING.began, 4 * DAY)
    save(file, TIMELINE, Timeline(ended=(ENDED, over), lags=TIMELINE.lags, at=4 * DAY))
    assert load(file).ended == (ENDED, over)
    assert not load(file).lasting


def test_what_is_too_old_goes_and_what_lasts_stays(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    later = Timeline(TIMELINE.lasting, (ENDED,), TIMELINE.lags, 3 * DAY + RETENTION)
    save(file, Timeline(), later)
    assert (load(file).ended, load(file).lags, dict(load(file).lasting)) == ((), (), dict(TIMELINE.lasting))


def test_the_file_keeps_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_file, "MOST_SPANS", 2)
    monkeypatch.setattr(timeline_file, "MOST_LAGS", 2)
    ended = tuple(Span(Track.GATE, "rings/x", "open", float(n), n + 1.0) for n in range(9))
    save(
        tmp_path / "h.db",
        Timeline(),
        Timeline(ended=ended, lags=tuple(("k", 60.0 * n, 1.0) for n in range(9)), at=9.0),
    )
    assert len(load(tmp_path / "h.db").ended) == len(load(tmp_path / "h.db").lags) == 3


def test_a_kill_at_any_moment_leaves_the_last_transaction(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            written = [int(writer.stdout.readline()) for _ in range(5)][-1]
            writer.kill()
        assert (load(file).at or 0.0) >= written


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be taken for one" * 20, b"SQLite"]
)
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "h.db"
    file.write_bytes(content)
    with pytest.raises(UnusableFileError):
        load(file)
    with pytest.raises(UnusableFileError):
        save(file, Timeline(), TIMELINE)
    assert file.read_bytes() == content


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    with sqlite3.connect(file) as base:
        base.execute("PRAGMA user_version = 7")
    base.close()
    with pytest.raises(UnusableFileError, match="version 7, expected 1"):
        load(file)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableFileError):
        save(tmp_path / "no" / "h.db", Timeline(), TIMELINE)
