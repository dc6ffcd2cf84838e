"""A key's differences as text for 80 columns: equal members are counted, views are columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from exporter.cli.terminal.safe_text import plain
from exporter.derive.judging_rules import DEFAULT_PERIOD
from exporter.expose.api.shapes import DifferenceOut, RingDetailOut, SecondaryOut
from exporter.expose.wording import lists
from exporter.products.ring_pages import HA_KEY

MAX_ROWS = 20
MAX_NAMES = 4
BESIDE = 3  # columns of views that fit beside one another; more groups stand one below the other
MAX_GROUPS = 5


@dataclass(frozen=True, slots=True)
class Column:
    """Views that differ from the primary in the same way, and how."""

    views: tuple[str, ...]
    cells: dict[str, str]  # by member

    @property
    def title(self) -> str:
        """`gossip of a`, or `gossip of a, b and 28 more`."""
        bare = [view.removeprefix("gossip of ") for view in self.views]
        return safe(("gossip of " if bare[0] != self.views[0] else "") + few(bare, 2))


def body(detail: RingDetailOut) -> Group:
    """Notes and tables of one key."""
    found = detail.summary.secondary
    if found is None:
        return Group(Text("Nothing to compare with."))
    columns = list(_columns(detail, found))
    groups = [columns] if len(columns) <= BESIDE else [[column] for column in columns]
    rows = MAX_ROWS // min(len(groups), MAX_GROUPS)
    shown = [_table(detail, group, rows) for group in groups[:MAX_GROUPS] if group]
    notes = [*_from_the_future(detail), *_notes(detail, found), *_equal(detail, columns)]
    hidden = len(groups) - MAX_GROUPS
    rest = [Text(f"And {hidden} more groups of views: --json has them all.")] if hidden > 0 else []
    return Group(*(Text(note) for note in notes), *shown, *rest)


def _columns(detail: RingDetailOut, secondary: SecondaryOut) -> Iterator[Column]:
    """Group the views by how they differ: the largest differences first, then the most views."""
    without_key = set() if detail.summary.key == HA_KEY else {_view_of(name) for name in secondary.missing_in}
    cells: dict[str, dict[str, list[str]]] = {}
    for each in detail.differences:
        if each.view not in without_key and counts(each):
            cells.setdefault(each.view, {}).setdefault(each.member, []).append(_word(each))
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for view, members in sorted(cells.items()):
        alike = tuple(sorted((name, "; ".join(words)) for name, words in members.items()))
        groups.setdefault(alike, []).append(view)
    for alike, views in sorted(groups.items(), key=lambda item: (-len(item[0]), -len(item[1]), item[1])):
        yield Column(tuple(views), dict(alike))


def _view_of(name: str) -> str:
    return name if name.startswith("store ") else f"gossip of {name}"


def counts(each: DifferenceOut) -> bool:
    """Whether a difference counts: a lag below one heartbeat period does not."""
    if each.what != "lag":
        return True
    try:
        return float(each.secondary.split(" ")[0]) > DEFAULT_PERIOD
    except ValueError:
        return True


def _table(detail: RingDetailOut, columns: list[Column], rows: int) -> Table:
    """One row a member that differs, one column a group of views."""
    primary = {member.id: f"{member.state}, {member.tokens} tokens" for member in detail.members}
    for each in detail.differences:
        if each.what == "missing":
            primary.setdefault(each.member, each.primary)
    names = sorted({name for column in columns for name in column.cells})
    table = Table(show_edge=False, pad_edge=False, expand=False)
    for title in ("member", "primary", *(column.title for column in columns)):
        table.add_column(Text(title), overflow="fold")
    for name in names[:rows]:
        cells = (_cell(column.cells.get(name)) for column in columns)
        table.add_row(Text(safe(name)), Text(safe(primary.get(name, "-"))), *cells)
    if len(names) > rows:
        table.add_row(Text(f"and {len(names) - rows} more"), *(Text("") for _ in range(len(columns) + 1)))
    return table


def _cell(words: str | None) -> Text:
    return Text("=") if words is None else Text(safe(f"!= {words}"), style="bold red")


def _word(each: DifferenceOut) -> str:
    if each.what in {"missing", "extra"}:
        return each.what
    if each.what == "lag":
        return each.secondary
    return f"{each.what} {each.secondary}, not {each.primary}"


def _notes(detail: RingDetailOut, secondary: SecondaryOut) -> Iterator[str]:
    if secondary.key_missing and detail.summary.key != HA_KEY:
        yield f"The key is missing in: {few(secondary.missing_in, MAX_NAMES)}."
    elif secondary.key_missing:
        yield f"Entries are missing in: {few(secondary.missing_in, MAX_NAMES)}."
    yield from _unproved(secondary)
    if detail.members:
        count = len(detail.members)
        yield f"{count} member{'s' if count != 1 else ''} in the primary."
    if secondary.lag_seconds is not None:
        yield f"Lag: {round(secondary.lag_seconds, 1):g} s."
    for what, names in (("missing", secondary.missing_members), ("extra", secondary.extra_members)):
        if names:
            yield f"{len(names)} {what}: {few(names, MAX_NAMES)}."
    for field, names in secondary.mismatched.items():
        if names:
            yield f"{len(names)} differ in {field}: {few(names, MAX_NAMES)}."


def _unproved(secondary: SecondaryOut) -> Iterator[str]:
    if secondary.remembered:
        yield "The primary was not read: a comparison with earlier views of the processes proves nothing."
    if secondary.unread:
        yield f"Not read, so nothing is proved: {few(secondary.unread, MAX_NAMES)}."


def _from_the_future(detail: RingDetailOut) -> Iterator[str]:
    found = sorted(detail.summary.ahead_seconds.items(), key=lambda item: -item[1])
    for name, by in found[:MAX_NAMES]:
        yield f"{safe(name)} is {by:.0f} s in the future: its lag is unknown."
    if len(found) > MAX_NAMES:
        yield f"And {len(found) - MAX_NAMES} more are in the future."


def _equal(detail: RingDetailOut, columns: list[Column]) -> Iterator[str]:
    """Count what was read and is not shown because it is equal."""
    found = detail.summary.secondary
    if found is None or found.side != "memberlist":
        return
    wrong = {view for column in columns for view in column.views} | {_view_of(n) for n in found.missing_in}
    unread = {_view_of(name) for name in found.unread}
    read = {f"gossip of {view.target}" for view in detail.views if view.view == "gossip" and view.known}
    equal = len(read - wrong - unread)
    verb = "is" if equal == 1 else "are"
    yield f"{equal} of {len(read | unread)} views {verb} equal to the primary."


def few(names: Iterable[str], limit: int) -> str:
    """At most `limit` names, and how many more there are."""
    return lists.few(map(safe, names), limit)


def safe(text: str) -> str:
    """Text of a cluster, fit for a terminal."""
    return plain(text)[:200]
