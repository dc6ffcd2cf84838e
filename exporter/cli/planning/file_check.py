"""`kvmigration plan --check FILE`: which lines of an edited file are missing, and which would do harm."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from exporter.cli.planning.edited_file_reader import SWITCH, EditedFile, Tree, at, entries, scalar, stores
from exporter.expose.plan.shapes import ChangeOut, PlanOut, RingNowOut
from exporter.expose.plan.snippets import FILL_IN
from exporter.expose.wording.planning.edited_files import Fault, sentence
from exporter.model.pages import Phase

GOSSIP: Final = "memberlist"
STORE_KEYS: Final = frozenset({"store", "prefix", "consul", "etcd", "multi", "dynamodb"})
MULTI_KEYS: Final = frozenset({"primary", "secondary", "mirror_enabled", "mirror_timeout"})
MISNAMED: Final = {"abort_if_join_fails": "abort_if_cluster_join_fails"}  # as Cortex's guide has it
SWITCH_KEYS: Final = frozenset({"primary", "mirror_enabled"})
_WAIT: Final = re.compile(r"([0-9.]+(ms|s|m|h))+")
_SWITCHED: Final = frozenset({"switched", "detached", GOSSIP})
_MIRRORED: Final = frozenset({"mirroring", "switched"})
_PHASES: Final = [phase.label for phase in Phase]


@dataclass(frozen=True, slots=True)
class FileFault:
    """One fault, at a line of the file; 0 where the line is not there."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class PathFault:
    """One fault before its line is determined."""

    path: str
    fault: Fault
    value: str = ""
    wanted: str = ""


def faults(file: EditedFile, plans: tuple[PlanOut, ...]) -> tuple[FileFault, ...]:
    """Everything that is wrong with a file, in the order of its lines; what is missing comes last."""
    found: list[FileFault] = []
    for part, findings in ((file.static, _static), (file.runtime, _runtime)):
        if part is not None:
            for one in _first(findings(part.tree, plans)):
                there = at(part.tree, one.path) is not None
                line = part.line(one.path) if there else 0
                found.append(FileFault(line, sentence(one.path, one.fault, one.value, one.wanted)))
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (one.line or 1 << 30, one.text)))


def unreached(file: EditedFile, plans: Iterable[PlanOut]) -> tuple[str, ...]:
    """The rings of the plans that a runtime configuration by itself does not change."""
    reached = [ring for plan in plans for ring in plan.reached]
    left = {ring.ring for ring in reached if ring.route == "restart" and ring.done < ring.targets}
    return tuple(sorted(left)) if file.static is None else ()


def _first(findings: Iterable[PathFault]) -> Iterable[PathFault]:
    """One finding a path. Findings that do harm come first; they also name what is missing."""
    found: dict[str, PathFault] = {}
    for one in findings:
        found.setdefault(one.path, one)
    return found.values()


def _static(tree: Tree, plans: tuple[PlanOut, ...]) -> Iterator[PathFault]:
    yield from (PathFault(path, Fault.NOT_STATIC) for path, _ in entries(tree, SWITCH))
    rings = _by_block(ring for plan in plans for ring in plan.rings)
    step = {block: plan for plan in plans for ring in plan.rings for block in ring.blocks}
    for block, kvstore in stores(tree):
        yield from _store(f"{block}.kvstore", kvstore)
        if (ring := rings.get(block)) is not None:
            yield from _against(f"{block}.kvstore", kvstore, ring, step[block])
    yield from _gossip(tree, plans)
    yield from _missing(tree, plans)
    yield from _unfilled(tree)


def _by_block(rings: Iterable[RingNowOut]) -> dict[str, RingNowOut]:
    """The ring of each block. Rings that share a block, as below Loki's common block, are joined: no primary
    where theirs differ, and every prefix.
    """
    found: dict[str, RingNowOut] = {}
    for ring in rings:
        for block in ring.blocks:
            other = found.get(block)
            found[block] = ring if other is None else _joined(other, ring)
    return found


def _joined(one: RingNowOut, other: RingNowOut) -> RingNowOut:
    by_runtime = "runtime" in {one.route, other.route}
    return msgspec.structs.replace(
        one,
        route="runtime" if by_runtime else one.route,
        primary=one.primary if one.primary == other.primary else "",
        phase=min(one.phase, other.phase, key=_PHASES.index),
        prefixes=tuple(sorted({*one.prefixes, *other.prefixes})),
    )


def _store(path: str, kvstore: Tree) -> Iterator[PathFault]:
    """Settings with which a process refuses to start."""
    if GOSSIP in kvstore:
        yield PathFault(f"{path}.{GOSSIP}", Fault.NO_SUCH_BLOCK)
    yield from _unknown(path, kvstore, STORE_KEYS | {GOSSIP})
    multi = kvstore.get("multi")
    if isinstance(multi, Mapping):
        yield from _unknown(f"{path}.multi", multi, MULTI_KEYS)
        if kvstore.get("store") == "multi":
            yield from _pair(f"{path}.multi", multi)


