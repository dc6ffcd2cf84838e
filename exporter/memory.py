"""What is known of one process from earlier cycles, and when it is forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporter.decode.layout import Layout
from exporter.model import BuildInfo, Page, ProcessConfig, Product
from exporter.pauses import Pauses
from exporter.sources.http import Fetcher


@dataclass(slots=True)
class Memory:
    """One process's. The only state a visit changes."""

    absent_until: dict[str, float] = field(default_factory=dict)
    config: Page[ProcessConfig] | None = None
    config_due: float = 0.0
    config_hash: int = 0
    build: Page[BuildInfo] | None = None
    started: float | None = None
    product: Product = Product.UNKNOWN
    layout: Layout | None = None
    silent: bool = False  # did not answer last time: nobody waits for it
    value_bytes: int = 0  # of all gossip values, last time they were read
    values_read_at: float = 0.0
    ring_bytes: int = 0  # of all ring pages, last time they were read
    rings_read_at: float = 0.0
    ring_paths: frozenset[str] | None = None  # the pages it has; `None` before they were read
    pauses: Pauses = field(default_factory=Pauses)
    asked_by: Fetcher | None = None  # another one has other limits: pauses end with a reload
    visited_at: float = 0.0

    def visited(self, at: float) -> None:
        """Note a visit. Where our clock was set back since the last one, forget what is dated by it: it
        would stand still until the clock has caught up.
        """
        if at < self.visited_at:
            self._undate()
            self.pauses = Pauses()
        self.visited_at = at

    def restarted(self, at: float | None) -> None:
        """Forget what a new start makes void: its configuration, its pages, when its views were read."""
        self.started, self.build = at, None
        self.config, self.config_hash = None, 0
        self._undate()
        self.ring_paths = None

    def _undate(self) -> None:
        self.config_due = self.values_read_at = self.rings_read_at = 0.0
        self.absent_until.clear()
