"""The wrapper on targets that behave: outcomes, headers, redirects, connections."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from exporter.errors import FetchError
from exporter.model.pages import Outcome, Reason, Target
from exporter.sources.http.fetcher import Call, Fetcher, FetchSettings, TargetAccess
from tests.sources.wire import always, request, response, serve

pytestmark = pytest.mark.asyncio
DATE = "Sat, 21 Nov 2026 01:34:52 GMT"


async def test_a_page_arrives_with_its_bytes_type_server_time_and_our_time() -> None:
    answer = response(b'{"shards":null}', headers={"Content-Type": "application/json", "Date": DATE})
    async with serve(always(answer)) as target, Fetcher(FetchSettings(), clock=lambda: 1234.5) as fetcher:
        got = await fetcher.get(target, "/ring", accept="application/json")
    assert (got.outcome, got.reason, got.status) == (Outcome.OK, None, 200)
    assert got.body == b'{"shards":null}'
    assert got.content_type == "application/json"
    assert got.date == 1795224892.0
    assert got.asked_at == 1234.5
    assert got.duration > 0
    assert fetcher.counts == {("/ring", "ok"): 1}


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        ("200 OK", Outcome.OK, None),
        ("404 Not Found", Outcome.ABSENT, None),
        ("401 Unauthorized", Outcome.FAILED, Reason.DENIED),
        ("403 Forbidden", Outcome.FAILED, Reason.DENIED),
        ("500 Internal Server Error", Outcome.FAILED, Reason.STATUS),
        ("503 Service Unavailable", Outcome.FAILED, Reason.STATUS),
        ("204 No Content", Outcome.FAILED, Reason.STATUS),
        ("206 Partial Content", Outcome.FAILED, Reason.STATUS),
        ("304 Not Modified", Outcome.FAILED, Reason.STATUS),
        ("405 Method Not Allowed", Outcome.FAILED, Reason.STATUS),
        ("429 Too Many Requests", Outcome.FAILED, Reason.STATUS),
    ],
)
async def test_a_status_becomes_an_outcome(status: str, outcome: Outcome, reason: Reason | None) -> None:
    async with serve(always(response(status=status))) as target, Fetcher(FetchSettings()) as fetcher:
        got = await fetcher.get(target, "/ring")
    assert (got.outcome, got.reason, got.status) == (outcome, reason, int(status[:3]))
    assert got.detail == ("" if reason is None else f"status {status[:3]}")
    assert fetcher.counts == {("/ring", outcome.value): 1}


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 99 Nov 2026 01:34:52 GMT", "\x7f" * 500])
async def test_a_date_that_is_none_is_not_known(date: str) -> None:
    async with serve(always(response(headers={"Date": date}))) as target, Fetcher(FetchSettings()) as fetcher:
        assert (await fetcher.get(target, "/ring")).date is None


async def test_the_request_carries_what_is_configured_and_the_query_encoded() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request(reader))
        writer.write(response())

    given = TargetAccess(headers={"X-Scope-OrgID": "one", "Authorization": "Bearer s3cret"})
    settings = FetchSettings(for_target=lambda _: given)
    async with serve(handler) as target, Fetcher(settings) as fetcher:
        below = Target(target.name, f"{target.url}/mimir")
        query = {"downloadKey": "ha-tracker/u/a b&c"}
        assert (await fetcher.get(below, "/memberlist", query=query, accept="text/html")).status == 200
    line, headers = seen[0]
    assert line == "GET /mimir/memberlist?downloadKey=ha-tracker/u/a%20b%26c HTTP/1.1"
    assert headers["accept"] == "text/html"
    assert headers["accept-encoding"] == "gzip"
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["x-scope-orgid"] == "one"
    assert fetcher.counts == {("/memberlist?downloadKey", "ok"): 1}


async def test_a_compressed_page_is_unpacked() -> None:
    body = b"up 1\n" * 50_000
    packed = gzip.compress(body[:100_000]) + gzip.compress(body[100_000:])
    answer = response(packed, headers={"Content-Encoding": "gzip"})
    async with serve(always(answer)) as target, Fetcher(FetchSettings()) as fetcher:
        got = await fetcher.get(target, "/metrics")
    assert got.body == body


async def test_connections_are_used_again_also_after_an_absent_page() -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            line, _ = await request(reader)
            missing = response(b"404 page not found\n", "404 Not Found")
            writer.write(response(b"x") if "/metrics" in line else missing)

    async with serve(handler) as target, Fetcher(FetchSettings()) as fetcher:
        outcomes = [(await fetcher.get(target, page)).outcome for page in ["/metrics", "/ring"] * 5]
    assert outcomes == [Outcome.OK, Outcome.ABSENT] * 5
    assert connections == 1


async def test_a_connection_that_the_server_closed_between_two_cycles_is_no_failure() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(response(b"x"))

    async with serve(handler) as target, Fetcher(FetchSettings()) as fetcher:
        outcomes = [(await fetcher.get(target, "/metrics")).outcome for _ in range(5)]
    assert outcomes == [Outcome.OK] * 5


async def test_a_path_off_the_list_is_refused_before_a_connection_is_made() -> None:
    connected = False

    async def handler(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected = True

    async with serve(handler) as target, Fetcher(FetchSettings()) as fetcher:
        answers = [
            await fetcher.get(target, "/ingester/shutdown"),
            await fetcher.get(target, "/memberlist", query={"deleteMessages": "true"}),
            await fetcher.get(Target("x", f"{target.url}/../x"), "/ring"),
            await fetcher.get(Target("x", f"{target.url}/ingester/shutdown?"), "/ring"),
            await fetcher.get(Target("x", f"{target.url}/ingester/shutdown#"), "/ring"),
            await fetcher.get(Target("x", "http://user:password@127.0.0.1/"), "/ring"),
            await fetcher.get(Target("x", "file:///etc/passwd"), "/ring"),
            await fetcher.get(Target("x", ""), "/ring"),
            await fetcher.store_call(Call(target, "/v3/kv/put", method="POST")),
            await fetcher.store_call(Call(target, "/v1/kv/a?recurse", method="DELETE")),
        ]
    assert {answer.reason for answer in answers} == {Reason.FORBIDDEN}
    assert not any("password" in answer.detail for answer in answers)
    assert not connected
    assert fetcher.counts == {("other", "failed"): 4, ("/ring", "failed"): 6}


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("/ring", None),
        ("../ring", None),
        ("http://{host}/ring", None),
        ("//{host}/ring", None),
        ("http://localhost:1/ring", Reason.REDIRECT),
        ("https://{host}/ring", Reason.REDIRECT),
        ("http://127.0.0.1:1/ring", Reason.REDIRECT),
        ("http://user@{host}/ring", Reason.REDIRECT),
        ("/login?next=/ring", Reason.REDIRECT),
        ("/ingester/shutdown", Reason.REDIRECT),
        ("/memberlist?deleteMessages=true", Reason.REDIRECT),
        ("/ring/../ingester/shutdown", Reason.REDIRECT),
        ("/ring/%2e%2e/ingester/shutdown", Reason.REDIRECT),
        ("", Reason.REDIRECT),
        ("/ri\x01ng", Reason.REDIRECT),
        ("http://[::1/ring", Reason.REDIRECT),
        ("http://{host}:99999/ring", Reason.REDIRECT),
        ("x" * 5000, Reason.REDIRECT),
    ],
)
async def test_a_redirect_is_followed_only_to_an_allowed_path_of_the_same_server(
    location: str, reason: Reason | None
) -> None:
    asked: list[str] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, headers = await request(reader)
            asked.append(line.split()[1])
            there = location.format(host=headers["host"])
            moved = response(b"moved", "302 Found", {"Location": there})
            writer.write(response(b"here") if line.startswith("GET /ring ") else moved)

    async with serve(handler) as target, Fetcher(FetchSettings()) as fetcher:
        got = await fetcher.get(target, "/ingester/ring")
    assert got.reason == reason, got.detail
    assert asked == (["/ingester/ring", "/ring"] if reason is None else ["/ingester/ring"])
    assert got.body == (b"here" if reason is None else b"")


async def test_a_redirect_stays_below_the_prefix() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(response(b"", "301 Moved Permanently", {"Location": "/other/ring"}))

    async with serve(handler) as target, Fetcher(FetchSettings()) as fetcher:
        got = await fetcher.get(Target("x", f"{target.url}/mimir"), "/ingester/ring")
    assert got.reason is Reason.REDIRECT


async def test_a_circle_of_redirects_ends_after_three() -> None:
    asked = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while True:
            await request(reader)
            asked += 1
            writer.write(response(b"", "307 Temporary Redirect", {"Location": "/ring"}))

    async with serve(handler) as target, Fetcher(FetchSettings()) as fetcher:
        got = await fetcher.get(target, "/ring")
    assert got.reason is Reason.REDIRECT
    assert asked == 4


async def test_redirects_can_be_switched_off() -> None:
    answer = response(b"", "302 Found", {"Location": "/ring"})
    settings = FetchSettings(follow_redirects=False)
    async with serve(always(answer)) as target, Fetcher(settings) as fetcher:
        assert (await fetcher.get(target, "/ring")).reason is Reason.REDIRECT


async def test_one_target_is_asked_only_so_many_pages_at_once() -> None:
    now = most = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        while True:
            await request(reader)
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            writer.write(response())

    async with serve(handler) as target, Fetcher(FetchSettings(per_target=3)) as fetcher:
        await asyncio.gather(*(fetcher.get(target, "/ring") for _ in range(20)))
    assert most == 3


async def test_all_targets_together_are_asked_only_so_many_pages_at_once() -> None:
    now = most = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        await request(reader)
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        writer.write(response())

    async with (
        serve(handler) as one,
        serve(handler) as two,
        Fetcher(FetchSettings(max_concurrency=5)) as fetcher,
    ):
        await asyncio.gather(*(fetcher.get(target, "/ring") for target in [one, two] * 10))
    assert most == 5


async def test_a_secret_that_cannot_be_read_fails_this_target_and_says_so() -> None:
    def unreadable(_target: Target) -> TargetAccess:
        raise FileNotFoundError("/etc/secret/token")

    def refused(_target: Target) -> TargetAccess:
        raise FetchError(Reason.TLS, "the CA file is empty")

    target = Target("x", "http://127.0.0.1:1")
    async with Fetcher(FetchSettings(for_target=unreadable)) as fetcher:
        got = await fetcher.get(target, "/ring")
    assert (got.reason, got.detail) == (Reason.DENIED, "its credentials or certificates could not be read")
    async with Fetcher(FetchSettings(for_target=refused)) as fetcher:
        assert (await fetcher.get(target, "/ring")).reason is Reason.TLS


async def test_a_line_break_in_a_header_is_never_sent() -> None:
    evil = TargetAccess(headers={"Authorization": "Bearer s3cret\r\nX-Evil: 1"})
    settings = FetchSettings(for_target=lambda _: evil)
    async with Fetcher(settings) as fetcher:
        got = await fetcher.get(Target("x", "http://127.0.0.1:1"), "/ring")
    assert got.reason is Reason.FORBIDDEN
    assert "s3cret" not in got.detail


async def test_cancelling_ends_a_call_at_once_and_leaves_its_places_free() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        begun.set()
        await released.wait()
        writer.write(response())

    begun, released = asyncio.Event(), asyncio.Event()
    settings = FetchSettings(max_concurrency=1, per_target=1)
    async with serve(handler) as target, Fetcher(settings) as fetcher:
        call = asyncio.create_task(fetcher.get(target, "/ring"))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        released.set()
        assert (await fetcher.get(target, "/ring")).outcome is Outcome.OK


async def test_a_fetcher_that_is_not_open_is_a_programming_error() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Fetcher(FetchSettings()).get(Target("x", "http://127.0.0.1:1"), "/ring")
