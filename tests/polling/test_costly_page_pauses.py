"""A page that costs much and gives nothing is not asked for in every cycle."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
import yaml

from exporter.config import load_text
from exporter.model.facts import PageFacts
from exporter.model.pages import Outcome, Page, Reason
from exporter.polling.costly_page_pauses import FIRST, HEAVY, LONGEST, MOST, MUCH, Pauses
from exporter.wiring import Watch
from tests.sources import wire

NOW = 1_800_000_000.0
RING = json.dumps({"shards": [], "now": "2027-01-15T08:00:00Z"}).encode()


def failed(reason: Reason) -> Page[int]:
    return Page("/ring", Outcome.FAILED, reason=reason, detail="more than 9 bytes")


CASES = [
    (failed(Reason.TOO_LARGE), 0, True),
    (failed(Reason.DECODE), HEAVY + 1, True),
    (failed(Reason.DECODE), HEAVY, False),
    (failed(Reason.TIMEOUT), HEAVY + 1, False),
    (failed(Reason.TIMEOUT), MUCH + 1, True),
    (failed(Reason.CLOSED), MUCH + 1, True),
    (failed(Reason.BUDGET), 0, False),
    (failed(Reason.STATUS), HEAVY + 1, False),
    (Page("/ring", Outcome.ABSENT), HEAVY + 1, False),
    (Page("/ring", Outcome.OK, 1), HEAVY + 1, False),
]


@pytest.mark.parametrize(("page", "size", "paused"), CASES)
def test_only_what_cost_much_and_gave_nothing_is_left_alone(page: Page[int], size: int, paused: bool) -> None:
    pauses = Pauses()
    pauses.learn("/ring", page, size, NOW)
    assert (pauses.held("/ring", NOW + 1) is not None) is paused
    assert pauses.held("/metrics", NOW + 1) is None


def test_a_pause_grows_to_a_limit_and_ends_with_a_good_page() -> None:
    pauses, now, lengths = Pauses(), NOW, []
    for _ in range(6):
        pauses.learn("/ring", failed(Reason.TOO_LARGE), 0, now)
        held = pauses.held("/ring", now)
        assert held is not None
        lengths.append(next(n for n in range(int(LONGEST) + 1) if pauses.held("/ring", now + n) is None))
        now += lengths[-1]
    assert lengths == [60, 120, 240, 480, 600, 600]
    assert (held.reason, held.detail) == (Reason.TOO_LARGE, "more than 9 bytes; next request after 600 s")
    pauses.learn("/ring", Page("/ring", Outcome.OK, 1), 9, now)
    pauses.learn("/ring", failed(Reason.TOO_LARGE), 0, now)
    assert pauses.held("/ring", now + FIRST) is None


def test_a_process_cannot_make_us_remember_names_without_end() -> None:
    pauses = Pauses()
    for number in range(MOST + 50):
        pauses.learn(f"key {number}", failed(Reason.TOO_LARGE), 0, NOW)
    assert len(pauses._pages) == MOST + 1
    assert pauses.held("any other", NOW + 1) is not None
    later = NOW + FIRST + 2 * LONGEST
    assert pauses.held("any other", later) is None
    pauses.learn("one", failed(Reason.TOO_LARGE), 0, later)
    assert len(pauses._pages) == 1


@pytest.mark.asyncio
async def test_a_page_too_large_is_paused_and_told_as_failed() -> None:
    asked: Counter[str] = Counter()
    sent = {"/ingester/ring": b"x" * 2000}

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            path = (await wire.request(reader))[0].split()[1]
            asked[path] += 1
            writer.write(wire.response(sent.get(path, b"{}"), headers={"Content-Type": "application/json"}))

    async with wire.serve(page) as target:
        config = {
            "targets": [{"static": {"urls": [target.url]}}],
            "product": "cortex",
            "rings": [{"path": "/ingester/ring"}, {"path": "/compactor/ring"}],
            "http_client": {"max_response_bytes": "1KiB"},
        }
        now = [NOW]
        async with Watch(load_text(yaml.safe_dump(config)), clock=lambda: now[0]) as watch:
            for _ in range(4):
                told = _page_of((await watch.poller.cycle()).targets[0].pages, "/ingester/ring")
                assert (told.outcome, told.reason) == (Outcome.FAILED, Reason.TOO_LARGE)
                now[0] += 15
            assert (asked["/ingester/ring"], asked["/compactor/ring"]) == (1, 4)
            sent["/ingester/ring"] = RING
            told = _page_of((await watch.poller.cycle()).targets[0].pages, "/ingester/ring")
            assert (told.outcome, asked["/ingester/ring"]) == (Outcome.OK, 2)


@pytest.mark.asyncio
async def test_a_reload_with_a_larger_limit_ends_the_pauses() -> None:
    body = RING[:-1] + b" " * 2000 + b"}"
    async with wire.serve(wire.always(wire.response(body))) as target:
        text = f"targets: [{{static: {{urls: [{target.url}]}}}}]\nrings: [{{path: /ingester/ring}}]\n"
        limit = "http_client: {max_response_bytes: 1KiB}"
        async with Watch(load_text(text + limit), clock=lambda: NOW) as watch:
            seen = [_page_of((await watch.poller.cycle()).targets[0].pages, "/ingester/ring")]
            await watch.replace(load_text(text))
            seen.append(_page_of((await watch.poller.cycle()).targets[0].pages, "/ingester/ring"))
    assert [page.reason for page in seen] == [Reason.TOO_LARGE, None]


def _page_of(pages: tuple[PageFacts, ...], name: str) -> PageFacts:
    return next(page for page in pages if page.name == name)
