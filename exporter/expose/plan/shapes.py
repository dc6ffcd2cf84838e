"""The shapes of a plan in the API, on the page and in `kvmigration plan`."""

from __future__ import annotations

from msgspec import Struct

from exporter.expose.api.shapes import PhaseName
from exporter.model.gate import GateAnswer

Named = tuple[str, ...]


class SnippetOut(Struct, frozen=True):
    """Lines to copy in one format: `yaml`, `helm`, `jsonnet`, `flags`. `why_none` is why there are none."""

    format: str
    text: str
    why_none: str = ""


class SectionOut(Struct, frozen=True):
    """One part of a plan: its heading, sentences, and the lines to copy in each format."""

    id: str
    heading: str
    sentences: Named
    snippets: tuple[SnippetOut, ...] = ()


class ChangeOut(Struct, frozen=True):
    """Settings of one block, by their dotted paths, and the processes that need them."""

    block: str
    ring: str
    settings: dict[str, str | bool | Named]
    targets: Named
    components: Named
    kv_clients: Named


class ReachedOut(Struct, frozen=True):
    """How the step reaches the KV clients of one ring: `runtime` or `restart`."""

    ring: str
    key: str
    kv_clients: Named
    route: str
    targets: int
    done: int
    observed: bool


class RingNowOut(Struct, frozen=True):
    """One ring as running processes show it: where its settings may stand, its primary, its prefixes."""

    ring: str
    blocks: Named
    route: str
    phase: PhaseName
    primary: str
    prefixes: Named


class GossipNowOut(Struct, frozen=True):
    """The gossip as running processes have it: labels, whether one verifies them, and seeds on all."""

    labels: Named
    verifies: bool
    seeded: bool


class WaveOut(Struct, frozen=True):
    """Processes that restart before those of the next wave; `together`: they may be down at the same time."""

    component: str
    zone: str
    targets: Named
    together: bool


class PlanOut(Struct, frozen=True):
    """One step of one migration in full. `refused` is why there is nothing to do."""

    migration: str
    step: str
    product: str
    versions: Named
    phase: PhaseName
    into: PhaseName
    gate: GateAnswer
    headline: str
    refused: str
    runtime: dict[str, str | bool | Named]
    runtime_due: bool
    changes: tuple[ChangeOut, ...]
    reached: tuple[ReachedOut, ...]
    waves: tuple[WaveOut, ...]
    at_once: bool
    restarts: int
    together_safe: bool
    unread: Named
    external: str
    rings: tuple[RingNowOut, ...]
    gossip: GossipNowOut
    sections: tuple[SectionOut, ...]
    others: Named

    @property
    def title(self) -> str:
        """The step with its migration."""
        return f"{self.migration}/{self.step}" if self.step else self.migration

    @property
    def restarting(self) -> Named:
        """The processes that restart; none where the blocks have to be changed one by one."""
        if self.at_once and not self.together_safe:
            return ()
        return tuple(sorted({name for wave in self.waves for name in wave.targets}))
