"""Findings about all processes, in words: warnings, risks, events, and what broke a soak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from exporter.expose.wording import checks, culprits
from exporter.expose.wording.lists import Label, Names, Number, few
from exporter.model.findings import Finding, FindingKind
from exporter.model.gate import Verdict

BROKEN_CHARACTERS: Final = 160  # of the text of a check that broke a soak

TEMPLATES: Final[Mapping[FindingKind, str]] = {
    FindingKind.PRIMARIES_MIXED_BY_KEY: (
        "Primaries are mixed by key: memberlist for {names:5}; still the external store for {others:5}. "
        "The switch did not reach their clients."
    ),
    FindingKind.PRIMARIES_MIXED_SHORTCUT: (
        "Primaries are mixed: a rollout changes from mirroring straight to memberlist, {count} of {of} "
        "processes are there: {names:3}. Their members vanish from the external store, and {others:3} "
        "read only that: reads and writes miss these members until all processes are there."
    ),
    FindingKind.FOREIGN_IN_GOSSIP: "{count} foreign members in the gossip: {names:5}.",
    FindingKind.LABELS_SPLIT: "Different labels split the gossip: {culprits:;}.",
    FindingKind.UNKNOWN_MEMBERS: "{count} unknown members in the gossip: {names:5}.",
    FindingKind.STORE_REPLACED: "The external store {culprits}.",
    FindingKind.STORE_UNREAD: "The external store {culprits}.",
    FindingKind.RING_SHRUNK: "Ring {name} lost {what} at once: {of} before, {count} now.",
    FindingKind.CLOCKS_DIFFER: "Clocks differ: {evidence}.",
    FindingKind.WITHOUT_MULTI: (
        "{name} on {count} of {of} processes{names:(3)} was left out: it has no multi while other "
        "clients mirror. Give it store: multi first."
    ),
    FindingKind.MIRRORING_PARTIAL: "{name} on {count} of {of} processes{names:(3)} still has mirroring off.",
    FindingKind.ROLLOUT_STALLED: (
        "The rollout of {name} into {others} has made no progress for {what} minutes: {count} of {of} "
        "processes; left: {names:5}."
    ),
    FindingKind.BETWEEN_STORES: (
        "{names:4}: multi of {others:and}, which is no migration to memberlist. Finish or undo it first."
    ),
    FindingKind.RINGS_UNREAD: (
        "{count} rings are written to {others:and} and shown by no process: {names:5}. Check that the "
        "processes reach it, and name it under stores."
    ),
    FindingKind.SOURCES_FAIL: "Some processes may not be watched: {what}.",
    FindingKind.NO_TARGET: "{count} of {of} targets show no product: {culprits:3}.",
    FindingKind.NOT_WATCHED: "{culprits:;3}.",
    FindingKind.OTHER_PRODUCTS: "{count} of {of} processes are of another product than {what}: {culprits:3}.",
    FindingKind.PROCESS_DOWN: "{count} of {of} processes do not answer: {culprits:5}.",
    FindingKind.PROCESS_AWAY: "{count} of {of} processes do not answer, as in a restart: {culprits:5}.",
    FindingKind.PROCESS_RESTARTING: "{culprits:;3}. Its log has the reason.",
    FindingKind.TOKEN_CONFLICT: "Two members claim the same tokens: {evidence}.",
    FindingKind.MIRROR_ERRORS: "Mirror writes fail: {evidence}.",
    FindingKind.LAG: "The secondary lags: {evidence}.",
    FindingKind.SMALL_VIEW: (
        "{name} lists {count} of {of} gossip members. A process with memberlist as its primary "
        "overwrites the store with such a small view."
    ),
    FindingKind.SMALL_COPY: (
        "The gossip view of {what} on {name} has {count} of {of} members: as primary it would be the ring."
    ),
    FindingKind.MEMBER_LIST_UNREAD: "The member list of {name} was not read: what it would write is unknown.",
    FindingKind.JOINS_ITSELF: (
        "{name} names only itself in join_members: after a restart it has no contact to other "
        "processes until one joins it, and would overwrite the store with its small view."
    ),
    FindingKind.NONE_TO_SPARE: (
        "No member of {names} may be lost (replication factor): writes fail in a restart."
    ),
    FindingKind.LABEL_UNVERIFIED: (
        "Label verification is switched off on {count} of {of} processes: {names:3}. A member of any "
        "other cluster that reaches one gets into the rings."
    ),
    FindingKind.LABEL_DEFAULT: (
        "The cluster label {name:label} is the name of a product or a chart's default: another cluster "
        "that has it too can merge with this cluster. Give this cluster a label of its own."
    ),
    FindingKind.LABEL_UNUSUAL: (
        "The cluster label {name:label} {culprits}. A process that is given another spelling of the "
        "label drops the packets of all other processes, and they drop its packets."
    ),
    FindingKind.RUNTIME_FORGOTTEN: (
        "After a restart {count} of {of} processes are in phase {what} instead of {name}: their runtime "
        "configuration no longer has multi_kv_config: {names:5}. Restore it before any restart."
    ),
    FindingKind.RUNTIME_EARLY: (
        "The runtime configuration of {count} of {of} processes has primary: memberlist: {names:5}. A "
        "client that gets multi there has memberlist as its primary at once. Remove this line first."
    ),
    FindingKind.RUNTIME_NOT_FOLLOWED: (
        "multi_kv_config has {what}, and {others:5} on {count} of {of} processes do not follow it: "
        "{names:5}. Read their logs for multikv."
    ),
    FindingKind.RUNTIME_DIFFERS: (
        "multi_kv_config differs between processes: {culprits:;3}. Give all of them the same file."
    ),
    FindingKind.JOIN_ABORTS: (
        "{count} of {of} processes stop if no seed answers at their start "
        "(abort_if_cluster_join_fails: true): {names:5}. Set it to false before they restart."
    ),
    FindingKind.FIRST_CYCLE: "First cycle: phase {what}.",
    FindingKind.PHASE_CHANGED: "Phase {what}, was {name}.",
    FindingKind.GATE_OPENED: "Step {name} opened.",
    FindingKind.GATE_CLOSED: "Step {name} closed.",
    FindingKind.TARGET_NEW: "{name} was discovered.",
    FindingKind.TARGET_LEFT: "{name} is no longer discovered.",
    FindingKind.TARGET_ANSWERS: "{name} answers again.",
    FindingKind.TARGET_STOPPED: "{name} stopped answering.",
    FindingKind.TARGET_MOVED: "{name}: {names[0]}, was {names[1]}.",
    FindingKind.MEMBERS_NEW: "{names:5} new in ring {name}.",
    FindingKind.MEMBERS_VANISHED: "{names:5} no longer in ring {name}.",
    FindingKind.MEMBER_RETURNED: "Ring {name}: a removed member returned with an earlier heartbeat.",
    FindingKind.MEMBER_CHANGED: "{what} in ring {name}: {names[0]}, was {names[1]}.",
    FindingKind.UNKNOWN_MEMBER_NEW: "Unknown gossip member {name} at {what}.",
    FindingKind.FOREIGN_NEW: "{count: foreign members} in ring {name}: {names:5}.",
    FindingKind.STORE_OTHER: "Store {name} is not the store that it was: {culprits}.",
    FindingKind.STORE_BACK: "Store {name} is the store that it was, or is used anew.",
    FindingKind.STORE_CHANGED: "Store {name}: {names[0]}. {names[1]}",
    FindingKind.STARTED: "the exporter started",
    FindingKind.NO_CYCLE: "no cycle ran for {count:.0f} s",
    FindingKind.CLOCK_SET_BACK: "this machine's clock was set back",
    FindingKind.CYCLE_LONG: "one cycle took {count:.0f} s",
    FindingKind.SLEPT: "this machine slept, or its clock was set, by {count:.0f} s",
    FindingKind.CYCLES_FAILED: "{count} cycles failed",
    FindingKind.CONFIGURATION_CHANGED: "the configuration changed",
    FindingKind.RAN_ALREADY: "{names} ran already and was not on the list of processes",
    FindingKind.LEFT_THE_LIST: "{names} left the list of processes, not in good order",
    FindingKind.PLAIN: "{what}",
}


def _mixed(finding: Finding) -> str:
    """Its culprits are processes that list no other gossip member: what they write is worst."""
    isolated = Names(culprit.name for culprit in finding.culprits)
    writer = "A process with a small gossip view overwrites the store with it."
    if isolated:
        writer = f"{isolated:3} lists no other gossip member and overwrites the store with its own view."
    return (
        f"Primaries are mixed: memberlist on {few(finding.names, 3)}; the external store on "
        f"{few(finding.others, 3)}. {writer}"
    )


def _foreign(finding: Finding) -> str:
    count = "1 ring has" if finding.count == 1 else f"{finding.count} rings have"
    return f"{count} foreign members: {_listed(finding):;4}. Halt all rollouts."


def _split(finding: Finding) -> str:
    clusters = " | ".join(_listed(finding)[:4])
    return f"Gossip is split into {finding.count} clusters: {clusters}."


def _isolated(finding: Finding) -> str:
    return f"{few(finding.names, 5)} {'lists' if finding.count == 1 else 'list'} no other gossip member."


def _two_products(finding: Finding) -> str:
    count = "1 process shows" if finding.count == 1 else f"{finding.count} processes show"
    return f"{count} two products without a restart: {_listed(finding):3}."


def _future(finding: Finding) -> str:
    rest = f" and of {finding.of} more" if finding.of else ""
    return (
        f"The time stamp of {finding.name}{rest} in {finding.what} is {finding.count:.0f} s in the future: "
        "memberlist keeps the newest, so nothing can update it or call it unhealthy until then."
    )


def _hasty(finding: Finding) -> str:
    """Its `others` are how long gossip took, seconds, where that was measured."""
    measured = f" Gossip copies were up to {finding.others[0]} s behind." if finding.others else ""
    return (
        f"{finding.count} of {finding.of} processes choose tokens in {finding.name} {finding.what} s after a "
        f"restart: {few(finding.names, 5)}.{measured} Set join_after and observe_period, or a file for the "
        "tokens."
    )


def _sentence(finding: Finding) -> str:
    """The first three culprits, as a sentence."""
    listed = f"{_listed(finding):;3}"
    return f"{listed[:1].upper()}{listed[1:]}."


def _failed(finding: Finding) -> str:
    return f"{finding.name}: {_evidence(finding)}"[:BROKEN_CHARACTERS]


MADE: Final[Mapping[FindingKind, Callable[[Finding], str]]] = {
    FindingKind.PRIMARIES_MIXED: _mixed,
    FindingKind.FOREIGN_IN_RINGS: _foreign,
    FindingKind.GOSSIP_SPLIT: _split,
    FindingKind.PROCESS_ISOLATED: _isolated,
    FindingKind.TWO_PRODUCTS: _two_products,
    FindingKind.FUTURE_TIMESTAMP: _future,
    FindingKind.TOKENS_HASTY: _hasty,
    FindingKind.READERS_STRANDED: _sentence,
    FindingKind.WRITERS_MISSING: _sentence,
    FindingKind.ADDRESSES_SHARED: _sentence,
    FindingKind.PARTITIONS_UNOWNED: _sentence,
    FindingKind.CHECK_FAILED: _failed,
    FindingKind.CHECK_UNKNOWN: _failed,
}


def _listed(finding: Finding) -> Names:
    return Names(map(culprits.detail, finding.culprits))


def _evidence(finding: Finding) -> str:
    """What a check found."""
    verdict = Verdict.UNKNOWN if finding.kind is FindingKind.CHECK_UNKNOWN else Verdict.FAILED
    return checks.paragraph(verdict, finding.culprits, finding.looked)


def text(finding: Finding) -> str:
    """A finding in words."""
    if finding.kind in MADE:
        return MADE[finding.kind](finding)
    return TEMPLATES[finding.kind].format(
        name=Label(finding.name),
        what=finding.what,
        count=Number(finding.count),
        of=finding.of,
        names=Names(finding.names),
        others=Names(finding.others),
        culprits=_listed(finding),
        evidence=_evidence(finding),
    )
