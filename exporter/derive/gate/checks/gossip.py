"""Checks on the gossip: one cluster, no strangers, everybody in it, one label."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from exporter.derive.gate.advice import ADVICE
from exporter.derive.gate.check import Evidence, Question, in_rings
from exporter.derive.gate.coverage import runs_memberlist
from exporter.derive.gossip.label_rollout import DEFAULT_LABELS, alike, is_blank, label_of, oddity, quoted
from exporter.derive.identity.member_index import census_of, each_once
from exporter.derive.migration.migration import few
from exporter.model.facts import GossipFacts, GossipTarget, TargetFacts
from exporter.model.gate import About, Check
from exporter.model.rings import named

DOC = "docs/labels.md"
LISTED = (
    "Let the exporter read /memberlist of every process; the list is there once a process runs with "
    "memberlist or multi, and old enough to be judged 30 s after its start."
)
CONFIGURED = "Let the exporter read /config of every process: the labels and their settings are there."
ONE = Question(
    "gossip-one-cluster",
    "The processes form one gossip cluster.",
    ADVICE["gossip-split"].text,
    f"{DOC}#the-gossip-is-split",
    LISTED,
)
STRANGERS = Question(
    "gossip-no-strangers",
    "Nobody is in the gossip who does not belong there.",
    "Find out whose process it is before anything else. Set a cluster label; see the page.",
    f"{DOC}#strangers-in-the-ring",
    f"{LISTED} A member with the name of another process is a stranger once it stays.",
)
COMPLETE = Question(
    "gossip-complete",
    "Every process with memberlist is seen by another one.",
    "Check the gossip port, the join members and the label of the process nobody sees.",
    f"{DOC}#a-process-nobody-sees",
    LISTED,
)
LABELS = Question(
    "labels-agree",
    "All processes are configured with the same cluster label.",
    "Roll the label out in three steps; see the page.",
    f"{DOC}#rolling-out",
    CONFIGURED,
)
LABEL_SET = Question(
    "label-set",
    "Every process is configured with the same label, neither empty nor a chart's default.",
    "Set memberlist.cluster_label to something that names this installation, such as prod-eu.mimir; where "
    "processes gossip already, in the three steps of the page, or it splits the cluster.",
    f"{DOC}#choosing-a-label",
    CONFIGURED,
)
UNVERIFIED = Question(
    "verification-off",
    "Label verification is switched off on every process.",
    "Set memberlist.cluster_label_verification_disabled: true first; a label set with verification on splits "
    "the cluster while it is rolled out.",
    f"{DOC}#rolling-out",
    CONFIGURED,
)
MEMBERS = Question(
    "members-labelled",
    "The label of every gossip member is known.",
    "Add the processes behind these members to the targets: one that does not carry the label is cut off "
    "when the others begin to verify it.",
    f"{DOC}#rolling-out",
    "Add the processes behind these members to the targets, with /config and /memberlist readable: one that "
    "does not carry the label is cut off when the others begin to verify it.",
)
MEMBERS_UNVERIFIED = Question(
    "members-unverified",
    "It is known of every gossip member whether it verifies labels.",
    "Add the processes behind these members to the targets: one that verifies drops all packets of those "
    "that have the label already.",
    f"{DOC}#rolling-out",
    "Add the processes behind these members to the targets, with /config and /memberlist readable: one that "
    "verifies drops all packets of those that have the label already.",
)
TOO_OLD = (
    "No process can carry a label: these releases have no such setting. Keep other clusters off the gossip "
    "port by network policy, or upgrade first."
)
NOBODY = "no process shows a member list"


def one_cluster(seen: Evidence) -> Check:
    """Hold that all processes are connected by members that list each other."""
    gossip = seen.gossip
    if gossip is None:
        return ONE.answer([], "", nothing=NOBODY)
    groups = [", ".join(few(cluster, 5)) for cluster in gossip.clusters]
    unknown = [] if groups else ["no process is old enough to be judged"]
    unknown += [
        f"{name} and the others do not list each other (for {seen.now.at - since:.0f} s)"
        for name, since in sorted(gossip.doubts.items())
    ]
    if seen.now.part and not seen.now.part.linked:
        unknown.append("none of the processes that all shards watch is in the gossip")
    return ONE.answer(groups if len(groups) > 1 else [], "One cluster.", [*gossip.unread, *unknown])


def no_strangers(seen: Evidence) -> Check:
    """Hold that all members are known and that no other product's key is in the gossip."""
    if seen.gossip is None:
        return STRANGERS.answer([], "", nothing=NOBODY)
    wrong = [f"{s.name} at {s.address}" for s in seen.gossip.strangers]
    foreign, nobodys = _keys_of_others(seen, seen.gossip)
    wrong += [f"key {key}, which only another product has" for key in foreign]
    left = f" Nobody writes {', '.join(few(seen.gossip.remains, 5))} any more." if seen.gossip.remains else ""
    strangers = {stranger.name for stranger in seen.gossip.strangers}
    elsewhere = "has the name of a process that is elsewhere"
    namesakes = [one for one in seen.gossip.namesakes if one.name not in strangers]
    unknown = [f"{one.name} at {one.address} {elsewhere}" for one in namesakes]
    unknown += [f"whether {s.name} at {s.address} is a process of ours" for s in seen.gossip.doubtful]
    unknown += [f"whose key {key} is" for key in nobodys]
    return STRANGERS.answer(wrong, f"None.{left}", [*unknown, *seen.gossip.unread])


