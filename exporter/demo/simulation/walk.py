"""The way from phase to phase, as real clusters take it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from exporter.demo.simulation.process import MODES, Process
from exporter.model.pages import Phase

if TYPE_CHECKING:
    from exporter.demo.simulation.cluster import Cluster

RUNTIME_PERIOD = 2.0
DOWNTIME = 3.0


def next_phase(cluster: Cluster) -> None:
    """The timer of the walk: one phase on, until the last."""
    if cluster.phase is not Phase.MEMBERLIST:
        cluster.set_phase(Phase(cluster.phase + 1))
        cluster.after(cluster.settings.phase_duration, partial(next_phase, cluster))


def wanted(cluster: Cluster, process: Process) -> Phase:
    """The phase a process is configured for; with `clobber` one of them is far ahead."""
    if "clobber" in cluster.faults and cluster.victims.get("clobber") == process.name:
        return Phase.SWITCHED
    return cluster.phase


def go(cluster: Cluster) -> None:
    """Bring every process to the wanted phase: a rolling restart, or the runtime configuration."""
    rolling = [p for p in cluster.processes if p.up and p.mode != MODES[wanted(cluster, p)][0]]
    within = cluster.settings.phase_duration * 0.6 / max(1, len(rolling))
    gap = cluster.settings.restart_every or max(0.1, min(5.0, within))
    for place, process in enumerate(rolling):
        cluster.after(place * gap, partial(_roll, cluster, process, min(DOWNTIME, gap)))
    for process in cluster.processes:
        delay = cluster.random.uniform(0.2, RUNTIME_PERIOD)
        cluster.after(delay, partial(_poll_runtime, cluster, process, process.incarnation))


def _roll(cluster: Cluster, process: Process, downtime: float) -> None:
    if process.up and process.mode != MODES[wanted(cluster, process)][0]:
        cluster.restart(process, downtime)


def _poll_runtime(cluster: Cluster, process: Process, incarnation: int) -> None:
    if process.up and process.incarnation == incarnation:
        configure(cluster, process)


def configure(cluster: Cluster, process: Process) -> None:
    """Give each KV client what the runtime configuration says, as far as it is reached.

    A process that still waits for its restart has no multi KV and takes nothing.
    """
    mode, switched, mirror = MODES[wanted(cluster, process)]
    if process.mode != "multi" or mode != "multi":
        return
    for client in process.clients.values():
        reached = reaches(cluster, client.spec.kv_name)
        primary = "memberlist" if switched and reached else cluster.external()
        if client.mirror != (mirror and reached):
            enabled = str(mirror and reached).lower()
            cluster.log(process, "info", "toggled mirroring", component="multikv", enabled=enabled)
        client.primary, client.mirror = primary, mirror and reached


def reaches(cluster: Cluster, kv_name: str) -> bool:
    """Whether the runtime switch reaches a client: in Cortex it may be the ingester's alone."""
    return "partial-mirroring" not in cluster.faults or kv_name.startswith("ingester-")
