"""Checks on the HA tracker: do all have the same replicas elected, and do they elect as rarely as before."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.derive import ha_election_rates
from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check
from exporter.derive.gate.checks.rings import is_fresh, lacking
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.facts import KeyFacts, TargetFacts
from exporter.model.listed import grouped
from exporter.model.pages import Outcome
from exporter.products.ha_keys import prefixes_in
from exporter.products.ring_pages import HA_KEY, TRACKER_PAGE


@check(
    "ha-elections-equal",
    "Every process and both stores have the same elected replica for every HA cluster.",
    "Wait for the next update (15 s); if it stays, run kvmigration diff ha-tracker/.",
    "docs/ha-tracker.md#elections-differ",
)
def ha_elections_equal(evidence: Evidence) -> Answer:
    """Tracker pages, primary and secondary name the same replicas."""
    found = next((key for key in evidence.keys if key.key == HA_KEY), None)
    apart = _trackers_apart(evidence)
    if found is None:
        failed = (target.name for target in evidence.up if target.ended(TRACKER_PAGE, Outcome.FAILED))
        return Answer(
            apart,
            [Culprit(Kind.PROCESS_NOT_RESPONDING, name) for name in failed],
            Looked(LookedKind.NO_ENTRIES),
        )
    return Answer(
        wrong=[*_differing(found, evidence), *apart],
        unknown=[
            *(
                Culprit(Kind.PROCESS_NOT_RESPONDING, v.target)
                for v in found.views
                if v.kind == "ring" and not v.known
            ),
            *lacking([found]),
        ],
        good=Looked(LookedKind.ENTRIES, found.entries),
    )


def _differing(key: KeyFacts, evidence: Evidence) -> Iterator[Culprit]:
    """What is wrong with the HA tracker's elections, in the secondary and on the tracker's pages."""
    second = key.secondary
    for name in second.mismatched.get("replica", ()) if second else ():
        if second and name in second.settled:
            yield Culprit(Kind.ELECTION_DIFFERS, key=key.key, member=name)
    judged = [v for v in key.views if v.kind == "ring" and v.known and v.judged]
    pages = {v.fingerprint for v in judged if is_fresh(v, evidence)}
    if len(pages) > 1:
        yield Culprit(Kind.TRACKERS_DIFFER, key=key.key, value=len(pages))
    for view in judged:
        if view.diverged and not is_fresh(view, evidence):
            yield Culprit(Kind.TRACKER_DIFFERED, view.target, key.key)


@check(
    "ha-elections-steady",
    "The HA tracker elects other replicas no more often than before the switch.",
    "Compare the clocks of the distributors: in memberlist the newest time stamp wins each election. Run "
    "kvmigration diff ha-tracker/, which names the process that has another replica.",
    "docs/ha-tracker.md#elections-before-and-after",
)
def ha_elections_steady(evidence: Evidence) -> Answer:
    """Elections are as rare as while the external store was the primary. Where that was not observed,
    failovers of so many HA clusters must explain them.
    """
    elections = ha_election_rates.averaged(evidence.up)
    usual = ha_election_rates.expected(elections)
    minutes = elections.since_seconds / 60
    if not elections.since_seconds:
        return Answer(good=Looked(LookedKind.TRACKER_NOT_SWITCHED))
    clusters = sum(key.entries for key in evidence.keys if key.key == HA_KEY)
    wrong = ha_election_rates.too_many(elections, clusters)
    if usual is None:
        many = Culprit(Kind.ELECTIONS_MANY_UNWATCHED, value=elections.since, of=clusters, limit=minutes)
        good = Looked(LookedKind.ELECTIONS_UNWATCHED, elections.since, limit=minutes)
    else:
        many = Culprit(Kind.ELECTIONS_MANY, value=elections.since, of=usual, limit=minutes)
        good = Looked(LookedKind.ELECTIONS_SINCE, elections.since, usual, minutes)
    return Answer(wrong=[many] if wrong else (), good=good)


def _trackers_apart(evidence: Evidence) -> list[Culprit]:
    """Which trackers have which prefix, where they differ: each elects below its own."""
    configs = ((t.name, t.config) for t in evidence.up if t.config and _tracks(t))
    prefixes = grouped(
        (prefix, name) for name, config in configs for prefix in prefixes_in([config], tracking=True)
    )
    return [
        Culprit(Kind.TRACKER_PREFIX, what=prefix, names=tuple(names))
        for prefix, names in sorted(prefixes.items())
        if len(prefixes) > 1
    ]


def _tracks(target: TargetFacts) -> bool:
    return any(client.key == HA_KEY for client in target.clients)
