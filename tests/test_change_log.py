"""What the log says of a cycle: a line for what changed, and nothing that is not so."""

from __future__ import annotations

import logging

import pytest

from exporter.change_log import Narrator
from exporter.model.facts import Fleet, PageFacts, Snapshot, TargetFacts
from exporter.model.pages import Outcome, Phase, Product, Reason

Pages = dict[str, Reason | None]  # of the processes that are there; None: it answers
FLEET = Fleet(Phase.UNKNOWN, None, "", Product.UNKNOWN, (), "")
DEADLINE, REFUSED = Reason.DEADLINE, Reason.REFUSED


def cycle(at: int, **targets: Pages) -> Snapshot:
    """A cycle that found these processes; one of which no page answered is down."""
    facts = tuple(
        TargetFacts(
            name=name,
            url="",
            component="",
            up=None in pages.values(),
            pages=tuple(
                PageFacts(page, Outcome.FAILED if why else Outcome.OK, why, "in words" if why else "")
                for page, why in pages.items()
            ),
        )
        for name, pages in targets.items()
    )
    return Snapshot(at=at, started=at, cycle=at, fleet=FLEET, targets=facts)


CYCLES: list[tuple[str, list[dict[str, Pages]], list[str]]] = [
    ("all is well", [{"a": {"/x": None}}] * 3, []),
    ("one fails on and on", [{"a": {"/x": REFUSED}}] * 3, ["page failed a /x 1 refused"]),
    (
        "all of a process fail alike",
        [{"a": {"/x": REFUSED, "/y": REFUSED, "/z": DEADLINE}}],
        ["page failed a /x 2 refused", "page failed a /z 1 deadline"],
    ),
    (
        "another reason",
        [{"a": {"/x": REFUSED}}, {"a": {"/x": DEADLINE}}, {"a": {"/x": DEADLINE}}],
        ["page failed a /x 1 refused", "page failed a /x 1 deadline"],
    ),
    (
        "it answered before",
        [{"a": {"/x": None}}, {"a": {"/x": REFUSED}}, {"a": {"/x": None}}],
        ["page failed a /x 1 refused", "page answers again a /x 1 "],
    ),
    (
        "it never answered before",
        [{"a": {"/x": DEADLINE, "/y": DEADLINE}}, {"a": {"/x": None, "/y": None}}],
        ["page failed a /x 2 deadline", "page answers a /x 2 "],
    ),
    (
        "a process that is down is not asked for its other pages",
        [{"a": {"/x": DEADLINE, "/y": DEADLINE}}, {"a": {"/x": DEADLINE}}, {"a": {"/x": DEADLINE}}],
        ["page failed a /x 2 deadline"],
    ),
    (
        "a process that is gone is forgotten",
        [{"a": {"/x": DEADLINE}}, {"b": {"/x": None}}, {"a": {"/x": DEADLINE}}],
        ["page failed a /x 1 deadline", "page failed a /x 1 deadline"],
    ),
]


@pytest.mark.parametrize(("cycles", "lines"), [row[1:] for row in CYCLES], ids=[row[0] for row in CYCLES])
def test_a_page_is_told_of_once_for_a_change(
    cycles: list[dict[str, Pages]], lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    narrator = Narrator()
    for number, targets in enumerate(cycles, start=1):
        narrator.write(cycle(number, **targets))
    told = []
    for record in caplog.records:
        fields = getattr(record, "fields", {})
        if record.getMessage().startswith("page"):
            words = (fields[name] for name in ("target", "page", "pages"))
            told.append(" ".join([record.getMessage(), *map(str, words), fields.get("reason", "")]))
    assert told == lines