def _keys_of_others(seen: Evidence, gossip: GossipFacts) -> tuple[list[str], list[str]]:
    """Give the living keys in the gossip that only another product has, and those that no table has: of
    these one whose members are all processes of ours is ours.
    """
    living = [key for key in gossip.unknown_keys if key not in gossip.remains]
    ours = {key.key for key in seen.now.keys if key.members and all(m.target for m in key.members)}
    foreign = [key for key in living if key in gossip.foreign_keys]
    return foreign, [key for key in living if key not in gossip.foreign_keys and key not in ours]


def complete(seen: Evidence) -> Check:
    """Hold that every process with memberlist is in another's list, and knows all of its cluster: as a
    primary, what it does not know of it would be lost.
    """
    if seen.gossip is None:
        return COMPLETE.answer([], "", nothing=NOBODY)
    having = sum(1 for target in seen.up if target.gossip is not None)
    unknown = [
        *seen.gossip.unread,
        *(About(name, f"which member is {name}") for name in seen.gossip.unidentified),
    ]
    unknown += [
        About(t.name, f"{t.name} uses memberlist and shows no member list") for t in seen.up if _hides(t)
    ]
    alone = [f"{t.name} sees nobody but itself" for t in seen.up if having > 1 and _is_alone(t)]
    wrong = [
        *(name for name in seen.gossip.absent if not any(a.startswith(f"{name} ") for a in alone)),
        *alone,
        *(
            f"{name} sees {told.count} of {told.of} processes, not {named(sorted(told.lacks), 3)}"
            for name, told in sorted(seen.gossip.short.items())
            if told.wrong and not any(a.startswith(f"{name} ") for a in alone)
        ),
    ]
    return COMPLETE.answer(wrong, f"{having} processes.", unknown)


def _is_alone(target: TargetFacts) -> bool:
    """Tell whether a process old enough to be judged sees only itself, though others may see it."""
    return target.gossip is not None and target.gossip.alone and not target.young


def _hides(target: TargetFacts) -> bool:
    """Tell whether a process has memberlist, by its clients, and its page is absent (a proxy's 404)."""
    return target.gossip is None and runs_memberlist(target)


def _labels(seen: Evidence) -> tuple[dict[str, list[str]], list[str]]:
    """Give processes by label, and those whose label is not known."""
    found: dict[str, list[str]] = {}
    unknown: list[str] = []
    for target in in_rings(seen):
        label = label_of(target.config)
        if label is None:
            unknown.append(About(target.name, f"label of {target.name}"))
        else:
            found.setdefault(label, []).append(target.name)
    return found, unknown


def labels_agree(seen: Evidence) -> Check:
    """Hold that there is one label, and that it is the one our configuration names, if it names one."""
    found, unknown = _labels(seen)
    wanted = seen.rules.label
    bad = len(found) > 1 or (wanted and set(found) - {wanted})
    wrong = list(_carriers(found, wanted)) if bad else []
    expected = f" Our configuration expects {quoted(wanted)}." if wanted else ""
    good = f"All carry {quoted(next(iter(found), ''))}.{expected}"
    nothing = "" if found else "no label was read"
    return _possible(LABELS, seen).answer(wrong, good, unknown, nothing=nothing)


