"""The way from phase to phase, as real clusters take it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

from exporter.demo.simulation import read_write_migration
from exporter.demo.simulation.demo_settings import LABELS, READ_WRITE, RINGS, DemoSettings
from exporter.demo.simulation.process import MODES, Client, Process
from exporter.demo.simulation.products import HA, ClientSpec
from exporter.model.pages import Phase

if TYPE_CHECKING:
    from exporter.demo.simulation.cluster import Cluster

RUNTIME_PERIOD = 2.0
DOWNTIME = 3.0
QUICK = 1.0  # between two restarts while primaries are mixed
BLOCK_EVERY = 120.0  # seconds from one ring's switch to the next: with less, each process restarts too often


# The rollouts of a label: whether it is set, and whether it is verified.
LABEL_STAGES = ((False, True), (False, False), (True, False), (True, True))
LABEL_NAMES = ("unlabelled", "open", "labelled", "enforced")


def begin(settings: DemoSettings) -> dict[str, Phase]:
    """The first phases of the rings and of the HA tracker. What does not move in the course is on memberlist;
    but while the rings move, a tracker that does not stays on the store.
    """
    course = settings.course
    found = {
        RINGS: Phase.EXTERNAL if settings.moves(RINGS) else Phase.MEMBERLIST,
        HA: Phase.EXTERNAL if settings.moves(RINGS) or settings.moves(HA) else Phase.MEMBERLIST,
    }
    first = max(settings.start_phase, course.begins)
    return found | {name: first for name in course.legs[0] if name in found}


def go_on(cluster: Cluster) -> None:
    """The timer of the course: one step on, until the last."""
    if cluster.blocks_left or next_step(cluster):
        cluster.after(cluster.settings.pause_of(leg_of(cluster)), partial(go_on, cluster))


def leg_of(cluster: Cluster) -> tuple[str, ...]:
    """What moves now: the first leg of the course that is not at its end, else the last one."""
    legs = cluster.settings.course.legs
    return next((leg for leg in legs if not all(is_done(cluster, name) for name in leg)), legs[-1])


def stages_left(cluster: Cluster, migration: str) -> list[str]:
    """The names of the stages of a migration, from the present one to the last one."""
    if migration == LABELS:
        return [*LABEL_NAMES[cluster.label_stage :]]
    if migration == READ_WRITE:
        return [stage.name for stage in read_write_migration.STAGES[cluster.mode_stage :]]
    return [phase.label for phase in MODES if phase >= cluster.phases[migration]]


def is_done(cluster: Cluster, migration: str) -> bool:
    """Whether a migration is at its last step."""
    return len(stages_left(cluster, migration)) == 1


def next_step(cluster: Cluster, migration: str = "") -> bool:
    """One step on: of each migration that moves now, or of this one. `KeyError`: no such migration."""
    if migration and not cluster.settings.moves(migration):
        raise KeyError(migration)
    names = [name for name in ([migration] if migration else leg_of(cluster)) if not is_done(cluster, name)]
    for name in names:
        if name == LABELS:
            cluster.label_stage += 1
        elif name == READ_WRITE:
            cluster.mode_stage += 1
            read_write_migration.enter(cluster)
    if names:
        change(cluster, {n: Phase(cluster.phases[n] + 1) for n in names if n in cluster.phases})
    return bool(names)


def change(cluster: Cluster, phases: Mapping[str, Phase]) -> None:
    """Configure migrations for other phases. Without a runtime configuration the primary is switched as in
    the plan: one ring's block after another, all its processes quickly.
    """
    by_block = {name for name, phase in phases.items() if _is_by_block(cluster, cluster.phases[name], phase)}
    for place, keys in enumerate(_blocks(cluster, by_block)):
        cluster.blocks_left |= {key: cluster.phases[HA if key == HA else RINGS] for key in keys}
        cluster.after(place * BLOCK_EVERY, partial(_switch_block, cluster, keys))
    cluster.phases |= phases
    go(cluster)


def _is_by_block(cluster: Cluster, before: Phase, phase: Phase) -> bool:
    old, new = MODES[before], MODES[phase]
    return not cluster.settings.runtime_config and old[0] == new[0] == "multi" and old[1] != new[1]


def _blocks(cluster: Cluster, migrations: Collection[str]) -> list[list[str]]:
    """The keys of these migrations, by the block that their store is set in: Loki's is common to all."""
    specs = (client.spec for process in cluster.processes for client in process.clients.values())
    keys = sorted({spec.key for spec in specs if (HA if spec.key == HA else RINGS) in migrations})
    if cluster.settings.product == "loki":
        return [keys] if keys else []
    return [[key] for key in keys]


def _switch_block(cluster: Cluster, keys: list[str]) -> None:
    for key in keys:
        cluster.blocks_left.pop(key, None)
    go(cluster, QUICK)


def moving(cluster: Cluster) -> list[str]:
    """The migrations of KV clients that move now."""
    return [name for name in leg_of(cluster) if name in cluster.phases]


