"""Checks on the gossip: one cluster, no unknown members, every process in it, one label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from exporter.derive.gate.cause_advice import ADVICE
from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check
from exporter.derive.gate.coverage import runs_memberlist
from exporter.derive.gossip.label_rollout import DEFAULT_LABELS, alike, is_blank, oddity
from exporter.derive.identity.member_processes import census_of, each_once
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.facts import GossipFacts, GossipTarget, TargetFacts
from exporter.model.listed import few
from exporter.model.rings import UnknownMember

DOC = "docs/labels.md"
LISTED = (
    "Let the exporter read /memberlist of every process; the list exists once a process runs with "
    "memberlist or multi, and counts from 30 s after its start."
)
NAMED = (
    "Give a process that has another address in the gossip its gossip name without the suffix, under "
    "processes in the targets."
)
CONFIGURED = "Let the exporter read /config of every process: the labels and their settings are there."
UPGRADE = "Upgrade {} first: this release has no cluster label to set."
NO_MEMBER_LIST = Culprit(Kind.NO_MEMBER_LIST)


@check(
    "gossip-one-cluster",
    "The processes form one gossip cluster.",
    ADVICE["gossip-split"].text,
    f"{DOC}#the-gossip-is-split",
    LISTED,
)
def one_cluster(evidence: Evidence) -> Answer:
    """All processes are connected by members that list each other."""
    gossip = evidence.gossip
    if gossip is None:
        return Answer(nothing=NO_MEMBER_LIST)
    clusters = gossip.clusters if len(gossip.clusters) > 1 else ()
    unlinked = evidence.now.part is not None and not evidence.now.part.linked
    return Answer(
        wrong=[Culprit(Kind.GOSSIP_CLUSTER, names=cluster) for cluster in clusters],
        unknown=[
            *_unread(gossip),
            *(() if gossip.clusters else (Culprit(Kind.NO_SETTLED_PROCESS),)),
            *(
                Culprit(Kind.GOSSIP_ONE_SIDED, name, value=evidence.now.at - since)
                for name, since in sorted(gossip.doubts.items())
            ),
            *((Culprit(Kind.NO_LINK),) if unlinked else ()),
        ],
        good=Looked(LookedKind.ONE_CLUSTER),
    )


def _unread(gossip: GossipFacts) -> list[Culprit]:
    return [Culprit(Kind.PROCESS_NOT_RESPONDING, name) for name in gossip.unread]


@check(
    "gossip-no-strangers",
    "Every gossip member belongs to this cluster.",
    "Find out first which cluster the member belongs to. Then set a cluster label, as the page shows.",
    f"{DOC}#unknown-members-in-the-gossip",
    f"{LISTED} A member with the name of another process counts as unknown if it stays.",
)
def no_unknown_members(evidence: Evidence) -> Answer:
    """All members are identified, and no other product's key is in the gossip."""
    gossip = evidence.gossip
    if gossip is None:
        return Answer(nothing=NO_MEMBER_LIST)
    foreign, nobodys = _keys_of_others(evidence, gossip)
    unknown = {member.name for member in gossip.unknown}
    namesakes = [one for one in gossip.namesakes if one.name not in unknown]
    remains = (Looked(LookedKind.REMAINS, names=gossip.remains),) if gossip.remains else ()
    return Answer(
        wrong=[
            *_members(Kind.GOSSIP_UNKNOWN_MEMBER, gossip.unknown),
            *(Culprit(Kind.GOSSIP_KEY_FOREIGN, key=key) for key in foreign),
        ],
        unknown=[
            *_members(Kind.GOSSIP_NAMESAKE, namesakes),
            *_members(Kind.GOSSIP_DOUBTFUL, gossip.doubtful),
            *(Culprit(Kind.GOSSIP_KEY_UNKNOWN, key=key) for key in nobodys),
            *_unread(gossip),
        ],
        good=(Looked(LookedKind.NONE), *remains),
    )


def _members(kind: Kind, members: Iterable[UnknownMember]) -> list[Culprit]:
    return [Culprit(kind, member=one.name, what=one.address) for one in members]


def _keys_of_others(evidence: Evidence, gossip: GossipFacts) -> tuple[list[str], list[str]]:
    """The current keys in the gossip that only another product has, and those in no table. Of these, one with
    only our processes as members is ours.
    """
    living = [key for key in gossip.unknown_keys if key not in gossip.remains]
    ours = {key.key for key in evidence.now.keys if key.members and all(m.target for m in key.members)}
    foreign = [key for key in living if key in gossip.foreign_keys]
    return foreign, [key for key in living if key not in gossip.foreign_keys and key not in ours]


