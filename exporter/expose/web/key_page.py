"""One key: its members, the primary beside each view, with each difference marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exporter.expose.web.key_rows import Judged, KeyRow
from exporter.expose.web.words import first, page_of
from exporter.model.entry import State
from exporter.model.facts import KeyFacts, MemberFacts, SecondaryFacts
from exporter.model.views import Comparison, Difference, ViewFacts

COLUMNS: Final = 6
ROWS: Final = 100
VIEWS: Final = 50


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member. `member` is `None` where the primary has not got it, or has no such list of members. A
    cell's tone is same, late, differs, missing or unread.
    """

    id: str
    member: MemberFacts | None
    cells: tuple[Judged, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class Column:
    """One view of the secondary. `wrong` has what differs by member; `None` where it was not read."""

    name: str
    target: str
    present: bool
    wrong: Mapping[str, str] | None
    differences: Mapping[str, tuple[Difference, ...]]


def key_page(row: KeyRow, page: int, view_page: int) -> dict[str, Any]:
    """The values of one key's template: members and views that differ come first."""
    columns = first(_columns(row.key), COLUMNS)
    listed = page_of(_ordered(row.key, columns), page, ROWS)
    return {
        "row": row,
        "key": row.key,
        "columns": columns,
        "listed": listed,
        "members": [_row(name, member, columns) for name, member in listed],
        "views": page_of(sorted(row.key.views, key=_troubled), view_page, VIEWS),
    }


def _columns(key: KeyFacts) -> Iterable[Column]:
    """Views of the secondary: those that differ first, those not read next."""
    found = key.secondary
    if found is None:
        return []
    if found.store != "memberlist":
        return [Column(f"store {found.store}", "", not found.missing_key, _wrong(found), _by_member(found))]
    views = (view for view in key.views if view.kind == "gossip")
    return sorted((_gossip_column(view) for view in views), key=_interest)


def _gossip_column(view: ViewFacts) -> Column:
    name = f"gossip of {view.target}"
    if not view.known or view.against is None:
        return Column(name, view.target, True, None, {})
    return Column(name, view.target, view.present, _wrong(view.against), _by_member(view.against))


def _interest(column: Column) -> tuple[int, str]:
    if column.wrong is None:
        return 1, column.target
    return 0 if column.wrong or not column.present else 2, column.target


def _wrong(comparison: Comparison | SecondaryFacts) -> Mapping[str, str]:
    """Every member that differs, and how. The list of differences is cut short; these are not."""
    if isinstance(comparison, SecondaryFacts):
        missing, extra = comparison.missing_members, comparison.extra_members
    else:
        missing, extra = comparison.missing, comparison.extra
    wrong: dict[str, str] = {}
    for what, ids in comparison.mismatched.items():
        for member in ids:
            wrong[member] = f"{wrong[member]}, {what}" if member in wrong else what
    return wrong | dict.fromkeys(extra, "extra") | dict.fromkeys(missing, "missing")


def _by_member(comparison: Comparison | SecondaryFacts) -> Mapping[str, tuple[Difference, ...]]:
    differences: dict[str, tuple[Difference, ...]] = defaultdict(tuple)
    for difference in comparison.differences:
        differences[difference.member] += (difference,)
    return dict(differences)


def _ordered(key: KeyFacts, columns: tuple[Column, ...]) -> list[tuple[str, MemberFacts | None]]:
    differing = {member for column in columns for member in column.wrong or ()}
    ids = {member.id for member in key.members}
    rows: list[tuple[str, MemberFacts | None]] = [(member.id, member) for member in key.members]
    rows += [(name, None) for name in sorted((differing | key.ahead.keys()) - ids)]
    fine = {name for name, member in rows if _is_healthy(member) and name not in key.ahead}
    return sorted(rows, key=lambda pair: (pair[0] not in differing, pair[0] in fine, pair[0]))


def _is_healthy(member: MemberFacts | None) -> bool:
    return member is None or member.state is not State.UNHEALTHY


def _row(name: str, member: MemberFacts | None, columns: tuple[Column, ...]) -> MemberRow:
    cells = tuple(_cell(name, member, column) for column in columns)
    return MemberRow(name, member, cells, any(cell.tone in ("differs", "missing") for cell in cells))


def _cell(name: str, member: MemberFacts | None, column: Column) -> Judged:
    if column.wrong is None:
        return Judged("unread", "not read")
    if not column.present:
        return Judged("missing", "has not got the key")
    differences = column.differences.get(name, ())
    how = column.wrong.get(name)
    if how is not None:
        if how in ("missing", "extra"):
            return Judged("missing" if how == "missing" else "differs", how)
        texts = [_text(d) for d in differences if d.what != "lag"]
        return Judged("differs", "; ".join(texts) or f"{how} differs")
    late = next((d.secondary for d in differences if d.what == "lag"), "")
    if late:
        return Judged("late", f"same, {late}")
    return Judged("same", "same" if member is not None else "not there either")


def _text(difference: Difference) -> str:
    here, there = difference.primary or "none", difference.secondary or "none"
    return f"{difference.what}: {here} in the primary, {there} here"


def _troubled(view: ViewFacts) -> tuple[bool, bool, str, str]:
    fine = view.known and view.present and not view.lacks
    return fine, view.known, view.kind, view.target
