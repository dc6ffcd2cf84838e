"""Loki's query API asked through a stand-in that keeps lines and answers as the API documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from exporter.config import Loki, load_text
from exporter.errors import DecodeError
from exporter.model.pages import Reason, Target
from exporter.sources.access.request_settings import Access
from exporter.sources.http import allow_list
from exporter.sources.http.fetcher import Call, Fetcher, FetchSettings
from exporter.sources.logs import loki
from exporter.sources.logs.loki import LokiSource, process_of, read_streams
from tests.sources.serving import Clock, serving

NANO = 1_000_000_000
NOW = 1_000_000.0
HIT = 'level=error msg="discarding stream with unacceptable label \\"{}\\": from=1.2.3.4:5"'
Entry = tuple[float, dict[str, str], str]


@dataclass
class Stand:
    """Answers `query_range` with lines of a range, start included and end not, up to the limit."""

    entries: list[Entry] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        assert request.path == "/loki/api/v1/query_range"
        assert request.method == "GET"
        self.asked.append(dict(request.query))
        self.headers.append(dict(request.headers))
        if self.answers:
            return self.answers.pop(0)
        query = request.query
        assert query["direction"] == "forward"
        start, end, limit = (int(query[name]) for name in ("start", "end", "limit"))
        inside = [
            e for e in self.entries if start <= round(e[0] * NANO) < end and "unacceptable label" in e[2]
        ]
        streams: dict[str, dict[str, Any]] = {}
        for at, labels, line in sorted(inside, key=lambda e: e[0])[:limit]:
            stream = streams.setdefault(json.dumps(labels), {"stream": labels, "values": []})
            stream["values"].append([str(round(at * NANO)), line])
        return web.json_response(
            {
                "status": "success",
                "data": {"resultType": "streams", "result": list(streams.values()), "stats": {}},
            }
        )


class Asking:
    """A source that asks a stand-in, at a time that the test sets."""

    def __init__(self, entry: Loki, clock: Clock, fetcher: Fetcher) -> None:
        self.source = LokiSource(fetcher, entry, "rejections[0].loki", clock)
        self.clock, self.fetcher = clock, fetcher

    async def look(self, seconds: float = 15.0) -> list[tuple[str, str]]:
        self.clock.now += seconds
        found: list[tuple[str, str]] = []
        await self.source.look(
            lambda process, line: found.append((process, line.decode().split('\\"')[1])),
            asyncio.get_running_loop().time() + 10,
        )
        return found


@asynccontextmanager
async def asking(stand: Stand, **entry: Any) -> AsyncIterator[Asking]:
    clock = Clock()
    clock.now = NOW
    async with serving(stand.answer) as url:
        told = {"url": url, "query": '{namespace="mimir"}', **entry}
        config = load_text(
            json.dumps({"targets": [{"static": {"urls": ["http://a:1"]}}], "rejections": [{"loki": told}]})
        )
        access = Access(config.http_settings())
        given = config.rejections[0].loki
        assert given is not None
        async with Fetcher(FetchSettings(timeout=5, for_target=access.for_target)) as fetcher:
            yield Asking(given, clock, fetcher)


def hit(at: float, label: str, pod: str = "ingester-0") -> Entry:
    return at, {"namespace": "mimir", "pod": pod}, HIT.format(label)


@pytest.mark.asyncio
async def test_each_line_is_given_once_and_late_ones_are_waited_for() -> None:
    stand = Stand([hit(NOW - 100, "old"), hit(NOW - 5, "fresh"), (NOW - 50, {"pod": "x"}, "something else")])
    async with asking(stand) as one:
        assert await one.look(0) == [("ingester-0", "old")]
        stand.entries.append(hit(NOW - 8, "late", "ingester-1"))
        assert sorted(await one.look()) == [("ingester-0", "fresh"), ("ingester-1", "late")]
        assert await one.look() == []
        ranges = [(int(asked["start"]), int(asked["end"])) for asked in stand.asked]
        assert [start for start, _ in ranges[1:]] == [end for _, end in ranges[:-1]], "no gap, no overlap"
        assert one.fetcher.counts["/loki/api/v1/query_range", "ok"] == 3


@pytest.mark.asyncio
async def test_the_query_is_the_selector_with_a_filter_and_the_tenant_in_its_header() -> None:
    stand = Stand()
    async with asking(stand, tenant="ops", http_client={"authorization": {"credentials": "geheim"}}) as one:
        await one.look()
    assert stand.asked[0]["query"] == '{namespace="mimir"} |= "with unacceptable label "'
    assert stand.headers[0]["X-Scope-OrgID"] == "ops"
    assert stand.headers[0]["Authorization"] == "Bearer geheim"


@pytest.mark.asyncio
async def test_without_a_tenant_no_such_header_is_sent() -> None:
    stand = Stand()
    async with asking(stand) as one:
        await one.look()
    assert "X-Scope-OrgID" not in stand.headers[0]


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", [2, 3, 7])
async def test_full_answers_are_followed_by_more_questions(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loki, "LIMIT", limit)
    # Two streams, and stamps that two lines share, so that an answer ends between them.
    stand = Stand([hit(NOW - 200 + n // 2, f"l{n}", f"p{n % 2}") for n in range(23)])
    async with asking(stand) as one:
        found = [*await one.look(0), *await one.look(0)]
        assert sorted(found) == sorted((f"p{n % 2}", f"l{n}") for n in range(23))
        assert await one.look() == []


@pytest.mark.asyncio
async def test_more_lines_of_one_stamp_than_an_answer_holds_do_not_stop_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loki, "LIMIT", 2)
    stand = Stand([*(hit(NOW - 100, f"same{n}") for n in range(5)), hit(NOW - 90, "after")])
    async with asking(stand) as one:
        found = await one.look(0)
        assert found[-1] == ("ingester-0", "after")
        assert len(set(found)) == len(found)


@pytest.mark.asyncio
async def test_one_look_asks_so_often_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loki, "LIMIT", 2)
    monkeypatch.setattr(loki, "PAGES", 3)
    stand = Stand([hit(NOW - 200 + n, f"l{n}") for n in range(10)])
    async with asking(stand) as one:
        found = await one.look(0)
        assert 3 <= len(found) < 10
        for _ in range(4):
            found += await one.look()
        assert [label for _, label in found] == [f"l{n}" for n in range(10)]


def refusal(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "make",
    [
        lambda: refusal(429, "too many outstanding requests"),
        lambda: refusal(500, "boom"),
        lambda: refusal(401, "no"),
        lambda: refusal(404, "page not found"),
        lambda: refusal(400, "parse error at line 1, col 1: syntax error"),
        lambda: web.Response(text="<html>"),
        lambda: web.json_response([]),
        lambda: web.json_response({"status": "error", "error": "x"}),
        lambda: web.json_response({"status": "success", "data": {"resultType": "matrix", "result": []}}),
        lambda: web.json_response({"status": "success", "data": {"resultType": "streams", "result": [1]}}),
        lambda: web.json_response(
            {
                "status": "success",
                "data": {"resultType": "streams", "result": [{"stream": {}, "values": [["x", "y"]]}]},
            }
        ),
    ],
    ids=["429", "500", "401", "404", "400", "html", "list", "error", "matrix", "stream", "value"],
)
async def test_a_failed_question_is_asked_again_and_loses_nothing(
    make: Callable[[], web.Response], caplog: pytest.LogCaptureFixture
) -> None:
    stand = Stand([hit(NOW - 20, "kept")])
    async with asking(stand) as one:
        stand.answers = [make(), make()]
        assert await one.look() == []
        assert await one.look() == []
        assert caplog.text.count("cannot be read") == 1, "said once, until it is over"
        assert await one.look() == [("ingester-0", "kept")]


@pytest.mark.asyncio
async def test_after_an_outage_the_time_is_asked_for_in_pieces() -> None:
    stand = Stand([hit(NOW + 5000, "during")])
    async with asking(stand) as one:
        await one.look(0)
        assert await one.look(10_000) == [("ingester-0", "during")]
        assert all(int(a["end"]) - int(a["start"]) <= loki.MAX_RANGE * NANO for a in stand.asked)


@pytest.mark.asyncio
async def test_a_reload_goes_on_where_the_old_source_stood() -> None:
    stand = Stand([hit(NOW - 100, "once")])
    async with asking(stand) as one:
        assert await one.look(0) == [("ingester-0", "once")]
        one.source = one.source.renewed(one.fetcher)
        assert await one.look() == []


@pytest.mark.asyncio
async def test_a_reload_during_a_look_counts_nothing_twice() -> None:
    stand = Stand([hit(NOW - 100, "once")])
    async with asking(stand) as one:
        under_way = asyncio.create_task(one.look(0))
        await asyncio.sleep(0)
        one.source = one.source.renewed(one.fetcher)
        assert await under_way == [("ingester-0", "once")]
        assert await one.look() == []


@pytest.mark.parametrize(
    ("labels", "process"),
    [
        ({"pod": "mimir-0", "instance": "i"}, "mimir-0"),
        ({"instance": "mimir/mimir-0:c"}, "mimir-0:c"),
        ({"host": "node-1"}, "node-1"),
        ({"pod": "", "hostname": "h"}, "h"),
        ({"filename": "/var/log/loki-1.log"}, "loki-1.log"),
        ({"job": "x"}, ""),
        ({"pod": 3}, ""),
        ({"pod": "x" * 1000}, "x" * 200),
    ],
)
def test_a_stream_tells_whose_it_is(labels: dict[str, Any], process: str) -> None:
    assert process_of(labels) == process


def test_structured_metadata_behind_a_line_is_no_harm() -> None:
    body = {
        "status": "success",
        "data": {
            "resultType": "streams",
            "result": [{"stream": {"pod": "p"}, "values": [["1", "line", {"trace": "x"}]]}],
        },
    }
    ((line, _),) = read_streams(json.dumps(body).encode())
    assert (line.at, line.process, line.text) == (1, "p", b"line")


def test_a_deep_answer_is_refused() -> None:
    with pytest.raises(DecodeError):
        list(read_streams(b"[" * 200_000))


GOOD = "/loki/api/v1/query_range?query=%7Ba%3D%22b%22%7D&start=1&end=2&limit=10&direction=forward"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", GOOD, True),
        ("POST", GOOD, False),
        ("GET", GOOD.replace("query_range", "push"), False),
        ("GET", GOOD.replace("query_range", "delete"), False),
        ("GET", GOOD.replace("/query_range", "/../../flush"), False),
        ("GET", GOOD + "&x=1", False),
        ("GET", GOOD.replace("forward", "backward"), False),
        ("GET", GOOD.replace("%7B", "{"), False),
        ("GET", GOOD.replace("%7B", "&limit=9999"), False),
        ("GET", "/loki/api/v1/query_range", False),
        ("GET", "/flush", False),
    ],
)
@pytest.mark.asyncio
async def test_nothing_but_a_query_is_asked_of_loki(method: str, path: str, allowed: bool) -> None:
    assert allow_list.is_log_call_allowed(method, path) is allowed
    if not allowed:
        async with Fetcher(FetchSettings()) as fetcher:
            answer = await fetcher.log_call(Call(Target("loki", "http://127.0.0.1:1"), path, method=method))
        assert answer.reason is Reason.FORBIDDEN
