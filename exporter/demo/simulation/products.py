"""What runs where: the processes of each product, their KV clients and their pages.

Client and page names are those of real clusters (FACTS); the token counts are scaled from
`DemoSettings.tokens`, except where the products use one token.
"""

from __future__ import annotations

from dataclasses import dataclass

from exporter.demo.simulation.settings import DemoSettings

HA = "ha-tracker"


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """One KV client. `period` is its heartbeat in seconds, 0 if it has none; `watches` says whether
    it also reads; `prefix` stands before its metrics; `tokens` -1 means as the settings say.
    """

    kv_name: str
    key: str
    period: float = 0.0
    watches: bool = False
    prefix: str = "cortex_"
    tokens: int = -1


@dataclass(frozen=True, slots=True)
class PageSpec:
    """One ring page: of a key, or a notice where `notice` is set."""

    path: str
    key: str = ""
    title: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class RoleSpec:
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


def writer(kv_name: str, key: str, period: float = 5.0, *, watches: bool = False) -> ClientSpec:
    """A client that heartbeats, with as many tokens as the settings say."""
    return ClientSpec(kv_name, key, period, watches)


def _one_token(kv_name: str, key: str, period: float = 5.0, *, prefix: str = "loki_") -> ClientSpec:
    """A Loki client with one token, that reads as well as it writes."""
    return ClientSpec(kv_name, key, period, watches=True, prefix=prefix, tokens=1)


RING, DISTRIBUTOR, COMPACTOR = "collectors/ring", "collectors/distributor", "collectors/compactor"
STORE_GATEWAY, RULER, ALERTMANAGER = "collectors/store-gateway", "rulers/ring", "alertmanagers/alertmanager"
SCHEDULER, OVERRIDES, LOKI_SCHEDULER = (
    "collectors/query-scheduler",
    "collectors/overrides-exporter",
    "collectors/scheduler",
)

CORTEX = RoleSpec(
    "all",
    (
        writer("compactor-lifecycler", COMPACTOR),
        ClientSpec("compactor-ring", COMPACTOR, watches=True),
        writer("distributor-hatracker", HA, 0.0),
        writer("ingester-lifecycler", RING),
        ClientSpec("ingester-ring", RING, watches=True),
        ClientSpec("querier-store-gateway", STORE_GATEWAY, watches=True),
        writer("ruler", RULER, watches=True),
        writer("store-gateway", STORE_GATEWAY, 15.0, watches=True),
    ),
    (
        PageSpec("/ring", RING),
        PageSpec("/ingester/ring", RING),
        PageSpec("/compactor/ring", COMPACTOR, "Cortex Compactor Ring", "Compactor is not running yet."),
        PageSpec(
            "/store-gateway/ring",
            STORE_GATEWAY,
            "Cortex Store Gateway Ring",
            "Store gateway is not running yet.",
        ),
        PageSpec("/ruler/ring", RULER),
        PageSpec(
            "/distributor/ring",
            "",
            "Cortex Distributor Status",
            "Distributor is not running with global limits enabled",
        ),
        PageSpec(
            "/multitenant_alertmanager/ring",
            "",
            "Cortex Alertmanager Ring",
            "Alertmanager has no ring because sharding is disabled.",
        ),
    ),
    (
        ("compactor", COMPACTOR),
        ("ingester", RING),
        ("ruler", RULER),
        ("store-gateway", STORE_GATEWAY),
        ("store-gateway-client", STORE_GATEWAY),
    ),
    tracker=True,
)

LOKI = RoleSpec(
    "all",
    (
        _one_token("compactor", COMPACTOR, 15.0),
        _one_token("distributor-lifecycler", DISTRIBUTOR, prefix=""),
        ClientSpec("distributor-ring", DISTRIBUTOR, watches=True, prefix="loki_"),
        ClientSpec("ingester-lifecycler", RING, 5.0, watches=True, prefix="loki_"),
        ClientSpec("ingester-ring", RING, watches=True, prefix="loki_"),
        _one_token("scheduler-ring-manager", LOKI_SCHEDULER, 15.0),
    ),
    (
        PageSpec("/ring", RING),
        PageSpec("/distributor/ring", DISTRIBUTOR),
        PageSpec("/compactor/ring", COMPACTOR),
        PageSpec("/scheduler/ring", LOKI_SCHEDULER),
        PageSpec("/ruler/ring", "", "Cortex Ruler Status", "Ruler running with shards disabled"),
    ),
    (
        ("compactor", COMPACTOR),
        ("distributor", DISTRIBUTOR),
        ("ingester", RING),
        ("scheduler", LOKI_SCHEDULER),
    ),
)


def _lifecycled(component: str, key: str, page: str, tokens: int = -1) -> RoleSpec:
    """A Mimir component with a ring of its own: a lifecycler client and a ring client."""
    return RoleSpec(
        component,
        (
            ClientSpec(f"{component}-lifecycler", key, 15.0, tokens=tokens),
            ClientSpec(f"{component}-ring", key, watches=True),
        ),
        (PageSpec(page, key),),
        ((component, key),),
    )


