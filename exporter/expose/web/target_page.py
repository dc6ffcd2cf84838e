"""One process: its pages, its clients, its members; and the list of all processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from exporter.expose.web.words import Excerpt, first, page_of, query
from exporter.expose.wording import culprits
from exporter.model.facts import GossipFacts, Snapshot, TargetFacts
from exporter.model.pages import GossipState, Outcome, Phase

LISTED: Final = 60
MEMBERS: Final = 60
ROWS: Final = 100
NONE_WRITES: Final = "– (it only reads)"


def target_page(snapshot: Snapshot, target: TargetFacts) -> dict[str, Any]:
    """The values of one process's template. `cluster` is its gossip cluster, counted from 1."""
    mine = ((key, member) for key in snapshot.keys for member in key.members if member.target == target.name)
    listed = target.gossip.members if target.gossip else ()
    return {
        "target": target,
        "phase": phase_of(target),
        "members": first(mine, MEMBERS),
        "listed": first(sorted(listed, key=lambda m: (m.state is GossipState.ALIVE, m.name)), LISTED),
        "cluster": _cluster(snapshot.gossip, target.name),
        "clusters": len(snapshot.gossip.clusters) if snapshot.gossip else 0,
        "why_none": culprits.name(target.why_none) if target.why_none else "",
    }


def _cluster(gossip: GossipFacts | None, name: str) -> int | None:
    clusters = gossip.clusters if gossip else ()
    return next((number for number, names in enumerate(clusters, 1) if name in names), None)


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One process in the list."""

    target: TargetFacts
    phase: str
    failed: tuple[str, ...]


def target_list(snapshot: Snapshot, component: str, page: int) -> Excerpt[TargetRow]:
    """All processes, or those of one component; those in trouble first."""
    wanted = [t for t in snapshot.targets if not component or query(t.component or "?") == query(component)]
    return page_of(sorted(map(_row, wanted), key=_troubled), page, ROWS)


def _row(target: TargetFacts) -> TargetRow:
    return TargetRow(
        target, phase_of(target), tuple(p.name for p in target.pages if p.outcome is Outcome.FAILED)
    )


def phase_of(target: TargetFacts) -> str:
    """A process's phase; a dash where it has KV clients and none of them writes."""
    return NONE_WRITES if _only_reads(target) else target.phase.label


def _only_reads(target: TargetFacts) -> bool:
    reads = bool(target.clients) and not any(client.writes for client in target.clients)
    return target.phase is Phase.UNKNOWN and reads


def _troubled(row: TargetRow) -> tuple[bool, bool, int, str]:
    phase = max(Phase) if _only_reads(row.target) else row.target.phase
    return row.target.up, not row.failed, phase, row.target.name
