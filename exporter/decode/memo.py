"""Members that were decoded before, by their bytes.

Every process shows the same ring, so a cycle over 300 processes decodes each member 300 times; its
bytes are equal but for the few views that are a heartbeat behind. Looking up costs a hash.
"""

from __future__ import annotations

from exporter.model import Member


class Memo:
    """Two generations: what a cycle did not use again is forgotten after the next `turn`."""

    def __init__(self) -> None:
        self._new: dict[bytes, Member] = {}
        self._old: dict[bytes, Member] = {}

    def get(self, raw: bytes) -> Member | None:
        """The member that these very bytes gave, `None` where they are new."""
        found = self._new.get(raw)
        if found is None:
            found = self._old.get(raw)
            if found is not None:
                self._new[raw] = found
        return found

    def put(self, raw: bytes, member: Member) -> None:
        """Remember what these bytes gave."""
        self._new[raw] = member

    def turn(self) -> None:
        """Start a new generation; call it between cycles."""
        self._old, self._new = self._new, {}