_INGESTER_RING = ClientSpec("ingester-ring", RING, watches=True)
_GATEWAY_RING = ClientSpec("querier-store-gateway", STORE_GATEWAY, watches=True)
MIMIR = {
    role.component: role
    for role in (
        RoleSpec(
            "distributor",
            (
                writer("distributor-hatracker", HA, 0.0),
                ClientSpec("distributor-lifecycler", DISTRIBUTOR, 5.0, tokens=1),
                ClientSpec("distributor-ring", DISTRIBUTOR, watches=True),
                _INGESTER_RING,
            ),
            (PageSpec("/distributor/ring", DISTRIBUTOR), PageSpec("/ingester/ring", RING)),
            (("distributor", DISTRIBUTOR), ("ingester", RING)),
            tracker=True,
        ),
        RoleSpec(
            "ingester",
            (writer("ingester-lifecycler", RING), _INGESTER_RING),
            (PageSpec("/ingester/ring", RING),),
            (("ingester", RING),),
        ),
        RoleSpec(
            "store-gateway",
            (writer("store-gateway", STORE_GATEWAY, 15.0, watches=True),),
            (PageSpec("/store-gateway/ring", STORE_GATEWAY),),
            (("store-gateway", STORE_GATEWAY),),
        ),
        _lifecycled("compactor", COMPACTOR, "/compactor/ring"),
        RoleSpec(
            "ruler",
            (_INGESTER_RING, _GATEWAY_RING, writer("ruler", RULER, 15.0, watches=True)),
            (PageSpec("/ruler/ring", RULER), PageSpec("/ingester/ring", RING)),
            (("ingester", RING), ("ruler", RULER), ("store-gateway-client", STORE_GATEWAY)),
        ),
        RoleSpec(
            "querier",
            (_INGESTER_RING, _GATEWAY_RING),
            (PageSpec("/ingester/ring", RING),),
            (("ingester", RING), ("store-gateway-client", STORE_GATEWAY)),
        ),
        _lifecycled("query-scheduler", SCHEDULER, "/query-scheduler/ring", 1),
        RoleSpec(
            "alertmanager",
            (writer("alertmanager", ALERTMANAGER, 15.0, watches=True),),
            (PageSpec("/multitenant_alertmanager/ring", ALERTMANAGER),),
            (("alertmanager", ALERTMANAGER),),
        ),
        _lifecycled("overrides-exporter", OVERRIDES, "/overrides-exporter/ring", 1),
    )
}
# The order in which a Mimir of a given size is filled; a larger one repeats the last ones.
_MIMIR_FIRST = (
    ("distributor", ""),
    ("ingester", "zone-a"),
    ("ingester", "zone-b"),
    ("ingester", "zone-c"),
    ("store-gateway", "zone-a"),
    ("compactor", ""),
    ("ruler", ""),
    ("querier", ""),
    ("store-gateway", "zone-b"),
    ("store-gateway", "zone-c"),
    ("query-scheduler", ""),
    ("alertmanager", ""),
    ("overrides-exporter", ""),
)
_MIMIR_MORE = (
    ("ingester", "zone-a"),
    ("ingester", "zone-b"),
    ("ingester", "zone-c"),
    ("distributor", ""),
    ("querier", ""),
    ("store-gateway", "zone-a"),
    ("store-gateway", "zone-b"),
    ("store-gateway", "zone-c"),
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
    plain = _mimir(settings.size) if settings.product == "mimir" else _single(settings)
    if not settings.hostile:
        return plain
    return tuple(_hostile(number, spec) for number, spec in enumerate(plain))


def _hostile(number: int, spec: ProcessSpec) -> ProcessSpec:
    name = _HOSTILE[number % len(_HOSTILE)].format(n=spec.name)[:_LONGEST]
    zone = f'<i>{spec.zone or "zone"}</i>\n"{number % 3}"'
    return ProcessSpec(name, spec.role, zone)


def _single(settings: DemoSettings) -> tuple[ProcessSpec, ...]:
    role = LOKI if settings.product == "loki" else CORTEX
    return tuple(ProcessSpec(f"{settings.product}-{number}", role) for number in range(1, settings.size + 1))


def _mimir(size: int) -> tuple[ProcessSpec, ...]:
    wanted = [
        _MIMIR_FIRST[number]
        if number < len(_MIMIR_FIRST)
        else _MIMIR_MORE[(number - len(_MIMIR_FIRST)) % len(_MIMIR_MORE)]
        for number in range(size)
    ]
    counts: dict[str, int] = {}
    found = []
    for component, zone in wanted:
        base = f"mimir-{component}-{zone}" if zone else f"mimir-{component}"
        number = counts.get(base, 0)
        counts[base] = number + 1
        found.append(ProcessSpec(f"{base}-{number}", MIMIR[component], zone))
    return tuple(found)
