"""The demo's whole walk and each of its faults, as they look in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from exporter.demo import FAULTS, DemoSettings
from exporter.model.pages import Phase
from tests.page.conftest import Look
from tools.stage import Stage

pytestmark = [pytest.mark.real, pytest.mark.slow]

# what must be found on the page for each fault, and where
SHOWN = {
    "partial-mirroring": ("#answer", "different phases"),
    "lag": (".keys tr.bad", "equal, but late"),
    "crash": (".danger", "1 of 4 processes do not answer"),
    "foreign-label": (".danger", "Gossip is split into 2 clusters"),
    "conjoined": (".cluster.unknown", "tempo-ingester-0"),
    "split": (".clusters", "Cluster 2"),
    "token-conflict": (".keys tr.bad", "token conflict"),
    "store-down": (".facts", "refused"),
    "clobber": (".danger", "Primaries are mixed"),
    "pages-hang": (".danger", "1 of 4 processes do not answer"),
    "pages-rubbish": ("main", "decode"),
    "clock-skew": ("header", "cortex"),
    "verification-off": ("main", "switched off on"),
    "mirror-errors": (".checks .fails", "writes failed"),
}
READ_ANEW = 600  # seconds: /config is not read in every cycle, and no restart takes as long
LASTING = {"verification-off", "crash", "pages-hang"}
HARMLESS = {"clock-skew", "verification-off"}


@pytest.fixture(scope="module")
def walk() -> Iterator[Stage]:
    with Stage(DemoSettings(size=4, tokens=16, manual=True, hold=True), gate={"soak": "0s"}) as stage:
        stage.advance(60)
        stage.cycles(2)
        yield stage


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.UNKNOWN])
def test_each_phase_of_the_walk_is_marked_and_ends_in_a_go(walk: Stage, look: Look, phase: Phase) -> None:
    walk.demo.cluster.set_phase(phase)
    walk.advance(150)
    walk.cycles(3)
    page = look(walk.url).open()
    expect(page.locator("[aria-current=step] h3")).to_contain_text(phase.label)
    expect(page.locator("[aria-current=step] .placed")).to_contain_text("clients")
    assert page.locator(".placed").count() == 1
    assert walk.snapshot is not None
    step = next(step for step in walk.snapshot.steps if step.place == "next")
    expect(page.locator("#answer")).to_contain_text(step.name)
    assert (page.locator("#answer .word").inner_text() == "GO ON") is step.open


def test_every_fault_has_a_place_on_the_page() -> None:
    assert SHOWN.keys() == FAULTS.keys()


@pytest.mark.parametrize("fault", SHOWN)
def test_each_fault_is_seen_and_harm_is_never_a_go(look: Look, fault: str) -> None:
    told = DemoSettings(size=4, tokens=16, manual=True, hold=True, start_phase=Phase.MIRRORING)
    with Stage(told, gate={"soak": "0s"}, interval="5s", http_client={"timeout": "1s"}) as stage:
        stage.advance(60)
        stage.cycles(2)
        stage.demo.cluster.set_fault(fault, on=True)
        stage.advance(READ_ANEW if fault in LASTING else 0)
        stage.cycles(2 if fault == "pages-hang" else 4)
        page = look(stage.url).open()
        selector, text = SHOWN[fault]
        expect(page.locator(selector).first).to_contain_text(text)
        if fault not in HARMLESS:
            assert page.locator("#answer .word").inner_text() in ("STOP", "UNKNOWN")
            expect(page.locator("#answer")).to_be_in_viewport(ratio=1)
