"""What a person reads is in plain words: the rules of the vocabulary, and that each of them can fail."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests import plain_words
from tests.conftest import ROOT

# How many stood in the texts when this was last lowered, all of them in the log of changes. It may fall and
# never rise.
MOST = 0
LONG = 0


def test_no_avoided_word_is_added() -> None:
    found = list(plain_words.avoided(plain_words.texts(ROOT)))
    assert len(found) <= MOST, "\n".join(["", *found])


def test_no_docstring_and_no_comment_has_an_avoided_word() -> None:
    found = list(plain_words.avoided(plain_words.remarks(ROOT)))
    assert found == [], "\n".join(["", *found])


def test_no_name_in_code_has_an_avoided_word() -> None:
    found = [f"{where}: {name}" for where, name in plain_words.avoided_names(plain_words.named(ROOT))]
    assert found == [], "\n".join(["", *found])


def test_no_long_sentence_is_added() -> None:
    """`WORST=50` lists the longest sentences, and those that are hardest to read."""
    found, shown = plain_words.longest(ROOT), int(os.environ.get("WORST", "0"))
    for size, page, sentence in (*found[:shown], *(plain_words.hardest(ROOT)[:shown] if shown else ())):
        sys.stderr.write(f"{size:.0f} {page}: {sentence}\n")
    long = [f"{page}: {words} words: {text}" for words, page, text in found if words > plain_words.LONGEST]
    assert len(long) <= LONG, "\n".join(["", *long])


@pytest.mark.parametrize("page", list(plain_words.pages(ROOT)), ids=lambda page: page.name)
def test_each_page_is_plain_english(page: Path) -> None:
    assert plain_words.ease(page.read_text(encoding="utf-8")) >= plain_words.PLAIN


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The process sends its heartbeat to the store. The store keeps it for one minute.\n", True),
        ("Configuration inconsistencies necessitate comprehensive verification of replication.\n", False),
    ],
)
def test_a_page_that_is_hard_to_read_is_told_from_a_plain_page(text: str, plain: bool) -> None:
    assert (plain_words.ease(text) >= plain_words.PLAIN) == plain


def _tree(where: Path, name: str, text: str) -> Path:
    path = where / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (where / "README.md").write_text("# Small\n")
    path.write_text(text)
    return where


BREACHES = [
    ("README.md", "Nobody writes the ring.\n", "Nobody"),
    ("CHANGELOG.md", "Members that are gone.\n", "gone"),
    ("docs/ring.md", "| who | what |\n", "who"),
    ("alerts/runbooks/A.md", "The check holds.\n", "holds"),
    ("alerts/groups/a.py", "x = 'A stranger is in the ring'\n", "stranger"),
    ("dashboards/boards/a.py", "x = f'{n} are on one side'\n", "one side"),
    ("exporter/expose/catalogue.py", "x = 'Members that are\\nill'\n", "ill"),
    ("exporter/expose/web/templates/a.html", "<p>CANNOT TELL</p>\n", "CANNOT TELL"),
    ("deploy/a.yaml", "a: 1  # whole\n", "whole"),
    ("deploy/grafana/README.md", "Nobody installs it.\n", "Nobody"),
    ("CONTRIBUTING.md", "The rule holds.\n", "holds"),
    ("exporter/expose/api/shapes.py", 'class A: "Nobody has it."\n', "Nobody"),
    ("alerts/groups/b.py", "x = 'The alert is blind'\n", "blind"),
    ("docs/plan.md", "The process knows its ring.\n", "knows"),
    ("docs/plan.md", "The page says that it is open.\n", "says"),
    ("docs/plan.md", "Each process sees two members.\n", "sees"),
    ("docs/plan.md", "Members look unhealthy.\n", "look"),
    ("docs/plan.md", "A ring whose members differ.\n", "whose"),
    ("docs/plan.md", "Members that are alive return.\n", "alive"),
    ("docs/plan.md", "Restart the others.\n", "others"),
    ("docs/plan.md", "It has healthy ones.\n", "ones"),
    ("docs/plan.md", "Each has a live owner.\n", "live"),
    ("docs/plan.md", "Its heartbeat is fresh.\n", "fresh"),
    ("docs/plan.md", "It was cut off.\n", "cut off"),
    ("exporter/expose/b.py", "x = 'The gate asks {whole} of them'\n", "asks"),
]
KEPT = [
    ("README.md", "No process writes the ring. `nobody` is a user, [this](alone.md) is a link.\n"),
    ("docs/plan.md", "Owners are live-stores; the other processes mirror.\n"),
    ("docs/development.md", "One.\n```diff\n+ill = 1\n```\n"),
    ("exporter/derive/a.py", 'x = "gone"\n'),
    ("exporter/decode/formats/a_pb2.py", "x = 'nobody is here'\n"),
    ("exporter/expose/web/templates/a.html", "<p>unknown: a ghostly household</p>\n"),
    ("exporter/expose/b.py", "x = 'Of {seen} members {known} are unknown'\n"),
    ("docs/first.md", "`kvmigration demo --hold` has --silent and --hold\n"),
    ("tests/test_a.py", "x = 'nobody reads it'\n"),
    ("deploy/a.yaml", "# the complete ring\nghosts: 1\nurl: 'http://a/#whole'\n"),
    ("exporter/expose/api/shapes.py", 'class A:\n    """All of it."""\n\n    gone: bool\n'),
]


@pytest.mark.parametrize(("name", "text", "word"), BREACHES)
def test_an_avoided_word_is_counted_where_users_read_it(
    name: str, text: str, word: str, tmp_path: Path
) -> None:
    found = list(plain_words.avoided(plain_words.texts(_tree(tmp_path, name, text))))
    assert [one.split(": ")[1] for one in found] == [word]
    assert found[0].startswith(f"{name}:1: ")


@pytest.mark.parametrize(("name", "text"), KEPT)
def test_code_and_what_only_looks_like_one_is_not_counted(name: str, text: str, tmp_path: Path) -> None:
    assert list(plain_words.avoided(plain_words.texts(_tree(tmp_path, name, text)))) == []


REMARKS = [
    ("exporter/derive/a.py", '"Who has it."\n', "Who"),
    ("exporter/decode/a.py", "def f():\n    'Nobody has it.'\n", "Nobody"),
    ("exporter/model/a.py", "x = 1  # the whole ring\n", "whole"),
    ("exporter/model/b.py", "class A:\n    x: int\n    'Members that are ill.'\n", "ill"),
    ("alerts/groups/a.py", "# The page knows it.\n", "knows"),
    ("dashboards/a.py", "'A ring whose members differ.'\n", "whose"),
    ("tools/a.py", "'The page says it.'\n", "says"),
    ("bench/a.py", "'The page says it.'\n", "says"),
]
NO_REMARKS = [
    ("exporter/derive/a.py", '"Which process has `gone`."\nx = "gone"\nalone = 1\n'),
    ("exporter/decode/formats/a_pb2.py", "'nobody is here'\n"),
    ("tests/a.py", "'nobody is here'\n"),
]


@pytest.mark.parametrize(("name", "text", "word"), REMARKS)
def test_an_avoided_word_is_counted_in_a_docstring_and_a_comment(
    name: str, text: str, word: str, tmp_path: Path
) -> None:
    found = list(plain_words.avoided(plain_words.remarks(_tree(tmp_path, name, text))))
    assert [one.split(": ")[1] for one in found] == [word]
    assert found[0].startswith(f"{name}:")


@pytest.mark.parametrize(("name", "text"), NO_REMARKS)
def test_a_string_and_a_name_are_no_docstring(name: str, text: str, tmp_path: Path) -> None:
    assert list(plain_words.avoided(plain_words.remarks(_tree(tmp_path, name, text)))) == []


NAMES = [
    ("exporter/derive/a.py", "def is_young(): ...\n", "is_young"),
    ("exporter/model/a.py", "class RingStranger: ...\n", "RingStranger"),
    ("exporter/model/b.py", "class A:\n    seen_by: int\n", "seen_by"),
    ("exporter/derive/b.py", "def f(seen): ...\n", "seen"),
    ("exporter/derive/c.py", "f = lambda told: 1\n", "told"),
    ("exporter/derive/d.py", "x = [1 for one, who in y]\n", "who"),
    ("exporter/cli/a.py", "class A:\n    def f(self):\n        self._gone = 1\n", "_gone"),
    ("alerts/groups/a.py", "GHOSTS = 1\n", "GHOSTS"),
    ("dashboards/a.py", "import b as whole\n", "whole"),
    ("tools/a.py", "try: ...\nexcept OSError as ill: ...\n", "ill"),
    ("bench/a.py", "match x:\n    case [1, *things]: ...\n", "things"),
]
NO_NAMES = [
    ("exporter/expose/api/shapes.py", "class A:\n    seen_by: int\n    young: bool\n"),
    ("exporter/derive/a.py", "x = other.seen\nf(told=1)\ny = 'gone'\nskilled, aside = 1, 2\n"),
    ("tests/a.py", "def f(seen): ...\n"),
]


@pytest.mark.parametrize(("file", "code", "name"), NAMES, ids=[one[2] for one in NAMES])
def test_an_avoided_word_is_counted_in_a_name(file: str, code: str, name: str, tmp_path: Path) -> None:
    found = list(plain_words.avoided_names(plain_words.named(_tree(tmp_path, file, code))))
    assert [one.text for one in found] == [name]
    assert found[0].where.startswith(f"{file}:")


@pytest.mark.parametrize(("file", "code"), NO_NAMES)
def test_a_name_that_others_fixed_and_a_use_of_one_are_not_counted(
    file: str, code: str, tmp_path: Path
) -> None:
    assert list(plain_words.avoided_names(plain_words.named(_tree(tmp_path, file, code)))) == []


PAGE = """\
# A heading is no sentence

