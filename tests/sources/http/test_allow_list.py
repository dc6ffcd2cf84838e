"""The allow-list: what reads is asked, what acts or might act is not."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.products.ring_pages import RING_PAGES
from exporter.sources.http import allow_list

READING = [
    *sorted({page.path for page in RING_PAGES}),
    "/memberlist",
    "/memberlist?downloadKey=collectors%2Fring",
    "/memberlist?downloadKey=collectors/ring",
    "/memberlist?downloadKey=ha-tracker%2Fuser%2Fa%20cluster",
    "/metrics",
    "/config",
    "/status/config",
    "/api/v1/status/config",
    "/distributor/ha_tracker",
    "/api/v1/status/buildinfo",
    "/loki/api/v1/status/buildinfo",
    "/api/status/buildinfo",
]
ACTING_OR_ODD = [
    "",
    "/",
    "metrics",
    "/ingester/shutdown",
    "/ingester/flush",
    "/ingester/mode?mode=READONLY",
    "/ingester/prepare-shutdown",
    "/ingester/ring?",
    "/ingester/ring?forget=ingester-1",
    "/ingester/ring?tokens=true",
    "/ingester/ring/",
    "/ingester/ring#x",
    "/ingester/ring;x",
    "/Ingester/Ring",
    "//ingester/ring",
    "/ingester//ring",
    "/ingester/./ring",
    "/ingester/../ingester/shutdown",
    "/ring/../ingester/shutdown",
    "/ring/%2e%2e/ingester/shutdown",
    "/ingester%2fring",
    "/%69ngester/ring",
    "/ring\n",
    "/ring\r\nX: y",
    "/ring ",
    "/ring\0",
    "http://elsewhere/ring",
    "/config?mode=diff",
    "/status/config?mode=defaults",
    "/status",
    "/status/",
    "/api/v1/status",
    "/metrics?x=y",
    "/memberlist?",
    "/memberlist?deleteMessages=true",
    "/memberlist?viewKey=collectors/ring&format=json",  # reads, and is never asked
    "/services",
    "/status/version",
    "/prometheus/api/v1/status/buildinfo",
    "/memberlist?downloadKey=",
    "/memberlist?downloadKey=a&downloadKey=b",
    "/memberlist?downloadKey=a;deleteMessages=true",
    "/memberlist?downloadKey=a%0d%0aX",
    "/memberlist?downloadKey=a+b",
    "/memberlist?downloadKey=a%2",
    "/memberlist?downloadKey=a%zz",
    "/memberlist?downloadKey=a&format=json",
    "/memberlist?downloadKey=a&deleteMessages=true",
    "/memberlist?downloadKey=" + "a" * 1025,
    "/memberlist?%64ownloadKey=a",
    "/memberlist?viewMsg=1",
    "/memberlist?downloadKey=a\n",
    "/memberlist?downloadKey=é",
]


@pytest.mark.parametrize("path", READING)
def test_pages_that_only_read_are_allowed(path: str) -> None:
    assert allow_list.is_allowed(path)


@pytest.mark.parametrize("path", ACTING_OR_ODD)
def test_anything_else_is_refused(path: str) -> None:
    assert not allow_list.is_allowed(path)


# What a hostile link or a careless join is made of.
PIECES = st.sampled_from(
    [
        *(
            "/ring",
            "/memberlist",
            "/ingester",
            "/shutdown",
            "/..",
            "/.",
            "/",
            "//",
            "%2e",
            "%2F",
            "%00",
            "\\",
        ),
        *("?", "&", ";", "#", "=", "viewKey", "downloadKey", "deleteMessages", "format", "json", "true", "a"),
        *("%3F", "%26", "%3B", "\r\n", " ", "é", "@", ":", "http://", "\\"),
    ]
)


@given(st.lists(PIECES, max_size=10).map("".join))
def test_nothing_put_together_from_pieces_gets_another_path_or_a_second_parameter(text: str) -> None:
    if not allow_list.is_allowed(text):
        return
    path, _, query = text.partition("?")
    assert path in allow_list.PAGES
    names = [part.partition("=")[0] for part in query.split("&")]
    assert sorted(names) in ([""], ["downloadKey"])
    assert not set(";#\\ \r\n") & set(text)


@given(st.text(max_size=40))
def test_arbitrary_text_is_allowed_only_if_it_is_a_page(text: str) -> None:
    assert allow_list.is_allowed(text) == (text in READING or text in allow_list.PAGES)


@given(
    st.text(
        st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]),
        min_size=1,
        max_size=60,
    )
)
def test_any_printable_key_can_be_asked_for_and_arrives_as_it_is(key: str) -> None:
    path = f"/memberlist?downloadKey={allow_list.encoded(key)}"
    assert allow_list.is_allowed(path)
    assert unquote(path.partition("=")[2]) == key


@given(st.sampled_from(READING), st.sampled_from("/ ?&#;%.\\\r\n\0x"), st.integers(0, 60))
def test_one_more_character_in_a_page_is_refused_or_part_of_the_key(path: str, char: str, at: int) -> None:
    changed = path[:at] + char + path[at:]
    if allow_list.is_allowed(changed):
        assert "?" in path
        assert changed.partition("?")[0] == "/memberlist"


@pytest.mark.parametrize("prefix", ["", "/mimir", "/a/b-c_d.e~f", "/..a", "/v1.2"])
def test_plain_prefixes_are_taken(prefix: str) -> None:
    assert allow_list.is_prefix(prefix)


@pytest.mark.parametrize(
    "prefix",
    [
        "/",
        "/a/",
        "//a",
        "/a//b",
        "/..",
        "/a/../b",
        "/.",
        "/a/.",
        "/%2e%2e",
        "/a?x",
        "/a#b",
        "/a b",
        "/a\n",
        "a",
        "/é",
    ],
)
def test_odd_prefixes_are_refused(prefix: str) -> None:
    assert not allow_list.is_prefix(prefix)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/kv/collectors/?recurse", True),
        ("GET", "/v1/kv/collectors/?recurse&dc=dc1", True),
        ("GET", "/v1/kv/my%20prefix/?recurse", True),
        ("GET", "/v1/kv/?recurse", False),  # only a configured prefix, never everything
        ("GET", "/v1/kv/collectors/", True),
        ("GET", "/v1/kv/collectors/?dc=dc1", True),
        ("GET", "/v1/kv/collectors/?raw", False),
        ("GET", "/v1/status/leader", True),
        ("PUT", "/v1/status/leader", False),
        ("GET", "/v1/kv/", False),
        ("GET", "/v1/kv/../agent/leave?recurse", False),
        ("GET", "/v1/kv/%2e%2e/agent/leave?recurse", False),
        ("GET", "/v1/kv/a%0d%0aX?recurse", False),
        ("GET", "/v1/kv/a?recurse&dc=dc1&cas=1", False),
        ("GET", "/v1/kv/a?recurse&dc=../x", False),
        ("DELETE", "/v1/kv/collectors/?recurse", False),
        ("PUT", "/v1/kv/collectors/?recurse", False),
        ("POST", "/v1/kv/collectors/?recurse", False),
        ("POST", "/v3/kv/range", True),
        ("POST", "/v3/auth/authenticate", True),
        ("POST", "/v3/kv/range?x", False),
        ("POST", "/v3/kv/put", False),
        ("POST", "/v3/kv/deleterange", False),
        ("POST", "/v3/kv/txn", False),
        ("POST", "/v3/maintenance/defragment", False),
        ("GET", "/v3/kv/range", False),
    ],
)
def test_only_calls_that_read_a_store_are_allowed(method: str, path: str, allowed: bool) -> None:
    assert allow_list.is_store_call_allowed(method, path) is allowed


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/ring", "/ring"),
        ("/memberlist", "/memberlist"),
        ("/memberlist?downloadKey=a%2Fb", "/memberlist?downloadKey"),
        ("/api/v1/status/config", "/config"),
    ],
)
def test_a_page_name_has_no_values(path: str, name: str) -> None:
    assert allow_list.page_name(path) == name


def test_a_configured_ring_page_is_asked_only_if_it_is_a_ring_by_name() -> None:
    named = frozenset(
        ("/my/new-ring", "/ring-of-mine", "/ingester/shutdown", "/ingester/../x/ring", "/a/ring?x")
    )
    assert {path for path in named if allow_list.is_allowed(path, named)} == {"/my/new-ring", "/ring-of-mine"}
    assert not allow_list.is_allowed("/my/new-ring")
