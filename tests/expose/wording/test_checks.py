"""A check in words: its evidence, its culprits and what stands above them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.expose.wording import check_evidence, checks, headlines, lists
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.gate import Check, Step, Verdict
from exporter.model.migration import HA_TRACKER, RINGS, STORE, Migration, Rollout
from exporter.model.pages import Phase
from tests.expose import snapshots

MANY = tuple(Culprit(Kind.PROCESS_NOT_RESPONDING, f"p-{n}", what="timeout") for n in range(12))
LAG = (Looked(LookedKind.LAG, 2.0, limit=30.0),)


def check(verdict: Verdict, evidence: tuple[Looked, ...] = (), culprits: tuple[Culprit, ...] = ()) -> Check:
    return Check("lag", "It does not lag.", verdict, evidence, culprits)


TOLD: list[tuple[str, Check, str, str]] = [
    (
        "what holds says what was looked at",
        check(Verdict.PASSED, LAG),
        "At most 2 s, limit 30 s and one heartbeat period.",
        "",
    ),
    ("one culprit", check(Verdict.FAILED, (), MANY[:1]), "p-0 (timeout)", ""),
    (
        "twelve of them",
        check(Verdict.FAILED, (), MANY),
        f"{'; '.join(f'p-{n} (timeout)' for n in range(10))} and 2 more",
        "12 found.",
    ),
    ("one that is unknown", check(Verdict.UNKNOWN, (), MANY[:1]), "Unknown: p-0 (timeout)", "Unknown:"),
    (
        "two that are not",
        check(Verdict.UNKNOWN, (), MANY[:2]),
        "Unknown: p-0 (timeout); p-1 (timeout)",
        "2 found. Unknown:",
    ),
]


@pytest.mark.parametrize(("name", "said", "evidence", "heading"), TOLD, ids=[row[0] for row in TOLD])
def test_a_check_in_words(name: str, said: Check, evidence: str, heading: str) -> None:
    assert checks.evidence(said) == evidence, name
    if said.culprits:
        assert checks.heading(said) == heading
        assert checks.culprits(said, 2) == ("p-0", "p-1")[: len(said.culprits)]


def test_what_is_withheld_says_why_and_blames_nobody() -> None:
    old = check(Verdict.FAILED, (), MANY).withheld("Unknown: reloaded.")
    assert (checks.evidence(old), checks.culprits(old)) == ("Unknown: reloaded.", ())


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.UNKNOWN])
def test_evidence_that_lists_its_culprits_alone_adds_nothing_to_a_list(verdict: Verdict) -> None:
    plain = tuple(replace(one, what="") for one in MANY)
    for amount in (1, 10, 12):
        bare, why = check(verdict, (), plain[:amount]), check(verdict, (), MANY[:amount])
        assert checks.adds_nothing(checks.evidence(bare), checks.culprits(bare))
        assert not checks.adds_nothing(checks.evidence(why), checks.culprits(why)), "it has the reasons"


SEEN: list[tuple[Looked, str]] = [
    (Looked(LookedKind.ANSWERING, 3), "3 of 3 answer."),
    (
        Looked(LookedKind.MIRROR_WRITES, 120.0, limit=0.01),
        "120 mirror writes, at most 1% of a client's failed.",
    ),
    (Looked(LookedKind.RING_MEMBERS, 9, 2), "9 members in 2 rings."),
    (Looked(LookedKind.VERSIONS, names=("mimir 2.1", "mimir 2.2")), "mimir 2.1, mimir 2.2"),
    (
        Looked(LookedKind.STORES, culprits=(Culprit(Kind.STORE_KEYS, what="consul", value=4),)),
        "consul: 4 keys.",
    ),
    (
        Looked(LookedKind.READ_BEFORE, culprits=MANY[:2]),
        "Read in the cycles before, not in this cycle: p-0, p-1.",
    ),
    (
        Looked(
            LookedKind.MARGIN_UNKNOWN, culprits=tuple(Culprit(Kind.KEY_UNREAD, key=key) for key in "abcd")
        ),
        "Every member is to be healthy instead: a: not read; b: not read; c: not read and 1 more.",
    ),
    (
        Looked(LookedKind.ELECTIONS_SINCE, 16.0, 1.0, 8.0),
        "16 elections in 8 minutes since the switch, 1 in as long before it.",
    ),
]


@pytest.mark.parametrize(("seen", "words"), SEEN, ids=[str(row[0].kind) for row in SEEN])
def test_what_was_looked_at_in_words(seen: Looked, words: str) -> None:
    assert check_evidence.text(seen) == words


@pytest.mark.parametrize("kind", LookedKind)
def test_everything_that_can_be_seen_has_words(kind: LookedKind) -> None:
    said = check_evidence.text(Looked(kind, 2, 3, 4, "what", ("name",), MANY[:1]))
    assert said and "{" not in said


LISTS = [
    ((), 3, ", ", ""),
    (("a",), 3, ", ", "a"),
    (("a", "b", "c"), 3, ", ", "a, b, c"),
    (("a", "b", "c", "d"), 3, "; ", "a; b; c and 1 more"),
]


@pytest.mark.parametrize(("names", "most", "between", "said"), LISTS)
def test_a_list_is_cut_and_says_how_many_more_there_are(
    names: tuple[str, ...], most: int, between: str, said: str
) -> None:
    assert lists.few(names, most, between) == said


HEADLINES = [
    ("closed", "Closed: 2 of 19 checks have not passed.", "switch: closed: 2 of 19 checks have not passed."),
    (
        "unknown",
        "Unknown: what Prometheus has is old.",
        "switch: unknown: what Prometheus has is old.",
    ),
    ("open", "Open: every check passed.", "switch: open: every check passed."),
    ("closed", "Primaries are mixed.", "switch: closed: Primaries are mixed."),
]


@pytest.mark.parametrize(("answer", "headline", "said"), HEADLINES)
def test_an_answer_is_said_once(answer: str, headline: str, said: str) -> None:
    assert headlines.answered("switch", answer, headline) == said


MOVED = Rollout(Phase.MIRRORING, 2, 6, ("c", "d", "e", "f"), 0.0)


@pytest.mark.parametrize(
    ("verdicts", "rollout", "place", "said"),
    [
        ("FFH", None, "next", "Closed: 2 of 3 checks have not passed."),
        ("UUH", None, "next", "Unknown: 2 of 3 checks have not passed."),
        ("FUU", None, "next", "Closed: 3 of 3 checks have not passed: 1 failed, 2 unknown."),
        (
            "FUU",
            MOVED,
            "next",
            "Closed: rollout in progress, 2 of 6 processes are in mirroring; "
            "3 of 3 checks have not passed: 1 failed, 2 unknown.",
        ),
        ("FUU", MOVED, "ahead", "This step is not yet reachable."),
    ],
)
def test_a_headline_counts_what_failed_and_what_is_unknown_and_names_a_rollout(
    verdicts: str, rollout: Rollout | None, place: str, said: str
) -> None:
    by_letter = {"F": Verdict.FAILED, "U": Verdict.UNKNOWN, "H": Verdict.PASSED}
    checks = tuple(Check(f"{number}", "", by_letter[one], (), ()) for number, one in enumerate(verdicts))
    verdict = Verdict.FAILED if "F" in verdicts else Verdict.UNKNOWN
    step = Step("switch-primary", False, verdict, checks, place, migration=RINGS)
    migration = Migration(RINGS, phase=Phase.MIRRORING, rollout=rollout, steps=(step,))
    now = replace(snapshots.rich(), migrations=(migration,), part=None)
    assert headlines.of_step(step, migration, now) == said


@pytest.mark.parametrize(
    ("tracker", "place", "said"),
    [
        (Phase.EXTERNAL, "ahead", "This step is not yet reachable: the store is in use by ha-tracker."),
        (Phase.MEMBERLIST, "ahead", "This step is not yet reachable."),
        (Phase.EXTERNAL, "next", "Closed: every check has passed, for 10 s of 15 s."),
    ],
)
def test_the_end_of_the_store_names_what_still_uses_it(tracker: Phase, place: str, said: str) -> None:
    step = Step(
        "decommission-store", False, Verdict.PASSED, (), place, 15.0, soaked_for=10.0, migration=STORE
    )
    moving = Migration(RINGS, phase=Phase.MEMBERLIST), Migration(HA_TRACKER, phase=tracker)
    now = replace(snapshots.rich(), migrations=(*moving, Migration(STORE)), part=None)
    assert headlines.of_step(step, now.migrations[-1], now) == said


@pytest.mark.parametrize(
    ("soaked", "said"),
    [(10.0, "for 10 s of 15 s."), (15.0, "for 15 s of 15 s; the step opens with the next cycles.")],
)
def test_a_gate_that_has_soaked_waits_only_for_its_cycles(soaked: float, said: str) -> None:
    assert headlines.soaking(soaked, 15.0) == f"Closed: every check has passed, {said}"
    assert headlines.passed(60.0, headlines.soaking(soaked, 15.0)) == "Open: every check has passed for 60 s."
