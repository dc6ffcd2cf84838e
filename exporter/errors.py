"""Everything this program raises on purpose.

::

    KVMigrationError
    ├── ConfigError      a configuration or rule file is wrong; names the place and the remedy
    ├── FetchError       a page could not be had; carries a `Reason` from the closed list
    ├── DecodeError      bytes came, but they are not what the page should be; carries a reason
    └── UsageError       the command line names what does not exist
        └── AddressTakenError  another program listens there
"""

from __future__ import annotations

from exporter.model.pages import Reason


class KVMigrationError(Exception):
    """Root of the tree: catch this at a room's boundary."""


class ConfigError(KVMigrationError):
    """A configuration is wrong. `problems` are ready-made lines, each with the path to a key."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class FetchError(KVMigrationError):
    """A page could not be had. `reason` is from the closed list, `detail` one short plain line."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class DecodeError(KVMigrationError):
    """Bytes are not what the page should be; the message has the place and what was expected."""


class UsageError(KVMigrationError):
    """The command line names a step, key or file that does not exist."""


class AddressTakenError(UsageError):
    """Another program listens on the address already."""
