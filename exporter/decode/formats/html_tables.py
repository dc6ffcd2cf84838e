"""Tables out of the status pages, as rows of text by column header.

The pages are Go templates: plain tables, every value escaped. They are scanned in one pass and not built into
a document: its builder needs time quadratic in the nesting, and the page is untrusted.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.decode.formats.bounds import MAX_HTML, MAX_MEMBERS, at_most
from exporter.errors import DecodeError

MAX_COLUMNS = 64
MAX_TABLES = 16
MAX_CELLS = 2_000_000
MAX_CELL = 16_384  # bytes; a partition's owners, a button

_END_OF_ROWS = re.compile(rb"<tfoot[\s>]|</table\s*>", re.IGNORECASE)
_ROW = re.compile(rb"<tr[\s>]", re.IGNORECASE)
_CELL = re.compile(rb"<t[dh](?:\s[^<>]{0,256})?>", re.IGNORECASE)
_CELL_END = re.compile(rb"</t[dhr]\s*>|<t[dhr][\s>]", re.IGNORECASE)
_TAG = re.compile(rb"<[^<>]*>")
_NOW = re.compile(rb"Current time:\s*([^<]{1,200})<", re.IGNORECASE)
# The products' texts where a ring, a memberlist or an HA tracker is not running or not enabled.
_NOTICE = re.compile(
    rb"\bnot (?:yet )?(?:running|enabled|started|configured|ready|in use|using|sharding|available)\b"
    rb"|\bno ring\b|\bdisabled\b|\bdoes(?:n't|n&#39;t|n&#8217;t| not) use\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table: header texts in lower case, and the rows' cells as text without tags."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def records(self, place: str) -> Iterator[dict[str, str]]:
        """Each row by header. A row shorter than the header is no row of this table."""
        for row in self.rows:
            if len(row) < len(self.columns):
                raise DecodeError(f"{place}: a row of {len(row)} cells, expected {len(self.columns)}")
            yield dict(zip(self.columns, row, strict=False))


def is_notice(body: bytes) -> bool:
    """Whether the page is a notice that this does not exist here: short, no table, one of these texts."""
    if len(body) > 4096 or b"<table" in body or b"<input" in body or b"<script" in body:
        return False
    return _NOTICE.search(_TAG.sub(b" ", body)) is not None


def tables(body: bytes, place: str) -> list[Table]:
    """Every table of a complete page. A page that ends before its end is refused: rows would be missing."""
    at_most(len(body), MAX_HTML, f"{place}: bytes of a page")
    if not body.rstrip()[-7:].lower() == b"</html>":
        raise DecodeError(f"{place}: the page does not end in </html>, expected a complete page")
    at_most(body.count(b"<t"), MAX_CELLS, f"{place}: cells of a page")
    parts = re.split(rb"<table[\s>]", body, maxsplit=MAX_TABLES, flags=re.IGNORECASE)[1:]
    return [_table(_END_OF_ROWS.split(part, maxsplit=1)[0], place) for part in parts]


def table_with(page_tables: Iterable[Table], columns: Iterable[str], otherwise: str) -> Table:
    """The first table with these columns. Raises `DecodeError` with the text `otherwise`."""
    wanted = frozenset(columns)
    found = next((table for table in page_tables if wanted.issubset(table.columns)), None)
    if found is None:
        raise DecodeError(otherwise)
    return found


def page_clock(body: bytes) -> str:
    """The text behind "Current time:", "" where there is none."""
    found = _NOW.search(body, 0, 4096)
    return _plain(found[1]) if found else ""


def _table(part: bytes, place: str) -> Table:
    rows = _ROW.split(part)[1:]
    at_most(len(rows), MAX_MEMBERS, f"{place}: rows of a table")
    columns = tuple(cell.lower() for cell in _cells(rows[0], place)) if rows else ()
    return Table(columns, tuple(_cells(row, place) for row in rows[1:]))


def _cells(row: bytes, place: str) -> tuple[str, ...]:
    """The cells' texts, without what stands between tags' brackets."""
    found: list[str] = []
    for start in _CELL.finditer(row):
        if len(found) == MAX_COLUMNS:
            raise DecodeError(f"{place}: a row of more than {MAX_COLUMNS} cells")
        end = _CELL_END.search(row, start.end())
        found.append(_text(row[start.end() : end.start() if end else len(row)], place))
    return tuple(found)


def _text(cell: bytes, place: str) -> str:
    at_most(len(cell), MAX_CELL, f"{place}: bytes of a cell")
    return _plain(_TAG.sub(b" ", cell) if b"<" in cell else cell)


def _plain(data: bytes) -> str:
    """Text with entities undone and no blanks around it; bytes that are no UTF-8 show as such."""
    value = data.decode("utf-8", "replace")
    return (html.unescape(value) if "&" in value else value).strip()