One two three. Four `a long piece of code` six [seven eight](nine.md).
Ten
eleven.

- An item.
- Another
  item.

| a cell | another cell. And a second sentence |
|---|---|

    a block of code

```sh
no words at all
```
<!-- a remark -->
"""


def test_sentences_are_those_of_paragraphs_items_and_cells() -> None:
    assert list(plain_words.sentences(PAGE)) == [
        "One two three.", "Four X six seven eight.", "Ten eleven.", "An item.", "Another item.",
        "a cell", "another cell.", "And a second sentence", "---", "---",
    ]  # fmt: skip


@pytest.mark.parametrize(("words", "long"), [(30, False), (31, True)])
@pytest.mark.parametrize(
    ("name", "where", "text"),
    [
        ("docs/a.md", "docs/a.md", "{}.\n"),
        ("exporter/a.py", "exporter/a.py:1", '"""Short.\n\n{}.\n"""\n'),
        ("exporter/a.py", "exporter/a.py:1", "# {}\n"),
    ],
)
def test_a_long_sentence_is_told(
    name: str, where: str, text: str, words: int, long: bool, tmp_path: Path
) -> None:
    root = _tree(tmp_path, name, text.format(" ".join(["word"] * words)))
    most = plain_words.longest(root)[0]
    assert most[:2] == (words, where)
    assert (most[0] > plain_words.LONGEST) is long


def test_every_exception_is_used() -> None:
    """An exception that nothing needs would hide the next breach."""
    everything = "\n".join(text for _, text in plain_words.texts(ROOT))
    assert [phrase for phrase, _ in plain_words.ALLOWED if not re.search(phrase, everything)] == []


def test_every_fixed_name_is_there() -> None:
    """A name that nothing has any more would hide the next breach."""
    given = {(where.rpartition(":")[0], name) for where, name in plain_words.named(ROOT)}
    fixed = {(file, name) for file, names, _ in plain_words.FIXED_NAMES for name in names.split()}
    assert fixed - given == set()


def test_the_rule_looks_at_all_there_is() -> None:
    where = {place.where.rsplit(":", 1)[0] for place in plain_words.texts(ROOT)}
    for name in ("README.md", "docs/ring.md", "exporter/expose/catalogue.py", "alerts/groups/rings.py"):
        assert name in where
    assert len(list(plain_words.pages(ROOT))) > 70
    commented = {place.where.split("/")[0] for place in plain_words.remarks(ROOT)}
    assert commented == {"exporter", "alerts", "dashboards", "tools", "bench"}
