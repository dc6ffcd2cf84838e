"""The demo's panel in a browser: one click starts a fault, one ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from exporter.cli.demo import panel_of
from exporter.demo import DemoSettings
from exporter.expose.server.state import ServerState
from exporter.model.facts import Snapshot
from tests.page.conftest import Look
from tools.stage import Stage

pytestmark = [pytest.mark.real, pytest.mark.slow]


class WithPanel(Stage):
    """The stage as `kvmigration demo` serves it."""

    def state(self, snapshot: Callable[[], Snapshot | None], clock: Callable[[], float]) -> ServerState:
        return replace(super().state(snapshot, clock), panel=panel_of(self.demo))


@pytest.mark.parametrize("script", [True, False])
def test_a_click_starts_a_fault_and_another_one_ends_it(look: Look, script: bool) -> None:
    with WithPanel(DemoSettings(size=3, tokens=8, hold=True, manual=True)) as stage:
        stage.cycles()
        page = look(stage.url, java_script_enabled=script).open()
        page.get_by_role("button", name="Start crash").click()
        expect(page.get_by_role("button", name="End crash")).to_be_visible()
        assert stage.demo.cluster.faults == {"crash"}
        assert page.url == f"{stage.url}/"
        page.get_by_role("button", name="End crash").click()
        expect(page.get_by_role("button", name="Start crash")).to_be_visible()
        assert stage.demo.cluster.faults == set()
