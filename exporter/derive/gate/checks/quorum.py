"""Checks on what a ring can lose, and on the settings by which that and its members' health are told."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derive.gate.check import Evidence, Question
from exporter.derive.gate.checks.rings import lacking
from exporter.derive.migration.migration import few
from exporter.derive.ring.agreed_settings import disagreement
from exporter.derive.ring.quorum import spare
from exporter.model.facts import KeyFacts
from exporter.model.gate import Check
from exporter.model.pages import State

DOC = "docs/ring.md"
QUORUM = Question(
    "quorum-margin",
    "Every ring that is written by quorum can lose one more member.",
    "Bring the unhealthy members back before any process is restarted.",
    f"{DOC}#quorum",
    "Make the ring readable, and /config of a process that uses it: the replication factor is there.",
)
KEPT = Question(
    "quorum-kept",
    "Every ring that is written by quorum has it now, and its active members have tokens.",
    "Bring the members back that are leaving, joining or without tokens: writes fail already.",
    f"{DOC}#quorum",
)
SETTINGS = Question(
    "settings-agree",
    "All processes that use a ring have the same settings of it.",
    "Give the named processes the others' setting, and restart them. While they differ, each process has "
    "its own opinion of which members are healthy, and of how many must take a write.",
    f"{DOC}#settings-differ",
)
SPARE = "Every ring that is written by quorum can lose one more member."
NONE_TO_SPARE = (
    "No member of {rings} is unhealthy. Risk: with a replication factor of {factors} none may be lost, so "
    "writes fail while a member restarts."
)


def quorum_margin(seen: Evidence) -> Check:
    """Hold a margin of 1 in the rings that are written by quorum. Where the replication factor allows no
    loss at all, no member is unhealthy, and the risk is told.
    """
    wrong, unknown = _margins(seen)
    return _margin(seen, wrong, unknown, _good(seen))


def quorum_margin_told(seen: Evidence) -> Check:
    """Hold it where the replication factor is told. Where it is not, the step goes by its members-healthy,
    which is unknown where the ring itself was not read.
    """
    wrong, untold = _margins(seen)
    stands_in = f"Every member is to be healthy instead: {'; '.join(few(untold, 3))}."
    return _margin(seen, wrong, [], stands_in if untold else _good(seen))


def quorum_kept(seen: Evidence) -> Check:
    """Hold that no ring is short of its quorum, where the replication factor is told, and that no active
    member of any ring lacks its tokens. No restart follows, so there need be nothing to spare.
    """
    told = [key for key in _by_quorum(seen) if key.quorum_margin is not None]
    wrong = [f"{key.key}: margin {key.quorum_margin}" for key in told if (key.quorum_margin or 0) < 0]
    wrong += [f"{name} in {key.key} has no tokens" for key in seen.keys for name in key.without_tokens or ()]
    return KEPT.answer(wrong, "No ring is short of it.", nothing="" if seen.keys else "no ring was read")


def settings_agree(seen: Evidence) -> Check:
    """Hold that the processes that use a ring tell the same times, replication factor and zone awareness. A
    setting that no process tells is asked for where it is needed.
    """
    wrong = [f"{key.key}: {told}" for key in seen.keys for told in key.settings.differing]
    wrong += _parted(seen)
    return SETTINGS.answer(wrong, f"{len(seen.keys)} rings.", nothing="" if seen.keys else "no ring was read")


def _parted(seen: Evidence) -> Iterable[str]:
    """Say which processes have a ring under another key than others: they are in another ring."""
    names = {key.key: key.ring for key in seen.keys if key.kind == "ring"}
    having: dict[str, dict[str, dict[str, None]]] = {}
    for client in seen.clients:
        if client.key in names:
            keys = having.setdefault(names[client.key], {})
            keys.setdefault(client.key, {})[client.target] = None
    for ring, keys in sorted(having.items()):
        yield from disagreement(f"{ring} ring: key", {key: tuple(targets) for key, targets in keys.items()})


def _by_quorum(seen: Evidence) -> list[KeyFacts]:
    return [key for key in seen.keys if key.writes_by == "quorum"]


def _margin(seen: Evidence, wrong: list[str], unknown: list[str], good: str) -> Check:
    if not _by_quorum(seen):
        good = "No ring that is written by quorum is among what these processes show."
    return QUORUM.answer(wrong, good, unknown, nothing="" if seen.keys else "no ring was read")


def _good(seen: Evidence) -> str:
    single = [key for key in _by_quorum(seen) if not _spare(key, seen)]
    if not single:
        return SPARE
    factors = sorted({str(one.factor) for key in single for one in key.settings.replication})
    return NONE_TO_SPARE.format(rings=", ".join(key.key for key in single), factors=" and ".join(factors))


def _spare(key: KeyFacts, seen: Evidence) -> int:
    return spare(key.settings.replication, seen.now.fleet.product)


def _margins(seen: Evidence) -> tuple[list[str], list[str]]:
    """Give the rings whose margin is too small, and those where it is not known."""
    wrong: list[str] = []
    unknown: list[str] = []
    for key in _by_quorum(seen):
        if not key.settings.replication:
            unknown.append(f"{key.key}: no /config tells its replication factor")
        elif key.quorum_margin is None:
            unknown += lacking([key]) or [f"{key.key}: not read"]
        elif key.quorum_margin < min(1, _spare(key, seen)):
            wrong.append(f"{key.key}: margin {key.quorum_margin}{_unhealthy(key)}")
    return wrong, unknown


def _unhealthy(key: KeyFacts) -> str:
    """Name the members to blame: unhealthy, or active without tokens."""
    names = [member.id for member in key.members if member.state not in _FINE] + [
        f"{name} without tokens" for name in key.without_tokens or ()
    ]
    return f" ({', '.join(few(names, 5))})" if names else ""


_FINE = frozenset({State.ACTIVE, State.READ_ONLY})
