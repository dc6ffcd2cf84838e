"""The faults: what each does to the cluster when it is switched on, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from exporter.demo.simulation import phase_changes, read_write_migration
from exporter.demo.simulation.demo_settings import FAULTS, LABELS, READ_WRITE_FAULTS
from exporter.demo.simulation.gossip import Peer
from exporter.demo.simulation.process import Process
from exporter.demo.simulation.ring_values import Instance, Tokens

if TYPE_CHECKING:
    from exporter.demo.simulation.cluster import Cluster

FOREIGN_LABEL = "other"
SKEW = 90.0
FOREIGN_MEMBERS = ("tempo-ingester-0", "tempo-ingester-1")
FOREIGN_KEYS = ("collectors/ring", "collectors/metrics-generator")
FOREIGN_PERIOD = 5.0
REJECTION_PERIOD = 10.0
# The usual victim of each fault that has one, counted from the end of the list of processes.
_USUAL = {
    "crash": -1,
    "foreign-label": -1,
    "token-conflict": -1,
    "clobber": 0,
    "pages-hang": 1,
    "pages-rubbish": 2,
    "clock-skew": -2,
    "mirror-errors": 0,
    "unshipped-blocks": 0,
}


def switch(cluster: Cluster, name: str, *, on: bool, victim: str = "") -> None:
    """Switch one fault; a second switch the same way does nothing. `KeyError` for unknown names."""
    if name not in FAULTS and name not in READ_WRITE_FAULTS:
        raise KeyError(name)
    cluster.settings.check_fault(name)
    if on == (name in cluster.faults):
        return
    if on:
        cluster.victims[name] = cluster.process(victim).name if victim else _usual(cluster, name)
        cluster.faults.add(name)
    else:
        cluster.faults.discard(name)
    action = _ACTIONS.get(name)
    if action:
        action(cluster, on)
    if not on:
        cluster.victims.pop(name, None)


def _usual(cluster: Cluster, name: str) -> str:
    """The victim: by its place, or the first that the fault can work on."""
    fit = [process for process in cluster.deployed_now() if _fits(cluster, process, name)]
    if name not in _USUAL or not fit:
        return ""
    place = _USUAL[name]
    return fit[place if place < 0 else min(place, len(fit) - 1)].name if -place <= len(fit) else fit[0].name


def _fits(cluster: Cluster, process: Process, name: str) -> bool:
    if name in READ_WRITE_FAULTS:
        return read_write_migration.fits(cluster, process, name)
    if name == "token-conflict":
        return any(client.spec.kv_name == "ingester-lifecycler" for client in process.clients.values())
    if name in ("mirror-errors", "clobber"):
        return any(client.spec.period for client in process.clients.values())
    return True


def victim(cluster: Cluster, name: str) -> Process:
    """The process a fault works on."""
    return cluster.process(cluster.victims[name])


def group_of(cluster: Cluster, process: Process) -> str:
    """The gossip group a process belongs to: "" for the cluster, else its own or its half."""
    ours = (cluster.settings.gossip_label, *([""] if cluster.settings.moves(LABELS) else []))
    if process.label not in ours and process.verified:
        return f"label {process.label}"
    if cluster.is_victim(process, "clobber"):
        return "isolated"
    if "split" in cluster.faults and process.number >= len(cluster.processes) // 2:
        return "half"
    return ""


def _regroup(cluster: Cluster, on: bool) -> None:
    groups = {process.name: group_of(cluster, process) for process in cluster.processes}
    cluster.gossip.regroup(groups, cluster.now)


def _crash(cluster: Cluster, on: bool) -> None:
    process = victim(cluster, "crash")
    if on:
        cluster.stop(process, graceful=False)
    else:
        cluster.start(process)


def _foreign_label(cluster: Cluster, on: bool) -> None:
    process = victim(cluster, "foreign-label")
    process.label = FOREIGN_LABEL if on else cluster.settings.gossip_label
    if process.up:
        cluster.restart(process)
    if on:
        cluster.after(4.0, partial(_reject, cluster, process))


def _reject(cluster: Cluster, foreign: Process) -> None:
    """The foreign process tries to join a member, and a member gossips to it; both log the refusal."""
    if "foreign-label" not in cluster.faults:
        return
    others = [p for p in cluster.processes if p is not foreign and p.up and p.has_gossip]
    if others and foreign.up and foreign.has_gossip:
        other = others[cluster.random.randrange(len(others))]
        reject(cluster, other, foreign.label, f"{foreign.at.host}:{_ephemeral(cluster)}")
        reject(cluster, foreign, other.label, f"{other.at.host}:{_ephemeral(cluster)}")
    cluster.after(REJECTION_PERIOD * cluster.random.uniform(0.5, 1.5), partial(_reject, cluster, foreign))


def _ephemeral(cluster: Cluster) -> int:
    return cluster.random.randrange(32768, 60999)


def reject(cluster: Cluster, process: Process, label: str, source: str) -> None:
    """The one trace that a refused stream leaves."""
    cluster.log(process, "error", f'discarding stream with unacceptable label "{label}": from={source}')


def _merged(cluster: Cluster, on: bool) -> None:
    if on:
        for number, name in enumerate(FOREIGN_MEMBERS):
            cluster.gossip.foreign[name] = Peer(
                f"{name}-5f{number}e8c1a", cluster.settings.host, 17946 + number
            )
        _foreign_heartbeats(cluster)
    else:
        cluster.gossip.foreign.clear()


def _foreign_heartbeats(cluster: Cluster) -> None:
    if "conjoined" not in cluster.faults:
        return
    for key in FOREIGN_KEYS:
        members = {
            name: _foreign_member(cluster, name, number) for number, name in enumerate(FOREIGN_MEMBERS)
        }
        cluster.gossip.broadcast("", key, members, cluster.now)
    cluster.after(FOREIGN_PERIOD, partial(_foreign_heartbeats, cluster))


def _foreign_member(cluster: Cluster, name: str, number: int) -> Instance:
    tokens = Tokens(tuple(range(number * 17 + 5, 1 << 32, 1 << 25))[: cluster.settings.tokens])
    address = f"{cluster.settings.host}:{19095 + number}"
    return Instance(name, address, int(cluster.now), int(cluster.began), tokens=tokens)


def _store_down(cluster: Cluster, on: bool) -> None:
    cluster.store.down = on


def _clobber(cluster: Cluster, on: bool) -> None:
    process = victim(cluster, "clobber")
    if process.up:
        cluster.restart(process)


def _pages(cluster: Cluster, on: bool, name: str, attribute: str) -> None:
    setattr(victim(cluster, name), attribute, on)


def _verification(cluster: Cluster, on: bool) -> None:
    chosen = cluster.victims["verification-off"]
    for process in cluster.processes:
        if process.name == chosen or not chosen:
            process.verified = not on
    _regroup(cluster, on)


def _skew(cluster: Cluster, on: bool) -> None:
    victim(cluster, "clock-skew").skew = SKEW if on else 0.0


def _roll(cluster: Cluster, on: bool) -> None:
    cluster.roll()


def _reconfigure(cluster: Cluster, on: bool) -> None:
    for process in cluster.processes:
        phase_changes.configure(cluster, process)


_ACTIONS: dict[str, Callable[[Cluster, bool], None]] = {
    "partial-mirroring": _reconfigure,
    "crash": _crash,
    "foreign-label": _foreign_label,
    "conjoined": _merged,
    "split": _regroup,
    "store-down": _store_down,
    "clobber": _clobber,
    "pages-hang": partial(_pages, name="pages-hang", attribute="hangs"),
    "pages-rubbish": partial(_pages, name="pages-rubbish", attribute="rubbish"),
    "clock-skew": _skew,
    "verification-off": _verification,
    "zone-too-soon": read_write_migration.too_soon,
    "store-gateways-stay": _roll,
    "remote-evaluation-on": _roll,
}
