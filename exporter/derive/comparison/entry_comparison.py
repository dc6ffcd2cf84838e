"""The primary against one view of the secondary, entry by entry.

Rings, partition rings and the HA tracker's entries are compared by one loop: each is a mapping of names to
entries. Lag is an entry's time in the primary less its time in the secondary, not below 0. "Extra" is not
"missing": deletes are never mirrored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.derive.comparison.key_input import NOTHING, Content
from exporter.model.entry import Entry, Renewal, State, Tokens
from exporter.model.views import Comparison, Difference

FIELDS = {
    "ring": ("state", "tokens", "address", "zone"),
    "partition": ("state", "tokens", "address", "zone"),
    "ha": ("replica",),
}
_TELLING = {"state", "address", "replica"}
_HIDDEN = State.UNHEALTHY
MAX_DIFFERENCES = 200
MAX_DOUBTFUL = 200


@dataclass(frozen=True, slots=True)
class Moment:
    """When the primary was read, by its own clock, and the ring's heartbeat period in seconds.

    `delivered` is the newest time of each member that the primary's watch had brought to any process before
    the secondary was read. A store can be a heartbeat ahead of that. No process could have passed on what
    none had received, so within one period the delivered time counts.
    """

    clock: float | None
    period: float
    delivered: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def behind(self, name: str, primary_time: float, view_time: float) -> float:
        """Seconds that a view's time of a member is behind the primary's."""
        passed_on = self.delivered.get(name)
        if passed_on is not None and 0 < primary_time - passed_on <= self.period:
            primary_time = passed_on
        return max(0.0, primary_time - view_time)


def delivered(pages: Iterable[Content]) -> Mapping[str, float]:
    """The newest time of each member over the ring pages (tracker pages) that were read."""
    newest: dict[str, float] = {}
    for content in pages:
        for name, entry in content.items():
            if (time := entry.time) is not None and time > newest.get(name, 0.0):
                newest[name] = time
    return newest


def compare(
    primary: Content, view: Content | None, name: str, at: Moment, unread: frozenset[str] = frozenset()
) -> Comparison:
    """Compare the primary with one view of the secondary; `None` is a view that lacks the key. The `unread`
    HA entries of the view are left out.
    """
    if unread:
        primary = {item: entry for item, entry in primary.items() if item not in unread}
    missing_key = view is None and bool(primary)
    view = view or NOTHING
    missing = tuple(sorted(primary.keys() - view.keys()))
    extra = tuple(sorted(view.keys() - primary.keys()))
    walk = _Walk(name, at)
    walk.pairs(primary, view)
    walk.judge_missing(missing, primary)
    extras = [Difference(item, name, "extra") for item in extra[:MAX_DIFFERENCES]]
    return Comparison(
        missing_key=missing_key,
        lag=walk.lag,
        missing=missing,
        extra=extra,
        mismatched=MappingProxyType({what: tuple(ids) for what, ids in walk.mismatched.items()}),
        settled=frozenset(walk.settled),
        differences=tuple((*walk.lost, *walk.fields, *extras, *walk.late)[:MAX_DIFFERENCES]),
        doubtful=tuple(walk.doubtful[:MAX_DOUBTFUL]),
    )


class _Walk:
    """What one comparison gathers on its way over the members, the worst apart from the merely late."""

    def __init__(self, name: str, at: Moment) -> None:
        self.name = name
        self.at = at
        self.lag: float | None = None
        self.mismatched: dict[str, list[str]] = {}
        self.settled: set[str] = set()
        self.lost: list[Difference] = []
        self.fields: list[Difference] = []
        self.late: list[Difference] = []
        self.doubtful: list[Difference] = []

    def pairs(self, primary: Content, view: Content) -> None:
        """Compare what both have. This loop is the cycle's hottest: views times members."""
        behind, find = self.at.behind, view.get
        lag, timed, never = 0.0, False, Renewal.NONE
        for item, mine in primary.items():
            theirs = find(item)
            if theirs is None:
                continue
            primary_time, view_time = mine.time, theirs.time
            if primary_time is not None and view_time is not None and mine.renewal is not never:
                timed = True
                if primary_time > view_time and (ahead := behind(item, primary_time, view_time)):
                    lag = max(lag, ahead)
                    if len(self.late) < MAX_DIFFERENCES:
                        self.late.append(Difference(item, self.name, "lag", "", f"{ahead:g} s behind"))
            if not mine.same(theirs):
                self._differ(item, mine, theirs)
        self.lag = lag if timed else None

    def _differ(self, item: str, mine: Entry, theirs: Entry) -> None:
        found = [Difference(item, self.name, *each) for each in _fields(mine, theirs)]
        for difference in found:
            self.mismatched.setdefault(difference.what, []).append(item)
        self._judge(item, found, settled=not self._one_heartbeat(mine, theirs))
        self.fields += found

    def judge_missing(self, missing: tuple[str, ...], primary: Content) -> None:
        """Report what the view lacks. Before mirroring that is all, in every view, and few are shown."""
        recent = [item for item in missing if self._is_recent(primary[item].registered)]
        self.settled.update(set(missing).difference(recent))
        self.lost = [self._lost(item, primary) for item in missing[:MAX_DIFFERENCES]]
        self.doubtful += [self._lost(item, primary) for item in recent[:MAX_DOUBTFUL]]

    def _lost(self, item: str, primary: Content) -> Difference:
        return Difference(item, self.name, "missing", _text(primary[item]))

    def _judge(self, item: str, differences: list[Difference], *, settled: bool) -> None:
        if differences and settled:
            self.settled.add(item)
        else:
            self.doubtful += differences

    def _one_heartbeat(self, mine: Entry, theirs: Entry) -> bool:
        """Whether the two are neighbours in time: the same member one heartbeat later."""
        if mine.renewal is Renewal.NONE:
            return self._is_recent(max(mine.time or 0.0, theirs.time or 0.0))
        return mine.is_neighbour(theirs, self.at.period)

    def _is_recent(self, when: float | None) -> bool:
        """Whether something is less than a period old by the primary's clock, or about to be."""
        if when is None or self.at.clock is None:
            return False
        return abs(self.at.clock - when) <= self.at.period


def _fields(mine: Entry, theirs: Entry) -> list[tuple[str, str, str]]:
    """The fields that differ, with both values as text."""
    if type(mine) is not type(theirs):
        return [("address", _text(mine), _text(theirs))]
    return [
        (what, _shown(left), _shown(right))
        for (what, left), (_, right) in zip(mine.fields, theirs.fields, strict=True)
        if left is not right and _contradict(left, right)
    ]


def _contradict(left: object, right: object) -> bool:
    """Whether two values of a field contradict one another. A ring page shows `UNHEALTHY` instead of the
    member's own state, a page in HTML no digest of tokens, and some not even their count.
    """
    if isinstance(left, Tokens) and isinstance(right, Tokens):
        if left.digest is not None and right.digest is not None:
            return left.digest != right.digest
        return left.count >= 0 and right.count >= 0 and left.count != right.count
    return left != right and left is not _HIDDEN and right is not _HIDDEN


def _shown(value: object) -> str:
    if isinstance(value, Tokens):
        return f"{value.count} tokens" + (f" ({value.digest.hex()[:8]})" if value.digest else "")
    return str(value)


def _text(entry: Entry) -> str:
    """An entry in short: the state of a member or partition, its place, the elected replica."""
    return " at ".join(str(value) for what, value in entry.fields if what in _TELLING)
