"""Log files followed: appended, rotated, truncated, gone and back, each line once."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.model.pages import Outcome
from exporter.sources import state_file
from exporter.sources.logs import followed_file
from exporter.sources.logs import tail as logs
from exporter.sources.logs.tail import VERSION, LogFiles, Reading, State

WORD = b"unacceptable label"
HIT = 'ts=1 msg="discarding stream with unacceptable label \\"{}\\": from=127.0.0.1:1"\n'


class Tail:
    """Follows a directory; `look()` gives the numbers of the hits that it was given."""

    def __init__(self, *patterns: Path, state: Path | None = None) -> None:
        self.files = LogFiles(tuple(map(str, patterns)), WORD, state)
        self.said = self.files.recall()
        self.went = Reading(Outcome.OK)

    def look(self, times: int = 1) -> list[str]:
        found: list[str] = []
        for _ in range(times):
            self.went = self.files.look(lambda _, line: found.append(line.decode().split('\\"')[1]))
            self.files.remember((("p", "l", 1),))
        return found


@pytest.fixture
def tail() -> Iterator[Callable[..., Tail]]:
    made: list[Tail] = []

    def make(*patterns: Path, state: Path | None = None) -> Tail:
        made.append(Tail(*patterns, state=state))
        return made[-1]

    yield make
    for one in made:
        one.files.close()


def append(path: Path, *labels: str, end: str = "") -> None:
    with path.open("a") as file:
        file.write("".join(HIT.format(label) for label in labels) + end)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_what_a_file_holds_at_first_sight_is_given_and_then_what_is_appended(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    append(tmp_path / "a.log", "1", "2")
    one = tail(tmp_path / "*.log")
    assert one.look() == ["1", "2"]
    assert one.look() == []
    append(tmp_path / "a.log", "3")
    assert one.look() == ["3"]
    assert one.went == Reading(Outcome.OK)


def test_no_file_is_absent_and_one_that_appears_is_read_from_its_beginning(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    one = tail(tmp_path / "*.log")
    assert one.look() == []
    went = [one.went.outcome]
    append(tmp_path / "late.log", "1")
    assert one.look() == ["1"]
    assert [*went, one.went.outcome] == [Outcome.ABSENT, Outcome.OK]


def test_a_line_counts_once_it_is_whole(tmp_path: Path, tail: Callable[..., Tail]) -> None:
    path = tmp_path / "a.log"
    one = tail(path)
    whole = HIT.format("1")
    for cut in (10, len(whole) - 1):
        with path.open("a") as file:
            file.write(whole[:cut] if cut == 10 else whole[10:cut])
        assert one.look() == []
    with path.open("a") as file:
        file.write("\n")
    assert one.look() == ["1"]


def test_of_a_large_old_file_only_the_end_is_read(
    tmp_path: Path, tail: Callable[..., Tail], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FIRST_SIGHT", 200)
    append(tmp_path / "old.log", *(str(n) for n in range(10)))
    one = tail(tmp_path / "*.log")
    assert one.look() == ["8", "9"]
    append(tmp_path / "new.log", *(f"new {n}" for n in range(10)))
    assert len(one.look()) == 10, "what appeared later is all new"


def test_rename_and_create_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    path = tmp_path / "a.log"
    append(path, "1")
    one = tail(path)
    assert one.look() == ["1"]
    append(path, "2")
    path.rename(tmp_path / "a.log.1")
    append(tmp_path / "a.log.1", "3")  # the writer has not noticed yet
    append(path, "4")
    assert sorted(one.look()) == ["2", "3", "4"]
    append(tmp_path / "a.log.1", "5")
    append(path, "6")
    assert sorted(one.look()) == ["5", "6"]
    assert one.look(4) == []


def test_a_rotated_file_that_matches_as_well_is_the_same_file(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    path = tmp_path / "a.log"
    append(path, "1")
    one = tail(tmp_path / "a.log*")
    one.look()
    path.rename(tmp_path / "a.log.1")
    append(path, "2")
    (tmp_path / "a.log.2.gz").write_text(HIT.format("packed"))
    (tmp_path / "link.log").symlink_to(path)
    assert one.look(3) == ["2"]


def test_copytruncate_counts_nothing_twice_even_where_the_copy_matches(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    path = tmp_path / "a.log"
    append(path, "1", "2")
    one = tail(tmp_path / "*")
    assert one.look() == ["1", "2"]
    append(path, "3")
    (tmp_path / "a.log.1").write_bytes(path.read_bytes())
    os.truncate(path, 0)
    append(path, "4")
    assert sorted(one.look()) == ["3", "4"]
    assert one.look(2) == []


@pytest.mark.parametrize("length", [1, 200])
def test_a_truncated_file_begins_anew_even_if_it_has_grown_past_the_old_place(
    tmp_path: Path, tail: Callable[..., Tail], length: int
) -> None:
    path = tmp_path / "a.log"
    append(path, "1", "2")
    one = tail(path)
    one.look()
    os.truncate(path, 0)
    append(path, *["3"] * length)
    assert one.look() == ["3"] * length


def test_a_truncated_file_whose_writer_does_not_append_leaves_a_hole(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    path = tmp_path / "a.log"
    with path.open("w") as file:
        file.write(HIT.format("1"))
        file.flush()
        one = tail(path)
        assert one.look() == ["1"]
        os.truncate(path, 0)
        file.write(HIT.format("2"))
    assert one.look() == ["2"]


def test_a_file_replaced_by_another_of_the_same_name_is_another_file(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    path = tmp_path / "a.log"
    append(path, "1")
    one = tail(path)
    one.look()
    path.unlink()
    assert one.look(4) == []
    append(path, "2")
    assert one.look() == ["2"]


def test_a_last_line_without_an_end_counts_when_its_file_is_gone(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    path = tmp_path / "a.log"
    path.write_text(HIT.format("1").rstrip("\n"))
    one = tail(path)
    assert one.look(3) == []
    path.unlink()
    assert one.look(4) == ["1"]


def test_a_restart_with_a_state_file_goes_on_where_it_was(tmp_path: Path, tail: Callable[..., Tail]) -> None:
    path, state = tmp_path / "a.log", tmp_path / "state.json"
    append(path, "1", "2")
    first = tail(path, state=state)
    assert first.look() == ["1", "2"]
    first.files.close()
    append(path, "3")
    path.rename(tmp_path / "a.log.1")
    append(path, "4")
    again = tail(path, state=state)
    assert again.said == (("p", "l", 1),)
    assert sorted(again.look()) == ["3", "4"], "the end of the rotated file too"
    assert not again.look(3)


def test_a_state_survives_a_copy_of_the_files_to_other_inodes(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    path, state = tmp_path / "a.log", tmp_path / "state.json"
    append(path, "1")
    tail(path, state=state).look()
    body = path.read_bytes()
    path.rename(tmp_path / "kept")
    path.write_bytes(body)
    append(path, "2")
    (tmp_path / "kept").unlink()
    assert tail(path, state=state).look() == ["2"]


def test_an_inode_that_is_another_file_by_now_is_read_from_its_beginning(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    path, state = tmp_path / "a.log", tmp_path / "state.json"
    append(path, "1", "2", "3")
    tail(path, state=state).look()
    path.write_text(HIT.format("new") * 5)  # the same inode
    assert tail(path, state=state).look() == ["new"] * 5


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"version": 2, "files": [], "counts": []}',
        b'{"version": 1, "files": {}, "counts": []}',
        b'{"version": 1, "files": [{"path": "/a"}], "counts": []}',
        b'{"version": 1, "files": [{"path": "a", "device": 1, "inode": 1, "offset": -1, "within": false,'
        b' "mark": ""}], "counts": []}',
        b'{"version": 1, "files": [], "counts": [["a", "b", -1]]}',
        b"[" * 100_000,
        b" " * (state_file.MAX_BYTES + 1),
    ],
    ids=range(11),
)
def test_a_broken_state_file_costs_a_warning_and_is_replaced(
    tmp_path: Path, tail: Callable[..., Tail], caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    state = tmp_path / "state.json"
    state.write_bytes(content)
    append(tmp_path / "a.log", "1")
    one = tail(tmp_path / "a.log", state=state)
    assert one.said == ()
    assert "is not used" in caplog.text
    assert one.look() == ["1"]
    assert tail(tmp_path / "a.log", state=state).look() == []


def test_a_full_disk_costs_one_warning_and_no_count(
    tmp_path: Path,
    tail: Callable[..., Tail],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = tmp_path / "state.json"
    append(tmp_path / "a.log", "1")
    one = tail(tmp_path / "a.log", state=state)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert one.look() == ["1"]
        append(tmp_path / "a.log", "2")
        assert one.look() == ["2"]
    assert caplog.text.count("no space left on device") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log"], "nothing half written is left"
    append(tmp_path / "a.log", "3")
    assert one.look() == ["3"]
    assert tail(tmp_path / "a.log", state=state).look() == []


def test_a_state_is_written_through_no_link_laid_there(tmp_path: Path) -> None:
    victim, state = tmp_path / "victim", tmp_path / "state.json"
    victim.write_text("precious")
    beside = tmp_path / f".state.json.{os.getpid()}"
    for laid in (beside, state):
        laid.symlink_to(victim)
    state_file.save(state, VERSION, State((), (("a", "b", 1),)))
    assert victim.read_text() == "precious"
    assert not state.is_symlink()
    assert state_file.load(state, VERSION, State) == State((), (("a", "b", 1),))


def test_a_state_file_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, tail: Callable[..., Tail], caplog: pytest.LogCaptureFixture
) -> None:
    append(tmp_path / "a.log", "1")
    one = tail(tmp_path / "a.log", state=tmp_path / "missing" / "state.json")
    assert one.look() == ["1"]
    assert "is not written" in caplog.text


def test_what_is_no_plain_file_is_left_alone(tmp_path: Path, tail: Callable[..., Tail]) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "directory.log").mkdir()
    (tmp_path / "dangling.log").symlink_to(tmp_path / "nowhere")
    append(tmp_path / "a.log", "1")
    assert tail(tmp_path / "*.log").look() == ["1"]


def test_a_file_that_cannot_be_opened_is_a_failure_and_costs_itself_alone(
    tmp_path: Path,
    tail: Callable[..., Tail],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append(tmp_path / "a.log", "1")
    append(tmp_path / "b.log", "2")
    opened = followed_file.open_file

    def refuse(path: str) -> followed_file.Followed | None:
        if path.endswith("a.log"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path)

    monkeypatch.setattr(logs, "open_file", refuse)  # root may read everything, so the system cannot refuse
    one = tail(tmp_path / "*.log")
    assert one.look(3) == ["2"]
    assert one.went.outcome is Outcome.FAILED
    assert caplog.text.count("permission denied") == 1


def test_a_busy_file_does_not_keep_the_others_waiting(
    tmp_path: Path, tail: Callable[..., Tail], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_file, "CHUNK", 64 * 1024)
    monkeypatch.setattr(logs, "BUDGET", 256 * 1024)
    one = tail(tmp_path / "*.log")
    one.look()
    (tmp_path / "busy.log").write_bytes(b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 20_000)
    append(tmp_path / "busy.log", "end")
    append(tmp_path / "quiet.log", "1")
    assert one.look() == ["1"]
    assert one.went.behind
    rest: list[str] = []
    while one.went.behind:
        rest += one.look()
    assert rest == ["end"]


def test_a_million_lines_cost_far_less_than_a_tenth_of_a_core_for_a_minute(
    tmp_path: Path, tail: Callable[..., Tail]
) -> None:
    path = tmp_path / "a.log"
    one = tail(path)
    one.look()
    line = b"ts=2026-11-21T01:34:29.558Z caller=module_service.go:64 level=info msg=" + b"x" * 100
    path.write_bytes((line + b"\n") * 1_000_000)
    append(path, "1")
    started, found = time.process_time(), one.look()
    while one.went.behind:
        found += one.look()
    assert found == ["1"]
    assert time.process_time() - started < 6, "a tenth of a core is 6 s in a minute; about 0.1 s is usual"


def test_open_files_are_given_back(tmp_path: Path) -> None:
    before = descriptors()
    for number in range(20):
        append(tmp_path / f"{number}.log", "1")
    one = Tail(tmp_path / "*.log")
    assert len(one.look()) == 20
    for number in range(10):
        (tmp_path / f"{number}.log").unlink()
    one.look(4)
    assert descriptors() == before + 10
    one.files.close()
    assert descriptors() == before
