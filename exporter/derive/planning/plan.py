"""The plan of a step, made only of one snapshot."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.derive.gate.rollback import is_mixed
from exporter.derive.gate.step_table import STEPS
from exporter.derive.planning.changes import (
    block_changes,
    gossip_changes,
    label_changes,
    seed_changes,
    wait_changes,
)
from exporter.derive.planning.present_settings import blocks_now, gossip_now, rings_now
from exporter.derive.planning.restarts import settle, spares, waves
from exporter.derive.planning.runtime_reach import reached
from exporter.derive.planning.wanted import FOLLOWING, INTO, Wanted, external_of
from exporter.model.facts import KeyFacts, Snapshot, TargetFacts
from exporter.model.findings import FindingKind
from exporter.model.gate import Step, Verdict
from exporter.model.migration import HA_TRACKER, LABELS, READ_WRITE, STORE, Migration
from exporter.model.pages import Phase, Product
from exporter.model.planning.plan import (
    IN_MULTI,
    BlockChange,
    BlockNow,
    Lost,
    Plan,
    Reached,
    Refusal,
    Route,
    Setting,
)
from exporter.products.kv_settings import HA_RING, SETTINGS, flags_of, has

FIRST = "preflight"
_SMALL = frozenset(
    {FindingKind.SMALL_VIEW, FindingKind.SMALL_COPY, FindingKind.JOINS_ITSELF, FindingKind.MEMBER_LIST_UNREAD}
)
UNFILLED = ""


def next_plans(snapshot: Snapshot) -> tuple[Plan, ...]:
    """The next step's plan of each migration under way; if there is none, of each that is not begun."""
    moving = [one for one in snapshot.migrations if one.is_under_way]
    chosen = moving or [one for one in snapshot.migrations if one.is_of_clients and not one.begun]
    chosen = chosen or [one for one in snapshot.migrations if one.name == STORE]
    plans = [plan_of(snapshot, one, next_step(one)) for one in chosen]
    able = [plan for plan in plans if plan.refused is not Refusal.RELEASE] or plans
    names = {plan.migration for plan in plans}
    further = [one for one in snapshot.migrations if one.name not in names]
    also = tuple(f"{one.name}/{due}" for one in further if (due := next_step(one)))
    return tuple(replace(plan, others=also) for plan in able)


def plans_of(snapshot: Snapshot, wanted: str = "") -> tuple[Plan, ...]:
    """The plans of `[MIGRATION][/STEP]`. A step without a migration gives the plan of each migration that has
    it next, else of the first that has it. Nothing where there is no such migration or step.
    """
    if not wanted:
        return next_plans(snapshot)
    name, _, step = wanted.rpartition("/")
    by_name = {one.name: one for one in snapshot.migrations}
    if not name and step in by_name:
        return (plan_of(snapshot, by_name[step], next_step(by_name[step])),)
    having = [
        one
        for one in snapshot.migrations
        if name in ("", one.name) and any(rule.name == step and rule.is_of(one) for rule in STEPS)
    ]
    due = [one for one in having if next_step(one) == step]
    return tuple(plan_of(snapshot, one, step) for one in due or having[:1])


def next_step(migration: Migration) -> str:
    """The step that is next: preflight where a migration has not begun."""
    return migration.next_step or (FIRST if migration.is_of_clients and not migration.begun else "")


def plan_of(snapshot: Snapshot, migration: Migration, step: str) -> Plan:
    """The plan of one step of one migration."""
    product = snapshot.fleet.product
    plan = Plan(
        migration=migration.name,
        step=step,
        product=product,
        versions=snapshot.fleet.versions,
        phase=migration.phase if migration.phase is not None else Phase.UNKNOWN,
        into=_into(migration, step),
        rollout=_rollout(migration),
        is_next=step == next_step(migration),
        back=migration.rollback.text,
        back_safe=migration.rollback.safe,
        unread=tuple(t.name for t in snapshot.targets if not t.up or t.config is None),
        restart_durations=tuple(t.away for t in snapshot.targets if t.away is not None),
        watched=FOLLOWING.get(step, ""),
        warnings=migration.warnings,
        risks=migration.risks,
    )
    plan = replace(_with_gate(plan, migration), gossip=gossip_now(snapshot.targets))
    refused = _refusal(snapshot, migration, plan)
    if refused is not None:
        return replace(plan, refused=refused)
    if migration.name == LABELS:
        return _of_labels(plan, snapshot)
    return _of_store(plan, snapshot) if migration.name == STORE else _of_clients(plan, snapshot, migration)


def _into(migration: Migration, step: str) -> Phase:
    """The phase that a step leads to: that of its rollout where one is in progress, which may go further."""
    into = INTO.get(step, Phase.UNKNOWN)
    begun = migration.rollout.into if migration.rollout is not None else into
    return max(into, begun) if step == next_step(migration) else into


def _rollout(migration: Migration) -> tuple[int, int] | None:
    return (migration.rollout.done, migration.rollout.processes) if migration.rollout else None


