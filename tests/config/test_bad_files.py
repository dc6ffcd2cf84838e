"""Each file in bad/ is refused with exactly the lines in the .txt beside it."""

from pathlib import Path

import pytest

from exporter.config import load
from exporter.errors import ConfigError

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_these_lines(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = [line.replace(str(path), path.name) for line in caught.value.problems]
    assert "\n".join(lines) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_message_is_one_printable_line_and_quotes_no_secret(path: Path) -> None:
    text = path.with_suffix(".txt").read_text(encoding="utf-8")
    assert text
    assert all(line.isprintable() for line in text.splitlines())
    assert "hunter2" not in text


def test_there_are_more_than_twenty_five_and_each_has_its_text() -> None:
    assert len(BAD) > 25
    assert {path.stem for path in BAD} == {path.stem for path in (HERE / "bad").glob("*.txt")}


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: cannot be read: no such file or directory"):
        load(tmp_path / "none.yml")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: is a directory"):
        load(tmp_path)


def test_a_file_of_many_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.yml"
    path.write_text("# x\n" * 1_000_000)
    with pytest.raises(ConfigError, match="larger than 1MiB"):
        load(path)
