"""Credentials reach the server that asks for them, and nobody else."""

from __future__ import annotations

import asyncio
import base64
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.config import HttpClient
from exporter.model.pages import Answer, Outcome, Reason, Target
from exporter.sources.access.request_settings import Access, ClientAccess
from exporter.sources.http.failures import plain
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from tests.sources.serving import Clock, serving


def _client(**keys: Any) -> HttpClient:
    return HttpClient.model_validate(keys)


async def _get(access: Access, url: str, http: str = "") -> Answer:
    async with Fetcher(FetchSettings(for_target=access.for_target)) as fetcher:
        return await fetcher.get(Target("a", url, http=http), "/metrics")


class _Echo:
    """Remembers the headers of every request."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        return web.Response(text="ok")


@pytest.mark.asyncio
async def test_a_user_and_password_arrive() -> None:
    echo = _Echo()
    client = _client(basic_auth={"username": "admin", "password": "hünter2"}, headers={"X-Scope-OrgID": "7"})
    async with serving(echo) as url:
        answer = await _get(Access({"": client}), url)
    assert answer.outcome is Outcome.OK
    kind, _, credentials = echo.headers[0]["Authorization"].partition(" ")
    assert (kind, base64.b64decode(credentials).decode()) == ("Basic", "admin:hünter2")
    assert echo.headers[0]["X-Scope-OrgID"] == "7"


@pytest.mark.asyncio
async def test_files_with_credentials_are_read_again_when_they_change(tmp_path: Path) -> None:
    file, clock, echo = tmp_path / "token", Clock(), _Echo()
    file.write_text("one\n")
    access = Access({"": _client(authorization={"credentials_file": str(file)})}, clock)
    async with serving(echo) as url:
        await _get(access, url)
        file.write_text("second\n")
        clock.now += 2
        await _get(access, url)
    assert [headers["Authorization"] for headers in echo.headers] == ["Bearer one", "Bearer second"]


@pytest.mark.asyncio
async def test_a_mounted_secret_that_is_turned_by_its_link_is_seen(tmp_path: Path) -> None:
    clock = Clock()
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(f"tok{version}")
    link = tmp_path / "data"
    link.symlink_to("1")
    client = ClientAccess(_client(authorization={"credentials_file": str(link / "token")}), clock)
    assert client.to("http://a").headers["Authorization"] == "Bearer tok1"
    (tmp_path / "new").symlink_to("2")
    (tmp_path / "new").rename(link)
    clock.now += 2
    assert client.to("http://a").headers["Authorization"] == "Bearer tok2"


@pytest.mark.asyncio
async def test_without_its_file_no_request_is_made(tmp_path: Path) -> None:
    echo, clock, file = _Echo(), Clock(), tmp_path / "password"
    client = _client(basic_auth={"username": "a", "password_file": str(file)})
    access = Access({"": client}, clock)
    async with serving(echo) as url:
        answer = await _get(access, url)
        assert (answer.outcome, answer.reason) == (Outcome.FAILED, Reason.DENIED)
        assert answer.detail == plain(f"cannot read {file} (No such file or directory)")
        assert echo.headers == []
        file.write_text("hunter2")
        clock.now += 2
        assert (await _get(access, url)).outcome is Outcome.OK
        file.unlink()
        clock.now += 2
        assert (await _get(access, url)).reason is Reason.DENIED


@pytest.mark.asyncio
async def test_a_token_file_with_a_line_break_in_it_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a\r\nX-Evil: 1")
    access = Access({"": _client(authorization={"credentials_file": str(file)})})
    async with serving(_Echo()) as url:
        answer = await _get(access, url)
    assert answer.reason is Reason.FORBIDDEN
    assert "Evil" not in answer.detail


@pytest.mark.asyncio
async def test_an_entry_with_its_own_settings_gets_its_own() -> None:
    echo = _Echo()
    access = Access(
        {
            "": _client(authorization={"credentials": "common"}),
            "targets[1]": _client(authorization={"type": "Token", "credentials": "own"}),
        }
    )
    async with serving(echo) as url:
        await _get(access, url)
        await _get(access, url, "targets[1]")
    assert [headers["Authorization"] for headers in echo.headers] == ["Bearer common", "Token own"]


async def _slow(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    return web.Response()


async def _long(_: web.Request) -> web.Response:
    return web.Response(body=b"x" * 2000)


async def _elsewhere(request: web.Request) -> web.Response:
    if request.path == "/ring":
        return web.Response(text="ok")
    raise web.HTTPFound("/ring")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("handler", "own", "reason"),
    [
        (_slow, {"timeout": "50ms"}, Reason.TIMEOUT),
        (_long, {"max_response_bytes": "1KiB"}, Reason.TOO_LARGE),
        (_elsewhere, {"follow_redirects": False}, Reason.REDIRECT),
    ],
)
async def test_an_entry_s_limits_are_its_own(handler: Any, own: dict[str, Any], reason: Reason) -> None:
    access = Access({"": _client(timeout="3s"), "targets[1]": _client(**own)})
    async with serving(handler) as url:
        assert (await _get(access, url, "targets[1]")).reason is reason


@pytest.mark.asyncio
@pytest.mark.parametrize("handler", [_long, _elsewhere])
async def test_an_entry_s_limits_are_nobody_else_s(handler: Any) -> None:
    access = Access({"": _client(), "targets[1]": _client(max_response_bytes="1KiB", follow_redirects=False)})
    async with serving(handler) as url:
        assert (await _get(access, url)).outcome is Outcome.OK


@pytest.mark.asyncio
async def test_after_a_reload_the_old_settings_are_gone_and_equal_ones_stay() -> None:
    common, own = _client(authorization={"credentials": "common"}), _client(timeout="1s")
    access = Access({"": common, "targets[1]": own})
    new = access.replaced({"": _client(authorization={"credentials": "common"})})
    assert new._clients[""] is access._clients[""]
    async with serving(_Echo()) as url:
        assert (await _get(access, url, "targets[1]")).outcome is Outcome.OK
        assert (await _get(new, url, "targets[1]")).reason is Reason.DENIED


@pytest.mark.asyncio
async def test_a_request_under_way_at_a_reload_keeps_the_credentials_of_its_own_entry() -> None:
    echo = _Echo()
    old = Access({"targets[0]": _client(authorization={"credentials": "first"})})
    old.replaced({"targets[0]": _client(authorization={"credentials": "second"})})
    async with serving(echo) as url:
        await _get(old, url, "targets[0]")
    assert echo.headers[0]["Authorization"] == "Bearer first"


def test_stores_have_their_settings_by_name() -> None:
    access = Access({"stores.consul": _client(headers={"X-Scope-OrgID": "7"})})
    consul = Target("consul", "http://consul:8500", http="stores.consul")
    assert access.for_target(consul).headers == {"X-Scope-OrgID": "7"}


@pytest.mark.asyncio
async def test_secrets_are_in_no_repr_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = _client(
        basic_auth={"username": "admin", "password": "hunter2"}, proxy_url="http://me:hunter2@127.0.0.1:1"
    )
    access = Access({"": client})
    given = access.for_target(Target("a", "https://127.0.0.1:1"))
    answer = await _get(access, "http://127.0.0.1:1")
    assert answer.outcome is Outcome.FAILED
    encoded = base64.b64encode(b"admin:hunter2").decode()
    for text in (repr(client), repr(access), repr(given), answer.detail, caplog.text):
        assert "hunter2" not in text
        assert encoded not in text


@pytest.mark.asyncio
async def test_a_request_goes_through_the_proxy_with_the_proxys_credentials() -> None:
    seen: list[tuple[str, str]] = []

    async def proxy(request: web.Request) -> web.Response:
        seen.append((str(request.url), request.headers.get("Proxy-Authorization", "")))
        return web.Response(text="by proxy")

    async with serving(proxy) as url:
        there = url.replace("http://", "http://me:hunter2@")
        access = Access({"": _client(proxy_url=there)})
        answers = [await _get(access, "http://mimir-0.nowhere:8080/mimir") for _ in range(2)]
    assert [answer.body for answer in answers] == [b"by proxy"] * 2
    credentials = "Basic " + base64.b64encode(b"me:hunter2").decode()
    assert seen == [("http://mimir-0.nowhere:8080/mimir/metrics", credentials)] * 2


@pytest.mark.asyncio
async def test_a_tls_request_asks_the_proxy_for_a_tunnel_and_gives_it_no_other_credentials() -> None:
    asked: asyncio.Queue[bytes] = asyncio.Queue()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = _client(
            proxy_url=f"http://me:hunter2@127.0.0.1:{port}", authorization={"credentials": "for-mimir"}
        )
        answer = await _get(Access({"": client}), "https://mimir-0.nowhere:8443")
    head = (await asked.get()).decode()
    assert answer.outcome is Outcome.FAILED
    assert head.startswith("CONNECT mimir-0.nowhere:8443 ")
    assert base64.b64encode(b"me:hunter2").decode() in head
    assert "for-mimir" not in head