def label_set(seen: Evidence) -> Check:
    """Hold that the one label is a real one. Releases without labels cannot carry one: there the network
    alone keeps other clusters away, and the checks on the gossip say whether it does.
    """
    found, unknown = _labels(seen)
    if found and not unknown and all(_is_too_old(target) for target in in_rings(seen)):
        return LABEL_SET.answer([], TOO_OLD)
    bad = {label: names for label, names in found.items() if is_blank(label) or label in DEFAULT_LABELS}
    wrong = list(_carriers(found if len(found) > 1 else bad))
    only = next(iter(found), "")
    good = f"{quoted(only)}. It {oddity(only)}." if oddity(only) else f"{quoted(only)}."
    return _possible(LABEL_SET, seen).answer(
        wrong, good, unknown, nothing="" if found else "no label was read"
    )


def _carriers(found: Mapping[str, list[str]], wanted: str = "") -> Iterator[str]:
    """Say which label which processes carry, and what of it is easily overlooked."""
    for label, names in sorted(found.items()):
        odd = f", which {oddity(label)}," if label and oddity(label) else ""
        yield f"{quoted(label)}{odd} on {', '.join(few(names, 3))}"
    if alike([*found, *([wanted] if wanted and wanted not in found else [])]):
        yield "labels differ by blanks, case or the composition of a character alone"


def _possible(question: Question, seen: Evidence) -> Question:
    """A release without labels has no setting to change: what helps there is an upgrade."""
    old = [target.name for target in in_rings(seen) if _is_too_old(target)]
    if not old:
        return question
    remedy = f"Upgrade {', '.join(few(old, 3))} first: this release has no cluster label to set."
    return replace(question, remedy=remedy)


def _is_too_old(target: TargetFacts) -> bool:
    """Tell whether a process's release has no cluster label."""
    return target.config is not None and target.config.labels_supported is False


def verification_off(seen: Evidence) -> Check:
    """Hold that a process with another label is still let in, on every process."""
    on, unknown = [], []
    for target in in_rings(seen):
        disabled = target.config.label_verification_disabled if target.config else None
        if _is_too_old(target):
            on.append(f"{target.name} is of a release without cluster labels")
        elif disabled is None:
            unknown.append(About(target.name, f"setting of {target.name}"))
        elif not disabled:
            on.append(f"{target.name} verifies")
    nothing = "" if seen.up else "no process answers"
    return _possible(UNVERIFIED, seen).answer(on, "Off everywhere.", unknown, nothing=nothing)


def members_labelled(seen: Evidence) -> Check:
    """Hold that every member in the gossip is a process whose label was read; an expected member that is
    no target may carry none.
    """
    return _of_members(seen, MEMBERS, "label", lambda gossip: gossip.label is not None)


def members_unverified(seen: Evidence) -> Check:
    """Hold that every member in the gossip is a process of which we know whether it verifies, the twin of
    the above: `verification_off` says what the processes are set to.
    """
    return _of_members(seen, MEMBERS_UNVERIFIED, "setting", lambda gossip: gossip.verified is not None)


def _of_members(
    seen: Evidence, question: Question, what: str, is_read: Callable[[GossipTarget], bool]
) -> Check:
    if seen.gossip is None:
        return question.answer([], "", nothing=NOBODY)
    having = [target.gossip for target in seen.up if target.gossip is not None]
    read = {gossip.own_member for gossip in having if is_read(gossip)}
    lists = each_once(gossip.members for gossip in having)
    members = frozenset[str]().union(*(census_of(listed).alive for listed in lists.values()))
    # Whose member it is may be another shard's knowledge: all parts together say of whom it is not known.
    owner = {target.member: target.name for target in seen.targets if target.member}
    lacking = () if seen.is_part else sorted(members - read)
    unknown = [
        About(owner[name], f"{what} of {name}") if name in owner else f"{what} of {name}" for name in lacking
    ]
    return question.answer([], f"{len(members)} members.", [*unknown, *seen.gossip.unread])