def _with_gate(plan: Plan, migration: Migration) -> Plan:
    """The plan with the result of its step's gate."""
    found: Step | None = next((one for one in migration.steps if one.name == plan.step), None)
    if found is None:
        return plan
    wrong = {check.id for check in found.checks if check.verdict is not Verdict.PASSED}
    begun = wrong == {f"clients-{plan.phase.label}"}
    return replace(plan, gate=found.answer, headline=found.headline, is_begun=begun)


def _refusal(snapshot: Snapshot, migration: Migration, plan: Plan) -> Refusal | None:
    """Why there is no plan: what is unknown is not guessed."""
    has_step = any(rule.name == plan.step and rule.is_of(migration) for rule in STEPS)
    clients = [c for t in snapshot.targets for c in t.clients if c.migration == migration.name]
    moves = migration.is_of_clients
    reasons = {
        Refusal.PART: snapshot.part is not None,
        Refusal.PRODUCT_UNKNOWN: plan.product is Product.UNKNOWN,
        Refusal.NO_LINES: migration.name == READ_WRITE,
        Refusal.NO_STEP: not has_step,
        Refusal.PRIMARIES_MIXED: moves and is_mixed(clients),
        Refusal.PHASE_UNKNOWN: moves and plan.phase is Phase.UNKNOWN,
    }
    found = next((reason for reason, applies in reasons.items() if applies), None)
    if found is None and not _is_able(plan, snapshot.targets, migration):
        return Refusal.RELEASE
    return found


def _is_able(plan: Plan, targets: Iterable[TargetFacts], migration: Migration) -> bool:
    """Whether the HA tracker of every process that runs one certainly has memberlist. A tracker that runs
    with `multi` shows it for all of its version.
    """
    if migration.name != HA_TRACKER:
        return True
    phases: dict[str, set[Phase]] = defaultdict(set)
    for target in targets:
        phases[target.version] |= {c.phase for c in target.clients if c.migration == HA_TRACKER}
    return all(
        max(shown) >= Phase.MULTI or _has_memberlist(plan.product, version)
        for version, shown in phases.items()
        if shown
    )


def _has_memberlist(product: Product, version: str) -> bool:
    row = flags_of(product, HA_RING, version)
    return row is not None and has(row.memberlist_since, "", version)


def _of_clients(plan: Plan, snapshot: Snapshot, migration: Migration) -> Plan:
    """A step that moves KV clients."""
    keys = [key for key in snapshot.keys if key.migration == migration.name]
    external = external_of(snapshot.targets, (key.key for key in keys))
    wanted = Wanted(plan.into, external)
    rings = reached(snapshot.targets, migration.name, plan.product, plan.into)
    fileless = _is_fileless(snapshot.targets, plan.product, rings)
    if fileless:
        rings = tuple(replace(one, route=Route.RESTART) for one in rings)
    found = block_changes(snapshot.targets, rings, wanted, plan.product)
    changes = tuple(change for change in found if change.block)
    changes = (*changes, *_beside(plan, snapshot.targets, rings, changes))
    by_runtime = [one for one in rings if one.route is Route.RUNTIME]
    now = blocks_now(snapshot.targets, snapshot.at, by_runtime)
    is_due = any(one.done < len(one.targets) for one in by_runtime)
    is_written = is_due and _is_written(wanted.runtime(), now, by_runtime)
    return replace(
        plan,
        external=external,
        reached=rings,
        rings=rings_now(snapshot.targets, rings, plan.product),
        runtime=MappingProxyType(wanted.runtime() if by_runtime else {}),
        runtime_due=is_due and not is_written,
        runtime_written=is_written,
        runtime_now=now,
        changes=changes,
        unplaced=tuple(sorted({name for one in found if not one.block for name in one.clients})),
        to_fill=_to_fill(changes),
        waves=waves(snapshot.targets, changes, snapshot.keys),
        at_once=plan.into is Phase.SWITCHED and bool(changes),
        together_safe=_is_safe_together(plan, migration),
        spare=spares(snapshot.keys, snapshot.targets, changes),
        runtime_seconds=_period(snapshot.targets, plan.product) if by_runtime else None,
        settle_seconds=settle(snapshot.keys),
        soak_seconds=max((step.soak for step in migration.steps), default=0.0),
        no_runtime_file=fileless,
        elsewhere=_elsewhere(plan, snapshot) if by_runtime else (),
        swept=_swept(plan, snapshot) if by_runtime else (),
        shortcut=_shortcut(plan, keys),
    )