def _unknown(path: str, block: Tree, keys: Container[str]) -> Iterator[PathFault]:
    return (PathFault(f"{path}.{name}", Fault.UNKNOWN_KEY) for name in block if name not in keys)


def _pair(path: str, multi: Tree) -> Iterator[PathFault]:
    """The two stores of a `multi` client."""
    for name in ("primary", "secondary"):
        if name in multi and not multi[name]:
            yield PathFault(f"{path}.{name}", Fault.STORE_UNSET)
        elif multi.get(name) == "multi":
            yield PathFault(f"{path}.{name}", Fault.STORE_NESTED)
    secondary = multi.get("secondary")
    if secondary and secondary == multi.get("primary"):
        yield PathFault(f"{path}.secondary", Fault.SECONDARY_IS_PRIMARY, _shown(secondary))


def _against(path: str, kvstore: Tree, ring: RingNowOut, plan: PlanOut) -> Iterator[PathFault]:
    """Settings that do harm while running processes are in another state."""
    store, multi, into = scalar(kvstore, "store"), kvstore.get("multi"), plan.into
    if store == GOSSIP and GOSSIP not in {into, ring.phase}:
        yield PathFault(f"{path}.store", Fault.TOO_EARLY, wanted=ring.phase)
    if store not in {None, "multi", GOSSIP}:
        if ring.phase in _SWITCHED:
            yield PathFault(f"{path}.store", Fault.BACK_TO_STORE, _shown(store))
        elif ring.phase in {"multi", "mirroring"}:
            yield PathFault(f"{path}.store", Fault.OUT_OF_MULTI, _shown(store), ring.phase)
    if isinstance(multi, Mapping) and store != GOSSIP:
        yield from _against_multi(f"{path}.multi", multi, ring, plan)
    prefix = scalar(kvstore, "prefix")
    if prefix is not None and ring.prefixes and prefix not in ring.prefixes:
        yield PathFault(f"{path}.prefix", Fault.PREFIX, _shown(prefix), " and ".join(ring.prefixes))


def _against_multi(path: str, multi: Tree, ring: RingNowOut, plan: PlanOut) -> Iterator[PathFault]:
    """The same of the two stores. The runtime configuration overrides the file for the clients it reaches."""
    primary, into, by_file = scalar(multi, "primary"), plan.into, ring.route == "restart"
    switches = primary == GOSSIP and ring.primary not in {"", GOSSIP} and not (by_file and into == "switched")
    returns = primary not in {None, "", GOSSIP} and ring.primary == GOSSIP and by_file
    if switches or returns:
        yield PathFault(f"{path}.primary", Fault.PRIMARY_IN_FILE, _shown(primary), ring.primary)
    stores = {plan.external, GOSSIP}
    for name in ("primary", "secondary") if plan.external else ():
        value = scalar(multi, name)
        if value and value not in stores:
            wanted = " and ".join(sorted(stores))
            yield PathFault(f"{path}.{name}", Fault.RUNTIME_STORE, _shown(value), wanted)
    ends = multi.get("mirror_enabled") is False and ring.phase in _MIRRORED and into in _MIRRORED
    if ends and by_file:
        fault = Fault.TWO_STEPS if primary == GOSSIP != ring.primary else Fault.MIRROR_OFF
        yield PathFault(f"{path}.mirror_enabled", fault, "false")


def _gossip(tree: Tree, plans: tuple[PlanOut, ...]) -> Iterator[PathFault]:
    """Seeds, and the label in its own three rollouts."""
    block = tree.get(GOSSIP)
    if not isinstance(block, Mapping):
        return
    for name, right in MISNAMED.items():
        if name in block:
            yield PathFault(f"memberlist.{name}", Fault.MISNAMED, wanted=right)
    if "join_members" in block and not block["join_members"]:
        yield PathFault("memberlist.join_members", Fault.NO_SEEDS)
    if block.get("abort_if_cluster_join_fails") is True:
        yield PathFault("memberlist.abort_if_cluster_join_fails", Fault.ABORTS)
    now = plans[0].gossip
    label = scalar(block, "cluster_label")
    is_open = block.get("cluster_label_verification_disabled") is True
    if label is None or not now.labels or label in now.labels:
        return
    if set(now.labels) == {""} and (now.verifies or not is_open):
        yield PathFault("memberlist.cluster_label", Fault.LABEL_AND_VERIFICATION)
    elif set(now.labels) != {""}:
        named = " and ".join(name for name in now.labels if name)
        yield PathFault("memberlist.cluster_label", Fault.LABEL_DIFFERS, _shown(label), named)


