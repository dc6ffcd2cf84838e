"""The list of deployed processes, as Prometheus's file_sd has it, without those that are scaled to 0."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from exporter.demo.simulation.cluster import Cluster

SETTLED = 5.0  # seconds that the file seems old: it is replaced at once, so no reader has to wait


class TargetFile:
    """One file, replaced when a process was scaled up or down."""

    def __init__(self, cluster: Cluster, urls: Sequence[str], path: Path) -> None:
        self._cluster = cluster
        self._urls = urls
        self._written: set[str] | None = None
        self.path = path

    def write(self) -> None:
        """Write it, if it is not true any more."""
        if self._cluster.deployed != self._written:
            self._written = set(self._cluster.deployed)
            groups = [
                {
                    "targets": [url.removeprefix("http://")],
                    "labels": {"pod": process.name, "component": component},
                }
                for process, url in zip(self._cluster.processes, self._urls, strict=True)
                if process.name in self._written and (component := process.spec.role.component)
            ]
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(groups, indent=1), encoding="utf-8")
            then = time.time() - SETTLED
            os.utime(new, (then, then))
            new.replace(self.path)
