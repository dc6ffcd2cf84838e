"""Warnings, risks, events and ways back, as data. Words: `expose/wording`."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from exporter.model.culprits import Culprit, Looked


class FindingKind(enum.StrEnum):
    """The kinds of findings. A closed set: each has its words. A warning's value is the id of its cause; a
    second sentence of one cause has more after a colon.
    """

    # warnings, each of a cause in `derive/gate/causes.py`
    PRIMARIES_MIXED = "primaries-mixed"
    PRIMARIES_MIXED_BY_KEY = "primaries-mixed:by-key"
    PRIMARIES_MIXED_SHORTCUT = "primaries-mixed:short-cut"
    FOREIGN_IN_RINGS = "foreign-members"
    FOREIGN_IN_GOSSIP = "foreign-members:gossip"
    LABELS_SPLIT = "labels-split"
    GOSSIP_SPLIT = "gossip-split"
    UNKNOWN_MEMBERS = "unknown-members"
    STORE_REPLACED = "store-replaced"
    STORE_UNREAD = "store-unread"
    RING_SHRUNK = "ring-shrunk"
    CLOCKS_DIFFER = "clocks-differ"
    WITHOUT_MULTI = "without-multi"
    MIRRORING_PARTIAL = "mirroring-partial"
    ROLLOUT_STALLED = "rollout-stalled"
    READERS_STRANDED = "readers-stranded"
    BETWEEN_STORES = "between-stores"
    RINGS_UNREAD = "rings-unread"
    PROCESS_ISOLATED = "process-isolated"
    WRITERS_MISSING = "writers-missing"
    ADDRESSES_SHARED = "addresses-shared"
    PARTITIONS_UNOWNED = "partitions-unowned"
    SOURCES_FAIL = "sources-fail"
    NO_TARGET = "no-target"
    NOT_WATCHED = "not-watched"
    TWO_PRODUCTS = "two-products"
    OTHER_PRODUCTS = "two-products:others"
    PROCESS_DOWN = "process-down"
    PROCESS_RESTARTING = "process-restarting"
    TOKEN_CONFLICT = "token-conflict"  # noqa: S105  # the id of a cause
    MIRROR_ERRORS = "mirror-errors"
    LAG = "lag"
    # what an ordinary rolling restart brings with it
    PROCESS_AWAY = "process-down:away"
    # risks of the next step
    SMALL_VIEW = "small-view"
    SMALL_COPY = "small-copy"
    FUTURE_TIMESTAMP = "future-timestamp"
    MEMBER_LIST_UNREAD = "member-list-unread"
    JOINS_ITSELF = "joins-itself"
    NONE_TO_SPARE = "none-to-spare"
    LABEL_UNVERIFIED = "label-unverified"
    LABEL_UNUSUAL = "label-unusual"
    LABEL_DEFAULT = "label-default"
    RUNTIME_FORGOTTEN = "runtime-forgotten"
    RUNTIME_EARLY = "runtime-early"
    RUNTIME_NOT_FOLLOWED = "runtime-not-followed"
    RUNTIME_DIFFERS = "runtime-differs"
    JOIN_ABORTS = "join-aborts"
    TOKENS_HASTY = "tokens-hasty"
    # events: what changed from one cycle to the next
    FIRST_CYCLE = "first-cycle"
    PHASE_CHANGED = "phase-changed"
    GATE_OPENED = "gate-opened"
    GATE_CLOSED = "gate-closed"
    TARGET_NEW = "target-new"
    TARGET_LEFT = "target-left"
    TARGET_ANSWERS = "target-answers"
    TARGET_STOPPED = "target-stopped"
    TARGET_MOVED = "target-moved"
    MEMBERS_NEW = "members-new"
    MEMBERS_VANISHED = "members-vanished"
    MEMBER_RETURNED = "member-returned"
    MEMBER_CHANGED = "member-changed"
    UNKNOWN_MEMBER_NEW = "unknown-member-new"
    FOREIGN_NEW = "foreign-new"
    STORE_OTHER = "store-other"
    STORE_BACK = "store-back"
    STORE_CHANGED = "store-changed"
    # what broke a soak
    STARTED = "started"
    NO_CYCLE = "no-cycle"
    CLOCK_SET_BACK = "clock-set-back"
    CYCLE_LONG = "cycle-long"
    SLEPT = "slept"
    CYCLES_FAILED = "cycles-failed"
    CONFIGURATION_CHANGED = "configuration-changed"
    RAN_ALREADY = "ran-already"
    LEFT_THE_LIST = "left-the-list"
    CHECK_FAILED = "check-failed"
    CHECK_UNKNOWN = "check-unknown"
    PLAIN = "plain"  # in the source's own words: `what`


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: about `name`, `count` of `of`, with these names. `text` is put in where words are."""

    kind: FindingKind
    name: str = ""
    what: str = ""
    count: float = 0
    of: float = 0
    names: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    culprits: tuple[Culprit, ...] = ()
    looked: tuple[Looked, ...] = ()
    text: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """The id of a warning's cause."""
        return self.kind.value.partition(":")[0]


class Way(enum.StrEnum):
    """The way back, by where the clients are."""

    EXTERNAL = "external"
    MULTI = "multi"
    MULTI_BESIDE = "multi-beside"  # clients of another migration have memberlist as primary
    MIRRORING = "mirroring"
    SWITCHED = "switched"
    DETACHED = "detached"
    MEMBERLIST = "memberlist"
    MIXED = "mixed"
    PHASE_UNKNOWN = "phase-unknown"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rollback:
    """The way back from this phase, and whether it is safe now; `None`: unknown. `against` are the reasons
    against it, `unknown` the missing facts.
    """

    way: Way
    safe: bool | None = None
    against: tuple[Culprit, ...] = ()
    unknown: tuple[Culprit, ...] = ()
    text: str = ""


class Assessed:
    """What has findings, and dangers of the next step, in words."""

    __slots__ = ()
    findings: tuple[Finding, ...]
    dangers: tuple[Finding, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        return tuple(finding.text for finding in self.findings)

    @property
    def causes(self) -> tuple[str, ...]:
        """The id of each warning's cause."""
        return tuple(finding.id for finding in self.findings)

    @property
    def risks(self) -> tuple[str, ...]:
        """What would turn the next step into an accident, in words."""
        return tuple(finding.text for finding in self.dangers)


ROLLBACK_UNKNOWN = Rollback(Way.UNKNOWN, text="unknown.")
