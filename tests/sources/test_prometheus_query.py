"""Only instant queries are asked of Prometheus."""

from __future__ import annotations

import pytest

from exporter.model.pages import Outcome, Reason, Target
from exporter.sources.http import allow_list
from exporter.sources.http.fetcher import Call, Fetcher, FetchSettings

QUERY = "/api/v1/query?query=kvmigration_gate_open%7Bstep%3D%22x%22%7D"
CASES = [
    ("GET", QUERY, True),
    ("POST", QUERY, False),
    ("GET", "/api/v1/query", False),
    ("GET", "/api/v1/query?query=", False),
    ("GET", f"{QUERY}&time=1", False),
    ("GET", f"{QUERY}#x", False),
    ("GET", "/api/v1/query_range?query=up", False),
    ("GET", "/api/v1/query?query=up+1", False),
    ("GET", f"/api/v1/query?query={'a' * 16385}", False),
    ("GET", "/api/v1/admin/tsdb/delete_series?match[]=up", False),
    ("POST", "/-/quit", False),
    ("GET", "/api/v1/query/../admin?query=up", False),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("method", "path", "allowed"), CASES)
async def test_what_may_be_asked(method: str, path: str, allowed: bool) -> None:
    assert allow_list.is_metrics_query_allowed(method, path) is allowed
    if not allowed:
        async with Fetcher(FetchSettings()) as fetcher:
            call = Call(Target("prometheus", "http://127.0.0.1:1"), path, method=method)
            answer = await fetcher.query_call(call)
        assert (answer.outcome, answer.reason) == (Outcome.FAILED, Reason.FORBIDDEN)
