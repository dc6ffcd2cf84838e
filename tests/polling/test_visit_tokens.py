"""A large ring page is read without its tokens, where it showed them not long ago."""

from __future__ import annotations

import json

import pytest

from exporter.model.pages import Outcome, Reason
from tests.polling.one_process import OneProcess

TOKENS = {f"i-{n}": [n * 1000 + k * 200_000 for k in range(512)] for n in range(150)}
WITH, WITHOUT = "application/json", "text/html"


def _in_json(tokens: dict[str, list[int]], born: str = "2026-11-20T01:00:00Z") -> bytes:
    shards = [
        {"id": name, "state": "ACTIVE", "address": f"{name}:9095", "zone": "z", "tokens": found,
         "timestamp": "2026-11-21 01:00:00 +0000 UTC", "registered_timestamp": born}
        for name, found in tokens.items()
    ]  # fmt: skip
    return json.dumps({"shards": shards, "now": "2026-11-21T01:00:05Z"}).encode()


def _in_html(tokens: dict[str, list[int]], born: str = "2026-11-20 01:00:00 +0000 UTC") -> bytes:
    cells = "".join(
        f"<tr><td>{name}</td><td>z</td><td>ACTIVE</td><td>{name}:9095</td><td>{born}</td>"
        f"<td>5s ago (01:00:00)</td><td>{len(found)}</td></tr>"
        for name, found in tokens.items()
    )
    head = "".join(
        f"<th>{name}</th>"
        for name in ("Instance ID", "Availability Zone", "State", "Address", "Registered At",
                     "Last Heartbeat", "Tokens")
    )  # fmt: skip
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table>"
    return f"<html><p>Current time: 2026-11-21 01:00:05 +0000 UTC</p>{table}</html>".encode()


def _ring_process(tokens: dict[str, list[int]] = TOKENS) -> OneProcess:
    return OneProcess(shown={"/ring": _in_json(tokens)}, bare={"/ring": _in_html(tokens)})


def test_a_large_ring_page_has_its_tokens_read_again_after_a_quarter_of_an_hour_only() -> None:
    process = _ring_process()
    first = process.visit(rings=True).rings["/ring"].value
    size = process.memory.ring_bytes
    for _ in range(3):
        assert process.visit(200.0, rings=True).rings["/ring"].value == first
        assert process.memory.ring_bytes == size
    assert process.accepted == [WITH, WITHOUT, WITHOUT, WITHOUT]
    process.visit(400.0, rings=True)
    assert process.accepted[4:] == [WITH]


def test_a_small_ring_page_is_always_read_with_its_tokens() -> None:
    process = _ring_process({"i-0": [1, 2], "i-1": [3, 4]})
    for _ in range(3):
        process.visit(60.0, rings=True)
    assert process.accepted == [WITH] * 3


CHANGED = {name: (found if name != "i-3" else found[:-1]) for name, found in TOKENS.items()}


@pytest.mark.parametrize(
    ("now", "born", "html_born"),
    [
        ({**TOKENS, "i-new": [7, 8]}, "2026-11-20T01:00:00Z", "2026-11-20 01:00:00 +0000 UTC"),
        (CHANGED, "2026-11-20T01:00:00Z", "2026-11-20 01:00:00 +0000 UTC"),
        (TOKENS, "2026-11-21T00:00:00Z", "2026-11-21 00:00:00 +0000 UTC"),
    ],
)
def test_where_a_member_may_have_other_tokens_they_are_read_in_the_same_cycle(
    now: dict[str, list[int]], born: str, html_born: str
) -> None:
    process = _ring_process()
    process.visit(rings=True)
    process.shown["/ring"], process.bare["/ring"] = _in_json(now, born), _in_html(now, html_born)
    ring = process.visit(60.0, rings=True).rings["/ring"].value
    assert ring is not None
    assert {name: m.tokens.count for name, m in ring.members.items()} == {n: len(t) for n, t in now.items()}
    assert all(member.tokens.digest for member in ring.members.values())
    process.visit(60.0, rings=True)
    assert process.accepted == [WITH, WITHOUT, WITH, WITHOUT]


@pytest.mark.parametrize(
    "bare", [b"<html>the user interface</html>", _in_html(TOKENS, "long ago"), b"rubbish"]
)
def test_a_page_that_is_no_substitute_costs_no_reading_and_is_not_requested_again(bare: bytes) -> None:
    process = _ring_process()
    process.bare["/ring"] = bare
    for _ in range(4):
        assert process.visit(60.0, rings=True).rings["/ring"].outcome is Outcome.OK
    assert process.accepted == [WITH, WITHOUT, WITH, WITH, WITH]


def test_after_a_restart_the_tokens_are_read_anew() -> None:
    process = _ring_process()
    process.visit(rings=True)
    process.start = 5600.0
    process.visit(60.0, rings=True)
    assert process.accepted == [WITH, WITH]


def test_a_process_that_does_not_answer_is_not_asked_a_second_time_for_its_tokens() -> None:
    process = _ring_process()
    process.visit(rings=True)
    process.failing["/ring"] = Reason.TIMEOUT
    process.bare.clear()
    assert process.visit(60.0, rings=True).rings["/ring"].reason is Reason.TIMEOUT
    assert process.accepted == [WITH, WITHOUT]
