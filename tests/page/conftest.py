"""A real Chromium, one for each module of tests, and pages that take note of everything that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tools.stage import browser


@dataclass
class Watched:
    """A page, and what it did that it should not: errors, breaches of the policy, dialogs, other hosts."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """Go there, however it answers."""
        self.page.goto(self.url + path)
        return self.page


Look = Callable[..., Watched]


@pytest.fixture(scope="module")
def chromium(program: Callable[[str], str]) -> Iterator[Browser]:
    """No longer than a module: while it runs, this thread has an event loop, and others' tests cannot."""
    program("chromium")
    with browser() as started:
        yield started


@pytest.fixture
def look(chromium: Browser) -> Iterator[Look]:
    """`look(url, dark…)`: a page in a fresh context; nothing may have gone wrong by the end of the test."""
    opened: list[Watched] = []

    def new(url: str, **options: Any) -> Watched:
        context = chromium.new_context(**{"viewport": {"width": 1920, "height": 1080}, **options})
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " e => console.error('policy', e.violatedDirective, e.blockedURI, e.sample))"
        )
        watched = Watched(context.new_page(), url)
        watched.page.on("console", lambda said: _console(watched, said.type, said.text))
        watched.page.on("pageerror", lambda error: watched.wrong.append(f"error: {error}"))
        watched.page.on("dialog", lambda dialog: (watched.wrong.append("dialog"), dialog.dismiss()))
        watched.page.on("request", lambda request: watched.asked.append(request.url))
        opened.append(watched)
        return watched

    yield new
    for watched in opened:
        watched.page.context.close()
        strange = [asked for asked in watched.asked if not asked.startswith(watched.url)]
        assert (watched.wrong, strange) == ([], [])


def _console(watched: Watched, kind: str, text: str) -> None:
    if kind == "error" and "Failed to load resource" not in text:
        watched.wrong.append(text)
