"""One process of the model: its configuration, its KV clients and what they counted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from exporter.demo.simulation.products import HA, ClientSpec, ProcessSpec
from exporter.demo.simulation.ring_values import Tokens
from exporter.model.pages import Phase

# What each phase means for one process: (the type of its clients, memberlist primary, mirroring).
MODES = {
    Phase.EXTERNAL: ("external", False, False),
    Phase.MULTI: ("multi", False, False),
    Phase.MIRRORING: ("multi", False, True),
    Phase.SWITCHED: ("multi", True, True),
    Phase.DETACHED: ("multi", True, False),
    Phase.MEMBERLIST: ("memberlist", True, False),
}
STARTING_TIME = 10.0  # seconds
# An operation as the metrics count it: operation, role, status code, store type.
Operation = tuple[str, str, str, str]


@dataclass(slots=True)
class Client:
    """One KV client. `primary` and `mirror` mean something only in mode `multi`."""

    spec: ClientSpec
    mode: str = "external"  # external, multi or memberlist
    primary: str = ""
    mirror: bool = False
    operations: Counter[Operation] = field(default_factory=Counter)
    mirror_writes: int = 0
    mirror_errors: int = 0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a process listens; `grpc` is the port in its ring entries, on which no process listens."""

    host: str
    http: int
    grpc: int
    gossip: int


@dataclass(slots=True)
class Process:
    """One process as it is now. `skew` is what its clock is ahead."""

    spec: ProcessSpec
    number: int
    at: Addresses
    seed: int
    label: str = ""
    verified: bool = True
    up: bool = False
    started: float = 0.0
    incarnation: int = 0
    skew: float = 0.0
    hangs: bool = False
    rubbish: bool = False
    leaving: bool = False  # an ingester that ships its blocks before it stops
    unregisters: bool = True  # a store-gateway leaves its ring when it stops
    remote_evaluation: bool = False  # a ruler sends its queries to a query frontend
    clients: dict[str, Client] = field(default_factory=dict)
    heartbeats: Counter[str] = field(default_factory=Counter)
    elections: Counter[tuple[str, str]] = field(default_factory=Counter)
    block: tuple[str, bool] | None = None  # `multi_kv_config` as it has loaded it: primary, mirror_enabled
    unknown_connections: int = 0
    claimed: dict[tuple[str, int], Tokens] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name, which is also its id in the rings."""
        return self.spec.name

    @property
    def has_gossip(self) -> bool:
        """Whether it runs memberlist at all."""
        return any(client.mode != "external" for client in self.clients.values())

    @property
    def mode(self) -> str:
        """The modes of its KV clients, mostly one."""
        return " and ".join(sorted({client.mode for client in self.clients.values()}))

    def mode_of(self, *, tracker: bool) -> str:
        """The mode of its HA tracker, or of its rings; where it has none of them, of its clients."""
        clients = sorted(self.clients.values(), key=lambda client: (client.spec.key == HA) != tracker)
        return clients[0].mode if clients else "external"

    @property
    def node_name(self) -> str:
        """Its name in the gossip: a new random end at every start."""
        digest = hashlib.blake2b(f"{self.seed}/{self.number}/{self.incarnation}".encode(), digest_size=4)
        return f"{self.name}-{digest.hexdigest()}"

    def delay(self) -> float:
        """Seconds until a change of another process arrives: 0.2 to 1, the same at every run."""
        digest = hashlib.blake2b(f"{self.seed}/delay/{self.number}".encode(), digest_size=2).digest()
        return 0.2 + 0.8 * int.from_bytes(digest, "big") / 65535

    def tokens(self, key: str, count: int) -> Tokens:
        """Its tokens in the ring of a key, the same at every start (as with a tokens file)."""
        known = self.claimed.get((key, count))
        if known is None:
            known = self.claimed[key, count] = self._tokens(key, count)
        return known

    def _tokens(self, key: str, count: int) -> Tokens:
        found: set[int] = set()
        block = 0
        while len(found) < count:
            name = f"{self.seed}/{self.number}/{key}/{block}"
            raw = hashlib.blake2b(name.encode()).digest()
            found.update(int.from_bytes(raw[at : at + 4], "little") for at in range(0, 64, 4))
            block += 1
        return Tokens(tuple(sorted(found)[:: max(1, len(found) // count)][:count]))

    def is_starting(self, now: float) -> bool:
        """Whether modules still start, as after every start but the first."""
        return self.incarnation > 1 and now - self.started < STARTING_TIME

    def start(self, mode: Callable[[ClientSpec], str], now: float) -> None:
        """Begin anew: counters at 0, a new incarnation, each client in its mode."""
        self.up, self.started, self.leaving = True, now, False
        self.incarnation += 1
        self.clients = {spec.kv_name: Client(spec, mode(spec)) for spec in self.spec.role.clients}
        self.heartbeats.clear()
        self.elections.clear()
        self.unknown_connections = 0
