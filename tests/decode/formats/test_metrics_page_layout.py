"""A layout changes what reading a page costs, not what it gives, but for a bound that is told here."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.formats.metrics_page_layout import PAGES, SECONDS, Layout
from exporter.decode.metrics import decode_metrics
from exporter.errors import DecodeError
from tests.decode.recorded import answers

START = "process_start_time_seconds"
MIRROR = "cortex_multikv_mirror_enabled"
DURATION = "cortex_kv_request_duration_seconds"
Page = dict[str, list[str]]


def family(name: str, samples: list[str], comments: str = "HT") -> str:
    head = ("# HELP {0} Some help.\n" if "H" in comments else "") + (
        "# TYPE {0} gauge\n" if "T" in comments else ""
    )
    return head.format(name) + "".join(f"{sample}\n" for sample in samples)


def page(families: Page) -> bytes:
    """As Go writes it: families by name, a header before each."""
    return "".join(family(name, samples) for name, samples in sorted(families.items())).encode()


def plain(more: Page | None = None, *, start: int = 5) -> Page:
    filling = {f"go_filling_{n}": [f"go_filling_{n} {n}"] * n for n in range(30)}
    return filling | {START: [f"{START} {start}"]} | (more or {})


def mirror(client: str) -> list[str]:
    return [f'{MIRROR}{{kv_name="{client}"}} 1']


numbers = st.integers(0, 10**9)
clients = st.sampled_from(("ingester", "distributor", "ruler", "compactor"))
sample_of: dict[str, st.SearchStrategy[str]] = {
    MIRROR: st.builds(f'{MIRROR}{{{{kv_name="{{}}"}}}} {{}}'.format, clients, numbers),
    "multikv_primary_store": st.builds(
        'multikv_primary_store{{kv_name="{}",store="{}"}} {}'.format,
        clients,
        st.sampled_from(("consul", "memberlist")),
        st.integers(0, 1),
    ),
    DURATION: st.builds(
        "\n".join(
            f'{DURATION}_{line}kv_name="{{0}}",type="consul",operation="CAS"}}}} {{1}}'
            for line in ('bucket{{le="0.1",', 'bucket{{le="+Inf",', "sum{{", "count{{")
        ).format,
        clients,
        numbers,
    ),
    "memberlist_client_cas_attempt_total": st.builds(
        "memberlist_client_cas_attempt_total {}".format, numbers
    ),
    "mimir_build_info": st.builds('mimir_build_info{{version="{}"}} 1'.format, numbers),
    START: st.builds(f"{START} {{}}".format, st.integers(0, 2)),
} | {
    name: st.builds(f'{name}{{{{a="multikv_ # x"}}}} {{}}'.format, numbers)
    for name in ("aaa_first", "go_goroutines", "loki_bytes_total", "zzz_last")
}
a_page = st.lists(st.sampled_from(sorted(sample_of)), min_size=1, unique=True).flatmap(
    lambda names: st.fixed_dictionaries(
        {name: st.lists(sample_of[name], min_size=1, max_size=3) for name in names}
    )
)


@given(st.lists(a_page, min_size=1, max_size=6), st.integers(0, 3))
def test_pages_whose_families_come_and_change_read_as_without_a_layout(
    pages: list[Page], repeats: int
) -> None:
    layout, seen = Layout(), Page()
    for one in pages:
        seen |= one
        for _ in range(repeats + 1):
            assert decode_metrics(page(seen), layout) == decode_metrics(page(seen))


def test_a_family_that_comes_as_labels_with_its_sign_go_is_read() -> None:
    layout, group = Layout(), 'aaa_first{{group="/rules/{}"}} 1'
    for labels in ("a#b#c", "a#b#c", "a#b#c", "a"):  # the family has two signs, HELP and TYPE
        shown = plain({"aaa_first": [group.format(labels)]})
        shown |= {} if "#" in labels else {MIRROR: mirror("ingester")}
        assert decode_metrics(page(shown), layout) == decode_metrics(page(shown))


@given(a_page, st.lists(st.integers(1, 9_000), max_size=4))
def test_lines_that_move_far_are_found(one: Page, fillings: list[int]) -> None:
    layout = Layout()
    for many in (1, *fillings):
        body = page(one | {"aaa_filling": ["aaa_filling 1"] * many})
        assert decode_metrics(body, layout) == decode_metrics(body)


def test_recorded_pages_one_after_another(shared: Path) -> None:
    layouts: dict[str, Layout] = defaultdict(Layout)
    seen = 0
    for answer in answers(shared):
        if answer.page == "/metrics":
            layout = layouts[answer.target]
            for body in (answer.body, answer.body.replace(b"\n# HELP", b"\n# HELP ")):
                assert decode_metrics(body, layout) == decode_metrics(answer.body), answer.where
                seen += 1
    assert seen > 50


def test_a_recorded_page_is_not_searched_twice(shared: Path) -> None:
    for answer in answers(shared):
        if answer.page == "/metrics":
            assert taught(answer.body).readings(answer.body, 0.0) is not None, answer.where


def taught(body: bytes) -> Layout:
    """A layout that has just read this page whole and its turn before it; it begins with an empty turn."""
    layout = Layout()
    for _ in range(2):
        decode_metrics(body, layout)
    return layout


def sees(layout: Layout, body: bytes, at: float = 0.0) -> bool:
    return "new" in decode_metrics(body, layout, at).clients


def test_a_family_that_comes_is_seen_at_once() -> None:
    layout = taught(page(plain()))
    assert sees(layout, page(plain({MIRROR: mirror("new")})))


def test_a_sample_that_comes_to_a_family_that_is_read_is_seen_at_once() -> None:
    layout = taught(page(plain({MIRROR: mirror("old")})))
    assert sees(layout, page(plain({MIRROR: mirror("old") + mirror("new")})))


def test_a_sample_without_a_header_behind_a_family_that_is_read_is_seen_at_once() -> None:
    layout = taught(page(plain()))
    assert sees(layout, page(plain()) + f"{mirror('new')[0]}\n".encode())


@pytest.mark.parametrize("name", [MIRROR, f"zz_{MIRROR}"])  # amid the page, and the last of it
@pytest.mark.parametrize("after", ['{kv_name="a"} 0', '{kv_name="a"} 1\n%s{kv_name="b"} 1'])
def test_a_family_that_said_the_same_for_pages_is_read_as_soon_as_it_says_something_else(
    name: str, after: str
) -> None:
    layout = Layout()
    for said in ['{kv_name="a"} 1'] * 4 + [after.replace("%s", name)]:
        body = page(plain({name: [name + said]}))
        assert decode_metrics(body, layout) == decode_metrics(body)


def test_a_line_that_takes_the_place_of_another_is_seen_at_once() -> None:
    layout = taught(page(plain({MIRROR: mirror("old")})))
    assert sees(layout, page(plain({MIRROR: mirror("new")})))


@pytest.mark.parametrize("value", ["x", "", "1_0", "0x1", "1 1700000000000", '1 # {a="b"} 1'])
def test_an_odd_value_reads_as_without_a_layout(value: str) -> None:
    def read(body: bytes, layout: Layout | None = None) -> object:
        try:
            return decode_metrics(body, layout)
        except DecodeError as error:
            return str(error)

    layout = taught(page(plain({MIRROR: mirror("old")})))
    odd = page(plain({MIRROR: [f'{MIRROR}{{kv_name="old"}} {value}']}))
    assert read(odd, layout) == read(odd)


def test_a_process_that_started_anew_is_searched_at_once() -> None:
    layout = taught(page(plain({"other": ["other 1"]})))
    assert sees(layout, page(plain({MIRROR: mirror("new")}, start=6)))


HIDDEN = {
    "in the moment in which another family goes": (
        page(plain({"other": ["other 1"]})),
        page(plain({MIRROR: mirror("new")})),
    ),
    "without a header": (
        page(plain({"zzz_last": ["zzz_last 1"]})),
        page(plain({"zzz_last": ["zzz_last 1", *mirror("new")]})),
    ),
    "below another family's header": (
        page(plain({"other": ["other 1"]})),
        page(plain({"other": ["other 1", *mirror("new")]})),
    ),
}


@pytest.mark.parametrize(("before", "after"), HIDDEN.values(), ids=HIDDEN)
def test_what_comes_hidden_is_seen_after_so_many_pages(before: bytes, after: bytes) -> None:
    layout = taught(before)
    assert [sees(layout, after) for _ in range(PAGES + 1)] == [False] * PAGES + [True]


@pytest.mark.parametrize(("before", "after"), HIDDEN.values(), ids=HIDDEN)
def test_what_comes_hidden_is_seen_after_so_many_seconds(before: bytes, after: bytes) -> None:
    assert sees(taught(before), after, at=SECONDS)


ODD = {
    "a comment between": page(plain({"other": ["other 1", "# HELP a b", *mirror("old")]})),
    "a header twice": page(plain({MIRROR: mirror("old")})) + family(MIRROR, mirror("older")).encode(),
    "a header first of all": family(MIRROR, mirror("old"), "T").encode() + page(plain()),
    "help alone": page(plain()) + family(MIRROR, mirror("old"), "H").encode(),
    "no comment at all": f"{START} 5\n{mirror('old')[0]}\n".encode(),
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_a_page_that_go_would_not_write_is_searched_every_time(body: bytes) -> None:
    layout = Layout()
    for _ in range(3):
        assert decode_metrics(body, layout) == decode_metrics(body)
        assert layout.readings(body, 0.0) is None


def test_the_first_turns_of_many_processes_end_one_after_another() -> None:
    body, turns = page(plain()), Counter[int]()
    for number in range(20 * PAGES):
        layout = Layout(f"process-{number}")
        decode_metrics(body, layout)
        turns[next(n for n in range(PAGES + 1) if layout.readings(body, 0.0) is None)] += 1
    assert set(turns) == set(range(PAGES))
    assert max(turns.values()) < 40
