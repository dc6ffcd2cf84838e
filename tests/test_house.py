"""This repository keeps the house rules, and each rule can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import house
from tests.conftest import ROOT
from tests.house_words import (
    derive_makes_no_sentences,
    no_module_reads_anothers_words,
)

Rule = Callable[[Path], Iterator[str]]
RULES: tuple[Rule, ...] = (*house.RULES, no_module_reads_anothers_words, derive_makes_no_sentences)
PYPROJECT = """
[project]
name = "small"
dependencies = ["aiohttp>=3", "PyYAML"]
[project.optional-dependencies]
dashboards = ["grafanalib"]
dev = ["pytest"]
"""
HASH = " \\\n    --hash=sha256:" + "0" * 64 + "\n"
RUNTIME = f"aiohttp==3.0{HASH}pyyaml==6.0{HASH}grafanalib==0.7{HASH}"
GOOD = {
    "pyproject.toml": PYPROJECT,
    "requirements.lock": RUNTIME,
    "requirements-dev.lock": RUNTIME + f"pytest==9.0{HASH}",
    "README.md": "# Small\n\n[log](CHANGELOG.md#unreleased) and [more](https://example.org/x)\n",
    "CHANGELOG.md": "# Changelog\n\n## Unreleased\n",
    "exporter/model/pages.py": "from exporter.model.settings import RingConfig\n",
    "exporter/model/settings.py": "import dataclasses\n",
    "exporter/model/facts.py": "from exporter.model import pages\nfrom exporter.model.shard import Part\n",
    "exporter/model/shard.py": "from exporter.model.pages import Ring\n",
    "exporter/decode/ring.py": "import re\nfrom exporter.model import pages\nfrom exporter.decode import x\n",
    "exporter/derive/gate.py": "from exporter.model import facts\nfrom .judging_rules import one\n",
    "exporter/sources/http.py": "import asyncio, aiohttp, yaml\nfrom exporter.config import Settings\n",
    "exporter/demo/site.py": "from exporter import model\n",
    "exporter/expose/wording/headlines.py": "def f(step):\n    return step.headline.removeprefix('Open: ')\n",
    "exporter/expose/page.py": "def f(check):\n    return [c.key for c in check.culprits]\n",
    "dashboards/panels.py": "import grafanalib\n",
    "tests/__init__.py": "",
    "tests/decode/__init__.py": "",
    "tests/decode/test_ring_bytes.py": "import time\nfrom exporter.model import pages\nx = time.time()\n",
    "tests/decode/test_fuzz.py": "from exporter.decode import page\nx = 1  # noqa: E501  # it is a table\n",
}
LONG = "def f():\n" + "    x = 1\n" * 40
# rule, file, what it holds, the breach that must be told
BREACHES: list[tuple[Rule, str, str, str]] = [
    (
        house.rooms_keep_apart,
        "exporter/derive/judging_rules.py",
        "from exporter.decode.ring import x",
        "judging_rules.py:1: derive imp",
    ),
    (
        house.rooms_keep_apart,
        "exporter/derive/a.py",
        "from ..sources import http",
        "imports exporter.sources.http",
    ),
    (house.rooms_keep_apart, "exporter/demo/a.py", "def f():\n    import exporter.decode", "a.py:2: demo"),
    (house.rooms_keep_apart, "exporter/demo/a.py", "from exporter import decode", "imports exporter.decode"),
    (
        house.rooms_keep_apart,
        "exporter/demo/a.py",
        "import_module('exporter.decode')",
        "imports exporter.decode",
    ),
    (house.rooms_keep_apart, "exporter/decode/a.py", "from exporter.config import Config", "exporter.config"),
    (
        house.rooms_keep_apart,
        "exporter/expose/a.py",
        "from exporter.polling import cycle",
        "exporter.polling",
    ),
    (house.rooms_keep_apart, "exporter/expose/a.py", "import dashboards.panels", "dashboards.panels"),
    (house.rooms_keep_apart, "exporter/products/a.py", "from exporter.config import x", "products imports"),
    (house.pure_rooms_are_pure, "exporter/decode/a.py", "import time", "decode imports time"),
    (house.pure_rooms_are_pure, "exporter/derive/a/b.py", "from asyncio import sleep", "asyncio.sleep"),
    (house.pure_rooms_are_pure, "exporter/derive/a.py", "import aiohttp.web", "aiohttp.web"),
    (house.pure_rooms_are_pure, "exporter/decode/a.py", "import re, logging, random", "random"),
    (
        house.derive_has_floors,
        "exporter/derive/ring/health.py",
        "import re\nfrom exporter.derive.gate.check_registration import used",
        "health.py:2: ring imports exporter.derive.gate.check_registration.used, which stands above it",
    ),
    (house.derive_has_floors, "exporter/derive/elections.py", "", "elections has no floor"),
    (
        house.vocabulary_stands_alone,
        "exporter/model/pages.py",
        "from exporter.model.facts import x",
        "model.facts",
    ),
    (house.vocabulary_stands_alone, "exporter/model/tables.py", "", "no place in the order"),
    (house.vocabulary_stands_alone, "exporter/model/facts.py", "import msgspec", "msgspec"),
    (house.one_door_to_grafanalib, "dashboards/boards/rings.py", "from grafanalib import core", "grafanalib"),
    (house.imports_are_declared, "exporter/cli.py", "import requests", "requests is not in pyproject"),
    (house.files_are_short, "exporter/cli.py", "x = 1\n" * 400, "400 lines"),
    (house.functions_are_short, "tests/decode/test_ring.py", LONG, "f has 41 lines"),
    (house.functions_are_short, "tools/a.py", LONG.replace("def", "async def"), "f has 41 lines"),
    (house.names_say_something, "exporter/decode/utils.py", "", "says nothing"),
    (house.names_say_something, "exporter/core/ring.py", "", "says nothing"),
    (house.no_registry_is_named, "Makefile", "pip install -i https://py" + "pi.org/simple", "Makefile:1"),
    (house.no_registry_is_named, "tools/a.sh", "\nurl=http://deb.deb" + "ian.org/debian", "a.sh:2"),
    (house.nothing_is_unfinished, "exporter/cli.py", "# TO" + "DO: more", "cli.py:1"),
    (house.nothing_is_unfinished, "tests/test_cli.py", "@pytest.mark.x" + "fail", "test_cli.py:1"),
    (house.tests_do_not_sleep, "tests/decode/test_ring.py", "import time\ntime.sleep(1)", "ring.py:2"),
    (house.tests_do_not_sleep, "tests/decode/test_ring.py", "from time import sleep as s", "time.sleep"),
    (house.exceptions_carry_reasons, "exporter/cli.py", "x = 1  # no" + "qa", "cli.py:1"),
    (house.exceptions_carry_reasons, "exporter/cli.py", "x = 1  # no" + "qa: E501", "E501"),
    (
        house.exceptions_carry_reasons,
        "exporter/cli.py",
        "x = 1  # type: ig" + "nore  # wrong stubs",
        "cli.py",
    ),
    (house.exceptions_carry_reasons, "tools/a.py", "x = 1  # type: ig" + "nore[misc]", "a.py:1"),
    (house.tests_mirror_rooms, "tests/decode/test_gossip.py", "import re", "neither named after"),
    (house.test_directories_are_packages, "tests/demo/test_site.py", "", "tests/demo: no"),
    (house.changelog_is_open, "CHANGELOG.md", "## 1.0.0", "no section Unreleased"),
    (house.readme_is_short, "README.md", "line\n" * 150, "README.md"),
    (house.links_lead_somewhere, "docs/README.md", "see [it](gone.md#part)", "docs/README.md: no gone.md"),
    (
        no_module_reads_anothers_words,
        "exporter/cli.py",
        "if check.evidence.startswith('Unknown'):\n    pass",
        "cli.py:1: reads the words",
    ),
    (no_module_reads_anothers_words, "exporter/cli.py", "x = 'lag' in step.headline.lower()", "cli.py:1"),
    (no_module_reads_anothers_words, "exporter/cli.py", "\nx = re.sub('a', 'b', check.remedy)", "cli.py:2"),
    (
        no_module_reads_anothers_words,
        "exporter/expose/a.py",
        "x = [c for c in check.culprits if c == 'a']\n"
        "def f(check):\n    return any(c.split()[0] in names for c in check.culprits)",
        "a.py:3",
    ),
    (
        no_module_reads_anothers_words,
        "exporter/derive/a.py",
        "def f(step):\n    said = step.headline or ''\n    return said.removeprefix('Open: ')",
        "a.py:3",
    ),
    (
        derive_makes_no_sentences,
        "exporter/derive/ring/a.py",
        '"""A docstring is none of them."""\n'
        'def f(n):\n    """Nor this one here."""\n    return f"{n} keys are lost now"',
        "a.py:4",
    ),
    (derive_makes_no_sentences, "exporter/derive/ring/a.py", 'X = "A ring lost members."', "a.py:1"),
    (
        derive_makes_no_sentences,
        "exporter/derive/gate/a.py",
        'X = "A table may say so."\n@check("All of it is well.")\ndef f():\n    return "it is not so"',
        "a.py:4",
    ),
    (house.locks_are_hashed, "requirements.lock", "aiohttp==3.0\n", "aiohttp has no hash"),
    (house.locks_are_hashed, "requirements-dev.lock", RUNTIME, "pytest is missing"),
]


def tree(where: Path, **changed: str) -> Path:
    """A small repository that keeps every rule, but for the files in `changed`."""
    for name, text in {**GOOD, **changed}.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return where


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_this_repository_keeps(rule: Rule) -> None:
    breaches = list(rule(ROOT))
    assert not breaches, "\n".join(["", *breaches])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_small_good_tree_keeps(rule: Rule, tmp_path: Path) -> None:
    assert list(rule(tree(tmp_path))) == []


@pytest.mark.parametrize(
    ("rule", "name", "text", "told"), BREACHES, ids=[f"{one[0].__name__}-{one[3]}" for one in BREACHES]
)
def test_a_breach_is_told(rule: Rule, name: str, text: str, told: str, tmp_path: Path) -> None:
    breaches = list(rule(tree(tmp_path, **{name: text})))
    assert any(told in breach for breach in breaches), breaches


@pytest.mark.parametrize(
    ("room", "most"), [("exporter", 8), ("exporter/derive/ring", 14), ("alerts/groups", 14)]
)
def test_a_room_that_grows_too_large_is_told(room: str, most: int, tmp_path: Path) -> None:
    root = tree(tmp_path, **{f"{room}/module_{number}.py": "" for number in range(most)})
    assert list(house.rooms_are_small(root)) == []
    root = tree(tmp_path, **{f"{room}/one_more.py": ""})
    assert list(house.rooms_are_small(root)) == [f"{room}: {most + 1} modules, at most {most}"]


def test_every_rule_has_a_tree_that_breaks_it() -> None:
    assert {breach[0] for breach in BREACHES} | {house.rooms_are_small} == set(RULES)


def test_the_rules_look_at_all_there_is() -> None:
    """An empty look would pass every rule."""
    for part in ("exporter", *(f"exporter/{room}" for room in house.ROOMS), "dashboards", "alerts", "tests"):
        assert len(list(house.modules(ROOT, part))) > 3, part


def test_generated_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    root = tree(
        tmp_path, **{".venv/lib/utils.py": "", "exporter/decode/formats/ring_pb2.py": "x = 1\n" * 500}
    )
    assert list(house.files_are_short(root)) == []
    assert list(house.nothing_is_unfinished(root)) == []
    assert not any(".venv" in path.parts for path in house.files(root))


def test_every_metric_is_documented() -> None:
    """And nothing else is: the page follows the catalogue."""
    from exporter.expose.catalogue import ALL  # noqa: PLC0415  # the other rules need no working program
    from exporter.expose.shard_catalogue import OWN  # noqa: PLC0415  # likewise

    rows = [
        line.split("`")[1]
        for line in (ROOT / "docs" / "metrics.md").read_text().splitlines()
        if "| `" in line
    ]
    assert ALL
    assert rows == [metric.name for metric in (*ALL, *OWN)]
