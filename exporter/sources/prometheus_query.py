"""Prometheus's query API (Mimir's, Thanos's): one instant query at a time, for the gate of several shards."""

from __future__ import annotations

from exporter.model.pages import Answer, Target
from exporter.sources.http import allow_list
from exporter.sources.http.fetcher import Call, Fetcher

PATH = "/api/v1/query"


async def query(fetcher: Fetcher, url: str, expr: str) -> Answer:
    """Query the present value of an expression. `url` may have a path: `http://mimir:8080/prometheus`."""
    path = f"{PATH}?query={allow_list.encoded(expr)}"
    call = Call(Target("prometheus", url), path, headers={"Accept": "application/json"}, page=PATH)
    return await fetcher.query_call(call)