def _missing(tree: Tree, plans: tuple[PlanOut, ...]) -> Iterator[PathFault]:
    """The lines of the plans that the file lacks or has with another value. Where blocks change one after
    another, one changed block is enough, of whichever plan.
    """
    in_turn = [tuple(_left(tree, c)) for plan in plans if plan.at_once for c in plan.changes if c.ring]
    for findings in in_turn if all(in_turn) else ():
        yield from findings
    for plan in plans:
        for change in plan.changes:
            if not (plan.at_once and change.ring):
                yield from _left(tree, change)


def _left(tree: Tree, change: ChangeOut) -> Iterator[PathFault]:
    for path, wanted in change.settings.items():
        value = at(tree, path)
        unset = wanted == "" or isinstance(wanted, tuple)
        if value is None:
            yield PathFault(path, Fault.MISSING, wanted=FILL_IN if unset else _shown(wanted))
        elif _is_quoted(value, wanted):
            yield PathFault(path, Fault.QUOTED, value)
        elif not unset and not _is_same(value, wanted) and not _is_as_long(value, wanted):
            yield PathFault(path, Fault.DIFFERENT, _shown(value), _shown(wanted))


def _is_same(value: Any, wanted: Any) -> bool:
    """Whether a value is as the plan has it: 1 is no switch."""
    return bool(value == wanted) and isinstance(value, bool) is isinstance(wanted, bool)


def _is_quoted(value: Any, wanted: Any) -> bool:
    """Whether text stands where a switch belongs."""
    return isinstance(value, str) and isinstance(wanted, bool) and value.lower() in {"true", "false"}


def _is_as_long(value: Any, wanted: Any) -> bool:
    """Whether both are times that a process waits for: the reader may choose another one than the plan's."""
    return all(_WAIT.fullmatch(str(one)) and re.search("[1-9]", str(one)) for one in (value, wanted))


def _unfilled(tree: Tree, path: str = "") -> Iterator[PathFault]:
    for name, value in tree.items():
        here = f"{path}.{name}" if path else str(name)
        if isinstance(value, Mapping):
            yield from _unfilled(value, here)
        elif value == FILL_IN or (isinstance(value, list | tuple) and FILL_IN in value):
            yield PathFault(here, Fault.FILL_IN)


def _runtime(tree: Tree, plans: tuple[PlanOut, ...]) -> Iterator[PathFault]:
    """The runtime configuration against what the steps need."""
    of_clients = [plan for plan in plans if plan.rings]
    lead = next((plan for plan in of_clients if plan.runtime), next(iter(of_clients), None))
    nested = (path for path, _ in entries(tree, SWITCH) if path != SWITCH)
    yield from (PathFault(path, Fault.NOT_AT_THE_TOP) for path in nested)
    switch = tree.get(SWITCH)
    block: Tree = switch if isinstance(switch, Mapping) else {}
    yield from _unknown(SWITCH, block, SWITCH_KEYS)
    if lead is not None:
        yield from _switch_harms(block, lead)
        yield from _switch_missing(block, lead)


def _switch_harms(switch: Tree, plan: PlanOut) -> Iterator[PathFault]:
    """What the runtime configuration would switch too early, or back."""
    primary, mirror = scalar(switch, "primary"), scalar(switch, "mirror_enabled")
    known = {plan.external, GOSSIP}
    if primary and plan.external and primary not in known:
        yield PathFault(
            f"{SWITCH}.primary", Fault.RUNTIME_STORE, _shown(primary), " and ".join(sorted(known))
        )
    if primary == GOSSIP and plan.phase in {"external", "multi"}:
        yield PathFault(f"{SWITCH}.primary", Fault.RUNTIME_AHEAD, GOSSIP)
    if primary == plan.external and plan.phase in {"switched", "detached"}:
        yield PathFault(f"{SWITCH}.primary", Fault.BACK_TO_STORE, _shown(primary))
    if mirror is False and plan.phase == "mirroring":
        fault = Fault.TWO_STEPS if primary == GOSSIP else Fault.MIRROR_OFF
        yield PathFault(f"{SWITCH}.mirror_enabled", fault, "false")


def _switch_missing(switch: Tree, plan: PlanOut) -> Iterator[PathFault]:
    """What the step needs of the runtime configuration. The external store is the primary by the file."""
    for name, wanted in plan.runtime.items() if plan.runtime_due else ():
        value = scalar(switch, name)
        if not value and value is not False and wanted != plan.external:
            yield PathFault(f"{SWITCH}.{name}", Fault.MISSING, wanted=_shown(wanted))
        elif _is_quoted(value, wanted):
            yield PathFault(f"{SWITCH}.{name}", Fault.QUOTED, value)
        elif value not in {None, ""} and not _is_same(value, wanted):
            yield PathFault(f"{SWITCH}.{name}", Fault.DIFFERENT, _shown(value), _shown(wanted))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value) or '""'
