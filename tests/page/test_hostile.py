"""Names, labels and log lines of strangers that try to be markup, script or a way out of the page."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from exporter.demo import DemoSettings
from exporter.model.facts import Event, KeyFacts, Snapshot, TargetFacts
from exporter.model.gate import Check, Verdict
from exporter.model.pages import Phase
from exporter.model.views import Origin, Place
from tests.expose import snapshots
from tests.page.conftest import Look
from tools.stage import Served, Stage

pytestmark = [pytest.mark.real, pytest.mark.slow]
ATTACKS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</title></style></script><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% for x in y %}",
    "&lt;script&gt;",
    "\u202egnp.exe",
    "\ud800half",
    "../../etc/passwd",
    "x" * 5000,
)
NEVER = ("img", "script", "style", "iframe", "form", "[onload]", "[onerror]", "[onfocus]", "[style]")
DETAILS = "main a[href*='target/'], main a[href*='key/']"


def _key(name: str) -> KeyFacts:
    member = snapshots.member(name, zone=name)
    return replace(
        snapshots.ring_key(), key=name, ring=name, source=Origin(Place.RING_PAGE, name), members=(member,)
    )


def _target(name: str) -> TargetFacts:
    return replace(snapshots.target(name, component=name), version=name)


def attacked() -> Snapshot:
    """Every free text of a snapshot is an attack."""
    text = " ".join(ATTACKS)
    check = Check(
        "every-client", text, Verdict.FAILED, snapshots.seen(text), snapshots.named(*ATTACKS * 4), text, text
    )
    made, told = snapshots.hostile(), snapshots.told(*ATTACKS)
    steps = tuple(replace(step, checks=(check,), headline=text) for step in made.steps)
    return replace(
        made,
        targets=tuple(map(_target, ATTACKS)),
        keys=tuple(map(_key, ATTACKS)),
        events=tuple(Event(snapshots.NOW, name, name, name) for name in ATTACKS),
        migrations=snapshots.migrations(steps),
        fleet=replace(
            made.fleet,
            findings=told,
            dangers=told,
            versions=ATTACKS,
            headline=text,
        ),
    )


def test_no_text_of_a_snapshot_becomes_markup(look: Look) -> None:
    with Served(attacked()) as served:
        seen = look(served.url)
        page = seen.open()
        _unharmed(page)
        links = set(page.eval_on_selector_all("main a", "all => all.map(a => a.href)"))
        assert all(link.startswith(served.url) for link in links)
        details = page.eval_on_selector_all(DETAILS, "all => all.map(a => a.href)")
        assert len(details) > len(ATTACKS)
        for link in [link for link in details if "mimir-write-" not in link]:
            _unharmed(seen.open(link.removeprefix(served.url)))
            assert page.locator("h1").first.inner_text().startswith(("Process", "Key"))
        for path in (
            "/processes",
            "/events",
            "/gate/switch-primary",
            f"/key/{quote(ATTACKS[0])}/x?page=%3Cb",
        ):
            _unharmed(seen.open(path))


def test_what_changes_while_one_looks_becomes_no_markup_either(look: Look) -> None:
    with Served(snapshots.rich(), interval=1) as served:
        page = look(served.url).open()
        served.snapshot = attacked()
        expect(page.locator(".danger")).to_contain_text("onerror=alert(1)")
        _unharmed(page)


def test_a_hostile_cluster_does_no_harm(look: Look) -> None:
    told = DemoSettings(size=3, tokens=8, manual=True, hold=True, hostile=True, start_phase=Phase.MIRRORING)
    with Stage(told) as stage:
        stage.advance(60)
        stage.cycles(2)
        seen = look(stage.url)
        page = seen.open()
        _unharmed(page)
        for link in page.eval_on_selector_all(DETAILS, "all => all.map(a => a.href)"):
            _unharmed(seen.open(link.removeprefix(stage.url)))


def _unharmed(page: Page) -> None:
    assert page.locator("script").count() == page.locator("script[src*='static/page.js']").count() == 1
    assert {what: page.locator(f"main {what}").count() for what in NEVER} == dict.fromkeys(NEVER, 0)
    assert page.locator("main svg:not(.icon):not(.spark)").count() == 0
