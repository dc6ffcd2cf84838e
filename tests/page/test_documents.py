"""The docs as they are served: every link in them leads somewhere."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from exporter.cli.explain import topics
from exporter.derive.gate.check_registration import Registered
from exporter.derive.gate.step_table import STEPS
from exporter.expose.web.documents import body, documents, images, place
from tests.page.conftest import Look
from tools.stage import Served

CHECKS = {check.doc for rule in STEPS for check in rule.checks if isinstance(check, Registered)}
ALERTS = [topic.name for topic in topics() if topic.kind == "alert"]


def _shown(name: str) -> str:
    return body(documents()[name], "/")


@pytest.mark.parametrize("name", documents())
def test_every_link_of_a_document_leads_to_one_that_is_served(name: str) -> None:
    for href in re.findall(r'(?:href|src)="(?!https?://)([^"]*)"', _shown(name)):
        path, _, heading = href.partition("#")
        wanted = path.removeprefix("/docs/") if path else name
        assert wanted in documents() or wanted in images(), href
        assert not heading or f'id="{heading}"' in _shown(wanted), href


@pytest.mark.parametrize("doc", sorted(CHECKS))
def test_the_place_of_every_check_is_a_heading_that_is_served(doc: str) -> None:
    path, _, heading = place(doc, "/").partition("#")
    assert f'id="{heading}"' in _shown(path.removeprefix("/docs/"))


def test_every_alert_has_its_runbook_among_the_documents() -> None:
    assert [name for name in ALERTS if f"runbooks/{name}" not in documents()] == []
    assert len(ALERTS) > 40


def test_comments_for_the_generators_are_not_shown_and_markup_is_escaped() -> None:
    text = _shown("runbooks/KVMigrationGossipSplit")
    assert "advice:" not in text
    assert "&lt;" not in text
    assert "<script" not in "".join(map(_shown, documents()))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_docs_open_in_a_browser_and_a_link_leads_from_one_to_the_next(look: Look, theme: str) -> None:
    with Served() as served:
        watched = look(served.url, color_scheme=theme)
        page = watched.open("/docs/runbooks/KVMigrationGossipSplit")
        page.get_by_role("link", name="KVMigrationPrimariesMixed").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("KVMigrationPrimariesMixed")
        watched.open("/docs/architecture")
        drawn = page.locator("img").evaluate("picture => picture.complete && picture.naturalWidth > 0")
        assert drawn
