"""What a demo can be told, and the faults it can play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from exporter.model.pages import Phase

PRODUCTS = ("mimir", "cortex", "loki")
RINGS, HA_TRACKER, LABELS = "rings", "ha-tracker", "labels"
LABEL_PHASES = 4
MIGRATIONS = (RINGS, HA_TRACKER, LABELS)
EPOCH = 1_795_225_000.0  # the clock a cluster starts at when nobody gives it one
MOST_WITH_BASE_PORT = 900
HIGHEST_BASE_PORT = 63_000

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "partial-mirroring": "the runtime switch reaches only the ingester's KV clients",
        "lag": "mirror writes of the ingester ring arrive a minute late",
        "crash": "one process stops answering and writing",
        "foreign-label": "one process restarts with another cluster label and sees no other process",
        "conjoined": "two Tempo ingesters join the gossip and the ingester ring",
        "split": "two halves of the gossip cluster do not see each other",
        "token-conflict": "one ingester claims tokens of another",
        "store-down": "the external store refuses connections",
        "clobber": (
            "one process that sees no other one in its gossip has memberlist as primary and overwrites "
            "the store"
        ),
        "pages-hang": "one process accepts requests and never answers",
        "pages-rubbish": "one process answers rubbish",
        "clock-skew": "one process's clock is 90 s ahead",
        "verification-off": "label verification is switched off",
        "mirror-errors": "most mirror writes of one process fail",
    }
)


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """One demo. Durations are seconds of the cluster's own clock; `speed` is how many of them
    pass in a real second, and with `manual` none do until somebody asks. `restart_every` is
    what passes between two restarts of a rollout; with 0 it fits into the phase.

    `base_port` 0 takes free ports; otherwise process n listens on `base_port` + n, its gossip on
    + 1000 + n, the store on + 900 and the control address on + 990. `start_time` is the clock at
    the start (unix seconds); without it the server takes the real time and a bare `Cluster` takes
    a fixed one. `log_dir` None means a directory of its own, removed at the end.
    """

    product: str = "cortex"
    size: int = 6
    tokens: int = 128
    seed: int = 1
    phase_duration: float = 30.0
    restart_every: float = 0.0
    start_phase: Phase = Phase.EXTERNAL
    migration: str = ""  # what moves; "" is every KV client at once
    hold: bool = False
    speed: float = 1.0
    manual: bool = False
    host: str = "127.0.0.1"
    base_port: int = 0
    label: str = ""
    faults: tuple[str, ...] = ()
    hostile: bool = False
    start_time: float | None = None
    released: bool = True  # False: a build without a version, as from a working copy
    log_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.product not in PRODUCTS:
            raise ValueError(f"product: {self.product!r} is none of {', '.join(PRODUCTS)}")
        if self.migration and self.migration not in MIGRATIONS:
            raise ValueError(f"migration: {self.migration!r} is none of {', '.join(MIGRATIONS)}")
        if self.migration == HA_TRACKER and self.product == "loki":
            raise ValueError("migration: loki has no HA tracker")
        if self.size < 1 or self.tokens < 1:
            raise ValueError("size and tokens must be at least 1")
        if self.base_port and (
            self.size > MOST_WITH_BASE_PORT or not 1 <= self.base_port <= HIGHEST_BASE_PORT
        ):
            raise ValueError(
                f"base-port: needs 1 to {HIGHEST_BASE_PORT}, and a size of at most {MOST_WITH_BASE_PORT}"
            )
        if self.phase_duration <= 0 or self.speed <= 0:
            raise ValueError("phase-duration and speed must be above 0")
        if self.start_phase is Phase.UNKNOWN:
            raise ValueError("start-phase: unknown is not a phase to start in")
        for name in self.faults:
            if name not in FAULTS:
                raise ValueError(f"fault: {name!r} is none of {', '.join(FAULTS)}")

    @property
    def walk_pause(self) -> float:
        """Seconds from one step of the walk to the next. Labels need a restart for each of theirs: in a
        phase's time every process would seem to restart again and again.
        """
        return self.phase_duration * (LABEL_PHASES if self.migration == LABELS else 1)

    @property
    def store(self) -> str:
        """The kind of the external store: Loki's is etcd, the others' Consul."""
        return "etcd" if self.product == "loki" else "consul"

    @property
    def gossip_label(self) -> str:
        """The cluster label every member carries."""
        plain = self.label or f"demo.{self.product}"
        return f'{plain} <b>"x"</b>' if self.hostile else plain
