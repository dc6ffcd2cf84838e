"""What a step makes of each KV client, and which step's gate shows that it took effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporter.derive import kv_clients
from exporter.model.facts import TargetFacts
from exporter.model.pages import Phase
from exporter.model.planning.plan import Setting
from exporter.model.settings import RingConfig

INTO: Mapping[str, Phase] = MappingProxyType(
    {
        "preflight": Phase.MULTI,
        "enable-mirroring": Phase.MIRRORING,
        "switch-primary": Phase.SWITCHED,
        "disable-mirroring": Phase.DETACHED,
        "remove-multi": Phase.MEMBERLIST,
    }
)
FOLLOWING: Mapping[str, str] = MappingProxyType(
    {
        "preflight": "enable-mirroring",
        "enable-mirroring": "switch-primary",
        "switch-primary": "disable-mirroring",
        "disable-mirroring": "remove-multi",
        "remove-multi": "decommission-store",
        "set-label": "enforce-label",
    }
)
_MIRROR = frozenset({Phase.MIRRORING, Phase.SWITCHED})
_SWITCHED = frozenset({Phase.SWITCHED, Phase.DETACHED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a client's store should be set in a phase."""

    phase: Phase
    external: str

    @property
    def primary(self) -> str:
        """The primary of a `multi` client."""
        return "memberlist" if self.phase in _SWITCHED else self.external

    @property
    def is_mirrored(self) -> bool:
        """Whether writes go to both stores."""
        return self.phase in _MIRROR

    def static(self) -> dict[str, Setting]:
        """The settings below a ring's `kvstore`."""
        if self.phase is Phase.MEMBERLIST:
            return {"store": "memberlist"}
        other = self.external if self.phase in _SWITCHED else "memberlist"
        return {
            "store": "multi",
            "multi.primary": self.primary,
            "multi.secondary": other,
            "multi.mirror_enabled": self.is_mirrored,
        }

    def missing(self, ring: RingConfig | None) -> dict[str, Setting]:
        """Those of them that are not so already; all where the configuration was not read."""
        wanted = self.static()
        if ring is None:
            return wanted
        shown: dict[str, Setting | None] = {
            "store": ring.store,
            "multi.primary": ring.primary,
            "multi.secondary": ring.secondary,
            "multi.mirror_enabled": bool(ring.mirror_enabled),
        }
        left = {name: value for name, value in wanted.items() if shown[name] != value}
        if "store" in left and self.phase is not Phase.MEMBERLIST:
            return wanted  # a new block is written out in full
        return left

    def runtime(self) -> dict[str, Setting]:
        """The block of the runtime configuration."""
        return {"primary": self.primary, "mirror_enabled": self.is_mirrored}


def external_of(targets: Iterable[TargetFacts], keys: Iterable[str]) -> str:
    """The kind of external store that these rings are in or come from, "" where no client shows it."""
    wanted, all_targets = set(keys), tuple(targets)
    clients = [c for t in all_targets for c in t.clients if c.key in wanted or not wanted]
    for client in clients:
        for store in (client.primary, *client.stores, *sorted(client.store_requests)):
            if store in kv_clients.EXTERNAL_STORES:
                return store
    rings = [r for t in all_targets if t.config for r in t.config.rings.values()]
    named = (name for r in rings for name in (r.store, r.primary, r.secondary))
    return next((name for name in named if name in kv_clients.EXTERNAL_STORES), "")
