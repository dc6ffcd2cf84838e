"""The shapes of the JSON API.

Times are unix seconds, durations end in `_seconds`, `null` is "unknown". The OpenAPI document is
made from these types, so the two cannot drift apart.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from exporter.model.gate import GateAnswer

PhaseName = Literal["unknown", "external", "multi", "mirroring", "switched", "detached", "memberlist"]
OutcomeName = Literal["ok", "absent", "failed"]
Verdict = Literal["holds", "fails", "unknown"]
Unix = Annotated[float, Meta(description="Unix seconds.")]
Named = tuple[str, ...]


class StoreOut(Struct, frozen=True):
    """The external store, read directly."""

    store: str
    outcome: OutcomeName
    reason: str | None
    detail: str
    keys: int | None
    last_write_at: Unix | None
    replaced: str
    replaced_at: Unix | None
    not_covered: Annotated[Named, Meta(description="Prefixes and keys in use that were not read in it.")]


class RollbackOut(Struct, frozen=True):
    """The way back: what it needs, and whether it is safe now."""

    text: str
    safe: bool | None


class RolloutOut(Struct, frozen=True):
    """A rollout in progress: so many processes are in the next phase."""

    into: PhaseName
    done: int
    processes: int
    left: Named


class MigrationOut(Struct, frozen=True):
    """One migration: its phase (null where it moves no KV client), its next step and its way back."""

    name: str
    line: Annotated[str, Meta(description="Where it is, in one sentence.")]
    begun: bool
    phase: PhaseName | None
    uniform: bool | None
    phase_since: Unix | None
    rollout: RolloutOut | None
    next_step: str
    keys: Named
    warnings: Named
    risks: Named
    rollback: RollbackOut


class StatusOut(Struct, frozen=True):
    """The state of the migration. With more than one of `shards` it is only `shard`'s part, from 0."""

    headline: str
    shard: int
    shards: int
    phase: PhaseName
    uniform: bool | None
    phase_since: Unix | None
    next_step: str
    warnings: Named
    risks: Named
    rollback: RollbackOut
    finished_keys: Named
    left_out_keys: Named
    migrations: tuple[MigrationOut, ...]
    product: str
    versions: Named
    targets_up: int
    targets_down: int
    clients_by_phase: dict[str, int]
    stores: tuple[StoreOut, ...]
    suggested_stores: Named
    cycle: int
    cycle_seconds: float
    exporter_version: str
    notes: Named = ()


class PageOut(Struct, frozen=True):
    """One page of one process in the last cycle."""

    page: str
    outcome: OutcomeName
    reason: str | None
    detail: str


class ClientOut(Struct, frozen=True):
    """One KV client of one process, as its own gauges show it."""

    kv_name: str
    key: str
    phase: PhaseName
    writes: bool
    primary: str
    stores: Named
    mirror_enabled: bool | None
    mirror_writes: float | None
    mirror_errors: float | None


class GossipTargetOut(Struct, frozen=True):
    """One process's member list, and its gossip configuration."""

    members_by_state: dict[str, int]
    health_score: float | None
    heartbeat_age_seconds: float | None
    label: str | None
    label_verified: bool | None
    own_member: str
    alone: bool


class TargetOut(Struct, frozen=True):
    """One process."""

    name: str
    url: str
    component: str
    up: bool
    product: str
    version: str
    source: str
    group: str
    phase: PhaseName
    phase_since: Unix | None
    clock_skew_seconds: float | None
    started_at: Unix | None
    young: bool
    seen_at: Unix | None
    rings: Named
    pages: tuple[PageOut, ...]
    clients: tuple[ClientOut, ...]
    gossip: GossipTargetOut | None


class SecondaryOut(Struct, frozen=True):
    """The secondary against the primary; counts over every view that could be read."""

    side: str
    key_missing: bool
    missing_in: Named
    lag_seconds: float | None
    missing_members: Named
    extra_members: Named
    mismatched: dict[str, Named]
    settled: Named
    unread: Named
    remembered: bool  # the primary could not be read: compared with what the processes remember of it


