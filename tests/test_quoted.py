"""A message of the product that a page of the docs quotes is one that the product has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
PAGES = sorted([HERE / "README.md", *HERE.glob("docs/*.md"), *HERE.glob("alerts/runbooks/*.md")])
QUOTED = re.compile(r"\bmessage `([^`]+)`")
ANY = "*"  # some words, or none
Words = tuple[str, ...]


def words(text: str) -> Words:
    """The words of a quotation or a template: what is left out or filled in is `ANY`."""
    nouns = re.sub(r"\{\w+: (\w+)\}", rf"{ANY} \1", text)  # {of: owners}
    plain = re.sub(r"\{[^{}]*\}|…", f" {ANY} ", nouns)
    return tuple(re.findall(r"\*|[\w'](?:[\w'./:-]*\w)?", plain))


@cache
def shared(quoted: Words, template: Words) -> int:
    """How many words both have where they can be the same text, a negative number where they cannot."""
    if not quoted and not template:
        return 0
    ways = [-1000]
    for one, other in ((quoted, template), (template, quoted)):
        if one and one[0] == ANY:
            ways.append(shared(*_in_order(one[1:], other, one is quoted)))
            if other:
                ways.append(shared(*_in_order(one, other[1:], one is quoted)))
    if quoted and template and quoted[0] == template[0] != ANY:
        ways.append(1 + shared(quoted[1:], template[1:]))
    return max(ways)


def _in_order(one: Words, other: Words, is_first: bool) -> tuple[Words, Words]:
    return (one, other) if is_first else (other, one)


def templates() -> Iterator[Words]:
    for path in HERE.glob("exporter/expose/wording/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
                yield words("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield words(node.value)


TEMPLATES = {template for template in templates() if set(template) - {ANY}}


def is_told(quoted: str) -> bool:
    asked = (ANY, *words(quoted), ANY)  # a page may quote a part
    own = [word for word in asked if re.fullmatch(r"[a-z']+", word)]  # not what is filled in
    return any(shared(asked, template) >= len(own) for template in TEMPLATES)


def quotations() -> list[tuple[str, str]]:
    return [(page.name, found) for page in PAGES for found in QUOTED.findall(page.read_text())]


@pytest.mark.parametrize(("page", "quoted"), quotations())
def test_each_quoted_message_is_one_that_the_product_has(page: str, quoted: str) -> None:
    assert is_told(quoted), f"{page} quotes {quoted!r}"


@pytest.mark.parametrize(
    "old", ["… sees 3 of 6 processes, not …", "… is written, and none of these processes uses it"]
)
def test_a_message_that_was_reworded_is_found(old: str) -> None:
    assert not is_told(old)
    assert len(quotations()) > 10
