"""A ring page without its tokens, with the tokens that it showed before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from exporter.decode.earlier_tokens import SharedLists
from exporter.decode.ring_page import decode_ring
from exporter.model.entry import Member, State, Tokens
from exporter.model.pages import Ring
from exporter.products.ring_pages import RING_PAGES
from tests.decode.recorded import Recorded, answers

FULL = Tokens(2, b"two")
COUNTED = Tokens(2)
MEMBER = Member("a", "10.0.0.1:9095", State.ACTIVE, "zone-a", 100.0, 50.0, tokens=FULL)


def ring(*members: Member) -> Ring:
    return Ring({member.id: member for member in members}, 200.0)


LISTS = SharedLists().of(ring(MEMBER, replace(MEMBER, id="b")))
SHOWN = replace(MEMBER, tokens=COUNTED)


@pytest.mark.parametrize(
    "now",
    [
        ring(SHOWN, replace(SHOWN, id="b")),
        ring(SHOWN),  # the other member has left
        ring(),
        ring(replace(SHOWN, time=190.0, state=State.LEAVING, read_only=True)),
        ring(replace(MEMBER, time=190.0)),  # a page that has its tokens all the same
    ],
)
def test_members_that_did_not_change_have_their_tokens_again(now: Ring) -> None:
    filled = LISTS.filled(now)
    assert filled is not None
    expected = {name: replace(member, tokens=FULL) for name, member in now.members.items()}
    assert (dict(filled.members), filled.now) == (expected, now.now)


@pytest.mark.parametrize(
    "changed",
    [
        replace(SHOWN, id="c"),
        replace(SHOWN, registered=51.0),
        replace(SHOWN, registered=None),
        replace(SHOWN, address="10.0.0.2:9095"),
        replace(SHOWN, zone=""),
        replace(SHOWN, tokens=Tokens(3)),
        replace(SHOWN, tokens=Tokens(-1)),
    ],
)
def test_a_member_that_may_have_other_tokens_needs_the_page_with_its_tokens(changed: Member) -> None:
    assert LISTS.filled(ring(replace(SHOWN, id="b"), changed)) is None


def test_processes_that_show_the_same_share_one_list_and_others_do_not() -> None:
    shared = SharedLists()
    first = shared.of(ring(MEMBER))
    assert shared.of(ring(replace(MEMBER, time=150.0))) is first
    assert shared.of(ring(replace(MEMBER, tokens=Tokens(2, b"other")))) is not first
    assert shared.of(ring(MEMBER, replace(MEMBER, id="b"))) is not first


def test_every_recorded_page_without_tokens_stands_in_for_the_one_with_tokens(shared: Path) -> None:
    by_page: dict[tuple[str, str, str], dict[bool, Recorded]] = {}
    paths = {page.path for page in RING_PAGES if not page.partitions}
    for answer in answers(shared):
        if answer.path in paths:
            pair = by_page.setdefault((answer.recording, answer.target, answer.path), {})
            pair["json" in answer.accept] = answer
    count = 0
    for pair in by_page.values():
        if len(pair) == 2 and (full := decode_ring(pair[True].body)) is not None:
            bare = decode_ring(pair[False].body)
            assert bare is not None, pair[False].where
            filled = SharedLists().of(full).filled(bare)
            assert filled is not None, pair[False].where
            tokens = {name: member.tokens for name, member in full.members.items()}
            assert all(tokens[name] == m.tokens for name, m in filled.members.items()), pair[False].where
            count += bool(filled.members)
    assert count > 100
