"""Gossip labels: whose log a rejection is from, and how far a label has been rolled out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from exporter.derive.match import Identity
from exporter.facts import Rejection

_PARTS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]+")
_SHORTEST = 3  # a name shorter than this is found in too many others


def attributed(rejections: Iterable[Rejection], known: Iterable[Identity]) -> tuple[Rejection, ...]:
    """Rejections by process, where a log's name tells which one; else by the log's own name.

    A log is a process's by its whole name, as a pod's, or if it holds the name between other signs, as
    the file `003-cortex-1.log` does. The longest such name decides, and one that two processes share
    decides nothing.
    """
    names = _unique_names(known)
    counts: Counter[tuple[str, str, str]] = Counter()
    for found in rejections:
        target = names.get(found.target) or _within(found.target, names) or found.target
        counts[target, found.label, found.source] += found.count
    return tuple(Rejection(*what, count) for what, count in sorted(counts.items()))


def _unique_names(known: Iterable[Identity]) -> Mapping[str, str]:
    owners: dict[str, set[str]] = {}
    for identity in known:
        for name in identity.names:
            owners.setdefault(name, set()).add(identity.target)
    return {name: next(iter(targets)) for name, targets in owners.items() if len(targets) == 1}


def _within(log: str, names: Mapping[str, str]) -> str:
    """The process whose name stands in a log's name, from one sign that is no letter or digit to another."""
    parts = _PARTS.findall(log)
    for length in range(len(parts), 0, -1):
        here = {"".join(parts[at : at + length]) for at in range(len(parts) - length + 1)}
        found = {names[name] for name in here if len(name) >= _SHORTEST and name in names}
        if found:
            return found.pop() if len(found) == 1 else ""
    return ""
