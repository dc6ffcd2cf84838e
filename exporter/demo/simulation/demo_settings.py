"""The settings of a demo, and the faults it can play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from exporter.model.pages import Phase

PRODUCTS = ("mimir", "cortex", "loki")
RINGS, HA_TRACKER, LABELS, READ_WRITE = "rings", "ha-tracker", "labels", "read-write"
MICROSERVICES = "microservices"
RESTART_PHASES = 4
BY_RUNTIME = ("partial-mirroring",)  # faults of the runtime configuration


@dataclass(frozen=True, slots=True)
class Course:
    """One course of the demo: `legs` are the migrations that move at once, leg after leg. `begins` is the
    phase of the first leg: a label comes only where there is gossip. `back` leads from read-write mode to
    microservices.
    """

    about: str
    legs: tuple[tuple[str, ...], ...]
    begins: Phase = Phase.EXTERNAL
    back: bool = False

    @property
    def is_mimirs(self) -> bool:
        """Whether only Mimir has it."""
        return any(READ_WRITE in leg for leg in self.legs)


COURSES: Mapping[str, Course] = MappingProxyType(
    {
        "": Course("every KV client", ((RINGS, HA_TRACKER),)),
        RINGS: Course(
            "the rings, with the HA tracker left on the store, as in Mimir before 2.17", ((RINGS,),)
        ),
        HA_TRACKER: Course("the HA tracker, with the rings on memberlist", ((HA_TRACKER,),)),
        LABELS: Course("the cluster label", ((LABELS,),)),
        "rings-and-labels": Course(
            "the rings, from multi on, and the cluster label at once", ((RINGS, LABELS),), Phase.MULTI
        ),
        READ_WRITE: Course("Mimir's microservices to read-write mode", ((READ_WRITE,),)),
        "read-write-back": Course("read-write mode back to microservices", ((READ_WRITE,),), back=True),
        "all": Course(
            "rings (from multi on), label, HA tracker and read-write mode of a Mimir, one after another",
            ((RINGS,), (LABELS,), (HA_TRACKER,), (READ_WRITE,)),
            Phase.MULTI,
        ),
    }
)
MIGRATIONS = tuple(name for name in COURSES if name)
EPOCH = 1_795_225_000.0  # the clock at the start of a cluster without a start time
MOST_WITH_BASE_PORT = 900
HIGHEST_BASE_PORT = 63_000

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "partial-mirroring": "the runtime switch reaches only the ingester's KV clients",
        "lag": "mirror writes of the ingester ring arrive a minute late",
        "crash": "one process stops answering and writing",
        "foreign-label": "one process restarts with another cluster label and loses all gossip members",
        "conjoined": "two Tempo ingesters join the gossip and the ingester ring",
        "split": "two halves of the gossip cluster have no contact",
        "token-conflict": "one ingester claims tokens of another",
        "store-down": "the external store refuses connections",
        "clobber": (
            "one process without other gossip members has memberlist as primary and overwrites the store"
        ),
        "pages-hang": "one process accepts requests and never answers",
        "pages-rubbish": "one process answers rubbish",
        "clock-skew": "one process's clock is 90 s ahead",
        "verification-off": "label verification is switched off",
        "mirror-errors": "most mirror writes of one process fail",
    }
)
READ_WRITE_FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "unshipped-blocks": "one ingester of the old group has a block that is in no object store yet",
        "zone-too-soon": "ingesters of a second zone leave before the first zone has left",
        "store-gateways-stay": "store-gateways of the old group do not unregister when they stop",
        "remote-evaluation-on": "rulers of the new group evaluate rules by the old group's query frontend",
    }
)


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """One demo. Durations are seconds of the cluster's own clock; `speed` is how many of them pass in a real
    second. With `manual` time passes only on request. `restart_every` is what passes between two restarts of
    a rollout; with 0 it fits into the phase. Without `runtime_config` no process reads a file of it, and each
    phase needs restarts.

    `base_port` 0 takes free ports; otherwise process n listens on `base_port` + n, its gossip on + 1000 + n,
    the store on + 900 and the control address on + 990. `start_time` is the clock at the start (unix
    seconds); without it the server takes the real time and a bare `Cluster` takes a fixed one. `log_dir` None
    means a directory of its own, removed at the end.
    """

    product: str = "cortex"
    size: int = 6
    tokens: int = 128
    seed: int = 1
    phase_duration: float = 30.0
    restart_every: float = 0.0
    start_phase: Phase = Phase.EXTERNAL
    migration: str = ""  # what moves; "" is every KV client at once
    runtime_config: bool = True
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
        if self.migration not in COURSES:
            raise ValueError(f"migration: {self.migration!r} is none of {', '.join(MIGRATIONS)}")
        if self.migration == HA_TRACKER and self.product == "loki":
            raise ValueError("migration: loki has no HA tracker")
        if self.course.is_mimirs and self.product != "mimir":
            raise ValueError(
                f"migration: only mimir has read-write mode; use --product mimir, not {self.product}"
            )
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
            self.check_fault(name)

    def check_fault(self, name: str) -> None:
        """Raise `ValueError` for a fault that does not exist, or not in this course."""
        if name in READ_WRITE_FAULTS and not self.moves(READ_WRITE):
            raise ValueError(f"fault: {name} is of the read-write migration; use --migration {READ_WRITE}")
        if name in BY_RUNTIME and not self.runtime_config:
            raise ValueError(f"fault: {name} needs a runtime configuration")
        if name not in self.known_faults:
            raise ValueError(f"fault: {name!r} is none of {', '.join(self.known_faults)}")

    @property
    def known_faults(self) -> Mapping[str, str]:
        """The faults that this course can play, and what each does."""
        left_out = () if self.runtime_config else BY_RUNTIME
        found = {name: about for name, about in FAULTS.items() if name not in left_out}
        return {**found, **READ_WRITE_FAULTS} if self.moves(READ_WRITE) else found

    @property
    def course(self) -> Course:
        return COURSES[self.migration]

    def moves(self, migration: str) -> bool:
        """Whether a migration is part of the course."""
        return any(migration in leg for leg in self.course.legs)

    @property
    def is_label_to_come(self) -> bool:
        """Whether rings move while there is no label yet: none can be expected then."""
        return self.moves(LABELS) and self.moves(RINGS)

    def pause_of(self, leg: tuple[str, ...]) -> float:
        """Seconds from one step of the course to the next. Each stage of a label needs a restart, and so does
        each phase without a runtime configuration. In a phase's time every process would seem to restart
        again and again. Processes that start or end need as long.
        """
        restarts = {LABELS, READ_WRITE} & {*leg} or not self.runtime_config
        return self.phase_duration * (RESTART_PHASES if restarts else 1)

    @property
    def walk_pause(self) -> float:
        """Seconds until the first step."""
        return self.pause_of(self.course.legs[0])

    @property
    def store(self) -> str:
        """The kind of the external store: etcd for Loki, Consul for every other product."""
        return "etcd" if self.product == "loki" else "consul"

    @property
    def gossip_label(self) -> str:
        """The cluster label every member carries."""
        plain = self.label or f"demo.{self.product}"
        return f'{plain} <b>"x"</b>' if self.hostile else plain
