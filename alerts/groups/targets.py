"""Do all processes answer?"""

from __future__ import annotations

from alerts import thresholds as t
from alerts.promql import Queries, number
from alerts.rule import Alert, Group, Names, Severity
from exporter.expose import catalogue as c


def down(q: Queries) -> str:
    """Processes that answered nothing through the complete window, and were there before it."""
    return q.lasting(c.TARGET_UP, 0, t.DOWN_WINDOW, "target")


def failing(q: Queries) -> str:
    """Pages that failed through the complete window, of processes that answer otherwise."""
    is_down = f"{q.most(c.TARGET_UP, 'target')} == 0"
    return f"{q.lasting(c.PAGE_UP, 0, t.PAGES_WINDOW, 'target', 'page')}\nunless {q.on('target')} ({is_down})"


def skewed(q: Queries) -> str:
    """Processes with a wrong clock, by how much."""
    skew = q.series(c.TARGET_CLOCK_SKEW_SECONDS)
    return f"max {q.by('target')} (abs({skew})) > {number(t.CLOCK_SKEW)}"


def blind(q: Queries) -> str:
    """Instances of which a source of targets fails, by how many."""
    return f"{q.series(c.DISCOVERY_FAILING_SOURCES)} > 0"


def _unwatched(q: Queries) -> str:
    """No process is found, or none of those that are found answers: how many were found."""
    found = f"sum {q.by()} ({q.most(c.DISCOVERED_TARGETS, 'source')})"
    is_down = f"count {q.by()} ({q.most(c.TARGET_UP, 'target')} == 0)"
    return f"{found} == 0\nor\n{is_down} unless {q.on()} ({q.series(c.TARGET_UP)} == 1)"


GROUP = Group(
    "targets",
    "Processes and their pages",
    board="exporter",
    alerts=(
        Alert(
            "KVMigrationTargetsDown",
            Severity.WARNING,
            t.DOWN,
            Names(down, ("target",)),
            "Processes do not answer the exporter",
            (
                "{{ $value }} process(es) of <fleet> have answered nothing for <DOWN_WINDOW>: <names>. "
                "What they show is not judged meanwhile."
            ),
            "One or more processes have answered no page for minutes.",
            about=("process-down",),
        ),
        Alert(
            "KVMigrationPagesFailing",
            Severity.WARNING,
            t.DOWN,
            Names(failing, ("target", "page")),
            "The exporter cannot read or decode some pages of processes",
            (
                "{{ $value }} page(s) of <fleet> have failed for <PAGES_WINDOW>: <names>. Gate checks "
                "that need them stay closed."
            ),
            "Some pages of a process fail again and again, while its other pages answer.",
        ),
        Alert(
            "KVMigrationClockSkew",
            Severity.INFO,
            t.SKEWED,
            Names(skewed, ("target",), value="humanizeDuration", total="max"),
            "Clocks of processes differ from the exporter's clock",
            (
                "Clocks of processes of <fleet> differ from the exporter's by up to {{ $value | "
                "humanizeDuration }}: <names>. If a clock is slow, the heartbeats of its process appear late."
            ),
            "A process's clock differs from the exporter's by more than a heartbeat.",
            about=("clocks-differ",),
        ),
        Alert(
            "KVMigrationDiscoveryFailing",
            Severity.WARNING,
            t.DISCOVERY_FAILING,
            lambda q: f"max {q.by()} ({blind(q)})",
            "A source of targets fails",
            (
                "{{ $value }} source(s) of targets of <fleet> fail: <names>. Processes that only they list "
                "are not watched, and each gate that needs an answer from all processes stays closed."
            ),
            "A source of targets fails: some processes may not be watched.",
            names=Names(blind, ("instance",)),
        ),
        Alert(
            "KVMigrationNoTargets",
            Severity.CRITICAL,
            t.BLIND,
            _unwatched,
            "The exporter watches no process",
            (
                "{{ if $value }}{{ $value }} process(es) of <fleet> are found and none answers. {{ else }}"
                "Discovery of <fleet> finds no process at all. {{ end }}The exporter observes no process: "
                "no other alert can fire."
            ),
            "Discovery finds no process, or no process answers: no other alert can fire.",
        ),
    ),
)
