"""Sources of targets, tokens, stores and log lines that send what they should not: a failure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from exporter.config import HttpSd, Kubernetes, OAuth2
from exporter.decode.prometheus import decode_vector
from exporter.errors import DecodeError, FetchError
from exporter.model.pages import Answer, Outcome, Reason, Target
from exporter.sources.access.oauth2 import TokenSource
from exporter.sources.discovery.http import HttpSource
from exporter.sources.discovery.kubernetes import KubernetesSource
from exporter.sources.discovery.pods import continues_at, objects_in
from exporter.sources.discovery.target_lists import read_json
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from exporter.sources.logs import loki
from tests.sources.serving import serving

PAGE = "/metrics"


def _packed(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1024 * 1024)
    return b"".join([*(packer.compress(zeros) for _ in range(megabytes)), packer.flush()])


def _answering(body: bytes, encoding: str) -> Callable[[web.Request], Any]:
    async def handle(_: web.Request) -> web.Response:
        headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
        return web.Response(body=body, headers=headers)

    return handle


ENCODINGS = [
    ("gzip", Reason.TOO_LARGE),
    ("br", Reason.DECODE),
    ("zstd", Reason.DECODE),
    ("deflate", Reason.DECODE),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("encoding", "reason"), ENCODINGS)
async def test_a_bomb_is_refused_however_it_is_packed(encoding: str, reason: Reason) -> None:
    """Only gzip is asked for, and it is unpacked up to the cap; another packing is no answer."""
    async with serving(_answering(_packed(100), encoding)) as url:
        with pytest.raises(FetchError) as listed:
            await HttpSource(HttpSd(url=url)).find()
        assert listed.value.reason is reason
        token = TokenSource(
            OAuth2.model_validate({"client_id": "c", "client_secret": "s", "token_url": url}), 5.0
        )
        await token.renew()
        with pytest.raises(FetchError):
            token.header()
        async with Fetcher(FetchSettings(max_response_bytes=1_000_000)) as fetcher:
            assert (await fetcher.get(Target("t", url), PAGE)).reason is reason


@pytest.mark.parametrize(
    "text", ["[" + "{}," * 200_000 + "{}]", "[" + "[]," * 200_000 + "[]]", "[" * 100_000]
)
def test_a_list_of_targets_of_nothing_but_brackets_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        read_json(text.encode(), "http")


@pytest.mark.parametrize("items", ["text", {"a": 1}, [1], [None], 5])
def test_a_list_of_pods_that_holds_none_is_refused(items: Any) -> None:
    with pytest.raises(DecodeError):
        objects_in({"items": items})


def test_a_list_of_pods_is_what_it_is_and_an_odd_mark_of_more_is_its_end() -> None:
    assert objects_in({"items": None}) == objects_in({}) == []
    assert objects_in({"items": [{"a": 1}]}) == [{"a": 1}]
    assert continues_at({"metadata": {"continue": "x"}}) == "x"
    for odd in ([], {"continue": 5}, {"continue": ["x"]}, None):
        assert continues_at({"metadata": odd}) == ""


@pytest.mark.parametrize(
    "event",
    [
        {"type": ["ADDED"], "object": {}},
        {"type": {}, "object": {"metadata": []}},
        {"type": "ERROR", "object": {"code": [410]}},
        {"type": "ADDED", "object": {"metadata": {"uid": 5, "name": {}}}},
        {"type": "ADDED", "object": []},
    ],
)
def test_an_odd_event_of_the_kubernetes_api_ends_in_an_error_that_is_told_or_in_nothing(event: Any) -> None:
    source = KubernetesSource(Kubernetes(namespace="mimir"))
    try:
        source._event(event)
    except (DecodeError, FetchError):
        return
    assert source._pods == {}


def test_an_answer_of_loki_that_is_larger_than_its_lines_can_be_is_refused() -> None:
    body = json.dumps({"status": "success", "data": {"resultType": "streams", "result": []}}).encode()
    assert loki._lines_of(Answer(Outcome.OK, body=body)) == []
    with pytest.raises(DecodeError, match="more than"):
        loki._lines_of(Answer(Outcome.OK, body=body + b" " * loki.MAX_BODY))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"\xff"},"value":[1,"1"]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"1"]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}',
        b'{"status":"error","error":"\\u001b[31m"}',
        b'{"status":1e999}',
    ],
)
def test_an_odd_answer_of_prometheus_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_vector(body)