def _elsewhere(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """The clients of other migrations that a reader of the runtime configuration may take for reached."""
    found = [one for one in _other_rings(plan, snapshot) if one.route is Route.RESTART]
    return tuple(sorted({client for one in found for client in one.clients}))


def _swept(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """The rings of other migrations that the same block switches."""
    moving = {c.key for t in snapshot.targets for c in t.clients if c.phase in IN_MULTI}
    return tuple(
        sorted(
            one.ring
            for one in _other_rings(plan, snapshot)
            if one.route is Route.RUNTIME and one.key in moving and one.done < len(one.targets)
        )
    )


def _other_rings(plan: Plan, snapshot: Snapshot) -> list[Reached]:
    names = [one.name for one in snapshot.migrations if one.is_of_clients and one.name != plan.migration]
    return [one for name in names for one in reached(snapshot.targets, name, plan.product, plan.into)]


def _beside(
    plan: Plan, targets: Iterable[TargetFacts], rings: Iterable[Reached], changes: Iterable[BlockChange]
) -> tuple[BlockChange, ...]:
    """What the processes need besides their stores: all of it in the first rollout, which every process has.
    In a later one, processes that restart with memberlist as primary need what keeps their rings complete.
    The switch itself has to be quick: no wait is added to it.
    """
    is_first = plan.step == FIRST
    if not is_first and plan.into < Phase.SWITCHED:
        return ()
    names = {name for one in (rings if is_first else changes) for name in one.targets}
    movers = [target for target in targets if target.name in names]
    gossip = gossip_changes(movers) if is_first else seed_changes(movers)
    return gossip if plan.into is Phase.SWITCHED else (*gossip, *wait_changes(movers, plan.product))


def _is_safe_together(plan: Plan, migration: Migration) -> bool:
    """Whether a process may switch all its rings in one restart: nothing shows that it would start with
    a small view. All rings are mixed at the same time then.
    """
    return plan.gate == "open" and not any(found.kind in _SMALL for found in migration.dangers)


def _to_fill(changes: Iterable[BlockChange]) -> tuple[str, ...]:
    found = (pair for change in changes for pair in change.settings.items())
    return tuple(dict.fromkeys(name for name, value in found if value in ((), UNFILLED)))


def _is_fileless(targets: Iterable[TargetFacts], product: Product, rings: Iterable[Reached]) -> bool:
    """Whether the runtime configuration would reach one of these rings, and every configuration page that was
    read names no file for it.
    """
    switch = SETTINGS[product].runtime
    files = [t.config.runtime_file for t in targets if t.up and t.config is not None]
    reaches = switch is not None and any(one.ring in switch.reaches for one in rings)
    return reaches and bool(files) and all(one is False for one in files)


def _period(targets: Iterable[TargetFacts], product: Product) -> float | None:
    """How long the runtime configuration takes to reach every process, seconds."""
    switch = SETTINGS[product].runtime
    periods = [t.config.runtime_period for t in targets if t.config and t.config.runtime_period]
    return max(periods, default=switch.period if switch is not None else None)


def _shortcut(plan: Plan, keys: Iterable[KeyFacts]) -> tuple[Lost, ...] | None:
    """The cost of the guide's short cut here: from the phase after this step it skips the next phases."""
    shortcut = SETTINGS[plan.product].shortcut
    if shortcut is None or plan.step not in (shortcut.step, "switch-primary"):
        return None
    lost = (
        Lost(key.key, key.size, len(key.secondary.missing_members) if key.secondary else None)
        for key in keys
        if key.kind != "ha" and key.size
    )
    return tuple(lost) or None


def _of_labels(plan: Plan, snapshot: Snapshot) -> Plan:
    labels = snapshot.gossip.labels if snapshot.gossip is not None else {}
    usual = Counter({label: len(names) for label, names in labels.items() if label}).most_common(1)
    changes = label_changes(snapshot.targets, plan.step, usual[0][0] if usual else UNFILLED)
    return replace(
        plan,
        changes=changes,
        to_fill=_to_fill(changes),
        waves=waves(snapshot.targets, changes, snapshot.keys),
        spare=spares(snapshot.keys, snapshot.targets, changes),
        settle_seconds=settle(snapshot.keys),
    )


def _of_store(plan: Plan, snapshot: Snapshot) -> Plan:
    """The end of the store: its blocks, and what is left in the runtime configuration."""
    external = external_of(snapshot.targets, ())
    rings = [r for t in snapshot.targets if t.config for r in t.config.rings.values()]
    kinds = {"consul": any(r.consul_host for r in rings), "etcd": any(r.etcd_endpoints for r in rings)}
    named = tuple(kind for kind, there in kinds.items() if there and kind in (external or kind))
    return replace(
        plan,
        external=external,
        removed=named,
        without_store=not snapshot.stores,
        clear_runtime=SETTINGS[plan.product].runtime is not None and not _is_clear(snapshot.targets),
        runtime_now=tuple(b for b in blocks_now(snapshot.targets, snapshot.at) if b.settings),
    )


def _is_written(wanted: Mapping[str, Setting], now: Iterable[BlockNow], rings: Iterable[Reached]) -> bool:
    """Whether the runtime configuration of every process that it reaches has this block already."""
    names = {name for ring in rings for name in ring.targets}
    having = {name for block in now if block.settings == wanted for name in block.targets}
    return bool(names) and names <= having


def _is_clear(targets: Iterable[TargetFacts]) -> bool:
    """Whether every runtime configuration was read and none has the block."""
    runtimes = [target.runtime for target in targets]
    return bool(runtimes) and all(one is not None and not one.is_set for one in runtimes)
