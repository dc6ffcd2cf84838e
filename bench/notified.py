"""The reports of each fault, as a table: minutes to the headline, to each notification, and to its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.time_to_page import Watched
    from tests.alerts.live import Sent

HEADING = """\
# Time to page

Written by `python -m bench.time_to_page`: a real Prometheus (scrapes every minute, its default), a real
Alertmanager and an exporter for each cluster, with the rules and routes of `alerts/built` as they are.
Minutes count from the fault. A fault lasts {minutes:g} minutes; all is looked at for {after:g} minutes more.
Prometheus and Alertmanager are restarted 14 minutes after the faults began. Where a row says so, the exporter
is restarted after 7.

- *headline*: the first warning on the exporter's page, `status` and API.
- *notifications*: what Alertmanager sent, with severity, at which minute. Notes (`info`) are set in brackets.
- *resolved*: minutes from the end of the fault to the last `resolved`; *open* if it was not sent by then.
- *again or early*: what was sent a second time, or as `resolved`, while the fault lasted.
- *after the end*: notifications that were sent only after the fault had ended.
- After its restart Prometheus restores waits of 10 minutes or more, and begins shorter ones anew.
  Alertmanager holds such tickets back for 150 s, so that an effect is not sent before its cause.
- A recording is replayed as it stood: its counters stand still, and its clocks are in the past. The foreign
  members of `conjoined` stay in the rings after its end until they are forgotten.

| fault | in phase | processes | headline | notifications | again or early | resolved | after the end |
|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Notification:
    """One alert of one notification, at a time of our clock."""

    at: float
    alert: str
    severity: str
    status: str


def of_job(sent: Iterable[Sent], job: str, offset: float) -> list[Notification]:
    """What was sent of a job, in the order of time."""
    notifications = (
        Notification(one.at + offset, one.alert, one.severity, one.status) for one in sent if one.job == job
    )
    return sorted(notifications, key=lambda one: one.at)


def _first(notifications: Iterable[Notification]) -> list[Notification]:
    """Each alert once, the first time."""
    found: dict[tuple[str, str], Notification] = {}
    for one in notifications:
        found.setdefault((one.alert, one.severity), one)
    return list(found.values())


def table(jobs: Sequence[Watched], minutes: float, after: float, note: str = "") -> str:
    """The page; `note` is what was special about the run."""
    rows = HEADING.format(minutes=minutes, after=after) + "".join(map(_row, jobs))
    return f"{rows}\n{note}\n" if note else rows


def _row(job: Watched) -> str:
    ended = job.ended
    sent = [notification for notification in job.notifications if notification.status == "firing"]
    firing = _first(sent)
    lasting = [
        notification for notification in job.notifications if ended is None or notification.at <= ended
    ]
    again = [
        notification
        for notification in lasting
        if notification.status == "resolved" or (notification in sent and notification not in firing)
    ]
    during = [notification for notification in firing if ended is None or notification.at <= ended]
    late = [notification for notification in firing if ended is not None and notification.at > ended]
    headline = "–" if job.headline is None else _minutes(job.headline - job.began)
    name = f"{job.play.name} to {job.play.to}" if job.play.to else job.play.name
    name += ", exporter restarted" if job.play.restarts else ""
    cells = (
        name, job.play.phase, str(job.play.size or "–"), headline, _listed(during, job.began),
        _listed(again, job.began), _resolved(job, firing), _listed(late, job.began),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _listed(notifications: Iterable[Notification], began: float) -> str:
    texts = [
        f"{one.alert.removeprefix('KVMigration')} ({one.severity}) {_minutes(one.at - began)}"
        if one.severity != "info"
        else f"[{one.alert.removeprefix('KVMigration')} {_minutes(one.at - began)}]"
        for one in notifications
    ]
    return ", ".join(texts) or "none"


def _resolved(job: Watched, firing: Sequence[Notification]) -> str:
    if job.ended is None or not firing:
        return "–"
    ends = {
        (notification.alert, notification.severity): notification.at
        for notification in job.notifications
        if notification.status == "resolved"
    }
    if any((notification.alert, notification.severity) not in ends for notification in firing):
        return "open"
    return _minutes(max(ends.values()) - job.ended)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"
