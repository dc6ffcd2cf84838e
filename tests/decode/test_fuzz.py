"""Any bytes give a model, `None` or `DecodeError`: arbitrary ones, and mutations of good pages.

The budget is moderate here; KVMIGRATION_FUZZ_EXAMPLES asks for more of each.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.decode.build import decode_build
from exporter.decode.config import decode_config
from exporter.decode.formats.member_cache import MemberCache
from exporter.decode.label_rejections import rejected_label
from exporter.decode.memberlist import decode_memberlist
from exporter.decode.metrics import decode_metrics
from exporter.decode.partition import decode_partition_ring
from exporter.decode.ring_page import decode_ring
from exporter.decode.tracker import decode_tracker
from exporter.decode.value import decode_value
from exporter.errors import DecodeError
from exporter.model.entry import State
from tests.decode import pages
from tests.decode.pages import NOW, Made
from tests.decode.test_build import MIMIR as BUILD
from tests.decode.test_config import LOKI, MIMIR, TEMPO
from tests.decode.test_metrics import multikv, request
from tests.decode.test_partition import shown
from tests.decode.test_value import partitions_bytes

EXAMPLES = int(os.environ.get("KVMIGRATION_FUZZ_EXAMPLES", "60"))
RING = [
    Made("a-1", "10.0.0.1:9095", State.ACTIVE, "z", NOW - 5, NOW - 900, True, (7, 300, 2**32 - 1)),
    Made("b<&>", "", State.LEFT, "", 0, 0, False, ()),
]
GOSSIP = (
    b'{"Now":"2026-11-21T01:44:43Z","SortedMembers":[{"Name":"a","Addr":"10.0.0.1","Port":7946,"State":0}],'
    b'"Store":{"collectors/ring":{"Version":20,"CodecID":"ringDesc","Deleted":false}},"SentMessages":[{"a":[1]}]}'
)
TRACKER = (
    b'{"elected":[{"userID":"u","cluster":"c","replica":"r","electedAt":"2026-11-21T01:44:36.176Z"}],'
    b'"now":"2026-11-21T01:44:43Z"}'
)
REPLICA = pages.snappy(pages.field(1, "prom-b") + pages.field(2, NOW * 1000))
METRICS = (
    multikv("cortex_", "ring", "consul", 1) + request("ring", "consul", "CAS", 5) + "go_x 1\n"
).encode()
LOG = b"ts=2026-11-21T01:49:29Z " + (
    b'msg="discarding stream with unacceptable label \\"a\\\\nb\\": from=127.0.0.1:42396"'
)


def value(key: str) -> Callable[[bytes], object]:
    return lambda body: decode_value(key, body)


DECODERS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "ring": (
        decode_ring,
        [f(RING) for f in (pages.dskit_json, pages.cortex_json, pages.dskit_html, pages.cortex_html)],
    ),
    "ring with a cache": (lambda body: decode_ring(body, cache=MemberCache()), [pages.dskit_json(RING)]),
    "partition ring": (decode_partition_ring, [shown()]),
    "memberlist": (decode_memberlist, [GOSSIP]),
    "tracker": (decode_tracker, [TRACKER]),
    "stored ring": (value("collectors/ring"), [pages.stored(RING)]),
    "stored partitions": (value("collectors/ingester-partitions"), [partitions_bytes()]),
    "stored replica": (value("ha-tracker/a/b"), [REPLICA]),
    "unpacked ring": (
        lambda body: decode_value("r", pages.snappy(body)),
        [b"".join(map(pages.instance, RING))],
    ),
    "metrics": (decode_metrics, [METRICS]),
    "config": (decode_config, [MIMIR, LOKI, TEMPO]),
    "build": (decode_build, [BUILD]),
    "log line": (rejected_label, [LOG]),
}
SPLICES = (
    b"null", b"-1", b"1e999", b"NaN", b"99999999999999999999999", b"0001-01-01", b"\xff\xfe", b"\x00",
    b'"', b"\\", b"\\ud800", b"{", b"}", b"[", b"]", b"<", b">", b"<td>", b"</tr>", b"</table>",
    b"&#xd800;", b"&#99999999;", b"\n", b": ", b"- ", b"*a", b"&a ", b"!!binary ", b"<<: ", b"? ",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A good page with a few pieces replaced, removed, doubled or moved."""
    body = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(body)))
        length = draw(st.integers(0, min(40, len(body) - start)))
        piece = draw(
            st.one_of(
                st.sampled_from(SPLICES),
                st.binary(max_size=8),
                st.just(bytes(body[start : start + length]) * draw(st.sampled_from([1, 2, 30]))),
            )
        )
        body[start : start + length] = piece
    return bytes(body)


def survives(decode: Callable[[bytes], object], body: bytes) -> None:
    try:
        decode(body)
    except DecodeError as err:
        assert 0 < len(str(err)) < 500
        str(err).encode()


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=st.binary(max_size=400))
def test_arbitrary_bytes_give_a_model_or_a_decode_error(name: str, body: bytes) -> None:
    survives(DECODERS[name][0], body)


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=EXAMPLES * 3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_pages_give_a_model_or_a_decode_error(name: str, data: st.DataObject) -> None:
    decode, seeds = DECODERS[name]
    survives(decode, data.draw(mutated(seeds)))


@pytest.mark.parametrize("name", DECODERS)
def test_the_seeds_are_good_and_every_cut_of_them_survives(name: str) -> None:
    decode, seeds = DECODERS[name]
    for seed in seeds:
        if name != "unpacked ring":
            assert decode(seed) is not None
        for end in range(0, len(seed), max(1, len(seed) // 100)):
            survives(decode, seed[:end])


HOSTILE = {
    "brackets": b"[" * 300_000,
    "braces": b'{"a":' * 200_000,
    "elements": b"<div>" * 200_000,
    "rows": b"<html><table>" + b"<tr><td>" * 150_000 + b"</html>",
    "entities": b"<html><table><tr><th>&amp;" + b"&amp;" * 200_000 + b"</html>",
    "open cells": b"<html><table><tr>" + b"<td " * 200_000 + b"</html>",
    "angle brackets": b"<" * 1_000_000,
    "quotes": b'multikv_mirror_enabled{kv_name="' + b'\\"' * 500_000,
    "one line": b"a" * 2_000_000,
    "words": b"# x\n" + b"multikv_ " * 200_000 + b"\n",
    "names": b"# x\n" + b"a_" * 500_000 + b"multikv_primary_store{} 1\n",
    "keys": b"memberlist:\n" + b" a:\n" * 200_000,
    "needles": b"discarding stream with unacceptable label " * 20_000,
    "backslashes": b'discarding stream with unacceptable label "' + b"\\" * 1_000_000,
    "high bits": b"\x80" * 1_000_000,
    "zeros": b"\x00" * 1_000_000,
    "digits": b'{"shards":[{"id":"a","tokens":[' + b"9" * 1_000_000 + b"]}]}",
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_pages_of_a_megabyte_are_answered_by_every_decoder(hostile: str) -> None:
    """Quadratic time would take minutes here, a nesting followed on the stack would end the process."""
    for decode, _ in DECODERS.values():
        survives(decode, HOSTILE[hostile])
