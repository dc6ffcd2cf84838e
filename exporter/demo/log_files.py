"""Log files of the simulated processes, in logfmt as real processes write."""

from __future__ import annotations

import re
from pathlib import Path

from exporter.demo.pages import go_format
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.process import Process

_CALLERS = (
    ("discarding", "memberlist_logger.go:74"),
    ("Using memberlist", "memberlist_client.go:426"),
    ("joined", "memberlist_client.go:634"),
    ("leaving", "memberlist_client.go:671"),
    ("toggled", "multi.go:126"),
    ("failed to update", "multi.go:364"),
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(value: str) -> str:
    """A logfmt value: quoted where it must be."""
    if value and not re.search(r'[\s="\\\x00-\x1f\x7f]', value):
        return value
    inner = "".join(_ESCAPES.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in value)
    return f'"{inner}"'


def line(at: float, level: str, message: str, fields: dict[str, str]) -> str:
    """One line: time, caller, level, message, and more fields."""
    caller = next((where for start, where in _CALLERS if message.startswith(start)), "log.go:115")
    more = "".join(f" {key}={quote(value)}" for key, value in fields.items() if key != "component")
    component = f" component={fields['component']}" if "component" in fields else ""
    return f"ts={go_format.rfc3339(at)} caller={caller} level={level}{component} msg={quote(message)}{more}\n"


class LogFiles:
    """One file per process; names are made safe, since a process may be called anything."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self._cluster = cluster
        self.paths = tuple(directory / _file_name(process) for process in cluster.processes)
        for path in self.paths:
            path.touch()

    def flush(self) -> None:
        """Append what was logged since the last time."""
        lines: dict[int, list[str]] = {}
        while self._cluster.logs:
            at, number, level, message, fields = self._cluster.logs.popleft()
            lines.setdefault(number, []).append(line(at, level, message, dict(fields)))
        for number, found in lines.items():
            with self.paths[number].open("a", encoding="utf-8") as file:
                file.writelines(found)


def _file_name(process: Process) -> str:
    safe = re.sub(r"[^A-Za-z0-9.-]+", "_", process.name)[:60].strip("._")
    return f"{process.number:03d}-{safe or 'process'}.log"
