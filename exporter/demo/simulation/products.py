"""What runs where: the processes of each product, and what they run by `roles.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, cycle, islice
from pathlib import Path

import msgspec
import yaml

from exporter.demo.simulation.demo_settings import MICROSERVICES, READ_WRITE, DemoSettings

HA = "ha-tracker"


class ClientSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One KV client. `period` is its heartbeat in seconds, 0 if it has none; `watches` is whether it also
    reads. `prefix` stands before its metrics; `tokens` -1 means as in the settings.
    """

    kv_name: str
    key: str
    period: float = 0.0
    watches: bool = False
    prefix: str = "cortex_"
    tokens: int = -1


class PageSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ring page: of a key, or a notice where `notice` is set."""

    path: str
    key: str = ""
    title: str = ""
    notice: str = ""


class RoleSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a kind of process runs. `rings` names its rings in metrics: (name, key)."""

    component: str
    clients: tuple[ClientSpec, ...]
    pages: tuple[PageSpec, ...]
    rings: tuple[tuple[str, str], ...]
    tracker: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process: `name` is also its id in every ring."""

    name: str
    role: RoleSpec
    zone: str = ""

    @property
    def group(self) -> str:
        """The deployment mode that it belongs to."""
        return READ_WRITE if self.role.component in MODES_COMPONENTS else MICROSERVICES


MODES_COMPONENTS = frozenset({"read", "write", "backend"})
RING, STORE_GATEWAY = "collectors/ring", "collectors/store-gateway"
ROLES = msgspec.convert(
    yaml.load((Path(__file__).parent / "roles.yaml").read_bytes(), Loader=yaml.CSafeLoader),
    dict[str, tuple[RoleSpec, ...]],
)
ZONES = ("zone-a", "zone-b", "zone-c")
_INGESTERS = tuple(("ingester", zone) for zone in ZONES)
_STORE_GATEWAYS = tuple(("store-gateway", zone) for zone in ZONES)
# The order in which a Mimir of a given size is filled; a larger one repeats the last components.
_MIMIR_FIRST = (
    ("distributor", ""),
    *_INGESTERS,
    _STORE_GATEWAYS[0],
    ("compactor", ""),
    ("ruler", ""),
    ("querier", ""),
    *_STORE_GATEWAYS[1:],
    ("query-scheduler", ""),
    ("alertmanager", ""),
    ("overrides-exporter", ""),
)
_MIMIR_MORE = (*_INGESTERS, ("distributor", ""), ("querier", ""), *_STORE_GATEWAYS)
# What both deployment modes have: one of each component, and of each zone where it has zones.
_BOTH_MODES = (
    *_MIMIR_FIRST,
    ("query-frontend", ""),
    *((component, zone) for component in ("backend", "write") for zone in ZONES),
    *(("read", ""),) * 2,
)
_LONGEST = 500
_HOSTILE = (
    '<script>alert("{n}")</script>',
    "quote\"s 'and' \\back\\slash {n}",
    "new\nline\r{n}",
    "{n}-" + "x" * 500,
    "\u202eevil\u2066 {n}\u2069",
    "{n} {{}} ${{jndi}} %s {{{{ 7*7 }}}}",
    "</td></tr></table><h1>{n}</h1>",
)


def processes_of(settings: DemoSettings) -> tuple[ProcessSpec, ...]:
    """The processes of a demo, in the order in which it restarts them."""
    plain = _plain(settings)
    if not settings.hostile:
        return plain
    return tuple(_hostile(number, spec) for number, spec in enumerate(plain))


def _plain(settings: DemoSettings) -> tuple[ProcessSpec, ...]:
    if settings.product != "mimir":
        return _single(settings)
    if not settings.moves(READ_WRITE):
        return _mimir(_filled(settings.size))
    more = _filled(settings.size)[len(_MIMIR_FIRST) :]
    return _mimir([*_BOTH_MODES, *more])


def _hostile(number: int, spec: ProcessSpec) -> ProcessSpec:
    name = _HOSTILE[number % len(_HOSTILE)].format(n=spec.name)[:_LONGEST]
    zone = f'<i>{spec.zone or "zone"}</i>\n"{number % 3}"'
    return ProcessSpec(name, spec.role, zone)


def _single(settings: DemoSettings) -> tuple[ProcessSpec, ...]:
    (role,) = ROLES[settings.product]
    return tuple(ProcessSpec(f"{settings.product}-{number}", role) for number in range(1, settings.size + 1))


def _filled(size: int) -> list[tuple[str, str]]:
    return [*islice(chain(_MIMIR_FIRST, cycle(_MIMIR_MORE)), size)]


def _mimir(wanted: list[tuple[str, str]]) -> tuple[ProcessSpec, ...]:
    roles, counts = {role.component: role for role in ROLES["mimir"]}, dict[str, int]()
    found = []
    for component, zone in wanted:
        base = f"mimir-{component}-{zone}" if zone else f"mimir-{component}"
        number = counts.get(base, 0)
        counts[base] = number + 1
        found.append(ProcessSpec(f"{base}-{number}", roles[component], zone))
    return tuple(found)
