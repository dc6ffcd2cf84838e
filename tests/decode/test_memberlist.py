"""/memberlist, JSON and HTML."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.formats.member_cache import MemberCache
from exporter.decode.memberlist import decode_memberlist
from exporter.errors import DecodeError
from exporter.model.pages import GossipKey, GossipMember, GossipState
from tests.decode import pages
from tests.decode.pages import NOW

STATES = list(GossipState)
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
members = st.lists(
    st.builds(GossipMember, pages.names, addresses, st.integers(0, 65535), st.sampled_from(STATES)),
    max_size=6,
)
keys = st.lists(
    st.builds(
        GossipKey, pages.names, st.sampled_from(["ringDesc", "replicaDesc"]), st.booleans(), st.integers(0, 9)
    ),
    max_size=6,
    unique_by=lambda key: key.key,
)


def as_json(members: list[GossipMember], keys: list[GossipKey]) -> bytes:
    nodes = [
        {
            "Name": m.name,
            "Addr": m.address,
            "Port": m.port,
            "Meta": None,
            "State": STATES.index(m.state),
            "PMin": 1,
        }
        for m in members
    ]
    store = {
        k.key: {
            "Version": k.version,
            "CodecID": k.codec,
            "Deleted": k.deleted,
            "UpdateTime": pages.rfc3339(0),
        }
        for k in keys
    }
    page = {"Now": pages.rfc3339(NOW), "Memberlist": {}, "SortedMembers": nodes or None, "Store": store}
    return json.dumps(page | {"SentMessages": None, "ReceivedMessages": None}).encode()


def as_html(members: list[GossipMember], keys: list[GossipKey], health: int) -> bytes:
    columns = ["Key", "Codec", "Version", "Deleted", "Update Time", "Size", "Actions"]
    rows = [[k.key, k.codec, str(k.version), str(k.deleted).lower(), "never", "9", "json"] for k in keys]
    first = pages.page("KV", pages.go_string(NOW), columns, rows)
    hosts = [f"[{m.address}]" if ":" in m.address else m.address for m in members]
    shown = [
        [m.name, f"{host}:{m.port}", str(STATES.index(m.state))]
        for m, host in zip(members, hosts, strict=True)
    ]
    second = pages.page("Members", "", ["Name", "Address", "State"], shown)
    score = f"<li>Health Score: {health} (lower = better, 0 = healthy)</li>".encode()
    total = b"<tfoot><tr><td colspan=5>Total</td><td>9</td></tr></tfoot></table>"
    first = first.replace(b"<form>", score + b"<form>").replace(b"</table>", total)
    return first.replace(b"</form></body></html>", b"") + second


@given(members, keys, st.integers(0, 8))
def test_both_forms_round_trip(some: list[GossipMember], stored: list[GossipKey], health: int) -> None:
    one, other = decode_memberlist(as_json(some, stored)), decode_memberlist(as_html(some, stored, health))
    assert one is not None
    assert other is not None
    for page in (one, other):
        assert page.members == tuple(some)
        assert dict(page.keys) == {key.key: key for key in stored}
        assert page.now == NOW
    assert (one.health_score, other.health_score) == (None, health)


def mimirs(state: str, summary: bytes) -> bytes:
    """The page as Mimir words it since 2022: states as badges, the score in a sentence."""
    keys = pages.page("KV", "", ["Key", "Codec", "Version", "Actions"], [["a", "ringDesc", "4", ""]])
    badge = b'<span class="badge bg-success">%s</span>' % state.encode()
    columns = ["Name", "Address", "State", "Zone", "Role"]
    shown = pages.page("Members", "", columns, [["m-1", "[::1]:7946", "BADGE", "zone-a", "member"]])
    return summary + keys.replace(b"</form></body></html>", b"") + shown.replace(b"BADGE", badge)


@pytest.mark.parametrize(("word", "state"), [(state.value.title(), state) for state in STATES])
def test_a_state_in_a_word_is_the_state_of_that_number(word: str, state: GossipState) -> None:
    page = decode_memberlist(mimirs(word, b""))
    assert page is not None
    assert page.members == (GossipMember("m-1", "::1", 7946, state),)


@pytest.mark.parametrize(
    ("summary", "score"),
    [
        (b"<div>has <strong>3</strong> members and it is <strong>healthy</strong>.</div>", 0),
        (b"<div>has <strong>3</strong> members but health score\n   is 2 (lower is better).</div>", 2),
        (b"<div>has <strong>3</strong> members.</div>", None),
    ],
)
def test_the_health_score_stands_in_a_sentence(summary: bytes, score: int | None) -> None:
    page = decode_memberlist(mimirs("Alive", summary))
    assert page is not None
    assert page.health_score == score


def test_a_state_of_tomorrow_is_refused() -> None:
    with pytest.raises(DecodeError, match="state 'Unknown: 4', expected a number or one of alive"):
        decode_memberlist(mimirs("Unknown: 4", b""))


def test_cortex_and_older_dskit_say_less_of_a_key() -> None:
    body = b'{"SortedMembers":null,"Store":{"a":{},"b":{"Version":7,"CodecID":"ringDesc"}}}'
    page = decode_memberlist(body)
    assert page is not None
    assert dict(page.keys) == {"a": GossipKey("a"), "b": GossipKey("b", "ringDesc", False, 7)}
    assert page.now is None
    columns, rows = ["Key", "Value Details", "Actions"], [["a", "version: 45, codec: ringDesc", ""]]
    keys = pages.page("KV", pages.go_string(NOW), columns, rows).replace(b"</form></body></html>", b"")
    shown = decode_memberlist(keys + pages.page("M", "", ["Name", "Address", "State"], []))
    assert shown is not None
    assert dict(shown.keys) == {"a": GossipKey("a", "ringDesc", False, 45)}


NODES = b'[{"Name":"a","Addr":"::1","Port":1,"State":0}]'
OTHERS = b'[{"Name":"b","Addr":"::1","Port":2,"State":3}]'
READ = b'{"SortedMembers":%b,"Store":{"k":{"Version":1}}}' % NODES
AFTERWARDS = {
    "the same": READ,
    "the same, other keys": READ.replace(b"k", b"other"),
    "others": READ.replace(NODES, OTHERS),
    "nobody": READ.replace(NODES, b"null"),
    "an empty list": READ.replace(NODES, b"[]"),
    "one more": READ.replace(NODES, NODES[:-1] + b"," + OTHERS[1:]),
    "more behind the list": READ.replace(NODES, NODES + b"]"),
    "a list that goes on": READ.replace(NODES, NODES + OTHERS),
    "told twice, the same last": b'{"SortedMembers":%b,' % OTHERS + READ[1:],
    "told twice, others last": READ[:-1] + b',"SortedMembers":%b}' % OTHERS,
    "within something else": b'{"Memberlist":{"SortedMembers":%b},"SortedMembers":%b}' % (NODES, OTHERS),
    "within something else, and nobody": b'{"Memberlist":{"SortedMembers":%b},"SortedMembers":null}' % NODES,
    "the mark itself": READ.replace(NODES, b'"read before"'),
    "in a text": b'{"SortedMembers":%b,"SentMessages":"\\"SortedMembers\\":%b"}' % (OTHERS, b"[]"),
    "without a list": b'{"Store":{}}',
    "cut off": READ[:-3],
}


@pytest.mark.parametrize("case", AFTERWARDS)
def test_a_list_that_was_read_before_changes_what_a_page_costs_and_never_what_it_says(case: str) -> None:
    cache = MemberCache()
    for body in (READ, AFTERWARDS[case], AFTERWARDS[case], READ):
        try:
            expected = decode_memberlist(body)
        except DecodeError:
            with pytest.raises(DecodeError):
                decode_memberlist(body, cache)
        else:
            assert decode_memberlist(body, cache) == expected


def test_long_lists_of_messages_are_passed_over_however_they_look() -> None:
    message = (
        b'{"ID":1,"Time":"x","Size":{"deep":[[[]]]},"Pair":{"Key":"k","Value":"%s"},"Changes":["a"]}'
        % (b"A" * 99)
    )
    messages = b",".join([message] * 200_000)  # 40 MB and 600,000 objects
    body = (
        b'{"SortedMembers":[{"Name":"a","Addr":"::1","Port":1,"State":0}],"SentMessages":[%s],"Store":{}}'
        % messages
    )
    page = decode_memberlist(body)
    assert page is not None
    assert page.members == (GossipMember("a", "::1", 1),)


@pytest.mark.parametrize(
    "body", [b"This instance doesn't use memberlist.", b"<p>This instance doesn&#39;t use memberlist.</p>"]
)
def test_a_process_without_memberlist_says_so(body: bytes) -> None:
    assert decode_memberlist(body) is None


REFUSED = {
    "no members": (b'{"Store":{}}', "missing required field `SortedMembers`"),
    "a state of tomorrow": (b'{"SortedMembers":[{"Name":"a","State":4}]}', "a state from 0 to 3"),
    "a port beyond all": (b'{"SortedMembers":[{"Name":"a","Port":65536}]}', "expected a port"),
    "a member without a name": (b'{"SortedMembers":[{"Name":""}]}', "Name: empty"),
    "a long name": (b'{"SortedMembers":[{"Name":"%s"}]}' % (b"a" * 513), "at most 512"),
    "a long key": (b'{"SortedMembers":[],"Store":{"%s":{}}}' % (b"a" * 513), "at most 512"),
    "very many keys": (
        b'{"SortedMembers":[],"Store":{%s}}' % b",".join(b'"%d":{}' % n for n in range(100_002)),
        "Store: JSON objects: 100003",
    ),
    "very many members": (
        b'{"SortedMembers":[%s]}' % b",".join([b'{"Name":"a"}'] * 100_001),
        "SortedMembers: JSON objects: 100001",
    ),
    "an address without a port": (
        as_html([GossipMember("a", "10.0.0.1", 1)], [], 0).replace(b"10.0.0.1:1", b"10.0.0.1"),
        "expected host:port",
    ),
    "another page": (b"<html><table></table></html>", "expected a member list"),
    "nothing": (b"", "complete page"),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_member_list_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=r"^memberlist") as caught:
        decode_memberlist(body)
    assert message in str(caught.value)
