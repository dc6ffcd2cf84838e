"""Every finding and every way back has its words, and they say all that it holds."""

from __future__ import annotations

import string

import pytest

from exporter.derive.gate.causes import CAUSES
from exporter.expose.wording import findings, rollbacks
from exporter.model.culprits import Culprit, Kind
from exporter.model.findings import Finding, FindingKind, Rollback, Way

ALONE = Culprit(Kind.GOSSIP_ISOLATED, "p-1")
FOREIGN = Culprit(Kind.KEY_FOREIGN, key="collectors/ring", value=2, names=("loki-1", "loki-2"))
WORDS: list[tuple[Finding, str]] = [
    (
        Finding(FindingKind.PRIMARIES_MIXED, names=tuple("abcd"), others=("e",)),
        "Primaries are mixed: memberlist on a, b, c and 1 more; the external store on e. A process with a "
        "small gossip view overwrites the store with it.",
    ),
    (
        Finding(FindingKind.PRIMARIES_MIXED, names=("p-1",), others=("e",), culprits=(ALONE,)),
        "Primaries are mixed: memberlist on p-1; the external store on e. p-1 lists no other gossip member "
        "and overwrites the store with its own view.",
    ),
    (
        Finding(FindingKind.FOREIGN_IN_RINGS, count=1, culprits=(FOREIGN,)),
        "1 ring has foreign members: collectors/ring 2 (loki-1, loki-2). Halt all rollouts.",
    ),
    (
        Finding(FindingKind.FOREIGN_NEW, "ingester", count=1, names=("x",)),
        "1 foreign member in ring ingester: x.",
    ),
    (Finding(FindingKind.PROCESS_ISOLATED, count=1, names=("p-1",)), "p-1 lists no other gossip member."),
    (Finding(FindingKind.PROCESS_ISOLATED, count=2, names=("p", "q")), "p, q list no other gossip member."),
    (
        Finding(FindingKind.RING_SHRUNK, "ruler", "members", 2, 9),
        "Ring ruler lost members at once: 9 before, 2 now.",
    ),
    (
        Finding(FindingKind.FUTURE_TIMESTAMP, "m-1", "collectors/ring", 60.0, 0),
        "The time stamp of m-1 in collectors/ring is 60 s in the future: memberlist keeps the newest, so "
        "nothing can update it or call it unhealthy until then.",
    ),
    (
        Finding(FindingKind.CHECK_UNKNOWN, "lag", culprits=(Culprit(Kind.KEY_UNREAD, key="k"),)),
        "lag: Unknown: k: not read",
    ),
    (
        Finding(FindingKind.CHECK_FAILED, "lag", culprits=(Culprit(Kind.VERBATIM, what="x" * 300),)),
        "lag: " + "x" * 155,
    ),
]


@pytest.mark.parametrize(("found", "words"), WORDS, ids=[str(row[0].kind) for row in WORDS])
def test_a_finding_in_words(found: Finding, words: str) -> None:
    assert findings.text(found) == words


FULL = Finding(
    FindingKind.PLAIN, "the-name", "the-what", 2, 3, ("one-name", "two-name"), ("one-other",),
    (Culprit(Kind.VERBATIM, what="the-culprit"),),
)  # fmt: skip
SHOWN = {"name": "the-name", "what": "the-what", "names": "one-name", "others": "one-other"}


@pytest.mark.parametrize("kind", FindingKind)
def test_every_kind_has_words_and_says_all_that_its_template_asks_for(kind: FindingKind) -> None:
    assert (kind in findings.TEMPLATES) is not (kind in findings.MADE)
    said = findings.text(Finding(kind, *(getattr(FULL, name) for name in FULL.__slots__[1:8])))
    fields = {field for _, field, _, _ in string.Formatter().parse(findings.TEMPLATES.get(kind, ""))}
    for field in fields & SHOWN.keys():
        assert SHOWN[field] in said
    assert "the-culprit" in said or not fields & {"culprits", "evidence"}
    assert said and "{" not in said and "None" not in said


def test_every_cause_is_told_by_a_finding_of_its_own() -> None:
    assert {Finding(kind).id for kind in FindingKind} >= {cause.id for cause in CAUSES}


LACKS = Culprit(Kind.STORE_LACKS_KEY, key="collectors/ring")
DOWN = Culprit(Kind.PROCESS_DOWN, "p-1")
SWITCHED = rollbacks.WAYS[Way.SWITCHED]
WAYS = [
    (Rollback(Way.SWITCHED, safe=True), f"{SWITCHED}."),
    (
        Rollback(Way.SWITCHED, safe=False, against=(LACKS,)),
        f"{SWITCHED}. Do not do this now, for these reasons: the store lacks collectors/ring.",
    ),
    (
        Rollback(Way.SWITCHED, unknown=(DOWN,)),
        f"{SWITCHED}, and part of it is unknown: p-1 does not answer.",
    ),
    (
        Rollback(Way.MULTI, unknown=(Culprit(Kind.STORE_NOT_READ),)),
        "roll the processes to the external store only; no client reads memberlist yet. Part of it is "
        "unknown: the external store is not read.",
    ),
    (Rollback(Way.UNKNOWN), "unknown."),
]


@pytest.mark.parametrize(("found", "words"), WAYS, ids=[f"{row[0].way}-{row[0].safe}" for row in WAYS])
def test_a_way_back_says_what_speaks_against_it_and_what_is_not_known(found: Rollback, words: str) -> None:
    assert rollbacks.text(found) == words


@pytest.mark.parametrize("way", Way)
def test_no_way_back_is_called_safe_by_its_words(way: Way) -> None:
    assert rollbacks.WAYS[way]
    assert "safe" not in rollbacks.text(Rollback(way))
