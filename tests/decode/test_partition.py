"""Partition-ring pages."""

from __future__ import annotations

import json

import pytest

from exporter.decode.partition import decode_partition_ring
from exporter.errors import DecodeError
from exporter.model.entry import Partition, PartitionState, Tokens
from tests.decode import pages
from tests.decode.pages import NOW

STAMP = "2026-11-21T01:44:43Z"


def shown(**more: object) -> bytes:
    first = {
        "id": 1,
        "corrupted": False,
        "state": 2,
        "state_timestamp": STAMP,
        "state_change_locked": True,
        "owner_ids": ["b-1", "a-1"],
        "tokens": [7, 8, 9],
    }
    return json.dumps({"partitions": [first | more, {"id": 0, "corrupted": True, "state": 1}]}).encode()


def test_the_json_page_has_state_owners_locks_and_corruption() -> None:
    found = decode_partition_ring(shown(), clock=NOW + 2.0)
    assert found is not None
    assert found.now == NOW + 2
    assert found.partitions[1] == Partition(
        1, PartitionState.ACTIVE, NOW, locked=True, owners=("a-1", "b-1"), tokens=Tokens(3)
    )
    assert found.partitions[0] == Partition(0, PartitionState.PENDING, corrupted=True)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (0, PartitionState.UNKNOWN),
        (3, PartitionState.INACTIVE),
        (4, PartitionState.DELETED),
        (9, PartitionState.UNKNOWN),
        (-1, PartitionState.UNKNOWN),
        ("PartitionActive", PartitionState.ACTIVE),
        ("Inactive", PartitionState.INACTIVE),
        ("Frozen", PartitionState.UNKNOWN),
    ],
)
def test_states_by_number_and_by_name(state: int | str, expected: PartitionState) -> None:
    found = decode_partition_ring(shown(state=state))
    assert found is not None
    assert found.partitions[1].state is expected


def test_a_ring_without_partitions_is_empty() -> None:
    for body in (b'{"partitions":null}', b'{"partitions":[]}'):
        found = decode_partition_ring(body)
        assert found is not None
        assert not found.partitions


def test_the_html_page_says_the_same() -> None:
    columns = ["Partition ID", "State", "State updated at", "Owners", "Tokens", "Ownership", "Actions"]
    rows = [
        ["1", "Active", "2026-11-21 01:44:43 UTC", "b-1\n a-1", "3", "50%", ""],
        ["0", "Corrupt", "N/A", "", "0", "50%", ""],
        ["2", "Inactive", "2026-11-21 01:44:43 CET", "", "0", "0%", ""],
    ]
    found = decode_partition_ring(pages.page("Partitions", pages.go_string(NOW), columns, rows))
    assert found is not None
    assert found.partitions[1] == Partition(
        1, PartitionState.ACTIVE, NOW, owners=("a-1", "b-1"), tokens=Tokens(3)
    )
    assert found.partitions[0] == Partition(0, PartitionState.UNKNOWN, corrupted=True)
    assert found.partitions[2].time is None  # three letters of a zone tell no offset


def test_a_notice_is_no_partition_ring_here() -> None:
    assert decode_partition_ring(b"<html><body>Partition ring is not enabled</body></html>") is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"partitions":[{"id":1},{"id":1}]}', "partition 1 twice"),
        (b'{"partitions":[{"id":99999999999}]}', "expected an int32"),
        (b'{"partitions":[{"id":1e400}]}', "Number out of range"),
        (b'{"shards":[]}', "missing required field `partitions`"),
        (b'{"partitions":[{"id":1,"owner_ids":[""]}]}', "owner: empty"),
        (b"<html><body><table></table></body></html>", "no table with the column Partition ID"),
    ],
)
def test_what_is_no_partition_ring_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=r"^partition ring page") as caught:
        decode_partition_ring(body)
    assert message in str(caught.value)
