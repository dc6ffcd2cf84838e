"""From a simulated cluster to the notification: each fault sends its own alert, a healthy migration none.

The exporter, Prometheus and Alertmanager are the real ones. Waits of the rules are a hundredth, the
clusters run ten times as fast; nothing is judged by how long it takes here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exporter.demo import FAULTS
from tests.alerts.live import Fleet, Inbox, fleet, wait, watched

pytestmark = [pytest.mark.real, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Played:
    """A fault in a phase: the alerts that are its own, and those that may follow from it."""

    fault: str
    phase: str
    own: set[str]
    follows: set[str] = field(default_factory=set)
    size: int = 3
    speed: int = 10
    stays: bool = False  # until somebody forgets members, which nothing here does
    flags: tuple[str, ...] = ()


DEAD = {"KVMigrationRingMembersUnhealthy", "KVMigrationRingQuorumLost", "KVMigrationRingGhostMembers"}
APART = {
    "KVMigrationGossipSplit", "KVMigrationGossipAbsentMembers", "KVMigrationGossipProcessIsolated",
    "KVMigrationRingShrunk", "KVMigrationRingWritersMissing", "KVMigrationRingViewsDiverged",
    "KVMigrationRingViewStale", *DEAD,
}  # fmt: skip
SECONDARY = {
    f"KVMigrationSecondary{what}"
    for what in ("KeyMissing", "MembersMissing", "Mismatch", "LagHigh", "LagCritical")
}
MIRRORING = {"KVMigrationMirrorWriteErrors", "KVMigrationMirrorWritesStopped", *SECONDARY}

SHIFTS: dict[str, tuple[Played, ...]] = {
    "mirroring": (
        Played("partial-mirroring", "mirroring", {"KVMigrationMirroringPartial"}),
        Played("lag", "mirroring", {"KVMigrationSecondaryLagHigh"}, SECONDARY),
        Played("mirror-errors", "mirroring", {"KVMigrationMirrorWriteErrors"}, MIRRORING),
        # Whether its members are told too depends on which of both fires first: it silences them.
        Played("crash", "mirroring", {"KVMigrationTargetsDown"}, {*DEAD, *MIRRORING}),
    ),
    "gossip": (
        Played(
            "conjoined", "memberlist", {"KVMigrationRingForeignMembers"},
            {
                "KVMigrationGossipForeignMembers", "KVMigrationGossipUnknownMembers",
                "KVMigrationGossipUnknownKeys", *DEAD,
            },
            stays=True,
        ),
        Played("split", "memberlist", {"KVMigrationGossipSplit"}, APART, size=4),
        Played("token-conflict", "memberlist", {"KVMigrationRingTokenConflicts"}),
        Played("pages-rubbish", "memberlist", {"KVMigrationTargetsDown"}),
    ),
    "danger": (
        Played(
            "foreign-label", "memberlist", {"KVMigrationLabelsDisagree"},
            {"KVMigrationForeignLabelRejected", *APART}, size=4,
        ),
        Played("store-down", "mirroring", {"KVMigrationStoreUnreachable"}, DEAD | MIRRORING),
        Played(
            "clobber", "mirroring", {"KVMigrationPrimariesMixed", "KVMigrationRingShrunk"},
            # Alone in its gossip it elects replicas alone, and writes them over the store's.
            {"KVMigrationMirroringPartial", "KVMigrationHATrackerElectionsDiffer", *APART, *MIRRORING},
        ),
        Played("pages-hang", "memberlist", {"KVMigrationTargetsDown"}),
    ),
    "settings": (
        Played("clock-skew", "memberlist", {"KVMigrationClockSkew"}, speed=1),
        Played(
            "verification-off", "memberlist", {"KVMigrationLabelVerificationOff"},
            flags=("--fault", "verification-off"),
        ),
    ),
}  # fmt: skip


def test_every_fault_of_the_demo_is_played() -> None:
    assert sorted(one.fault for shift in SHIFTS.values() for one in shift) == sorted(FAULTS)


@contextlib.contextmanager
def on_shift(folder: Path, shift: tuple[Played, ...]) -> Iterator[tuple[dict[str, Fleet], Inbox]]:
    with contextlib.ExitStack() as stack:
        fleets = {
            one.fault: stack.enter_context(
                fleet(folder / one.fault, one.fault, one.phase, *one.flags, size=one.size, speed=one.speed)
            )
            for one in shift
        }
        received, _ = stack.enter_context(watched(folder, list(fleets.values())))
        yield fleets, received


@pytest.mark.parametrize("name", SHIFTS)
def test_each_fault_sends_its_own_alert_and_resolves(name: str, tmp_path: Path) -> None:
    shift = SHIFTS[name]
    with on_shift(tmp_path, shift) as (fleets, received):
        for one in shift:
            fleets[one.fault].fault(one.fault, on=True)
        for one in shift:
            wait_for(received, one, "firing", 0.0)
        end = time.monotonic()
        for one in shift:
            heal(fleets[one.fault], one)
        for one in shift:
            if not one.stays:
                wait_for(received, one, "resolved", end)
        for one in shift:
            others = loud(received, one.fault) - one.own - one.follows
            assert not others, [sent for sent in received.sent if sent.alert in others]


def wait_for(received: Inbox, one: Played, status: str, since: float) -> None:
    """Wait until the fault's own alerts were sent."""
    wait(lambda: one.own <= received.names(one.fault, since, status), f"{one.own} {status}, {one.fault}", 300)


def heal(watched_fleet: Fleet, one: Played) -> None:
    """End the fault. The exporter reads a process's configuration again when it has been restarted."""
    watched_fleet.fault(one.fault, on=False)
    if one.fault == "verification-off":
        watched_fleet.phase("detached")


def loud(received: Inbox, job: str) -> set[str]:
    """Critical and warning alerts that were sent for a fleet. Slow cycles are this machine's fault."""
    sent = {one.alert for one in received.sent if one.job == job and one.severity != "info"}
    return sent - {"KVMigrationExporterSlow"}
