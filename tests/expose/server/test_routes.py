"""The endpoints every exporter has, over real sockets."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from exporter.errors import ConfigError
from exporter.expose.server.routes import SECURITY_HEADERS, build
from tests.expose.conftest import Start, World

pytestmark = pytest.mark.asyncio


async def test_metrics_are_served_in_both_formats_and_packed(start: Start) -> None:
    client = await start()
    async with client.get("/metrics") as plain:
        assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "kvmigration_phase" in await plain.text()
        assert plain.headers["Content-Encoding"] == "gzip"  # aiohttp's client asks for it
    async with client.get("/metrics", headers={"Accept": "application/openmetrics-text"}) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert (await answer.text()).endswith("# EOF\n")
    async with client.get("/metrics", headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert b"kvmigration_phase" in await answer.read()
    async with client.get("/metrics", headers={"Accept-Encoding": "gzip"}, compress=None) as answer:
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"


async def test_the_packed_bytes_on_the_wire_are_one_gzip_member(start: Start) -> None:
    client = await start()
    host, port = client.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert b"Content-Encoding: gzip" in head
    assert gzip.decompress(body).startswith(b"# HELP kvmigration_phase")


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/config",
        "/targets",
        "/no/such",
        "/api/v1/status",
        "/api/v1/no",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_every_answer_carries_the_security_headers(start: Start, path: str, method: str) -> None:
    client = await start()
    async with client.request(method, path) as answer:
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
        assert answer.headers["Server"] == "kvmigration"
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await answer.read() == b"") == (method == "HEAD")


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/config", "/targets"])
async def test_head_answers_as_get_without_a_body(start: Start, path: str) -> None:
    client = await start()
    async with client.get(path) as whole, client.request("HEAD", path) as head:
        assert (
            (head.status, head.content_type) == (whole.status, whole.content_type) == (200, head.content_type)
        )


async def test_ready_comes_with_the_first_cycle_and_healthy_at_once(start: Start) -> None:
    world = World(snapshot=None)
    client = await start(world)
    async with client.get("/-/healthy") as answer:
        assert answer.status == 200
    async with client.get("/-/ready") as answer:
        assert (answer.status, await answer.text()) == (
            503,
            "kvmigration is not ready: the first cycle has not ended.\n",
        )
    async with client.get("/metrics") as answer:
        assert answer.status == 200
    world.snapshot = World().snapshot
    async with client.get("/-/ready") as answer:
        assert answer.status == 200


async def test_the_configuration_and_targets_are_shown(start: Start) -> None:
    client = await start()
    async with client.get("/config") as answer:
        assert (answer.content_type, await answer.text()) == ("application/yaml", "interval: 15s\n")
    async with client.get("/targets") as answer:
        data = [{"name": "mimir-write-0", "labels": {"a": "<b>"}}]
        assert await answer.json() == {"status": "success", "data": data}


async def test_the_metrics_are_where_the_telemetry_path_says(start: Start) -> None:
    client = await start(telemetry_path="/my/metrics")
    async with client.get("/my/metrics") as answer:
        assert answer.status == 200
    async with client.get("/metrics") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("path", ["", "metrics", "/", "/a b", "/<x>", "/metrics/"])
async def test_a_telemetry_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path such as /metrics"):
        build(World().state(), telemetry_path=path)


async def test_a_reload_is_forbidden_unless_enabled(start: Start) -> None:
    client = await start()
    async with client.request("POST", "/-/reload") as answer:
        assert answer.status == 403
        assert "Lifecycle API is not enabled" in await answer.text()


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_reload_reloads(start: Start, method: str) -> None:
    calls: list[int] = []
    client = await start(World(reload=lambda: calls.append(1)))
    async with client.request(method, "/-/reload") as answer:
        assert (answer.status, calls) == (200, [1])
    async with client.get("/-/reload") as answer:
        assert (answer.status, calls) == (405, [1])
    async with client.request(method, "/-/reload", headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert (answer.status, calls) == (403, [1])


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://evil.example", 403), ("null", 403), ("", 403), ("own", 200), (None, 200)],
)
async def test_a_reload_that_another_sites_page_asks_for_is_refused(
    start: Start, origin: str | None, status: int
) -> None:
    client = await start(World(reload=lambda: None))
    headers = {} if origin is None else {"Origin": client.base if origin == "own" else origin}
    async with client.request("POST", "/-/reload", headers=headers) as answer:
        assert answer.status == status


async def test_a_failed_reload_says_why(start: Start) -> None:
    def fail() -> None:
        raise ConfigError("config.yml:3: interval: must be above 0")

    client = await start(World(reload=fail))
    async with client.request("POST", "/-/reload") as answer:
        assert answer.status == 500
        assert await answer.text() == "failed to reload config: config.yml:3: interval: must be above 0\n"


async def test_many_scrapes_at_once_all_get_the_same(start: Start) -> None:
    client = await start()

    async def scrape() -> int:
        async with client.get("/metrics") as answer:
            return (await answer.text()).count("\nkvmigration_")

    counts = await asyncio.gather(*(scrape() for _ in range(20)))
    assert len(set(counts)) == 1


async def test_a_large_body_is_not_read(start: Start) -> None:
    client = await start(World(reload=lambda: None))
    async with client.request("POST", "/-/reload", data=b"x" * 300_000) as answer:
        assert answer.status in (200, 413)
