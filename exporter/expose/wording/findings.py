"""Findings about all processes, in words: warnings, risks, events, and what broke a soak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from exporter.expose.wording import checks, culprits
from exporter.expose.wording.lists import Label, Names, few
from exporter.model.findings import Finding, Told
from exporter.model.gate import Verdict

BROKEN_CHARACTERS: Final = 160  # of the text of a check that broke a soak

TEMPLATES: Final[Mapping[Told, str]] = MappingProxyType(
    {
        Told.PRIMARIES_MIXED_BY_KEY: (
            "Primaries are mixed by key: memberlist for {names:5}; still the external store for {others:5}. "
            "The switch did not reach their clients."
        ),
        Told.PRIMARIES_MIXED_SHORTCUT: (
            "Primaries are mixed: a rollout changes from mirroring straight to memberlist, {count} of {of} "
            "processes are there: {names:3}. Their members vanish from the external store, and {others:3} "
            "read only that: reads and writes miss these members until all processes are there."
        ),
        Told.FOREIGN_IN_GOSSIP: "{count} foreign members in the gossip: {names:5}.",
        Told.LABELS_SPLIT: "Different labels split the gossip: {culprits:;}.",
        Told.UNKNOWN_MEMBERS: "{count} unknown members in the gossip: {names:5}.",
        Told.STORE_REPLACED: "The external store {culprits}.",
        Told.STORE_UNREAD: "The external store {culprits}.",
        Told.RING_SHRUNK: "Ring {name} lost {what} at once: {of} before, {count} now.",
        Told.CLOCKS_DIFFER: "Clocks differ: {evidence}.",
        Told.WITHOUT_MULTI: (
            "{name} on {count} of {of} processes{names:(3)} was left out: it has no multi while other "
            "clients mirror. Give it store: multi first."
        ),
        Told.MIRRORING_PARTIAL: "{name} on {count} of {of} processes{names:(3)} still has mirroring off.",
        Told.ROLLOUT_STALLED: (
            "The rollout of {name} into {others} has made no progress for {what} minutes: {count} of {of} "
            "processes; left: {names:5}."
        ),
        Told.BETWEEN_STORES: (
            "{names:4}: multi of {others:and}, which is no migration to memberlist. Finish or undo it first."
        ),
        Told.RINGS_UNREAD: (
            "{count} rings are written to {others:and} and shown by no process: {names:5}. Check that the "
            "processes reach it, and name it under stores."
        ),
        Told.SOURCES_FAIL: "Some processes may not be watched: {what}.",
        Told.NO_TARGET: "{count} of {of} targets show no product: {culprits:3}.",
        Told.NOT_WATCHED: "{culprits:;3}.",
        Told.OTHER_PRODUCTS: "{count} of {of} processes are of another product than {what}: {culprits:3}.",
        Told.PROCESS_DOWN: "{count} of {of} processes do not answer: {culprits:5}.",
        Told.PROCESS_AWAY: "{count} of {of} processes do not answer, as in a restart: {culprits:5}.",
        Told.PROCESS_RESTARTING: "{culprits:;3}. Its log has the reason.",
        Told.TOKEN_CONFLICT: "Two members claim the same tokens: {evidence}.",
        Told.MIRROR_ERRORS: "Mirror writes fail: {evidence}.",
        Told.LAG: "The secondary lags: {evidence}.",
        Told.SMALL_VIEW: (
            "{name} lists {count} of {of} gossip members: with memberlist as its primary it would overwrite "
            "the store with that small view."
        ),
        Told.SMALL_COPY: (
            "The gossip view of {what} on {name} has {count} of {of} members: as primary it would be the "
            "ring."
        ),
        Told.MEMBER_LIST_UNREAD: ("The member list of {name} was not read: what it would write is unknown."),
        Told.JOINS_ITSELF: (
            "{name} names only itself in join_members: after a restart it has no contact to other "
            "processes until one joins it, and would overwrite the store with its small view."
        ),
        Told.NONE_TO_SPARE: (
            "No member of {names} may be lost (replication factor): writes fail in a restart."
        ),
        Told.LABEL_UNVERIFIED: (
            "Label verification is switched off on {count} of {of} processes: {names:3}. A member of any "
            "other cluster that reaches one gets into the rings."
        ),
        Told.LABEL_DEFAULT: (
            "The cluster label {name:label} is the name of a product or a chart's default: another cluster "
            "that has it too can merge with this cluster. Give this cluster a label of its own."
        ),
        Told.LABEL_UNUSUAL: (
            "The cluster label {name:label} {culprits}. A process that is given another spelling of the "
            "label drops the packets of all other processes, and they drop its packets."
        ),
        Told.RUNTIME_FORGOTTEN: (
            "After a restart {count} of {of} processes are in phase {what} instead of {name}: their runtime "
            "configuration no longer has multi_kv_config: {names:5}. Restore it before any restart."
        ),
        Told.RUNTIME_EARLY: (
            "The runtime configuration of {count} of {of} processes has primary: memberlist: {names:5}. A "
            "client that gets multi there has memberlist as its primary at once. Remove this line first."
        ),
        Told.RUNTIME_NOT_FOLLOWED: (
            "multi_kv_config has {what}, and {others:5} on {count} of {of} processes do not follow it: "
            "{names:5}. Read their logs for multikv."
        ),
        Told.RUNTIME_DIFFERS: (
            "multi_kv_config differs between processes: {culprits:;3}. Give all of them the same file."
        ),
        Told.JOIN_ABORTS: (
            "{count} of {of} processes stop if no seed answers at their start "
            "(abort_if_cluster_join_fails: true): {names:5}. Set it to false before they restart."
        ),
        Told.FIRST_CYCLE: "First cycle: phase {what}.",
        Told.PHASE_CHANGED: "Phase {what}, was {name}.",
        Told.GATE_OPENED: "Step {name} opened.",
        Told.GATE_CLOSED: "Step {name} closed.",
        Told.TARGET_NEW: "{name} was discovered.",
        Told.TARGET_LEFT: "{name} is no longer discovered.",
        Told.TARGET_ANSWERS: "{name} answers again.",
        Told.TARGET_STOPPED: "{name} stopped answering.",
        Told.TARGET_MOVED: "{name}: {names[0]}, was {names[1]}.",
        Told.MEMBERS_NEW: "{names:5} new in ring {name}.",
        Told.MEMBERS_VANISHED: "{names:5} no longer in ring {name}.",
        Told.MEMBER_RETURNED: "Ring {name}: a removed member returned with an earlier heartbeat.",
        Told.MEMBER_CHANGED: "{what} in ring {name}: {names[0]}, was {names[1]}.",
        Told.UNKNOWN_MEMBER_NEW: "Unknown gossip member {name} at {what}.",
        Told.STORE_OTHER: "Store {name} is not the store that it was: {culprits}.",
        Told.STORE_BACK: "Store {name} is the store that it was, or is used anew.",
        Told.STORE_CHANGED: "Store {name}: {names[0]}. {names[1]}",
        Told.STARTED: "the exporter started",
        Told.NO_CYCLE: "no cycle ran for {count:.0f} s",
        Told.CLOCK_SET_BACK: "this machine's clock was set back",
        Told.CYCLE_LONG: "one cycle took {count:.0f} s",
        Told.SLEPT: "this machine slept, or its clock was set, by {count:.0f} s",
        Told.CYCLES_FAILED: "{count} cycles failed",
        Told.CONFIGURATION_CHANGED: "the configuration changed",
        Told.RAN_ALREADY: "{names} ran already and was not on the list of processes",
        Told.LEFT_THE_LIST: "{names} left the list of processes, not in good order",
        Told.PLAIN: "{what}",
    }
)


def _mixed(found: Finding) -> str:
    """Its culprits are processes that list no other gossip member: what they write is worst."""
    isolated = Names(culprit.name for culprit in found.culprits)
    writer = "A process with a small gossip view overwrites the store with it."
    if isolated:
        writer = f"{isolated:3} lists no other gossip member and overwrites the store with its own view."
    return (
        f"Primaries are mixed: memberlist on {few(found.names, 3)}; the external store on "
        f"{few(found.others, 3)}. {writer}"
    )


def _foreign(found: Finding) -> str:
    count = "1 ring has" if found.count == 1 else f"{found.count} rings have"
    return f"{count} foreign members: {_listed(found):;4}. Halt all rollouts."


def _foreign_new(found: Finding) -> str:
    members = "foreign member" if found.count == 1 else "foreign members"
    return f"{found.count} {members} in ring {found.name}: {few(found.names, 5)}."


def _split(found: Finding) -> str:
    clusters = " | ".join(_listed(found)[:4])
    return f"Gossip is split into {found.count} clusters: {clusters}."


def _isolated(found: Finding) -> str:
    return f"{few(found.names, 5)} {'lists' if found.count == 1 else 'list'} no other gossip member."


def _two_products(found: Finding) -> str:
    count = "1 process shows" if found.count == 1 else f"{found.count} processes show"
    return f"{count} two products without a restart: {_listed(found):3}."


def _future(found: Finding) -> str:
    rest = f" and of {found.of} more" if found.of else ""
    return (
        f"The time stamp of {found.name}{rest} in {found.what} is {found.count:.0f} s in the future: "
        "memberlist keeps the newest, so nothing can update it or call it unhealthy until then."
    )


def _hasty(found: Finding) -> str:
    """Its `others` are how long gossip took, seconds, where that was measured."""
    measured = f" Gossip copies were up to {found.others[0]} s behind." if found.others else ""
    return (
        f"{found.count} of {found.of} processes choose tokens in {found.name} {found.what} s after a "
        f"restart: {few(found.names, 5)}.{measured} Set join_after and observe_period, or a file for the "
        "tokens."
    )


def _sentence(found: Finding) -> str:
    """The first three culprits, as a sentence."""
    listed = f"{_listed(found):;3}"
    return f"{listed[:1].upper()}{listed[1:]}."


def _failed(found: Finding) -> str:
    return f"{found.name}: {_evidence(found)}"[:BROKEN_CHARACTERS]


MADE: Final[Mapping[Told, Callable[[Finding], str]]] = MappingProxyType(
    {
        Told.PRIMARIES_MIXED: _mixed,
        Told.FOREIGN_IN_RINGS: _foreign,
        Told.FOREIGN_NEW: _foreign_new,
        Told.GOSSIP_SPLIT: _split,
        Told.PROCESS_ISOLATED: _isolated,
        Told.TWO_PRODUCTS: _two_products,
        Told.FUTURE_TIMESTAMP: _future,
        Told.TOKENS_HASTY: _hasty,
        Told.READERS_STRANDED: _sentence,
        Told.WRITERS_MISSING: _sentence,
        Told.ADDRESSES_SHARED: _sentence,
        Told.PARTITIONS_UNOWNED: _sentence,
        Told.CHECK_FAILED: _failed,
        Told.CHECK_UNKNOWN: _failed,
    }
)


def _listed(found: Finding) -> Names:
    return Names(map(culprits.detail, found.culprits))


def _evidence(found: Finding) -> str:
    """What a check found."""
    verdict = Verdict.UNKNOWN if found.kind is Told.CHECK_UNKNOWN else Verdict.FAILS
    return checks.paragraph(verdict, found.culprits, found.looked)


def text(found: Finding) -> str:
    """A finding in words."""
    if found.kind in MADE:
        return MADE[found.kind](found)
    return TEMPLATES[found.kind].format(
        name=Label(found.name),
        what=found.what,
        count=found.count,
        of=found.of,
        names=Names(found.names),
        others=Names(found.others),
        culprits=_listed(found),
        evidence=_evidence(found),
    )
