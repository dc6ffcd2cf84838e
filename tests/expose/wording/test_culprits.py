"""Every kind of culprit has its words, and they name what it is about."""

from __future__ import annotations

import string

import pytest

from exporter.expose.wording import culprits
from exporter.model.culprits import Culprit, Kind

WORDS: list[tuple[Culprit, str]] = [
    (Culprit(Kind.PROCESS_NOT_RESPONDING, "p-1", what="timeout"), "p-1"),
    (Culprit(Kind.PAGE_UNREAD, "p-1", what="metrics"), "p-1 (metrics)"),
    (
        Culprit(Kind.PROCESS_UNLISTED, "p-1", what="static"),
        "p-1 answers, and its source (static) no longer lists it",
    ),
    (Culprit(Kind.PROCESS_RESTARTING, "p-1", value=4, of=5.0), "p-1 started 4 times in 5 minutes"),
    (Culprit(Kind.PROCESS_RESTARTING, "p-1", value=1, of=1.0), "p-1 started 1 time in 1 minute"),
    (Culprit(Kind.CLIENT_SWITCHED, member="ring", value=1), "ring on 1 process has memberlist"),
    (Culprit(Kind.CLIENT_SWITCHED, member="ring", value=2), "ring on 2 processes has memberlist"),
    (
        Culprit(Kind.CLIENT_IN_PHASE, member="ring", what="multi", value=4, of=9, names=tuple("abcd")),
        "ring on 4 of 9 processes (a, b, c and 1 more) is multi (mirroring still off)",
    ),
    (
        Culprit(Kind.CLIENT_NOT_MIRRORING, member="ring", value=1, of=3, names=("p-1",)),
        "ring on 1 of 3 processes (p-1) does not mirror",
    ),
    (
        Culprit(Kind.CLIENT_NOT_MIRRORING, member="ring", value=3, of=3),
        "ring on 3 of 3 processes does not mirror",
    ),
    (
        Culprit(Kind.READER_STRANDED, member="ring", key="k", what="external", value=1, names=("p-1",)),
        "ring on 1 process (p-1) reads k only from the external store, and no process writes it there",
    ),
    (Culprit(Kind.CLOCK_AHEAD, "p-1", value=20.4), "p-1 is 20 s ahead"),
    (Culprit(Kind.CLOCK_BEHIND, "p-1", value=20.4), "p-1 is 20 s behind"),
    (
        Culprit(Kind.CLIENT_IN_PHASE, member="ring", what="multi", value=1, of=3),
        "ring on 1 of 3 processes is multi (mirroring still off)",
    ),
    (
        Culprit(Kind.CLIENT_IN_PHASE, member="ring", what="switched", value=1, of=3),
        "ring on 1 of 3 processes is switched",
    ),
    (
        Culprit(Kind.MIRROR_ERRORS, "p-1", "k", "ring", value=3.0, of=12.0),
        "ring on p-1: 3 of 12 writes failed",
    ),
    (
        Culprit(Kind.GOSSIP_CLUSTER, names=tuple("abcdefg")),
        "a, b, c, d, e and 2 more",
    ),
    (Culprit(Kind.GOSSIP_PORT_SCRAPED, "p-1", value=4.04), "p-1: 4.0 a minute"),
    (Culprit(Kind.GOSSIP_PARTIAL, "p-1", value=2, of=3, names=("c",)), "p-1 lists 2 of 3 processes, not c"),
    (Culprit(Kind.LABEL_CARRIED, member="lab", names=("a", "b", "c", "d")), '"lab" on a, b, c and 1 more'),
    (Culprit(Kind.LABEL_CARRIED, member="", names=("a",)), '"" on a'),
    (Culprit(Kind.LABEL_CARRIED, member="\u00e9\\", names=("a",)), '"\u00e9\\" (\\xe9\\) on a'),
    (
        Culprit(Kind.LABEL_CARRIED, member="lab ", names=("a",), why=Culprit(Kind.LABEL_PADDED)),
        '"lab ", which has a blank at an end, on a',
    ),
    (
        Culprit(Kind.PAGES_REDIRECTED, names=("/metrics",)),
        "a redirect for /metrics: probably a login page, or it needs https",
    ),
    (
        Culprit(Kind.PAGES_HTML, names=("/a", "/b", "/c")),
        "HTML for /a, /b and /c: probably a login page or another server",
    ),
    (
        Culprit(Kind.PAGES_DENIED, names=("/a", "/b", "/c", "/d")),
        "401 or 403 for /a, /b, /c and 1 more: probably credentials under http_client are missing",
    ),
    (
        Culprit(Kind.PROCESS_SHOWS, "p-1", why=Culprit(Kind.PAGES_REDIRECTED, names=("/a", "/b"))),
        "p-1 (a redirect for /a and /b: probably a login page, or it needs https)",
    ),
    (
        Culprit(
            Kind.RING_SETTING_DIFFERS,
            key="k",
            why=Culprit(
                Kind.ZONES_DIFFER, value=1, of=0, names=("a",), why=Culprit(Kind.MOST_PROCESSES, value=2)
            ),
        ),
        "k: zone awareness on on a, off on 2 other processes",
    ),
    (
        Culprit(
            Kind.RINGS_PARTED,
            key="x/ring",
            member="ring",
            what="ruler",
            names=("a",),
            why=Culprit(Kind.OTHER_PROCESSES, names=("b", "c")),
        ),
        "ruler ring: key x/ring on a, ring on b, c",
    ),
    (Culprit(Kind.STORE_FAILED, what="etcd"), "etcd was not read"),
    (
        Culprit(Kind.STORE_FAILED, what="etcd", why=Culprit(Kind.VERBATIM, what="refused")),
        "etcd was not read (refused)",
    ),
    (
        Culprit(Kind.STORE_REPLACED, what="etcd", why=Culprit(Kind.STORE_REVISION_FELL, value=4.0, of=50.0)),
        "etcd is not the store that it was: its revision decreased from 50 to 4",
    ),
    (Culprit(Kind.UNREAD, "p-1", what="label"), "label of p-1"),
    (Culprit(Kind.UNREAD, member="m-1", what="label"), "label of m-1"),
    (Culprit(Kind.UNREAD, "p-1", "k", what="gossip copy"), "gossip copy of k on p-1"),
    (
        Culprit(Kind.KEY_LACKING, key="k", what="consul", names=("a", "b", "c", "d")),
        "k: consul lacks a, b, c and 1 more, which a process shows",
    ),
    (Culprit(Kind.MARGIN_SMALL, key="k", value=-1), "k: margin -1"),
    (
        Culprit(Kind.MARGIN_SMALL, key="k", value=0, of=1, names=("a", "b")),
        "k: margin 0 (a, b without tokens)",
    ),
    (
        Culprit(Kind.PARTITION_OWNERS_SOME_VANISHED, key="k", value=2, of=2, limit=1, names=("q-7",)),
        "1 of 2 owners of partition 2 of k are neither member nor process: q-7",
    ),
    (
        Culprit(Kind.PARTITION_OWNERS_VANISHED, key="k", what="ACTIVE", value=2, of=2, names=("q-7", "q-8")),
        "partition 2 of k is ACTIVE and none of its 2 owners is a member or process: q-7, q-8",
    ),
    (
        Culprit(Kind.PARTITION_OWNERS_UNHEALTHY, key="k", what="ACTIVE", value=2, of=1, names=("q-7",)),
        "partition 2 of k is ACTIVE and none of its 1 owner is a healthy member: q-7",
    ),
    (
        Culprit(Kind.ADDRESS_SHARED, key="k", what="10.0.0.1:9095", value=2, names=("a", "b")),
        "2 members of k share the address 10.0.0.1:9095: a, b",
    ),
    (
        Culprit(Kind.ADDRESS_UNREACHABLE, key="k", what="0.0.0.0:9095", names=("a",)),
        "k: no other host reaches 0.0.0.0:9095, the address of a",
    ),
    (
        Culprit(Kind.MEMBERS_MISPLACED, key="k", value=1, of=3, names=("p-3 (compactor)",)),
        "1 of 3 members of k are processes of another component: p-3 (compactor)",
    ),
    (
        Culprit(Kind.ID_SHARED, key="k", member="a", value=2, names=("x", "y")),
        "2 processes write k as a: x, y",
    ),
    (Culprit(Kind.SECONDARY_BEHIND, key="k", value=42.5), "k is 42.5 s behind"),
    (Culprit(Kind.SECONDARY_LACKS_KEY, key="k", value=2, of=3), "k is missing in 2 of 3 views"),
    (Culprit(Kind.SECONDARY_UNREAD_VIEW, "p-1", "k"), "k: p-1 not read"),
    (Culprit(Kind.UNREAD, "p-1", member="m-1", what="label"), "label of m-1"),
    (
        Culprit(Kind.ELECTIONS_MANY, value=16.0, of=1.0, limit=8.0),
        "16 elections in 8 minutes since the switch, 1 in as long before it",
    ),
    (
        Culprit(Kind.ELECTIONS_MANY_UNWATCHED, value=83.0, of=3, limit=20.0),
        "83 elections of 3 HA clusters in 20 minutes since the switch",
    ),
    (Culprit(Kind.STORE_ONLY, key="k"), "k"),
    (Culprit(Kind.STORE_ONLY, key="k", value=0), "k: partition 0"),
    (
        Culprit(Kind.STORE_UNCOVERED, key="k", names=("consul", "etcd")),
        "k is used or configured, and not read in consul and etcd",
    ),
    (
        Culprit(Kind.STORE_REQUESTED, "p-1", "k", "ring", "consul", 1 / 15),
        "ring on p-1: consul 0.067 requests a second",
    ),
    (
        Culprit(Kind.GROUP_UNSERVED, key="k", what="read-write", names=("microservices",)),
        "k has only members of microservices, no read-write process serves it",
    ),
    (
        Culprit(Kind.GROUP_SHORT, key="k", what="read-write", value=1, of=2, limit=3),
        "k: 1 active of 2 in read-write, replication factor 3",
    ),
    (Culprit(Kind.TOKENS_CLAIMED, key="k", value=1, names=("a", "b")), "k: 1 token of a, b"),
    (Culprit(Kind.NO_STORE_READABLE, what="dynamodb"), "dynamodb cannot be read"),
]


