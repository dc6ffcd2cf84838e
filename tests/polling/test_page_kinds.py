"""A registered kind of page is asked, decoded and shown; nothing but its row and its decoder is needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exporter.derive.process_judgement import pages_of
from exporter.errors import DecodeError
from exporter.model.pages import Outcome, Product, Reason
from exporter.polling.page_decoders import DECODERS
from exporter.products import page_kinds
from exporter.products.page_kinds import PAGE_KINDS, PageKind, Round
from exporter.sources.http.allow_list import is_allowed
from tests.polling.test_visit import OneProcess

PATH = "/services"
CORTEX = frozenset({Product.CORTEX})


def services(body: bytes, _: float | None) -> str | None:
    if body == b"rubbish":
        raise DecodeError("services: rubbish")
    return body.decode()


@pytest.fixture(params=Round, ids=lambda when: when.name.lower())
def when(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Round]:
    """A kind that this round reads."""
    kind = PageKind("services", PATH, request.param, "dskit", products=CORTEX)
    monkeypatch.setattr(page_kinds, "PAGE_KINDS", (kind,))
    monkeypatch.setitem(DECODERS, "services", services)
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
    found = seen.others["services"]
    assert (found.name, found.outcome, found.value) == (PATH, outcome, value)
    assert found.reason is (Reason.DECODE if outcome is Outcome.FAILED else None)
    assert found in list(pages_of(seen))


def test_a_process_that_has_it_not_says_so_and_is_left_alone_for_a_while(when: Round) -> None:
    process = OneProcess()
    seen = process.visit(rings=when is Round.RINGS or None)
    assert seen.others["services"].outcome is Outcome.ABSENT
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
    assert (PATH in ended, bool(between.others)) == (when is Round.RINGS, when is not Round.RINGS)


@pytest.mark.parametrize("kind", PAGE_KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_allowed_and_has_a_decoder_that_refuses_rubbish(kind: PageKind) -> None:
    assert is_allowed(kind.request)
    assert not any(map(is_allowed, (f"{kind.path}/x", f"{kind.request}x", f"{kind.path}?mode=all")))
    assert is_allowed(kind.path) is not bool(kind.query)
    with pytest.raises(DecodeError):
        DECODERS[kind.name](b"rubbish", None)


REQUEST = page_kinds.RUNTIME_CONFIG.request
SWITCH = b"multi_kv_config:\n  mirror_enabled: true\n  primary: consul\n"


def test_the_runtime_configuration_is_read_every_five_minutes_and_stands_between() -> None:
    process = OneProcess(shown={REQUEST: SWITCH})
    first = process.visit().others["runtime_config"]
    assert (first.name, first.outcome, first.clock) == ("/runtime_config", Outcome.OK, None)
    asked = [(process.visit(60.0).others["runtime_config"], REQUEST in process.asked) for _ in range(6)]
    assert [again for _, again in asked] == [False, False, False, False, True, False]
    assert {page.value for page, _ in asked} == {first.value}


@pytest.mark.parametrize("changed", [True, False], ids=["another client", "as it was"])
def test_it_is_read_again_at_once_when_a_kv_client_shows_another_state(*, changed: bool) -> None:
    process = OneProcess(shown={REQUEST: SWITCH}, clients=("ingester-lifecycler",))
    process.visit()
    process.clients = ("ingester-lifecycler", "ingester-ring") if changed else process.clients
    process.visit(15.0)
    assert (REQUEST in process.asked) is changed


def test_it_is_read_again_after_a_restart_and_not_of_a_process_that_is_silent() -> None:
    process = OneProcess(shown={REQUEST: SWITCH})
    process.visit()
    process.start = 5500.0
    process.visit(15.0)
    assert REQUEST in process.asked
    process.failing = {"/metrics": Reason.TIMEOUT}
    assert not process.visit(15.0).others


@pytest.mark.parametrize(
    ("failing", "shown", "outcome"),
    [
        ({REQUEST: Reason.DENIED}, {}, Outcome.FAILED),
        ({}, {}, Outcome.ABSENT),
        ({}, {REQUEST: SWITCH}, Outcome.OK),
    ],
    ids=["refused", "absent", "read"],
)
def test_a_process_without_it_lacks_no_page(
    failing: dict[str, Reason], shown: dict[str, bytes], outcome: Outcome
) -> None:
    seen = OneProcess(failing=failing, shown=shown).visit()
    assert seen.others["runtime_config"].outcome is outcome
    assert "/runtime_config" not in {page.name for page in pages_of(seen)}


@pytest.mark.parametrize("product", [Product.LOKI, Product.TEMPO, Product.PYROSCOPE])
def test_a_product_whose_page_has_no_switch_is_not_asked(product: Product) -> None:
    process = OneProcess(product=product, shown={REQUEST: SWITCH})
    process.visit()
    assert REQUEST not in process.asked
