"""Prometheus's query API (Mimir's, Thanos's): one instant query at a time, for the gate of several shards."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.model.pages import Answer, Target
from exporter.sources.http import allow_list
from exporter.sources.http.fetcher import Call, Fetcher

PATH = "/api/v1/query"


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """The server to query. `url` may have a path, as `http://mimir:8080/prometheus` has."""

    url: str


async def query(fetcher: Fetcher, settings: PrometheusSettings, expr: str) -> Answer:
    """Query the present value of an expression."""
    path = f"{PATH}?query={allow_list.encoded(expr)}"
    call = Call(Target("prometheus", settings.url), path, headers={"Accept": "application/json"}, page=PATH)
    return await fetcher.query_call(call)