@pytest.mark.parametrize(("culprit", "words"), WORDS, ids=[str(row[0].kind) for row in WORDS])
def test_a_culprit_in_words(culprit: Culprit, words: str) -> None:
    assert culprits.name(culprit) == words


FULL = {
    "target": "the-target", "key": "the-key", "member": "the-member", "what": "the-what", "value": 7.0,
    "of": 8.0, "limit": 9.0, "names": ("the-name",),
}  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words_and_says_all_that_its_template_asks_for(kind: Kind) -> None:
    assert (kind in culprits.TEMPLATES) is not (kind in culprits.MADE)
    said = culprits.name(Culprit(kind, **FULL))  # type: ignore[arg-type] # the fields' names
    template = culprits.TEMPLATES.get(kind, "")
    for _, field, _, _ in string.Formatter().parse(template):
        if field in ("target", "key", "member", "what", "names"):
            assert f"the-{field.removesuffix('s')}" in said
    assert said and "{" not in said and "None" not in said


def test_braces_in_a_name_stay_what_they_are() -> None:
    assert culprits.name(Culprit(Kind.MEMBER_ORPHANED, key="{key}", member="{0.kind}")) == "{0.kind} in {key}"


DENIED = Culprit(Kind.PAGES_DENIED, names=("/a",))
SILENT = [
    ("timeout: 5 s", None, "p-1 (timeout: 5 s)"),
    ("denied", DENIED, f"p-1 (denied: {culprits.name(DENIED)})"),
    ("", DENIED, f"p-1 ({culprits.name(DENIED)})"),
    ("", None, "p-1"),
]


@pytest.mark.parametrize(("what", "why", "words"), SILENT)
def test_a_silent_process_is_told_with_its_reason_where_there_is_one(
    what: str, why: Culprit | None, words: str
) -> None:
    assert culprits.detail(Culprit(Kind.PROCESS_NOT_RESPONDING, "p-1", what=what, why=why)) == words
