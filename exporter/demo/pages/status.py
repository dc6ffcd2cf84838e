"""The small pages of a process: index, services, ready, build information."""

from __future__ import annotations

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import HTML, NOT_FOUND, Reply, html, json_reply, text
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.demo_settings import RINGS
from exporter.demo.simulation.process import Process

VERSIONS = {"mimir": "2.17.1", "cortex": "1.21.0", "loki": "3.6.0"}
TRACKER_ON_STORE = "2.16.2"  # the last Mimir with an HA tracker that cannot use memberlist
REVISION = {
    "mimir": "3e2a1cbf7",
    "cortex": "a8c6358a13073af1dfa81394420273e5fe9ce88c",
    "loki": "65e30f8488e8a5ea2013c6881675f8103a8f6bc7-modified",
}
GO_VERSION = "go1.26.6"
_TITLES = {"mimir": "Grafana Mimir", "cortex": "Cortex", "loki": "Loki"}
_SERVICES = {
    "cortex": (
        *("alertmanager", "compactor", "distributor-service", "grpcclient-service", "ingester-service"),
        *("memberlist-kv", "querier", "query-frontend", "query-frontend-tripperware", "ring", "ruler"),
        *("runtime-config", "server", "store-gateway", "store-queryable"),
    ),
    "loki": (
        *("query-scheduler-ring", "rule-evaluator", "ruler", "runtime-config", "server", "ring"),
        *("ingester-querier", "querier", "memberlist-kv", "query-frontend-tripperware", "query-scheduler"),
        *("ingester", "compactor", "query-frontend", "cache-generation-loader", "store", "distributor"),
    ),
    "mimir": ("activity-tracker", "api", "memberlist-kv", "ring", "runtime-config", "sanity-check", "server"),
}
_CORTEX_LINKS = (
    ("/compactor/ring", "Compactor Ring Status"),
    ("/config", "Current Config (including the default values)"),
    ("/config?mode=diff", "Current Config (show only values that differ from the defaults)"),
    ("/distributor/all_user_stats", "Usage Statistics"),
    ("/distributor/ha_tracker", "HA Tracking Status"),
    ("/distributor/ring", "Distributor Ring Status"),
    ("/ingester/all_user_stats", "Usage Statistics"),
    ("/ingester/ring", "Ingester Ring Status"),
    ("/memberlist", "Memberlist Status"),
    ("/multitenant_alertmanager/ring", "Alertmanager Ring Status"),
    ("/multitenant_alertmanager/status", "Alertmanager Status"),
    ("/ruler/ring", "Ruler Ring Status"),
    ("/runtime_config", "Current Runtime Config (incl. Overrides)"),
    ("/runtime_config?mode=diff", "Current Runtime Config (show only values that differ from the defaults)"),
    ("/services", "Service Status"),
    ("/store-gateway/ring", "Store Gateway Ring"),
)
_LINKS = (
    ("/config", "Current Config (including the default values)"),
    ("/config?mode=diff", "Current Config (show only values that differ from the defaults)"),
    ("/memberlist", "Memberlist Status"),
    ("/runtime_config", "Current Runtime Config (incl. Overrides)"),
    ("/services", "Service Status"),
)
DANGEROUS = (
    ("/ingester/flush", "Trigger a Flush of data from Ingester to storage"),
    ("/ingester/mode?mode=ACTIVE", "Set Ingester to ACTIVE mode"),
    ("/ingester/mode?mode=READONLY", "Set Ingester to READONLY mode"),
    ("/ingester/renewTokens", "Renew Ingester Tokens (10%)"),
    ("/ingester/shutdown", "Trigger Ingester Shutdown (Dangerous)"),
)
# Paths that act on a GET in real processes, linked or not.
DANGEROUS_PATHS = frozenset(
    {
        *(path.split("?")[0] for path, _ in DANGEROUS),
        "/flush",
        "/shutdown",
        "/ingester/prepare-shutdown",
        "/ingester/unregister-instance",
        "/store-gateway/prepare-shutdown",
        "/compactor/delete_tenant",
    }
)


def index(cluster: Cluster, process: Process) -> Reply:
    """The index page, with links that no exporter may follow."""
    if cluster.settings.product == "loki":
        return NOT_FOUND
    rings = [
        (page.path, f"{page.path.split('/')[1].title()} Ring Status") for page in process.spec.role.pages
    ]
    tracked = [("/distributor/ha_tracker", "HA Tracking Status")] if process.spec.role.tracker else []
    cortex = cluster.settings.product == "cortex"
    return html(
        "index.html",
        HTML,
        title=_TITLES[cluster.settings.product],
        links=_CORTEX_LINKS if cortex else sorted([*rings, *tracked, *_LINKS]),
        dangerous=DANGEROUS,
    )


def services(cluster: Cluster, process: Process) -> Reply:
    """The modules and their states: HTML in Cortex and Mimir, lines in Loki."""
    product = cluster.settings.product
    starting = process.is_starting(cluster.now)
    names = [*_SERVICES[product], *([process.spec.role.component] if product == "mimir" else [])]
    found = [
        (name, "Starting" if starting and name in ("compactor", "store-gateway") else "Running")
        for name in names
        if name != "memberlist-kv" or process.has_gossip
    ]
    if product == "loki":
        return text("".join(f"{name} => {state}\n" for name, state in found))
    now = go_format.go_time(cluster.clock(process), process.started + process.skew)
    return html("services.html", HTML, title=_TITLES[product], now=now, services=found)


def version(cluster: Cluster) -> str:
    """The version the cluster shows of itself."""
    product, migration = cluster.settings.product, cluster.settings.migration
    if not cluster.settings.released:
        return ""
    return TRACKER_ON_STORE if (product, migration) == ("mimir", RINGS) else VERSIONS[product]


def ready(cluster: Cluster, process: Process) -> Reply:
    """200 `ready`, or 503 while modules start."""
    if process.is_starting(cluster.now):
        return text("Some services are not Running:\nRunning: 14\nStarting: 1\n\n", 503)
    if cluster.settings.product == "cortex":
        return text("ready", 200, "text/plain")
    return text("ready\n")


def build(cluster: Cluster, path: str) -> Reply:
    """Build information: Loki's own page, Mimir's Prometheus one; Cortex has none."""
    product = cluster.settings.product
    if product == "loki" and path == "/loki/api/v1/status/buildinfo":
        page = {"version": version(cluster), "revision": "", "branch": "", "buildUser": "", "buildDate": ""}
        return json_reply(go_format.compact(page | {"goVersion": GO_VERSION}) + "\n")
    if product == "mimir":
        data = {
            "application": "Grafana Mimir",
            "version": version(cluster),
            "revision": REVISION["mimir"],
            "branch": "HEAD",
            "goVersion": GO_VERSION,
            "features": {},
        }
        return json_reply(go_format.compact({"status": "success", "data": data}))
    return NOT_FOUND
