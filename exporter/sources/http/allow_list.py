"""What may be requested of a process and of a store; everything else is refused before a socket opens.

The index pages of these products link URLs that act on a GET (`/ingester/shutdown`,
`/memberlist?deleteMessages=true`). So a path is compared as the exact bytes that will be sent. Nothing is
decoded, cleaned or resolved first: no allowed path needs it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from exporter.products.page_kinds import PAGE_KINDS
from exporter.products.ring_pages import BUILD_PAGES, CONFIG_PAGE, CONFIG_PAGES, RING_PAGES

# No `;`: Go before 1.17 splits a query at it. No `+`, `&`, `=`, `#`: they may only come encoded.
_VALUE = r"(?:[A-Za-z0-9._~/:@!*(),-]|%[0-9A-Fa-f]{2}){1,1024}"
_KEY_QUERY = re.compile(f"downloadKey={_VALUE}")
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")
_RING_NAME = re.compile(r"(?:[a-z0-9-]+-)?ring(?:-[a-z0-9-]+)?")
_DC = "[A-Za-z0-9_-]{1,64}"
_CONSUL = re.compile(rf"/v1/kv/{_VALUE}(?:\?recurse(?:&dc={_DC})?|\?dc={_DC})?")

PAGES = frozenset(page.path for page in RING_PAGES) | frozenset(
    ("/memberlist", "/metrics", *CONFIG_PAGES, *BUILD_PAGES, *(k.path for k in PAGE_KINDS if not k.query))
)
REQUESTS = frozenset(kind.request for kind in PAGE_KINDS if kind.query)  # only with this query
LOKI_QUERY = "/loki/api/v1/query_range"
_LOG_QUERY = re.compile(
    r"query=(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2}){1,16384}&start=\d{1,20}&end=\d{1,20}&limit=\d{1,5}&direction=forward"
)
METRICS_QUERY = "/api/v1/query"
_INSTANT = re.compile(r"query=(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2}){1,16384}")
CONSUL_LEADER = "/v1/status/leader"
ETCD_CALLS = frozenset(("/v3/kv/range", "/v3/auth/authenticate"))


def is_allowed(path_and_query: str, ring_pages: frozenset[str] = frozenset()) -> bool:
    """Whether a GET of this on a process only reads.

    `path_and_query` is that of the request line, below the path prefix of the target. `ring_pages` are the
    paths in the configuration besides the built-in paths.
    """
    path, mark, query = path_and_query.partition("?")
    if path_and_query in REQUESTS:
        return True
    if path not in PAGES and not (path in ring_pages and is_ring_page(path)):
        return False
    if not mark:
        return True
    return path == "/memberlist" and _KEY_QUERY.fullmatch(query) is not None and _is_plain(query)


def is_store_call_allowed(method: str, path_and_query: str) -> bool:
    """Whether this call reads a store: Consul's keys and leader, etcd's range and login."""
    if method == "POST":
        return path_and_query in ETCD_CALLS
    if (method, path_and_query) == ("GET", CONSUL_LEADER):
        return True
    if method != "GET" or _CONSUL.fullmatch(path_and_query) is None:
        return False
    parts = unquote_to_bytes(path_and_query.partition("?")[0]).split(b"/")
    return b"." not in parts and b".." not in parts and _is_plain(path_and_query)


def is_log_call_allowed(method: str, path_and_query: str) -> bool:
    """Whether this call reads log lines: Loki's query over a range, and nothing else of it."""
    path, _, query = path_and_query.partition("?")
    return method == "GET" and path == LOKI_QUERY and _LOG_QUERY.fullmatch(query) is not None


def is_metrics_query_allowed(method: str, path_and_query: str) -> bool:
    """Whether this call only queries the present value of an expression from Prometheus."""
    path, _, query = path_and_query.partition("?")
    return method == "GET" and path == METRICS_QUERY and _INSTANT.fullmatch(query) is not None


def is_ring_page(path: str) -> bool:
    """Whether a configuration may name this path as a ring page: plain, and a ring by its last part."""
    return is_prefix(path) and _RING_NAME.fullmatch(path.rpartition("/")[2]) is not None


def is_prefix(path: str) -> bool:
    """Whether a path prefix is plain: no dot segments, no encoding, no double or last slash."""
    return _PREFIX.fullmatch(path) is not None


def encoded(key: str) -> str:
    """A key as it stands in a path or a query of the calls above."""
    return quote(key, safe="/")


@lru_cache(maxsize=512)
def page_name(path_and_query: str) -> str:
    """The page as a metric label: the path, and whether a key of `/memberlist` was requested, without its
    value. The configuration page is `/config` in every product.
    """
    path, _, query = path_and_query.partition("?")
    if path in CONFIG_PAGES:
        return CONFIG_PAGE
    return f"{path}?downloadKey" if query.startswith("downloadKey=") else path


def _is_plain(text: str) -> bool:
    return not any(byte < 0x20 or byte == 0x7F for byte in unquote_to_bytes(text))
