"""Generated files are written, or compared with what is committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.generated_docs import __main__ as docs
from exporter.generated_docs.write_or_compare import write_or_compare


def test_the_pages_in_docs_are_up_to_date() -> None:
    assert docs.run(["--check"]) == 0


@pytest.mark.parametrize("before", [None, "an older text"], ids=["missing", "out of date"])
def test_a_file_that_differs_is_named_with_the_command_and_then_written(
    before: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "docs" / "page.md"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
    assert write_or_compare({path: "text"}, "python -m x", only_compare=True) == 1
    assert capsys.readouterr().err == f"{path} is out of date: run python -m x\n"
    assert path.exists() == (before is not None), "comparing writes nothing"
    assert write_or_compare({path: "text"}, "python -m x", only_compare=False) == 0
    assert write_or_compare({path: "text"}, "python -m x", only_compare=True) == 0
    assert path.read_text() == "text"
