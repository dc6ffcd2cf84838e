"""What the components of the products are called: the words of `target`, and the HA tracker's client."""

from __future__ import annotations

from typing import Final

# A component's name, or the `target` of a process, consists of words: `mimir-write`, `distributor,ingester`.
RUNS_DISTRIBUTOR: Final = frozenset({"all", "distributor", "write"})
WRITE_PATH: Final = frozenset({"distributor", "ingester", "write"})
READ_PATH: Final = frozenset({"read", "querier", "all"})  # answers queries by itself
DISTRIBUTOR: Final = "distributor"
TRACKER_CLIENT: Final = "distributor-hatracker"  # Mimir and Cortex, pkg/distributor


def is_tracker(client: str) -> bool:
    """Whether a KV client of this name is the one of an HA tracker, in any release."""
    return "hatracker" in client
