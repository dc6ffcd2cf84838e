"""`/distributor/ha_tracker`: the elected replicas in the process's cache. Mimir and Cortex, JSON and HTML.

Source: Mimir and Cortex `pkg/distributor/ha_tracker_http.go`.
"""

from __future__ import annotations

import msgspec

from exporter.decode.formats import go_times
from exporter.decode.formats.bounds import MAX_ENTRIES, at_most, from_json, looks_like_json, text
from exporter.decode.formats.html_tables import is_notice, page_clock, table_with, tables
from exporter.model.pages import TrackerEntry, TrackerPage


class _Elected(msgspec.Struct, rename="camel"):
    user_id: str = msgspec.field(name="userID")
    cluster: str
    replica: str = ""
    elected_at: str | None = None  # Cortex: really the time of the last sample
    last_election_time: str | None = None  # Mimir
    elected_last_seen_time: str | None = None  # Mimir


class _Page(msgspec.Struct):
    elected: list[_Elected] | None
    now: str | None = None


def decode_tracker(body: bytes, clock: float | None = None) -> TrackerPage | None:
    """The elected replicas; `None` where the page states that there is no HA tracker here.

    `received_at` is when a sample of the elected replica was last received, `elected_at` (Mimir only) when it
    was elected. Raises `DecodeError`.
    """
    if looks_like_json(body):
        return _from_json(body, clock)
    if is_notice(body):
        return None
    return _from_html(body, clock)


def _from_json(body: bytes, clock: float | None) -> TrackerPage:
    page = from_json(body, _Page, "HA tracker page", MAX_ENTRIES + 8)
    entries = page.elected or []
    at_most(len(entries), MAX_ENTRIES, "HA tracker page: elected")
    return TrackerPage(
        tuple(_entry_of_json(entry) for entry in entries),
        go_times.parse_time(page.now, "HA tracker page: now") or clock,
    )


def _entry_of_json(entry: _Elected) -> TrackerEntry:
    seen_time = entry.elected_last_seen_time or entry.elected_at
    return _entry(entry.user_id, entry.cluster, entry.replica, seen_time, entry.last_election_time)


def _entry(user: str, cluster: str, replica: str, seen_time: str | None, elected: str | None) -> TrackerEntry:
    place = "HA tracker page"
    return TrackerEntry(
        user=text(user, f"{place}: user"),
        cluster=text(cluster, f"{place}: cluster"),
        replica=text(replica, f"{place}: replica"),
        received_at=go_times.parse_time(seen_time, f"{place}: last-seen time"),
        elected_at=go_times.parse_time(elected, f"{place}: last election"),
    )


def _from_html(body: bytes, clock: float | None) -> TrackerPage:
    otherwise = "HA tracker page: no table with the columns User ID, Cluster, Replica"
    table = table_with(tables(body, "HA tracker page"), ("user id", "cluster", "replica"), otherwise)
    return TrackerPage(
        tuple(_entry_of_row(row) for row in table.records("HA tracker page")),
        go_times.parse_time(page_clock(body), "HA tracker page: Current time") or clock,
    )


def _entry_of_row(row: dict[str, str]) -> TrackerEntry:
    seen_time = row.get("elected last seen time") or row.get("elected time")
    return _entry(row["user id"], row["cluster"], row["replica"], seen_time, row.get("last election"))
