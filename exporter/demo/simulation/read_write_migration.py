"""From microservices to read-write mode, or back, as Mimir's guide has it: which processes run, and which of
them get the clients' requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from exporter.demo.simulation.demo_settings import MICROSERVICES, READ_WRITE
from exporter.demo.simulation.process import Process
from exporter.demo.simulation.products import RING, STORE_GATEWAY, RoleSpec

if TYPE_CHECKING:
    from exporter.demo.simulation.cluster import Cluster

READS, WRITES = "reads", "writes"
READ, WRITE, BACKEND = "read", "write", "backend"
_PATHS = {
    READ: frozenset({"query-frontend", "querier", "read"}),
    WRITE: frozenset({"distributor", "ingester", "write"}),
}
UP_GAP, DOWN_GAP = 2.0, 3.0  # seconds between two processes that are scaled up, or down
ROUTED = 15.0  # until the processes of a path are ready and clients are sent to them
SHIPPING = 8.0  # seconds in which an ingester that has to leave ships its blocks first


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the guide: what of the new group starts, what of the old group stops, and which clients
    move. `zone` counts the zones of the old write path that stop.
    """

    name: str
    starts: str = ""
    stops: tuple[str, ...] = ()
    zone: int = 0
    moves: str = ""


STAGES = (
    Stage("old-group-only"),
    Stage("read-up", starts=READ, moves=READS),
    Stage("backend-up", starts=BACKEND),
    Stage("read-path-retired", stops=(READ, BACKEND)),
    Stage("write-up", starts=WRITE, moves=WRITES),
    Stage("first-zone-retired", zone=1),
    Stage("second-zone-retired", zone=2),
    Stage("third-zone-retired", zone=3),
)
_BACKEND_UP, _READ_PATH_RETIRED = 2, 3


def leaving(cluster: Cluster) -> str:
    """The group that the migration retires."""
    return READ_WRITE if cluster.settings.course.back else MICROSERVICES


def begins_deployed(cluster: Cluster) -> set[str]:
    """The processes that run at the beginning: the old group's, where two modes are in the course."""
    both = cluster.settings.moves(READ_WRITE)
    return {p.name for p in cluster.processes if not both or p.spec.group == leaving(cluster)}


def path_of(process: Process) -> str:
    """The path of the guide that a process is on."""
    return next((path for path, of in _PATHS.items() if process.spec.role.component in of), BACKEND)


def is_old(cluster: Cluster, process: Process) -> bool:
    """Whether a process is of the group that is retired."""
    return process.spec.group == leaving(cluster)


def enter(cluster: Cluster) -> None:
    """Do what the present stage has: scale up, send clients there, scale down."""
    stage = STAGES[cluster.mode_stage]
    up = [p for p in cluster.processes if not is_old(cluster, p) and path_of(p) == stage.starts]
    for place, process in enumerate(up):
        cluster.after(place * UP_GAP, partial(_scale_up, cluster, process))
    if stage.moves:
        cluster.after(len(up) * UP_GAP + ROUTED, partial(_route, cluster, stage.moves))
    down = _stopping(cluster, stage)
    for place, process in enumerate(down):
        cluster.after(place * DOWN_GAP, partial(_retire, cluster, process))
    cluster.after(len(down) * DOWN_GAP + SHIPPING, cluster.roll)  # what may change only after them


def _stopping(cluster: Cluster, stage: Stage) -> list[Process]:
    """The old processes that this stage stops: with the first zone also those without a zone."""
    old = [p for p in cluster.processes if is_old(cluster, p) and p.name in cluster.deployed]
    if not stage.zone:
        return [p for p in old if path_of(p) in stage.stops]
    zones = sorted({p.spec.zone for p in cluster.processes if p.spec.zone})
    stopped_zones = {"", *zones[: stage.zone]}
    return sorted((p for p in old if p.spec.zone in stopped_zones), key=lambda p: p.spec.zone)


def _scale_up(cluster: Cluster, process: Process) -> None:
    if process.name not in cluster.deployed:
        cluster.deployed.add(process.name)
        cluster.start(process)


def _route(cluster: Cluster, what: str) -> None:
    new = MICROSERVICES if cluster.settings.course.back else READ_WRITE
    cluster.routes.append((cluster.now, what, new))


def _retire(cluster: Cluster, process: Process) -> None:
    """Scale one process down. An ingester ships its blocks first, by Mimir's procedure."""
    if keeps_ring(process.spec.role, RING):
        process.leaving = True
        cluster.after(SHIPPING, partial(_scale_down, cluster, process))
    else:
        _scale_down(cluster, process)


def _scale_down(cluster: Cluster, process: Process) -> None:
    cluster.deployed.discard(process.name)
    cluster.stop(process)


def keeps_ring(role: RoleSpec, key: str) -> bool:
    """Whether a role has a member of its own in a ring."""
    return any(client.key == key and client.period for client in role.clients)


def asked(cluster: Cluster, process: Process, what: str) -> float:
    """The seconds since a process's start in which clients sent it reads, or writes."""
    changes = [(at, group) for at, moved, group in cluster.routes if moved == what]
    if not changes:
        return cluster.now - process.started
    ends = pairwise([*changes, (cluster.now, "")])
    return sum(
        max(0.0, end - max(begin, process.started))
        for (begin, group), (end, _) in ends
        if group == process.spec.group
    )


def configured(cluster: Cluster, process: Process) -> tuple[bool, bool]:
    """Whether a process is configured to unregister its store-gateway, and to evaluate rules remotely.

    In the guide the old group's store-gateways unregister once the new backend is up. Remote evaluation ends
    with the old read path; microservices keep it.
    """
    if not cluster.settings.moves(READ_WRITE):
        return True, False
    role, stays = process.spec.role, "store-gateways-stay" in cluster.faults
    unregisters = is_old(cluster, process) and cluster.mode_stage >= _BACKEND_UP and not stays
    late = _is_read_path_retired(cluster) and "remote-evaluation-on" not in cluster.faults
    remote = process.spec.group == MICROSERVICES or not (late or cluster.settings.course.back)
    return unregisters or not keeps_ring(role, STORE_GATEWAY), remote and keeps_ring(role, "rulers/ring")


def _is_read_path_retired(cluster: Cluster) -> bool:
    old = (p for p in cluster.processes if is_old(cluster, p) and p.name in cluster.deployed)
    return cluster.mode_stage >= _READ_PATH_RETIRED and all(path_of(p) == WRITE for p in old)


def fits(cluster: Cluster, process: Process, fault: str) -> bool:
    """Whether a fault of this migration can work on a process: old ingesters."""
    old = process.name in cluster.deployed and is_old(cluster, process)
    return old and keeps_ring(process.spec.role, RING) and fault in ("unshipped-blocks", "zone-too-soon")


def too_soon(cluster: Cluster, on: bool) -> None:
    """Let an ingester of two zones leave at once, or return; what the course stops stays stopped."""
    zones: dict[str, Process] = {}
    for process in cluster.processes:
        if fits(cluster, process, "zone-too-soon"):
            zones.setdefault(process.spec.zone, process)
    for process in [*zones.values()][:2]:
        process.leaving = on
