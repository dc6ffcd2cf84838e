"""Do all processes show the same ring, and a recent one?"""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries
from alerts.rule import Alert, Group, Names, Severity
from exporter.expose import catalogue as c
from exporter.model.pages import Phase


def _relevant(q: Queries, ring: str, gossip: str) -> str:
    """Gossip copies matter once any client writes to them."""
    return f"{ring}\nor\n{gossip} {q.any_from(Phase.MIRRORING)}"


def diverged(q: Queries) -> str:
    """Keys with different contents on different processes, by kind of view."""
    ring, gossip = (
        q.most(c.RING_VIEWS, "key", "view", matchers=f'view="{kind}"') + " > 1" for kind in ("ring", "gossip")
    )
    return _relevant(q, ring, gossip)


def stale(q: Queries) -> str:
    """Processes with a view that is behind the newest, by its worst key."""
    return _relevant(q, _stale(q, "ring"), _stale(q, "gossip"))


def _stale(q: Queries, kind: str) -> str:
    labels = ("key", "target", "view")
    each = q.most(c.RING_VIEW_STALENESS_SECONDS, *labels, matchers=f'view="{kind}"')
    return f"max {q.by('target', 'view')} (\n{q.beyond_a_period(each, t.VIEW_STALENESS, *labels)}\n)"


def _lacking(q: Queries) -> str:
    return f"{q.most(c.RING_VIEW_MISSING_MEMBERS, 'target', 'key')} > 0"


GROUP = Group(
    "views",
    "Each process's view of the ring",
    board="rings",
    alerts=(
        Alert(
            "KVMigrationRingViewsDiverged",
            Severity.WARNING,
            t.VIEWS_DIVERGED,
            Names(diverged, ("key", "view"), value='printf "%.0f views"'),
            "Processes have different rings",
            (
                "{{ $value }} ring(s) of <fleet> differ from process to process: <names>. Views"
                " that lack members: <more>."
            ),
            "Processes have different members, states or tokens in the same ring.",
            more=Names(_lacking, ("target", "key")),
            about=("views-agree",),
        ),
        Alert(
            "KVMigrationRingViewStale",
            Severity.WARNING,
            t.VIEW_STALE,
            Names(stale, ("target", "view"), value="humanizeDuration", total="max"),
            "A process has a stale ring",
            (
                "Views of <fleet> are up to {{ $value | humanizeDuration }} behind the latest view: "
                "<names>. For such a process, healthy members appear unhealthy."
            ),
            "A process's view is further behind the latest view than the heartbeat timeout and one period.",
            about=("views-agree",),
        ),
    ),
)
