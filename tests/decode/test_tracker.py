"""/distributor/ha_tracker of Mimir and Cortex."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.tracker import decode_tracker
from exporter.errors import DecodeError
from exporter.model.pages import TrackerEntry, TrackerPage
from tests.decode import pages
from tests.decode.pages import NOW

times = st.one_of(st.none(), st.integers(NOW - 9_000, NOW).map(float))
entries = st.lists(st.builds(TrackerEntry, pages.names, pages.names, pages.names, times, times), max_size=5)


def mimir(some: list[TrackerEntry]) -> bytes:
    rows = [
        {
            "userID": e.user,
            "cluster": e.cluster,
            "replica": e.replica,
            "lastElectionTime": pages.rfc3339(e.elected_at or 0),
            "electedLastSeenTime": pages.rfc3339(e.received_at or 0),
            "updateDuration": -8011725044,
            "failoverDuration": 23011723392,
        }
        for e in some
    ]
    return json.dumps({"elected": rows or None, "now": pages.rfc3339(NOW)}).encode()


def mimir_html(some: list[TrackerEntry]) -> bytes:
    columns = [
        "User ID",
        "Cluster",
        "Replica",
        "Last Election",
        "Elected Last Seen Time",
        "Time Until Update",
    ]
    rows = [
        [
            e.user,
            e.cluster,
            e.replica,
            pages.go_string(e.elected_at or 0),
            pages.go_string(e.received_at or 0),
            "8s",
        ]
        for e in some
    ]
    return pages.page("HA Tracker Status", pages.go_string(NOW), columns, rows)


@given(entries)
def test_mimirs_pages_round_trip_and_agree(some: list[TrackerEntry]) -> None:
    expected = TrackerPage(tuple(some), NOW)
    assert decode_tracker(mimir(some)) == decode_tracker(mimir_html(some)) == expected


def test_cortexs_elected_at_is_when_the_replica_was_last_heard() -> None:
    body = b'{"elected":[{"userID":"u","cluster":"c","replica":"r","electedAt":"2026-11-21T01:44:36.176Z"}]}'
    expected = TrackerEntry("u", "c", "r", received_at=1_795_225_476.176)
    assert decode_tracker(body, clock=7.0) == TrackerPage((expected,), 7.0)
    rows = [["u", "c", "r", "2026-11-21 01:44:36.176 +0000 UTC", "8.01s", "23s"]]
    columns = ["User ID", "Cluster", "Replica", "Elected Time", "Time Until Update", "Time Until Failover"]
    shown = decode_tracker(pages.page("Cortex HA Tracker Status", pages.go_string(NOW), columns, rows))
    assert shown == TrackerPage((expected,), NOW)


def test_nobody_elected_is_an_empty_page_and_not_an_absent_one() -> None:
    assert decode_tracker(b'{"elected":null}') == TrackerPage(())


def test_a_notice_is_no_tracker_here() -> None:
    assert decode_tracker(b"<html><body><p>HA Tracker is not enabled</p></body></html>") is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "missing required field `elected`"),
        (b'{"elected":[{"userID":"u"}]}', "missing required field `cluster`"),
        (b'{"elected":[{"userID":"%s","cluster":""}]}' % (b"u" * 513), "user: 513 characters"),
        (b'{"elected":[{"userID":"u","cluster":"c","electedAt":"soon"}]}', "last-seen time: 'soon'"),
        (b"<html><body></body></html>", "no table with the columns User ID"),
    ],
)
def test_what_is_no_tracker_page_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=r"^HA tracker page") as caught:
        decode_tracker(body)
    assert message in str(caught.value)