def phase_of(cluster: Cluster, process: Process, spec: ClientSpec) -> Phase:
    """The phase one KV client is configured for. A client that does not move stays where it is, and so does a
    client with a block that is not switched yet.
    """
    if spec.key in cluster.blocks_left:
        return cluster.blocks_left[spec.key]
    name = HA if spec.key == HA else RINGS
    return wanted(cluster, process, name) if cluster.settings.moves(name) else cluster.phases[name]


def labelled(cluster: Cluster, process: Process) -> tuple[str, bool]:
    """The label a process is configured for, and whether it verifies it."""
    if not cluster.settings.moves(LABELS) or cluster.is_victim(process, "foreign-label"):
        return process.label, process.verified
    is_set, verified = LABEL_STAGES[cluster.label_stage]
    return cluster.settings.gossip_label if is_set else "", verified


def _is_behind(cluster: Cluster, process: Process) -> bool:
    """Whether a process has to restart for its configuration."""
    moved = any(_differs(cluster, process, client) for client in process.clients.values())
    modes = (process.unregisters, process.remote_evaluation)
    changed = read_write_migration.configured(cluster, process) != modes
    return moved or changed or labelled(cluster, process) != (process.label, process.verified)


def _differs(cluster: Cluster, process: Process, client: Client) -> bool:
    """Whether a restart is enough to bring a KV client to its phase."""
    mode, switched, mirror = MODES[phase_of(cluster, process, client.spec)]
    if client.mode != mode or cluster.settings.runtime_config or mode != "multi":
        return client.mode != mode
    return (client.primary == "memberlist", client.mirror) != (switched, mirror)


def wanted(cluster: Cluster, process: Process, migration: str = "") -> Phase:
    """The phase a process is configured for; with `clobber` one of them is far ahead."""
    if cluster.is_victim(process, "clobber"):
        return Phase.SWITCHED
    return cluster.phases[migration] if migration else cluster.phase


def go(cluster: Cluster, gap: float = 0.0) -> None:
    """Bring every process to its configured phase: by a rolling restart, or the runtime configuration."""
    rolling = [p for p in cluster.processes if p.up and _is_behind(cluster, p)]
    within = cluster.settings.phase_duration * 0.6 / max(1, len(rolling))
    gap = gap or cluster.settings.restart_every or max(0.1, min(5.0, within))
    for place, process in enumerate(rolling):
        cluster.after(place * gap, partial(_roll, cluster, process, min(DOWNTIME, gap)))
    for process in cluster.processes if cluster.settings.runtime_config else ():
        delay = cluster.random.uniform(0.2, RUNTIME_PERIOD)
        cluster.after(delay, partial(_poll_runtime, cluster, process, process.incarnation))


def _roll(cluster: Cluster, process: Process, downtime: float) -> None:
    if process.up and _is_behind(cluster, process):
        cluster.restart(process, downtime)


def _poll_runtime(cluster: Cluster, process: Process, incarnation: int) -> None:
    if process.up and process.incarnation == incarnation:
        configure(cluster, process)


def configure(cluster: Cluster, process: Process) -> None:
    """Give each KV client the values of the runtime configuration, as far as it is reached. Without one, a
    process that starts takes the file's values.

    A client that still waits for its restart has no multi KV and takes nothing.
    """
    process.block = _block(cluster, process)
    for client in process.clients.values():
        mode, switched, mirror = MODES[phase_of(cluster, process, client.spec)]
        if client.mode != "multi" or mode != "multi":
            continue
        reached = reaches(cluster, client.spec.kv_name)
        primary = "memberlist" if switched and reached else cluster.settings.store
        if client.mirror != (mirror and reached) and cluster.settings.runtime_config:
            enabled = str(mirror and reached).lower()
            cluster.log(process, "info", "toggled mirroring", component="multikv", enabled=enabled)
        client.primary, client.mirror = primary, mirror and reached


def _block(cluster: Cluster, process: Process) -> tuple[str, bool] | None:
    """`multi_kv_config` as the file of a process has it. It stays there while any client follows it."""
    if not cluster.settings.runtime_config:
        return None
    mode, switched, mirror = MODES[wanted(cluster, process)]
    if mode == "memberlist":
        return ("memberlist", False)
    multi = mode == "multi" and not reaches(cluster, "compactor-lifecycler")
    primary = "memberlist" if switched else cluster.settings.store
    return (primary, mirror) if mode == "multi" and (switched or mirror or multi) else None


def block_shown(cluster: Cluster, process: Process) -> tuple[str, bool] | None:
    """The block that a process has loaded; it is taken out once no client anywhere has multi."""
    others = (client.mode for one in cluster.processes for client in one.clients.values())
    done = MODES[wanted(cluster, process)][0] == "memberlist" and "multi" not in others
    return None if done else process.block


def reaches(cluster: Cluster, kv_name: str) -> bool:
    """Whether the runtime switch reaches a client: in Cortex it may reach only the ingester's."""
    return "partial-mirroring" not in cluster.faults or kv_name.startswith("ingester-")
