"""`--docs.base-url`: every place in the docs that a command names is an address below it."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Callable

import pytest

from exporter.cli.arguments import run
from exporter.config import load_text
from exporter.expose.wording.doc_addresses import addressed
from exporter.service import Service
from exporter.wiring import rules_of
from tests.cli.conftest import Recorded

BASE = "https://docs.lab/kv"
FLAG = f"--docs.base-url={BASE}/"
PLACE = re.compile(r"\S*docs\S*\.md\S*")
PRINTED = [
    ("check", "enable-mirroring"),
    ("check", "enable-mirroring", "--verbose", "--json"),
    ("plan", "enable-mirroring"),
    ("plan", "enable-mirroring", "--format=json"),
]


@pytest.mark.parametrize("command", PRINTED, ids=" ".join)
def test_what_a_command_names_of_the_docs_leads_to_the_address(
    recorded: Callable[..., Recorded], command: tuple[str, ...]
) -> None:
    started = recorded("cortex/1b-rolling-out-multi")
    elsewhere, here = (started.run(*command, *flags).out for flags in ([FLAG], []))
    assert "https://" not in here
    assert PLACE.findall(here)
    assert [place for place in PLACE.findall(elsewhere) if BASE not in place] == []
    assert len(PLACE.findall(elsewhere)) == len(PLACE.findall(here))


def test_the_environment_names_the_address_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KVMIGRATION_DOCS_BASE_URL", BASE)
    assert run(["explain", "clocks-agree"]) == 0
    assert f"More: {BASE}/ring.md#clocks\n" in capsys.readouterr().out


def test_without_an_address_the_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "clocks-agree"]) == 0
    assert "More: docs/ring.md#clocks\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["docs", "javascript:alert(1)", "https://u:p@docs.lab", "https://d?a=b", 'https://d/"']
)
def test_no_other_kind_of_address_is_accepted(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["explain", f"--docs.base-url={text}"])
    assert ended.value.code == 2
    assert "is no plain address" in capsys.readouterr().err


SAID = [("gate: {docs_url: 'https://file.lab'}\n", "https://file.lab"), ("", "")]


@pytest.mark.parametrize(("gate", "url"), SAID)
def test_the_flag_of_serve_wins_and_without_it_the_file_counts(gate: str, url: str) -> None:
    config = load_text(f'targets: [{{static: {{urls: ["http://a:1"]}}}}]\n{gate}')
    assert rules_of(Service(Namespace(docs_base_url=BASE), config).config).docs_url == BASE
    assert rules_of(Service(Namespace(docs_base_url=""), config).config).docs_url == url


TEXTS = [
    ("See docs/ring.md#clocks, and docs/guides.md.", f"See {BASE}/ring.md#clocks, and {BASE}/guides.md."),
    (json.dumps({"doc": "docs/ha-tracker.md#a"}), json.dumps({"doc": f"{BASE}/ha-tracker.md#a"})),
    ("https://a.lab/docs/ring.md and my/docs/ring.md", "https://a.lab/docs/ring.md and my/docs/ring.md"),
    ("docs/screenshots/a.png", "docs/screenshots/a.png"),
]


@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_only_a_page_of_the_docs_is_a_place_in_them(text: str, shown: str) -> None:
    assert addressed(text, BASE) == shown
    assert addressed(text, "") == text