class RingOut(Struct, frozen=True):
    """One key: a ring, a partition ring, or the HA tracker's entries together."""

    key: str
    ring: str
    kind: str
    phase: PhaseName
    phase_since: Unix | None
    phase_uniform: bool
    primary: str
    source: str
    members_by_state: dict[str, int]
    oldest_heartbeat_age_seconds: float | None
    ahead_seconds: dict[str, float]
    token_conflicts: int | None
    members_without_tokens: Named | None
    ghosts: Named | None
    foreign_members: Named | None
    missing_writers: Named | None
    shared_addresses: dict[str, Named] | None
    quorum_margin: int | None
    partitions: int
    partitions_without_owner: tuple[int, ...]
    corrupted_partitions: tuple[int, ...]
    entries: int
    distinct_views: dict[str, int]
    secondary: SecondaryOut | None


class MemberOut(Struct, frozen=True):
    """One member in the primary view. `ownership` is its part of the ring, 0 to 1."""

    id: str
    address: str
    zone: str
    state: str
    heartbeat_at: Unix | None
    age_seconds: float | None
    tokens: int
    ownership: float | None
    group: str
    ghost: bool | None
    foreign: bool
    target: str
    registered_at: Unix | None


class ViewOut(Struct, frozen=True):
    """One process's view of the key."""

    view: str
    target: str
    known: bool
    present: bool
    judged: bool
    staleness_seconds: float | None
    missing_members: Named
    extra_members: Named
    read_at: Unix | None


class DifferenceOut(Struct, frozen=True):
    """One member that differs between the primary and one view."""

    member: str
    view: str
    what: str
    primary: str
    secondary: str


class RingDetailOut(Struct, frozen=True):
    """One key with its members, the views of it and the differences found."""

    summary: RingOut
    members: tuple[MemberOut, ...]
    views: tuple[ViewOut, ...]
    differences: tuple[DifferenceOut, ...]


class StrangerOut(Struct, frozen=True):
    """A member that belongs to no target and no expected name."""

    name: str
    address: str
    seen_by: Named
    where: str


class LabelRolloutOut(Struct, frozen=True):
    """How far a label has been rolled out: names of processes by stage, and what to do next."""

    stage: str
    stages: dict[str, Named]
    next: str
    conflicts: Named
    unexpected: Named


class RejectionOut(Struct, frozen=True):
    """Packets and streams that a process rejected for their label, found in its log."""

    target: str
    label: str
    source: str
    count: int


class ProbeOut(Struct, frozen=True):
    """The answer to a label ping: `own`, `no` or `foreign`; null where none could be had."""

    target: str
    kind: str
    accepted: bool | None
    at: Unix


class GossipOut(Struct, frozen=True):
    """The complete gossip; `clusters` as lists of target names."""

    clusters: tuple[Named, ...]
    strangers: tuple[StrangerOut, ...]
    ring_strangers: tuple[StrangerOut, ...]
    foreign: tuple[StrangerOut, ...]
    absent: Named
    unknown_keys: Named
    labels: dict[str, Named]
    unverified: Named
    unread: Named
    unidentified: Named = ()
    label_rollout: LabelRolloutOut | None = None
    rejections: tuple[RejectionOut, ...] = ()
    probes: tuple[ProbeOut, ...] = ()


class CoveredOut(Struct, frozen=True):
    """How much of one kind of evidence a check read: `looked` of `of`. Views are read in turns: the
    oldest one that counts was read at `since`.
    """

    source: str
    looked: int
    of: int
    since: Unix | None = None


class CheckOut(Struct, frozen=True):
    """One check of a step: its sentence, its result, what to do. `covered` is what it read. `doc` is
    a path below this project, or an address with `--docs.base-url` or `gate.docs_url`.
    """

    id: str
    sentence: str
    verdict: Verdict
    evidence: str
    culprits: Named
    remedy: str
    doc: str
    holds_since: Unix | None
    covered: tuple[CoveredOut, ...] = ()


class StepOut(Struct, frozen=True):
    """One step's gate. `answer` is also unknown where the last cycle is stale."""

    migration: str
    step: str
    answer: GateAnswer
    place: str
    headline: str
    soak_seconds: float
    soaked_seconds: float
    open_since: Unix | None
    checks: tuple[CheckOut, ...]

    @property
    def title(self) -> str:
        """Its name beside the steps of other migrations."""
        return f"{self.migration}/{self.step}"


class EventOut(Struct, frozen=True):
    """Something that changed, oldest first."""

    at: Unix
    kind: str
    text: str
    subject: str
