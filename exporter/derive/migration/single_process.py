"""Whether the cluster is one process, which has no other process to join."""

from __future__ import annotations

from exporter.derive import kv_clients
from exporter.derive.store.external_store import unattended
from exporter.model.facts import KeyFacts, Snapshot, TargetFacts
from exporter.model.pages import Outcome

EVERYTHING = "all"  # the products' name of the target that runs all components


def is_single_process(now: Snapshot) -> bool:
    """Whether the cluster certainly has one process only. It runs every component, and each ring and the
    gossip have only it. One process of several is in a ring with them, or keys show further processes.
    """
    if len(now.targets) != 1 or now.part is not None or now.unsure or now.not_running:
        return False
    target = now.targets[0]
    keys = kv_clients.used(now.keys, target.clients)
    known = {key.key for key in keys} | {client.key for client in target.clients}
    return _runs_everything(target) and _has_no_other(target, keys) and not unattended(now, known)


def _runs_everything(target: TargetFacts) -> bool:
    return target.up and target.config is not None and EVERYTHING in target.config.target.split(",")


def _has_no_other(target: TargetFacts, keys: tuple[KeyFacts, ...]) -> bool:
    rings = [key for key in keys if key.kind == "ring"]
    members = [member for key in rings for member in key.members]
    if target.gossip is None:
        no_other = target.ended("/memberlist", Outcome.ABSENT)
    else:
        no_other = {member.name for member in target.gossip.members} == {target.member}
    return (
        no_other
        and bool(members)
        and all(key.source for key in rings)
        and all(member.target == target.name for member in members)
    )
