"""OAuth 2.0 against a small server of tokens."""

from __future__ import annotations

import asyncio
import base64
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.config import HttpClient
from exporter.errors import FetchError
from exporter.model.pages import Reason
from exporter.sources.access.request_settings import ClientAccess
from tests.sources.certificates import Authority
from tests.sources.serving import Clock, serving


class _Tokens:
    """Hands out tok1, tok2, …; `wants` says where it looks for the credentials."""

    def __init__(self, wants: str = "header", **answer: Any) -> None:
        self.wants = wants
        self.answer: dict[str, Any] = {"token_type": "bearer", "expires_in": 600} | answer
        self.forms: list[dict[str, str]] = []
        self.status = 200
        self.given = 0

    async def __call__(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.forms.append(form)
        header = "Basic " + base64.b64encode(b"me:hunter2").decode()
        in_header = request.headers.get("Authorization") == header
        in_body = (form.get("client_id"), form.get("client_secret")) == ("me", "hunter2")
        if not (in_header if self.wants == "header" else in_body):
            return web.Response(status=401)
        if self.status != 200:
            return web.Response(status=self.status, text="hunter2")
        self.given += 1
        return web.json_response({"access_token": f"tok{self.given}"} | self.answer)


def _client(url: str, clock: Clock, **keys: Any) -> ClientAccess:
    given = {"client_id": "me", "client_secret": "hunter2", "token_url": url + "/token"} | keys
    return ClientAccess(HttpClient.model_validate({"oauth2": given}), clock)


async def _header(client: ClientAccess) -> str:
    await client.refresh()
    return client.to("http://mimir:8080").headers["Authorization"]


@pytest.mark.asyncio
async def test_a_token_is_fetched_once_and_again_before_it_ends() -> None:
    clock, tokens = Clock(), _Tokens()
    async with serving(tokens) as url:
        client = _client(url, clock, scopes=("a", "b"), endpoint_params={"audience": "mimir"})
        assert [await _header(client) for _ in range(3)] == ["Bearer tok1"] * 3
        clock.now += 530
        assert await _header(client) == "Bearer tok1"
        clock.now += 20
        assert await _header(client) == "Bearer tok2"
    assert tokens.forms[0] == {"grant_type": "client_credentials", "scope": "a b", "audience": "mimir"}


@pytest.mark.asyncio
async def test_many_at_once_fetch_one_token() -> None:
    tokens = _Tokens()
    async with serving(tokens) as url:
        client = _client(url, Clock())
        await asyncio.gather(*(client.refresh() for _ in range(20)))
    assert tokens.given == 1


@pytest.mark.asyncio
async def test_a_server_that_wants_the_credentials_in_the_body_gets_them_there() -> None:
    clock, tokens = Clock(), _Tokens(wants="body", expires_in="10")
    async with serving(tokens) as url:
        client = _client(url, clock)
        assert await _header(client) == "Bearer tok1"
        clock.now += 60
        assert await _header(client) == "Bearer tok2"
    assert len(tokens.forms) == 3  # the second time it is known


@pytest.mark.asyncio
async def test_a_failing_server_leaves_the_token_until_its_end_and_then_no_request_is_made() -> None:
    clock, tokens = Clock(), _Tokens()
    async with serving(tokens) as url:
        client = _client(url, clock)
        await _header(client)
        tokens.status = 503
        clock.now += 590
        assert await _header(client) == "Bearer tok1"
        clock.now += 20
        with pytest.raises(FetchError) as caught:
            await _header(client)
        assert caught.value.reason is Reason.STATUS
        assert str(caught.value) == (
            "status: no OAuth 2.0 token: the token's server answered with status 503"
        )
        tokens.status = 200
        clock.now += 10
        assert await _header(client) == "Bearer tok2"


@pytest.mark.asyncio
async def test_wrong_credentials_are_denied_and_show_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(_Tokens()) as url:
        client = _client(url, Clock(), client_secret="hunter3")
        with pytest.raises(FetchError) as caught:
            await _header(client)
    assert caught.value.reason is Reason.DENIED
    assert "hunter" not in str(caught.value) + repr(client) + caplog.text


@pytest.mark.parametrize("answer", [{"access_token": None}, {"access_token": 7}, {"access_token": ""}])
@pytest.mark.asyncio
async def test_an_answer_without_a_token_is_a_failure(answer: dict[str, Any]) -> None:
    async with serving(_Tokens(**answer)) as url:
        with pytest.raises(FetchError) as caught:
            await _header(_client(url, Clock()))
    assert caught.value.reason is Reason.DECODE


@pytest.mark.asyncio
async def test_rubbish_and_floods_are_failures() -> None:
    async def rubbish(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="{" * 100 if "small" in request.path else "x" * 100_000)

    async with serving(rubbish) as url:
        for path, reason in (("/small", Reason.DECODE), ("/large", Reason.TOO_LARGE)):
            with pytest.raises(FetchError) as caught:
                await _header(_client(url + path, Clock()))
            assert caught.value.reason is reason


@pytest.mark.asyncio
async def test_nobody_there_is_a_failure_that_is_not_tried_again_at_once() -> None:
    client = _client("http://127.0.0.1:1", Clock())
    with pytest.raises(FetchError) as caught:
        await _header(client)
    assert caught.value.reason is Reason.REFUSED


@pytest.mark.asyncio
async def test_the_secret_comes_from_a_file_and_the_server_may_have_its_own_authority(tmp_path: Path) -> None:
    secret, authority = tmp_path / "secret", Authority(tmp_path)
    secret.write_text("hunter2\n")
    async with serving(_Tokens(), authority.server_context(authority.sign("server"))) as url:
        keys = {"client_id": "me", "client_secret_file": str(secret), "token_url": url}
        client = ClientAccess(
            HttpClient.model_validate({"oauth2": keys | {"tls_config": {"ca_file": str(authority.file)}}})
        )
        assert await _header(client) == "Bearer tok1"
