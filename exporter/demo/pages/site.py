"""One process's pages by path: the answer to each request. No network here."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.demo.pages import config, ha_tracker, memberlist, metrics, status
from exporter.demo.pages.answer import NOT_FOUND, Reply, text
from exporter.demo.pages.ring import RingPages
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.process import Process

BUILD_PATHS = frozenset(f"{head}/api/v1/status/buildinfo" for head in ("", "/prometheus", "/loki"))
_WITH_MODE = {"/config": config.reply, "/runtime_config": config.runtime_reply}
_PLAIN = {
    "/": status.index,
    "/metrics": metrics.reply,
    "/ready": status.ready,
    "/services": status.services,
}


class Site:
    """The pages of all processes of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._rings = RingPages(cluster)

    def get(self, process: Process, path: str, query: Mapping[str, str], accept: str) -> Reply:
        """The answer to a GET; requests that would act are recorded in `cluster.dangers`."""
        if path in status.DANGEROUS_PATHS or "deleteMessages" in query:
            return self.danger(process, "GET", path)
        as_json = "application/json" in accept
        for page in process.spec.role.pages:
            if page.path == path:
                return self._rings.reply(process, page, as_json=as_json, show=query.get("tokens") == "true")
        return self._other(process, path, query, as_json)

    def danger(self, process: Process, method: str, path: str) -> Reply:
        """Record a request that would act on a real cluster."""
        self._cluster.dangers.append(f"{method} {process.name} {path}")
        return text("", 204)

    def _other(self, process: Process, path: str, query: Mapping[str, str], as_json: bool) -> Reply:
        cluster = self._cluster
        if path in BUILD_PATHS:
            return status.build(cluster, path)
        if path == "/memberlist":
            return memberlist.reply(cluster, process, query, as_json=as_json)
        if path == "/distributor/ha_tracker":
            return ha_tracker.reply(cluster, process, as_json=as_json)
        if path in _WITH_MODE:
            return _WITH_MODE[path](cluster, process, diff=query.get("mode") == "diff")
        return _PLAIN[path](cluster, process) if path in _PLAIN else NOT_FOUND
