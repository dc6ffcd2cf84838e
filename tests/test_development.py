"""The worked examples of docs/development.md fit the code."""

from __future__ import annotations

import re

import pytest

from alerts import thresholds
from alerts.rule import Severity
from exporter.model.culprits import LookedKind
from exporter.model.gate import Verdict
from exporter.model.pages import Outcome, Phase
from exporter.products.page_kinds import Round
from tests.conftest import ROOT

EXAMPLES = re.findall(r"```diff\n(.*?)\n```\n", (ROOT / "docs" / "development.md").read_text(), re.DOTALL)
NAMES = ("metric", "check", "alert", "product", "page", "kind of page")
NAMED = {
    "t": thresholds,
    **{kind.__name__: kind for kind in (LookedKind, Outcome, Phase, Round, Severity, Verdict)},
}
FILE = re.compile(r"^--- (\S+)\n\+\+\+ b/(\S+)\n", re.MULTILINE)


def changes(example: str) -> list[tuple[str, bool, list[str]]]:
    """Each file of a diff: its path, whether it is new, and the lines of the diff."""
    parts = FILE.split(example)[1:]
    return [
        (path, old == "/dev/null", text.splitlines())
        for old, path, text in zip(parts[0::3], parts[1::3], parts[2::3], strict=True)
    ]


def test_there_is_an_example_of_each_kind() -> None:
    assert len(EXAMPLES) == len(NAMES)


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_an_example_has_at_most_three_files_and_one_of_them_is_a_test(example: str) -> None:
    paths = [path for path, _, _ in changes(example)]
    assert len(paths) <= 3
    assert any(path.startswith("tests/") for path in paths)


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_an_example_fits_the_code(example: str) -> None:
    for path, new, lines in changes(example):
        assert (ROOT / path).exists() is not new, path
        assert new or missing(lines, (ROOT / path).read_text().splitlines()) == [], path


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_the_members_and_thresholds_that_an_example_adds_lines_with_exist(example: str) -> None:
    added = "\n".join(line for line in example.splitlines() if line[:1] == "+")
    used = re.findall(rf"\b({'|'.join(NAMED)})\.([A-Z_]+)\b", added)
    assert [f"{kind}.{name}" for kind, name in used if not hasattr(NAMED[kind], name)] == []


def missing(change: list[str], there: list[str]) -> list[str]:
    """Lines that a diff keeps or takes away and that are not in the file."""
    return [line[1:] for line in change if line[:1] in (" ", "-") and line[1:] not in there]


def test_a_line_that_the_code_has_no_more_is_named() -> None:
    assert missing([" one", "-two", "+three"], ["one"]) == ["two"]
