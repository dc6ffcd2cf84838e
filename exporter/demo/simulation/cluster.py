"""The simulated cluster: a pure model with its own clock and seed.

`step(dt)` moves the clock on and does what falls due: heartbeats, elections, restarts. Nothing here reads a
wall clock, opens a socket or writes a file. The same seed and the same steps give the same cluster, whatever
is read in between.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from exporter.demo.simulation import faults, ha_tracker, phase_changes, read_write_migration, ring_membership
from exporter.demo.simulation.demo_settings import EPOCH, RINGS, DemoSettings
from exporter.demo.simulation.gossip import Gossip, GossipCopy, Peer
from exporter.demo.simulation.process import MODES, Addresses, Client, Process
from exporter.demo.simulation.products import HA, processes_of
from exporter.demo.simulation.ring_values import Value
from exporter.demo.simulation.store import ExternalStore
from exporter.model.pages import Phase

TIDY_PERIOD = 30.0
LOG_LINES_KEPT = 5000


def default_addresses(host: str, size: int) -> list[Addresses]:
    """Ports for a cluster without a server."""
    return [Addresses(host, 9101 + n, 19601 + n, 27946 + n) for n in range(size)]


class Cluster:
    """All processes, the external store, the gossip, and the events to come.

    `log` receives (process number, level, message, more fields); the server writes them to files.
    """

    def __init__(self, settings: DemoSettings, addresses: Sequence[Addresses] | None = None) -> None:
        self.settings = settings
        self.random = random.Random(settings.seed)  # noqa: S311 - a simulation has to be repeatable
        self.now = EPOCH if settings.start_time is None else settings.start_time
        self.began = self.now
        self.store = ExternalStore()
        self.store_port = 0  # where the store answers; 0 at its usual port, where the demo does not serve it
        self.gossip = Gossip()
        self.faults: set[str] = set()
        self.victims: dict[str, str] = {}
        self.phases = phase_changes.begin(settings)
        self.blocks_left: dict[str, Phase] = {}  # keys with a block that is not switched yet, and their phase
        self.label_stage = 0
        self.mode_stage = 0  # of the read-write migration
        old = read_write_migration.leaving(self)
        self.routes = [
            (self.now, what, old) for what in (read_write_migration.READS, read_write_migration.WRITES)
        ]
        self.dangers: list[str] = []
        self.logs: deque[tuple[float, int, str, str, Mapping[str, str]]] = deque(maxlen=LOG_LINES_KEPT)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        specs = processes_of(settings)
        places = addresses or default_addresses(settings.host, len(specs))
        self.processes = tuple(
            Process(spec, number, place, settings.seed, label=settings.gossip_label)
            for number, (spec, place) in enumerate(zip(specs, places, strict=True))
        )
        self.deployed = read_write_migration.begins_deployed(self)
        for process in self.processes:
            if process.name in self.deployed:
                self.start(process)
        self.after(TIDY_PERIOD, self._tidy)
        ha_tracker.begin(self)
        for fault in settings.faults:
            self.set_fault(fault, on=True)
        if not settings.hold:
            self.after(settings.walk_pause, partial(phase_changes.go_on, self))

    # The clock.

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later, by the cluster's clock."""
        self._count += 1
        heapq.heappush(self._events, (self.now + seconds, self._count, action))

    def step(self, dt: float) -> None:
        """Move the clock on by `dt` seconds and do all that falls due, in order."""
        until = self.now + dt
        while self._events and self._events[0][0] <= until:
            at, _, action = heapq.heappop(self._events)
            self.now = max(self.now, at)
            action()
        self.now = until

    def _tidy(self) -> None:
        self.gossip.tidy(self.now)
        self.after(TIDY_PERIOD, self._tidy)

    def clock(self, process: Process) -> float:
        """The time of the process's own clock."""
        return self.now + process.skew

    def log(self, process: Process, level: str, message: str, **fields: str) -> None:
        """One log line of a process."""
        self.logs.append((self.clock(process), process.number, level, message, fields))

    # Phases and faults.

    @property
    def phase(self) -> Phase:
        """The phase of what moves now; that of the rings where no KV client does."""
        return self.phases[next(iter(self.moving()), RINGS)]

    def set_phase(self, phase: Phase) -> None:
        """Begin to go to a phase: by rolling restarts, or by the runtime configuration."""
        moving = self.moving()
        if not moving:
            raise ValueError("no KV client moves in this part of the migration: POST /next")
        phase_changes.change(self, dict.fromkeys(moving, phase))

    def next_step(self, migration: str = "") -> bool:
        """Take the next step of the course, or of one migration in it; false where there is none."""
        return phase_changes.next_step(self, migration)

    def moving(self) -> list[str]:
        """The migrations of KV clients that move now."""
        return phase_changes.moving(self)

    def walk(self) -> dict[str, str]:
        """The stage of each migration of the course, by name."""
        names = (name for leg in self.settings.course.legs for name in leg)
        return {name: phase_changes.stages_left(self, name)[0] for name in names}

    def roll(self) -> None:
        """Restart every process with another configuration than it runs, one after another."""
        phase_changes.go(self)

    def set_fault(self, name: str, *, on: bool, process: str = "") -> None:
        """Switch a fault on or off; `process` names another victim than the usual one."""
        faults.switch(self, name, on=on, victim=process)

    def is_victim(self, process: Process, fault: str) -> bool:
        """Whether a fault is on, and works on this process."""
        return fault in self.faults and self.victims[fault] == process.name

    def deployed_now(self) -> list[Process]:
        """The processes that are not scaled to 0, in order."""
        return [process for process in self.processes if process.name in self.deployed]

    def process(self, name: str) -> Process:
        """A process by name; `KeyError` if there is none."""
        found = next((process for process in self.processes if process.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    # Starting and stopping.

    def start(self, process: Process) -> None:
        """Start a process with the configuration that the present phase gives it."""
        process.label, process.verified = phase_changes.labelled(self, process)
        process.unregisters, process.remote_evaluation = read_write_migration.configured(self, process)
        process.start(lambda spec: MODES[phase_changes.phase_of(self, process, spec)][0], self.now)
        phase_changes.configure(self, process)
        if process.has_gossip:
            peer = Peer(process.node_name, process.at.host, process.at.gossip)
            group = faults.group_of(self, process)
            self.gossip.join(process.name, GossipCopy(peer, group, process.delay()), self.now)
            self.log(process, "info", "Using memberlist cluster node name", name=process.node_name)
            self.log(process, "info", "joined memberlist cluster", reached_nodes="1")
        for client in process.clients.values():
            ring_membership.begin(self, process, client)

    def stop(self, process: Process, *, graceful: bool = True) -> None:
        """Stop a process: it leaves its rings and the gossip, or ends without either."""
        if graceful and process.up:
            for client in process.clients.values():
                ring_membership.unregister(self, process, client)
            self.log(process, "info", "leaving memberlist cluster")
        process.up = False
        self.gossip.leave(process.name, self.now, graceful=graceful)

    def restart(self, process: Process, downtime: float = 3.0) -> None:
        """Stop a process in good order and start it again a little later."""
        self.stop(process)
        self.after(downtime, partial(self._restarted, process, process.incarnation))

    def _restarted(self, process: Process, incarnation: int) -> None:
        there = process.name in self.deployed and not self.is_victim(process, "crash")
        if not process.up and process.incarnation == incarnation and there:
            self.start(process)

    # The state of one process.

    def primary_of(self, process: Process, client: Client) -> str:
        """The type of the store that a client reads."""
        if client.mode == "multi":
            return client.primary
        return self.settings.store if client.mode == "external" else "memberlist"

    def view(self, process: Process, key: str) -> Value | None:
        """The value under a key as the process's primary store delivered it."""
        wanted = HA if key.startswith(f"{HA}/") else key
        client = next((c for c in process.clients.values() if c.spec.key == wanted), None)
        if client is None or self.primary_of(process, client) != "memberlist":
            return self.store.get(key)
        return self.gossip.get(process.name, key, self.now) if process.name in self.gossip.views else None

    def gossip_view(self, process: Process) -> GossipCopy | None:
        """A process's gossip copy, as of now; `None` without memberlist."""
        if process.name not in self.gossip.views:
            return None
        return self.gossip.catch_up(process.name, self.now)