@check(
    "gossip-complete",
    "Every process with memberlist is in another one's member list.",
    "Check the gossip port, the join members and the label of the process that is in no member list.",
    f"{DOC}#a-process-in-no-member-list",
    f"{LISTED} {NAMED}",
)
def complete(evidence: Evidence) -> Answer:
    """Every process with memberlist is in another's list, and has all of its cluster: with memberlist as its
    primary, what it lacks would be lost.
    """
    gossip = evidence.gossip
    if gossip is None:
        return Answer(nothing=NO_MEMBER_LIST)
    having = sum(1 for target in evidence.up if target.gossip is not None)
    isolated = [t.name for t in evidence.up if having > 1 and t.is_isolated]
    return Answer(
        wrong=[
            *(Culprit(Kind.GOSSIP_ABSENT, name) for name in gossip.absent if name not in isolated),
            *(Culprit(Kind.GOSSIP_ISOLATED, name) for name in isolated),
            *(
                Culprit(Kind.GOSSIP_PARTIAL, name, value=t.count, of=t.of, names=tuple(sorted(t.lacks)))
                for name, t in sorted(gossip.short.items())
                if t.wrong and name not in isolated
            ),
        ],
        unknown=[
            *_unread(gossip),
            *(Culprit(Kind.GOSSIP_MEMBER_UNKNOWN, name) for name in gossip.unidentified),
            *(Culprit(Kind.GOSSIP_LIST_HIDDEN, t.name) for t in evidence.up if _hides(t)),
        ],
        good=Looked(LookedKind.PROCESSES, having),
    )


def _hides(target: TargetFacts) -> bool:
    """Whether a process has memberlist, by its clients, and its page is absent (a proxy's 404)."""
    return target.gossip is None and runs_memberlist(target)


def _labels(evidence: Evidence) -> tuple[dict[str, list[str]], list[Culprit]]:
    """Processes by label, and those with an unknown label."""
    found: dict[str, list[str]] = {}
    unknown = []
    for target in evidence.in_rings:
        label = target.config.gossip_label if target.config else None
        if label is None:
            unknown.append(Culprit(Kind.UNREAD, target.name, what="label"))
        else:
            found.setdefault(label, []).append(target.name)
    return found, unknown


@check(
    "labels-agree",
    "All processes are configured with the same cluster label.",
    "If one process has another label, correct its label and restart it. In a label rollout, take its next "
    "step.",
    f"{DOC}#rolling-out",
    CONFIGURED,
)
def labels_agree(evidence: Evidence) -> Answer:
    """There is one label, and it is our configuration's, if that names one."""
    found, unknown = _labels(evidence)
    wanted = evidence.rules.label
    bad = len(found) > 1 or (wanted and set(found) - {wanted})
    expected = (Looked(LookedKind.LABEL_EXPECTED, what=wanted),) if wanted else ()
    return Answer(
        wrong=_carriers(found, wanted) if bad else (),
        unknown=unknown,
        good=(Looked(LookedKind.LABEL_OF_ALL, what=next(iter(found), "")), *expected),
        nothing=None if found else Culprit(Kind.NO_LABEL),
        remedy=_possible(evidence),
    )


@check(
    "label-set",
    "Every process is configured with the same label, neither empty nor a chart's default.",
    "Set memberlist.cluster_label to something that names this installation, such as prod-eu.mimir; where "
    "processes gossip already, in the three steps of the page, or it splits the cluster.",
    f"{DOC}#choosing-a-label",
    CONFIGURED,
)
def label_set(evidence: Evidence) -> Answer:
    """The one label is a real one. Releases without labels cannot carry one: there only the network keeps
    other clusters away, and the checks on the gossip show whether it does.
    """
    found, unknown = _labels(evidence)
    if found and not unknown and all(_is_too_old(target) for target in evidence.in_rings):
        return Answer(good=Looked(LookedKind.LABELS_UNSUPPORTED))
    bad = {label: names for label, names in found.items() if is_blank(label) or label in DEFAULT_LABELS}
    only = next(iter(found), "")
    unusual = oddity(only)
    return Answer(
        wrong=_carriers(found if len(found) > 1 else bad),
        unknown=unknown,
        good=(
            Looked(LookedKind.LABEL, what=only),
            *((Looked(LookedKind.LABEL_UNUSUAL, culprits=(unusual,)),) if unusual else ()),
        ),
        nothing=None if found else Culprit(Kind.NO_LABEL),
        remedy=_possible(evidence),
    )


