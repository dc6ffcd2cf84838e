"""The sentences of a plan: what to change, what restarts, what to watch, and how to roll back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from exporter.expose.wording.durations import read_ago
from exporter.expose.wording.lists import Number, few, first
from exporter.expose.wording.planning import plan_restarts
from exporter.model.migration import HA_TRACKER
from exporter.model.pages import Phase
from exporter.model.planning.plan import BY_RUNTIME, BlockChange, BlockNow, Plan, Reached, Refusal, Route
from exporter.products.kv_settings import SETTINGS

SHOWN: Final = 6
REFUSALS: Final[Mapping[Refusal, str]] = {
    Refusal.NO_STEP: "No step is next in this migration.",
    Refusal.PRODUCT_UNKNOWN: "The product is unknown. Name it with product in the configuration.",
    Refusal.PHASE_UNKNOWN: "The phase is unknown: no writing KV client shows one. "
    "Let the exporter read /metrics of every process.",
    Refusal.PRIMARIES_MIXED: "Primaries are mixed. Take no step.",
    Refusal.RELEASE: "Unknown for this release: an HA tracker with memberlist. It needs Mimir 2.17 or "
    "Cortex 1.21, and a build that shows its version. docs/ha-tracker.md#versions",
    Refusal.PART: "This exporter is one shard of several and reads a part of the processes. "
    "Run plan with --config.file: it reads all of them.",
    Refusal.NO_LINES: "This migration changes deployments and no line of a KV store. docs/read-write.md has "
    "its steps.",
}
LASTING: Final[Mapping[str, str]] = {
    "preflight": "Nothing. No client reads or writes memberlist yet.",
    "enable-mirroring": "Members that are copied stay in the gossip until they leave or are forgotten, even "
    "after mirroring is off again.",
    "switch-primary": "Nothing, while mirroring stays on and the store has every key and member.",
    "disable-mirroring": "The fast way back ends: the external store is stale from here on.",
    "remove-multi": "No runtime switch reaches these processes any more. To roll back needs a rollout.",
    "decommission-store": "Data of the external store that is deleted is lost. Keep it until you are sure.",
    "set-label": "Nothing, while every process has verification off.",
    "enforce-label": "Nothing. A process without the label is isolated until it has the label.",
}
BACK: Final[Mapping[str, str]] = {
    "preflight": "Restart the processes with store: {external} and without the multi block.",
    "enable-mirroring": "Set mirror_enabled: false again in the same place. The external store stays the "
    "primary.",
    "switch-primary": "Set primary: {external} with mirror_enabled: true, in one change for all clients. "
    "kvmigration status shows whether the store is complete.",
    "disable-mirroring": "Set mirror_enabled: true again and wait until the store has every key and member. "
    "Only then set primary: {external}.",
    "remove-multi": "Restart with store: multi, primary: memberlist, secondary: {external} and "
    "mirror_enabled: true. Wait until the store has every key and member, then switch.",
    "decommission-store": "Start the store again, with its data. The data is stale: follow the way back of "
    "remove-multi, which fills the store anew.",
    "set-label": "Restart without the label while verification is off everywhere.",
    "enforce-label": "Set cluster_label_verification_disabled: true and restart.",
}
WITHOUT_STORE: Final = (
    "The configuration has no store under stores. If the external store has stopped already, this migration "
    "has ended."
)
# Where no client of the migration follows a runtime configuration.
SWITCH_BACK_BY_FILE: Final = (
    "Set primary: {external}, secondary: memberlist and mirror_enabled: true in the file, one block after "
    "another: restart all its processes quickly. kvmigration status shows whether the store is complete."
)
GUIDES: Final[Mapping[str, str]] = {
    "preflight": "docs/ring.md#step-1-preflight; lines A1, B1 and C1 of docs/guides.md",
    "enable-mirroring": "docs/ring.md#step-2-enable-mirroring; lines A1, B2 and C2 of docs/guides.md",
    "switch-primary": "docs/ring.md#step-3-switch-primary; lines B3 and C3 of docs/guides.md",
    "disable-mirroring": "docs/ring.md#step-4-disable-mirroring; line B4 of docs/guides.md",
    "remove-multi": "docs/ring.md#step-5-remove-multi; lines A5, B5 and C4 of docs/guides.md",
    "decommission-store": "docs/ring.md#step-6-decommission-store; lines A6, B6 and C5 of docs/guides.md",
    "set-label": "docs/labels.md#rolling-out; line C6 of docs/guides.md",
    "enforce-label": "docs/labels.md#rolling-out; line C6 of docs/guides.md",
}
_EARLIER = (
    "Give every process such a file in this rollout, without multi_kv_config. The file can then switch the "
    "primary of the rings that it reaches, without a restart.",
)
# What to do about a runtime configuration that no process reads.
FILELESS: Final[Mapping[str, tuple[str, ...]]] = {
    "preflight": _EARLIER,
    "enable-mirroring": _EARLIER,
    "switch-primary": (
        "Safer: give every process such a file in a rollout before this step, without multi_kv_config. Then "
        "run kvmigration plan again. Running processes then switch the rings that it reaches within seconds.",
    ),
}
# The steps of the HA tracker have a page of their own.
TRACKER_GUIDES: Final[Mapping[str, str]] = {
    "preflight": "docs/ha-tracker.md#step-1-preflight; lines B0 and B1 of docs/guides.md",
    "enable-mirroring": "docs/ha-tracker.md#step-2-enable-mirroring; line B2 of docs/guides.md",
    "switch-primary": "docs/ha-tracker.md#step-3-switch-primary; line B3 of docs/guides.md",
    "disable-mirroring": "docs/ha-tracker.md#step-4-disable-mirroring; line B4 of docs/guides.md",
    "remove-multi": "docs/ha-tracker.md#step-5-remove-multi; line B5 of docs/guides.md",
}
FILLED_WITH: Final[Mapping[str, str]] = {
    "memberlist.join_members": "the headless service of all members",
    "memberlist.cluster_label": "a name that no other cluster has",
}


def refusal(plan: Plan) -> str:
    """Why there is no plan, "" where there is one."""
    if plan.refused is Refusal.PRIMARIES_MIXED:
        return f"{REFUSALS[plan.refused]} To roll back: {plan.back}"
    return REFUSALS[plan.refused] if plan.refused is not None else ""


def now(plan: Plan) -> list[str]:
    """Whether the step may be taken at all."""
    sentences = [f"Warning: {warning}" for warning in _some(plan.warnings, 3)]
    sentences += [f"Risk: {risk}" for risk in _some(plan.risks, 2)]
    if not plan.is_next:
        sentences.append("This step is not the next one. Take the steps in their order.")
    if plan.rollout is not None:
        done, processes = plan.rollout
        sentences.append(
            f"A rollout is in progress: {done} of {processes} processes are in {plan.into.label}."
        )
    if plan.gate != "open" and plan.is_begun:
        sentences.append(
            "This step was taken for some clients already, and nothing else closes its gate: finish it."
        )
    elif plan.gate != "open":
        sentences.append(
            f"Do not take this step yet: its gate is {plan.gate}. "
            f"Run kvmigration check {plan.migration}/{plan.step} for the reasons."
        )
    if plan.without_store:
        sentences.append(WITHOUT_STORE)
    if plan.unread:
        sentences.append(
            f"{Number(len(plan.unread)): processes} not read: {few(plan.unread, SHOWN)}. "
            "What their configuration needs is not in this plan."
        )
    return sentences


def runtime(plan: Plan) -> list[str]:
    """What the runtime configuration reaches, and what of it is so already."""
    reached = [one for one in plan.reached if one.route is Route.RUNTIME]
    if plan.no_runtime_file:
        return [
            "No process reads a runtime configuration file (runtime_config.file is empty).",
            *FILELESS.get(plan.step, ()),
        ]
    if not reached:
        return []
    sentences = _reached(reached)
    if plan.elsewhere:
        sentences.append(
            f"Not reached by it: {', '.join(plan.elsewhere)}. These clients are of another migration and "
            "need a restart there."
        )
    if plan.swept:
        sentences.append(f"The same block switches other migrations too: {', '.join(plan.swept)}.")
    sentences += [_block_now(block) for block in plan.runtime_now]
    if plan.runtime_written:
        return [
            *sentences,
            "Nothing to change: the block has these values already, and some clients do not follow it yet. "
            "Wait for one reload, then read their logs for multikv.",
        ]
    if not plan.runtime_due:
        return [*sentences, "Nothing to change: all of these clients are there already."]
    return [
        *sentences,
        "Change this block in the file of the runtime configuration, in one change for all processes. "
        "Keep the rest of the file.",
    ]


def _block_now(block: BlockNow) -> str:
    """The runtime configuration now, and on how many processes."""
    lines = ", ".join(f"{name}: {str(value).lower()}" for name, value in block.settings.items())
    where = f"{Number(len(block.targets)): processes}{read_ago(block.age)}"
    return f"multi_kv_config now: {lines or 'none'} ({where})."


def _some(texts: Sequence[str], most: int) -> list[str]:
    shown, more = first(texts, most)
    return [*shown, *([more] if more else [])]


def _reached(rings: Iterable[Reached]) -> list[str]:
    """The rings by the evidence that they are reached."""
    sentences = []
    for observed, how in ((True, "as running processes show"), (False, "by the product's source")):
        some = [one for one in rings if one.observed is observed]
        if some:
            sentences.append(f"Reached without a restart, {how}:")
            sentences += [
                f"- {one.ring} ({', '.join(one.clients)}): {one.done} of "
                f"{Number(len(one.targets)): processes} there already"
                for one in some
            ]
    return sentences


def file(plan: Plan) -> list[str]:
    """Which blocks change, for which components."""
    if plan.step == "decommission-store":
        return _removed(plan)
    if not plan.changes and not plan.unplaced:
        return ["Nothing to change." if not plan.runtime_due else "Nothing to change in this step."]
    sentences = _unreached(plan)
    sentences += [_changed(change) for change in plan.changes]
    sentences += _beside_the_lines(plan)
    if plan.unplaced:
        sentences.append(
            f"Where the store of {', '.join(plan.unplaced)} is set is unknown for this release. Find these "
            f"clients' kvstore blocks, and bring them to {plan.into.label} too."
        )
    if any(change.block == _wait_block(plan) and not change.ring for change in plan.changes):
        sentences.append(
            "Without this wait an ingester may choose its tokens before gossip has brought it the ring: line "
            "A2 of docs/guides.md. A longer time is right too."
        )
    sentences += [f"Fill in {name}: {FILLED_WITH[name]}." for name in plan.to_fill]
    if not all(change.shown for change in plan.changes):
        sentences.append("Some configuration pages were not read: their lines may be there already.")
    return sentences


def _beside_the_lines(plan: Plan) -> list[str]:
    """What to keep, to leave and to take out in this rollout."""
    sentences = []
    if plan.step == "remove-multi":
        sentences.append(
            f"Take out the multi blocks with it. Keep the {plan.external} blocks until decommission-store: "
            "no client reads them, and rolling back needs them."
        )
        has_switch = plan.product in SETTINGS and SETTINGS[plan.product].runtime is not None
        if has_switch and not plan.no_runtime_file:
            sentences.append(
                "Leave multi_kv_config in the runtime configuration until every process has restarted: "
                "those that have not still follow it."
            )
    if plan.step == "preflight":
        sentences.append(f"Keep the {plan.external} block of each kvstore: it is the primary.")
        if not plan.gossip.runs:
            sentences.append(
                "A gossip label may be set in the same rollout: docs/labels.md#choosing-a-label."
            )
        if SETTINGS[plan.product].shortcut is not None and plan.into is Phase.MULTI:
            sentences.append(
                "Cortex's guide sets mirror_enabled: true in this rollout. That is safe too, and saves the "
                "restart of the clients that the runtime configuration does not reach."
            )
    return sentences


def _wait_block(plan: Plan) -> str:
    wait = SETTINGS[plan.product].wait
    return wait.block if wait is not None else ""


def _unreached(plan: Plan) -> list[str]:
    """Why these lines are needed beside the runtime configuration."""
    rings = [one for one in plan.reached if one.route is Route.RESTART]
    if plan.phase is Phase.EXTERNAL or plan.into not in BY_RUNTIME or plan.no_runtime_file:
        return []
    if all(one.observed for one in rings):
        return ["The runtime configuration does not reach these clients, as running processes show:"]
    if SETTINGS[plan.product].runtime is None:
        return [f"{plan.product.value.capitalize()} has no switch in its runtime configuration:"]
    return ["The runtime configuration does not reach these clients, by the product's source:"]


def _removed(plan: Plan) -> list[str]:
    sentences = []
    if plan.removed:
        sentences.append(
            f"Remove the {' and '.join(plan.removed)} blocks from every kvstore, with their flags, "
            "credentials and network policies. No client reads them: that may wait for the next rollout."
        )
    if plan.runtime_now:
        names = sorted({name for block in plan.runtime_now for name in block.targets})
        age = max((block.age for block in plan.runtime_now if block.age is not None), default=None)
        sentences.append(
            f"Remove multi_kv_config from the runtime configuration: {Number(len(names)): processes} still "
            f"{'has' if len(names) == 1 else 'have'} it ({few(names, SHOWN)}{read_ago(age)})."
        )
    elif plan.clear_runtime:
        sentences.append(
            "Remove multi_kv_config from the runtime configuration if it is still there: it was not read on "
            "every process."
        )
    stop = "Then stop" if sentences else "Stop"
    return [*sentences, f"{stop} {plan.external or 'the external store'}, with its boards and alerts."]


def _changed(change: BlockChange) -> str:
    clients = f" ({', '.join(change.clients)})" if change.clients else ""
    where = ", ".join(change.components) or "every process"
    what = f"{change.ring}{clients}: {change.block}" if change.ring else ", ".join(change.settings)
    return f"- {what} in {where}, {Number(len(change.targets)): processes}"


def shortcut(plan: Plan) -> list[str]:
    """What the guide leaves out, and what that costs here."""
    if plan.shortcut is None:
        return []
    rings = "; ".join(
        f"{one.key}: {Number(one.members): members}"
        + ("" if one.lacking is None else f", {one.lacking} of them not in memberlist yet")
        for one in plan.shortcut
    )
    return [
        "Cortex's guide changes from mirroring straight to memberlist in one rollout. Do not take it: "
        "primaries are mixed while it lasts.",
        "Each process that has restarted writes to memberlist only. It vanishes from the ring of all "
        "processes that still read the external store, one heartbeat timeout after its restart.",
        f"That is every member of these rings, one after another: {rings}.",
        "The safe way: switch-primary, then disable-mirroring, then remove-multi.",
    ]


def back(plan: Plan) -> list[str]:
    """The way back of this step, and that of where the migration is now."""
    words = SWITCH_BACK_BY_FILE if plan.step == "switch-primary" and not plan.runtime else BACK.get(plan.step)
    sentences = [words.format(external=plan.external or "consul")] if words else []
    if plan.phase is Phase.UNKNOWN or not plan.watched or plan.into is Phase.UNKNOWN:
        return sentences
    safe = {True: "safe", False: "not safe", None: "unknown whether it is safe"}[plan.back_safe]
    return [
        *sentences,
        *([f"Before this step ({safe} now): {plan.back}"] if plan.back and plan.is_next else []),
    ]


def lasting(plan: Plan) -> list[str]:
    """What stays, even after a rollback."""
    return [LASTING[plan.step]] if plan.step in LASTING else []


def guide(plan: Plan) -> list[str]:
    """Where the step stands in the docs and in the published guides."""
    guides = {**GUIDES, **TRACKER_GUIDES} if plan.migration == HA_TRACKER else GUIDES
    return [guides[plan.step]] if plan.step in guides else []


# The sections of a plan in their order: the heading of each, and its sentences, none where it has none.
SECTIONS: Final[Mapping[str, tuple[str, Callable[[Plan], list[str]]]]] = {
    "now": ("Now", now),
    "runtime": ("Runtime configuration", runtime),
    "file": ("Configuration file", file),
    "restart": ("Restart", plan_restarts.restart),
    "watch": ("Watch", plan_restarts.watch),
    "time": ("Time", plan_restarts.time),
    "shortcut": ("The guide's shorter way", shortcut),
    "back": ("Way back", back),
    "lasting": ("What cannot be undone", lasting),
    "guide": ("In the guides", guide),
}
