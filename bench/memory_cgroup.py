"""A memory limit as Kubernetes sets it: a cgroup of its own, version 1 or 2, whichever the machine has."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One cgroup with a limit. Processes enter it with `enter`, after the fork and before the start."""

    path: Path

    def enter(self) -> None:
        """Put this process in."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self) -> int:
        """The most it ever used, page cache included, MiB."""
        name = "memory.max_usage_in_bytes" if self._is_first() else "memory.peak"
        return int((self.path / name).read_text()) >> 20

    def killed(self) -> int:
        """How many processes the kernel ended because of the limit."""
        text = (self.path / ("memory.oom_control" if self._is_first() else "memory.events")).read_text()
        return int(dict(line.split() for line in text.splitlines()).get("oom_kill", 0))

    def _is_first(self) -> bool:
        return (self.path / "memory.limit_in_bytes").exists()


@contextmanager
def limited(mib: int) -> Iterator[Cgroup]:
    """A cgroup with this limit, for the time of the block. Needs root."""
    version1 = (ROOT / "memory").is_dir()
    path = (ROOT / "memory" if version1 else ROOT) / f"kvmigration-bench-{os.getpid()}"
    path.mkdir()
    try:
        if not version1:
            (path / "memory.swap.max").write_text("0")
        (path / ("memory.limit_in_bytes" if version1 else "memory.max")).write_text(str(mib << 20))
        yield Cgroup(path)
    finally:
        for _ in range(50):
            with suppress(OSError):
                path.rmdir()
                break
            time.sleep(0.1)  # what was killed is still leaving
