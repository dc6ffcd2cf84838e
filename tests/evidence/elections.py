"""The HA tracker of a cluster in simulated time: which replica is elected, and how often another one was."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.model.entry import Replica
from exporter.model.pages import TrackerEntry, TrackerPage

USUAL = 600.0  # seconds from failover to failover, of all HA clusters together
UPDATE = 15.0  # seconds from update to update: distributors that contend elect with each of them
USERS = ("team-a", "team-b")


@dataclass(frozen=True)
class HaTracker:
    """What its distributors elected. `elections` are counted since long ago, over all HA clusters."""

    elections: float = 100.0
    contended: bool = False  # each update elects the other replica
    failed_over: float = 0.0  # when all HA clusters elected the other replica last,
    elected: str = "r-1"  # and which one that is
    before: str = "r-1"

    def after(self, seconds: float) -> float:
        """How many elections there are so many seconds later."""
        return self.elections + seconds / USUAL + (seconds / UPDATE if self.contended else 0.0)

    def counted(self, before: float) -> dict[tuple[str, str], float]:
        """What a distributor counts that was started after so many."""
        return {(USERS[0], "prod"): self.elections // 1 - before}

    def replica(self, now: float) -> str:
        """The elected replica as it is known at a time."""
        return self.elected if now >= self.failed_over else self.before

    def entries(self, prefix: str, now: float) -> dict[str, Replica]:
        """The keys as they were written at a time."""
        seen = float(int(now - 7))
        return {f"{prefix}{user}/prod": Replica(self.replica(seen), seen, None) for user in USERS}

    def page(self, own: str, now: float) -> TrackerPage:
        """One distributor's page; `own` is the replica that it alone has elected, "" for the common one."""
        seen = float(int(now - 7))
        told = own or self.replica(seen)
        return TrackerPage(tuple(TrackerEntry(user, "prod", told, seen) for user in USERS), now)
