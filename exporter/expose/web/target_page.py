"""One process: its pages, its clients, its members; and the list of all processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.expose.web.words import first, page_of, query
from exporter.model.facts import GossipFacts, KeyFacts, MemberFacts, Snapshot, TargetFacts
from exporter.model.pages import GossipMember, GossipState, Outcome, Phase

LISTED: Final = 60
MEMBERS: Final = 60
ROWS: Final = 100
NONE_WRITES: Final = "– (it only reads)"


@dataclass(frozen=True, slots=True)
class TargetPage:
    """One process's page."""

    target: TargetFacts
    phase: str
    members: tuple[tuple[KeyFacts, MemberFacts], ...]
    more_members: int
    listed: tuple[GossipMember, ...]
    more_listed: int
    cluster: int | None  # which gossip cluster, from 1
    clusters: int


def target_page(snapshot: Snapshot, target: TargetFacts) -> TargetPage:
    """Put one process's page together."""
    mine = ((key, member) for key in snapshot.keys for member in key.members if member.target == target.name)
    members, more_members = first(mine, MEMBERS)
    listed = target.gossip.members if target.gossip else ()
    shown, more_listed = first(sorted(listed, key=lambda m: (m.state is GossipState.ALIVE, m.name)), LISTED)
    return TargetPage(
        target=target,
        phase=phase_of(target),
        members=members,
        more_members=more_members,
        listed=shown,
        more_listed=more_listed,
        cluster=_cluster(snapshot.gossip, target.name),
        clusters=len(snapshot.gossip.clusters) if snapshot.gossip else 0,
    )


def _cluster(gossip: GossipFacts | None, name: str) -> int | None:
    clusters = gossip.clusters if gossip else ()
    return next((number for number, names in enumerate(clusters, 1) if name in names), None)


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One process in the list."""

    target: TargetFacts
    phase: str
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TargetList:
    """One page of the list of processes."""

    rows: tuple[TargetRow, ...]
    component: str
    total: int
    page: int
    pages: int


def target_list(snapshot: Snapshot, component: str, page: int) -> TargetList:
    """All processes, or those of one component; those in trouble first."""
    wanted = [t for t in snapshot.targets if not component or query(t.component or "?") == query(component)]
    rows = sorted((_row(target) for target in wanted), key=_troubled)
    listed, page, pages = page_of(rows, page, ROWS)
    return TargetList(tuple(listed), component, len(rows), page, pages)


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
