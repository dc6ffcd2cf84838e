"""YAML with lines, and bounds on what a hostile file costs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.yaml_source import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: true", True),
        ("a: yes", "yes"),
        ("a: 12", 12),
        ("a: 012", "012"),
        ("a: 0x10", "0x10"),
        ("a: 1:30", "1:30"),
        ("a: 1.5", 1.5),
        ("a: .inf", ".inf"),
        ("a: ~", None),
        ("a: '12'", "12"),
        ("a: !!str 12", "12"),
        ("a: 2026-11-21", "2026-11-21"),
        ("a: [1, [2]]", (1, (2,))),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    document = parse(text)
    assert not document.problems
    assert document.value == {"a": value}
    assert type(document.value["a"]) in {type(value), *type(value).__subclasses__()}


def test_every_path_has_its_line() -> None:
    document = parse("a: 1\nb:\n  - c: 2\n    d: 3\n")
    assert document.line(("b", 0, "d")) == 4
    assert document.line(("b", 0, "missing")) == 3


def test_a_long_text_used_a_thousand_times_is_refused() -> None:
    text = "a: &a " + "x" * 10_000 + "\nb: [" + ",".join(["*a"] * 1000) + "]\n"
    assert "too large" in parse(text).problems[0].message


def test_merged_mappings_do_not_move_the_lines_of_own_keys() -> None:
    document = parse("a: &a\n  x: 1\nb:\n  <<: *a\n  x: 2\n")
    assert document.value["b"] == {"x": 2}
    assert document.line(("b", "x")) == 5


@pytest.mark.parametrize("text", ["a: !mine 1", "a: !!binary aGk=", "!!set {a}", "a: !!python/name:os x"])
def test_tags_are_refused(text: str) -> None:
    assert "tag" in parse(text).problems[0].message


@given(st.text(max_size=200))
def test_any_text_gives_a_document_or_problems(text: str) -> None:
    document = parse(text)
    assert document.problems or document.value is None or document.lines


@given(st.text(alphabet="[]{}:,-&*!|>'\"%@`# \n\tab0<~?", max_size=60))
def test_any_soup_of_signs_gives_a_document_or_problems(text: str) -> None:
    parse(text)
