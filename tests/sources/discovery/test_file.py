"""file_sd: globs, changes, half-written and vanished files."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.config import FileSd
from exporter.sources.discovery.file import FileSource
from exporter.sources.discovery.target_source import Listing


def _source(*paths: Path, settle: float = 0.0) -> FileSource:
    return FileSource(FileSd.model_validate({"paths": tuple(map(str, paths))}), settle=settle)


def _write(path: Path, *targets: str) -> None:
    path.write_text(f"- targets: [{', '.join(targets)}]\n")


def _hosts(finding: Listing) -> list[str]:
    return [item.host for item in finding.found]


@pytest.mark.asyncio
async def test_files_come_change_and_go(tmp_path: Path) -> None:
    source = _source(tmp_path / "*.yml", tmp_path / "*.json")
    assert "no file matches" in (await source.find()).trouble
    _write(tmp_path / "a.yml", "a:1")
    (tmp_path / "b.json").write_text('[{"targets": ["b:1"]}]')
    assert _hosts(await source.find()) == ["a", "b"]
    _write(tmp_path / "a.yml", "a:1", "c:1")
    assert _hosts(await source.find()) == ["a", "c", "b"]
    (tmp_path / "b.json").unlink()
    finding = await source.find()
    assert (_hosts(finding), finding.trouble) == (["a", "c"], "")


@pytest.mark.asyncio
async def test_a_bad_file_keeps_what_it_said_and_the_others_are_heard(tmp_path: Path) -> None:
    source = _source(tmp_path / "*.yml")
    _write(tmp_path / "a.yml", "a:1")
    _write(tmp_path / "b.yml", "b:1")
    await source.find()
    (tmp_path / "a.yml").write_text("- targets: [a:1, x:")
    _write(tmp_path / "b.yml", "b2:1")
    finding = await source.find()
    assert _hosts(finding) == ["a", "b2"]
    assert finding.trouble.startswith(f"{tmp_path}/a.yml: line ")
    assert finding.trouble.endswith("the earlier contents stay in use")
    _write(tmp_path / "a.yml", "x:1")
    finding = await source.find()
    assert (_hosts(finding), finding.trouble) == (["x", "b2"], "")


@pytest.mark.asyncio
async def test_an_empty_file_is_a_file_half_written_and_an_empty_list_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    source = _source(path)
    _write(path, "a:1")
    await source.find()
    path.write_text("")
    assert _hosts(await source.find()) == ["a"]
    path.write_text("[]")
    assert _hosts(await source.find()) == []


@pytest.mark.asyncio
async def test_a_file_is_read_once_it_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yml"
    _write(path, "a:1")
    source = _source(path)

    async def sleep(_: float) -> None:
        if path.stat().st_size < 30:  # a writer that is at work while we wait
            _write(path, "a:1", "b:1", "c:1")

    monkeypatch.setattr("exporter.sources.discovery.file.asyncio.sleep", sleep)
    assert _hosts(await source.find()) == ["a", "b", "c"]


@pytest.mark.asyncio
async def test_a_file_that_was_replaced_with_the_same_size_and_time_is_read_again(tmp_path: Path) -> None:
    path, new = tmp_path / "a.yml", tmp_path / "new"
    _write(path, "a:1")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    source = _source(path)
    assert _hosts(await source.find()) == ["a"]
    _write(new, "b:1")
    os.utime(new, (1_700_000_000, 1_700_000_000))
    new.rename(path)
    assert _hosts(await source.find()) == ["b"]


@pytest.mark.asyncio
async def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yml"
    _write(path, "a:1")
    source = _source(path)
    first = await source.find()
    monkeypatch.setattr(source, "_read", None)
    assert await source.find() == first


@pytest.mark.asyncio
async def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "dir.yml").mkdir()
    finding = await _source(tmp_path / "*.yml", tmp_path / "a.yml").find()
    assert finding.found == ()
    assert finding.trouble


@contextmanager
def _no_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.asyncio
async def test_without_descriptors_a_directory_is_not_empty(tmp_path: Path) -> None:
    source = _source(tmp_path / "*.yml")
    _write(tmp_path / "a.yml", "a:1")
    assert _hosts(await source.find()) == ["a"]
    with _no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        await source.find()
    assert _hosts(await source.find()) == ["a"]


@pytest.mark.asyncio
async def test_a_file_that_changed_is_read_once_there_are_descriptors(tmp_path: Path) -> None:
    source = _source(tmp_path / "a.yml", settle=0.1)
    _write(tmp_path / "a.yml", "a:1")
    await source.find()
    _write(tmp_path / "a.yml", "a:1", "b:1")
    with _no_descriptors():
        found = asyncio.create_task(source.find())
        await asyncio.sleep(0.3)
    assert _hosts(await found) == ["a", "b"]
