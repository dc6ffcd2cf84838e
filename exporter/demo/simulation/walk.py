"""The way from phase to phase, as real clusters take it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from exporter.demo.simulation.process import MODES, Process
from exporter.demo.simulation.products import HA, ClientSpec
from exporter.demo.simulation.settings import LABELS, RINGS
from exporter.model.pages import Phase

if TYPE_CHECKING:
    from exporter.demo.simulation.cluster import Cluster

RUNTIME_PERIOD = 2.0
DOWNTIME = 3.0


# The rollouts of a label: whether it is set, and whether it is verified.
LABEL_STAGES = ((False, True), (False, False), (True, False), (True, True))


def next_phase(cluster: Cluster) -> None:
    """The timer of the walk: one phase on, until the last; where labels are rolled out, one stage."""
    if cluster.settings.migration == LABELS:
        if cluster.label_stage < len(LABEL_STAGES) - 1:
            cluster.label_stage += 1
            go(cluster)
            cluster.after(cluster.settings.walk_pause, partial(next_phase, cluster))
    elif cluster.phase is not Phase.MEMBERLIST:
        cluster.set_phase(Phase(cluster.phase + 1))
        cluster.after(cluster.settings.phase_duration, partial(next_phase, cluster))


def phase_of(cluster: Cluster, process: Process, spec: ClientSpec) -> Phase:
    """The phase one KV client is configured for: those that do not move stay where they are."""
    if cluster.settings.migration == RINGS and spec.key == HA:
        return Phase.EXTERNAL
    if cluster.settings.migration == LABELS or (cluster.settings.migration == HA and spec.key != HA):
        return Phase.MEMBERLIST
    return wanted(cluster, process)


def labelled(cluster: Cluster, process: Process) -> tuple[str, bool]:
    """The label a process is configured for, and whether it verifies it."""
    if cluster.settings.migration != LABELS or cluster.victims.get("foreign-label") == process.name:
        return process.label, process.verified
    is_set, verified = LABEL_STAGES[cluster.label_stage]
    return cluster.settings.gossip_label if is_set else "", verified


def _is_behind(cluster: Cluster, process: Process) -> bool:
    """Whether a process has to restart for what it is configured for."""
    moved = any(
        client.mode != MODES[phase_of(cluster, process, client.spec)][0]
        for client in process.clients.values()
    )
    return moved or labelled(cluster, process) != (process.label, process.verified)


def wanted(cluster: Cluster, process: Process) -> Phase:
    """The phase a process is configured for; with `clobber` one of them is far ahead."""
    if "clobber" in cluster.faults and cluster.victims.get("clobber") == process.name:
        return Phase.SWITCHED
    return cluster.phase


def go(cluster: Cluster) -> None:
    """Bring every process to the wanted phase: a rolling restart, or the runtime configuration."""
    rolling = [p for p in cluster.processes if p.up and _is_behind(cluster, p)]
    within = cluster.settings.phase_duration * 0.6 / max(1, len(rolling))
    gap = cluster.settings.restart_every or max(0.1, min(5.0, within))
    for place, process in enumerate(rolling):
        cluster.after(place * gap, partial(_roll, cluster, process, min(DOWNTIME, gap)))
    for process in cluster.processes:
        delay = cluster.random.uniform(0.2, RUNTIME_PERIOD)
        cluster.after(delay, partial(_poll_runtime, cluster, process, process.incarnation))


def _roll(cluster: Cluster, process: Process, downtime: float) -> None:
    if process.up and _is_behind(cluster, process):
        cluster.restart(process, downtime)


def _poll_runtime(cluster: Cluster, process: Process, incarnation: int) -> None:
    if process.up and process.incarnation == incarnation:
        configure(cluster, process)


def configure(cluster: Cluster, process: Process) -> None:
    """Give each KV client what the runtime configuration says, as far as it is reached.

    A client that still waits for its restart has no multi KV and takes nothing.
    """
    for client in process.clients.values():
        mode, switched, mirror = MODES[phase_of(cluster, process, client.spec)]
        if client.mode != "multi" or mode != "multi":
            continue
        reached = reaches(cluster, client.spec.kv_name)
        primary = "memberlist" if switched and reached else cluster.external()
        if client.mirror != (mirror and reached):
            enabled = str(mirror and reached).lower()
            cluster.log(process, "info", "toggled mirroring", component="multikv", enabled=enabled)
        client.primary, client.mirror = primary, mirror and reached


def reaches(cluster: Cluster, kv_name: str) -> bool:
    """Whether the runtime switch reaches a client: in Cortex it may be the ingester's alone."""
    return "partial-mirroring" not in cluster.faults or kv_name.startswith("ingester-")