def _carriers(carriers: Mapping[str, list[str]], wanted: str = "") -> Iterator[Culprit]:
    """Which processes carry which label, and what of it is easily overlooked."""
    for label, names in sorted(carriers.items()):
        unusual = oddity(label) if label else None
        yield Culprit(Kind.LABEL_CARRIED, member=label, names=tuple(names), why=unusual)
    if alike([*carriers, *([wanted] if wanted and wanted not in carriers else [])]):
        yield Culprit(Kind.LABELS_ALIKE)


def _possible(evidence: Evidence) -> str:
    """A release without labels has no setting to change: what helps there is an upgrade."""
    old = [target.name for target in evidence.in_rings if _is_too_old(target)]
    return UPGRADE.format(few(old, 3)) if old else ""


def _is_too_old(target: TargetFacts) -> bool:
    """Whether a process's release has no cluster label."""
    return target.config is not None and target.config.labels_supported is False


@check(
    "verification-off",
    "Label verification is switched off on every process.",
    "Set memberlist.cluster_label_verification_disabled: true first; a label set with verification on splits "
    "the cluster while it is rolled out.",
    f"{DOC}#rolling-out",
    CONFIGURED,
)
def verification_off(evidence: Evidence) -> Answer:
    """A process with another label is still accepted, on every process."""
    on, unknown = [], []
    for target in evidence.in_rings:
        disabled = target.config.label_verification_disabled if target.config else None
        if _is_too_old(target):
            on.append(Culprit(Kind.LABELS_UNSUPPORTED, target.name))
        elif disabled is None:
            unknown.append(Culprit(Kind.UNREAD, target.name, what="setting"))
        elif not disabled:
            on.append(Culprit(Kind.LABEL_VERIFIED, target.name))
    return Answer(
        wrong=on,
        unknown=unknown,
        good=Looked(LookedKind.VERIFICATION_OFF),
        nothing=None if evidence.up else Culprit(Kind.NO_ANSWER),
        remedy=_possible(evidence),
    )


@check(
    "members-labelled",
    "The label of every gossip member was read.",
    "Add the processes of these members to the targets. A process without the label is isolated when the "
    "other processes begin to verify it.",
    f"{DOC}#rolling-out",
    "Add the processes of these members to the targets, with /config and /memberlist readable. A process "
    "without the label is isolated when the other processes begin to verify it.",
)
def members_labelled(evidence: Evidence) -> Answer:
    """Every member in the gossip is a process with a read label, or an expected member."""
    return _of_members(evidence, "label", lambda gossip: gossip.label is not None)


@check(
    "members-unverified",
    "The label verification of every gossip member was read.",
    "Add the processes behind these members to the targets: one that verifies drops all packets of those "
    "that have the label already.",
    f"{DOC}#rolling-out",
    "Add the processes behind these members to the targets, with /config and /memberlist readable: one that "
    "verifies drops all packets of those that have the label already.",
)
def members_unverified(evidence: Evidence) -> Answer:
    """Every member in the gossip is a process with a setting of verification that was read.
    `verification_off` judges the processes' settings.
    """
    return _of_members(evidence, "setting", lambda gossip: gossip.verified is not None)


def _of_members(evidence: Evidence, what: str, is_read: Callable[[GossipTarget], bool]) -> Answer:
    if evidence.gossip is None:
        return Answer(nothing=NO_MEMBER_LIST)
    having = [target.gossip for target in evidence.up if target.gossip is not None]
    read = {gossip.own_member for gossip in having if is_read(gossip)}
    lists = each_once(gossip.members for gossip in having)
    members = frozenset[str]().union(*(census_of(listed).alive for listed in lists.values()))
    # Another shard may have the member's process: all parts together show which members have none.
    untold = () if evidence.is_part else sorted(members - read)
    owner = {target.member: target.name for target in evidence.targets if target.member}
    lacking = [Culprit(Kind.UNREAD, owner.get(name, ""), member=name, what=what) for name in untold]
    return Answer(
        unknown=[*lacking, *_unread(evidence.gossip)],
        good=Looked(LookedKind.MEMBERS, len(members)),
    )
