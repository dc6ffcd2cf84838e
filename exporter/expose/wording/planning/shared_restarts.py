"""Which plans restart the same processes, so that one rollout makes both changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from exporter.model.listed import grouped


class Restarting(Protocol):
    """A plan, as far as its restarts go."""

    @property
    def title(self) -> str:
        """The step with its migration."""

    @property
    def restarting(self) -> tuple[str, ...]:
        """The processes that restart."""


def together(plans: Iterable[Restarting]) -> str:
    """The plans that restart the same processes, "" for none."""
    found = grouped((plan.restarting, plan.title) for plan in plans if plan.restarting)
    shared = [" and ".join(titles) for titles in found.values() if len(titles) > 1]
    return " ".join(f"{one} restart the same processes: make both changes in one rollout." for one in shared)
