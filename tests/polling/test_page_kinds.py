"""A registered kind of page is asked, decoded and shown; nothing but its row and its decoder is needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.derive.process import pages_of
from exporter.errors import DecodeError
from exporter.model.pages import Outcome, Product, Reason
from exporter.polling.page_decoders import decoder_of
from exporter.products import page_kinds
from exporter.products.page_kinds import PAGE_KINDS, PageKind, Round
from exporter.sources.http.allow_list import is_allowed
from tests.polling.test_visit import OneProcess

PATH = "/runtime_config"
CORTEX = frozenset({Product.CORTEX})


def runtime_config(body: bytes, _: float | None) -> str | None:
    if body == b"rubbish":
        raise DecodeError("runtime configuration: rubbish")
    return body.decode()


@pytest.fixture(params=Round, ids=lambda when: when.name.lower())
def when(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Round]:
    """A kind that this round reads."""
    kind = PageKind("runtime_config", PATH, request.param, "dskit", products=CORTEX)
    monkeypatch.setattr(page_kinds, "PAGE_KINDS", (kind,))
    monkeypatch.setattr("exporter.polling.visit.decoder_of", lambda _: runtime_config)
    page_kinds.kinds_of.cache_clear()
    yield request.param
    page_kinds.kinds_of.cache_clear()


@pytest.mark.parametrize(
    ("shown", "outcome", "value"),
    [(b"primary: memberlist", Outcome.OK, "primary: memberlist"), (b"rubbish", Outcome.FAILED, None)],
)
def test_a_kind_is_read_in_its_round_and_counts_among_the_pages(
    when: Round, shown: bytes, outcome: Outcome, value: str | None
) -> None:
    seen = OneProcess(shown={PATH: shown}).visit(rings=when is Round.RINGS or None)
    found = seen.others["runtime_config"]
    assert (found.name, found.outcome, found.value) == (PATH, outcome, value)
    assert found.reason is (Reason.DECODE if outcome is Outcome.FAILED else None)
    assert found in list(pages_of(seen))


def test_a_process_that_has_it_not_says_so_and_is_left_alone_for_a_while(when: Round) -> None:
    process = OneProcess()
    seen = process.visit(rings=when is Round.RINGS or None)
    assert seen.others["runtime_config"].outcome is Outcome.ABSENT
    process.visit(15.0, rings=when is Round.RINGS or None)
    assert PATH not in process.asked


def test_no_other_product_is_asked_for_it(when: Round) -> None:
    process = OneProcess(product=Product.TEMPO, shown={PATH: b"primary: memberlist"})
    assert not process.visit(rings=when is Round.RINGS or None).others
    assert PATH not in process.asked


def test_a_process_that_does_not_answer_is_not_asked_for_it_with_its_metrics(when: Round) -> None:
    process = OneProcess(failing={"/metrics": Reason.TIMEOUT}, shown={PATH: b"primary: memberlist"})
    assert not process.visit().others


def test_what_is_read_in_turns_stands_as_it_ended_until_the_next_turn(when: Round) -> None:
    process = OneProcess(shown={PATH: b"primary: memberlist"})
    process.visit(rings=True)
    between = process.visit(15.0, rings=False)
    ended = [page.name for page in between.earlier]
    assert (PATH in ended, bool(between.others)) == (when is Round.RINGS, when is Round.METRICS)


@pytest.mark.parametrize("kind", PAGE_KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_allowed_and_has_a_decoder_that_refuses_rubbish(kind: PageKind) -> None:
    assert is_allowed(kind.path)
    assert not is_allowed(f"{kind.path}/x")
    with pytest.raises(DecodeError):
        decoder_of(kind)(b"rubbish", None)
