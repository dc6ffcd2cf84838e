"""http_sd against a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from exporter.config import HttpSd
from exporter.errors import DecodeError, FetchError
from exporter.model.pages import Reason
from exporter.sources.discovery.http import HttpSource
from tests.sources.serving import serving


def _source(url: str, **http_client: Any) -> HttpSource:
    return HttpSource(HttpSd.model_validate({"url": url + "/targets", "http_client": http_client}))


@pytest.mark.asyncio
async def test_a_list_is_asked_with_credentials_and_the_refresh_interval() -> None:
    seen: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response([{"targets": ["a:1"], "labels": {"component": "ingester"}}])

    async with serving(handle) as url:
        source = _source(url, authorization={"credentials": "hunter2"}, headers={"X-Scope-OrgID": "1"})
        (found,) = (await source.find()).found
    assert (found.address, found.component) == ("a:1", "ingester")
    headers = seen[0].headers
    assert headers["Authorization"] == "Bearer hunter2"
    assert headers["X-Scope-OrgID"] == "1"
    assert headers["X-Prometheus-Refresh-Interval-Seconds"] == "60"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (web.Response(status=500, text="hunter2"), Reason.STATUS),
        (web.Response(status=403), Reason.DENIED),
        (web.Response(status=302, headers={"Location": "http://elsewhere/"}), Reason.STATUS),
        (web.Response(text="[]", content_type="text/html"), Reason.DECODE),
        (web.json_response([{"targets": ["a:1"] * 500}]), Reason.TOO_LARGE),
    ],
    ids=["500", "403", "redirect", "html", "large"],
)
@pytest.mark.asyncio
async def test_another_answer_is_a_failure_with_its_reason(answer: web.Response, reason: Reason) -> None:
    async def handle(_: web.Request) -> web.Response:
        return answer

    async with serving(handle) as url:
        with pytest.raises(FetchError) as caught:
            await _source(url, max_response_bytes="1KiB").find()
    assert caught.value.reason is reason
    assert "hunter2" not in str(caught.value)


@pytest.mark.asyncio
async def test_json_of_another_shape_is_refused() -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response({"targets": ["a:1"]})

    async with serving(handle) as url:
        with pytest.raises(DecodeError, match="must be a list of groups"):
            await _source(url).find()


@pytest.mark.asyncio
async def test_a_server_that_hangs_costs_the_timeout() -> None:
    async def handle(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with serving(handle) as url:
        with pytest.raises(FetchError) as caught:
            await _source(url, timeout="100ms").find()
    assert caught.value.reason is Reason.TIMEOUT


@pytest.mark.asyncio
async def test_nobody_there_is_refused() -> None:
    with pytest.raises(FetchError) as caught:
        await _source("http://127.0.0.1:1").find()
    assert caught.value.reason is Reason.REFUSED
