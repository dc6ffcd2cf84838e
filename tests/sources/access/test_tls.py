"""TLS towards real servers: trust, client certificates, rotation."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.config import HttpClient
from exporter.errors import FetchError
from exporter.model.pages import Answer, Outcome, Reason, Target
from exporter.sources.access.request_settings import Access, ClientAccess
from exporter.sources.http.fetcher import Fetcher, FetchSettings
from tests.sources.certificates import Authority
from tests.sources.serving import Clock, serving


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _get(url: str, clock: Clock | None = None, access: Access | None = None, **tls: Any) -> Answer:
    access = access or Access({"": _client(**tls)}, clock or Clock())
    async with Fetcher(FetchSettings(for_target=access.for_target)) as fetcher:
        return await fetcher.get(Target("a", url), "/metrics")


def _client(**tls: Any) -> HttpClient:
    texts = {key: str(value) if isinstance(value, Path) else value for key, value in tls.items()}
    return HttpClient.model_validate({"tls_config": texts})


@pytest.mark.asyncio
async def test_our_own_authority_is_trusted_and_the_systems_do_not_know_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(_ok, authority.server_context(authority.sign("server"))) as url:
        assert (await _get(url, ca_file=authority.file)).outcome is Outcome.OK
        refused = await _get(url)
    assert (refused.outcome, refused.reason) == (Outcome.FAILED, Reason.TLS)


@pytest.mark.asyncio
async def test_a_certificate_for_another_name_is_refused_unless_that_name_is_said(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(_ok, authority.server_context(authority.sign("server", "mimir.example.com"))) as url:
        assert (await _get(url, ca_file=authority.file)).reason is Reason.TLS
        named = await _get(url, ca_file=authority.file, server_name="mimir.example.com")
    assert named.outcome is Outcome.OK


@pytest.mark.asyncio
async def test_verification_can_be_skipped(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(_ok, authority.server_context(authority.sign("server", "other"))) as url:
        assert (await _get(url, insecure_skip_verify=True)).outcome is Outcome.OK


@pytest.mark.asyncio
async def test_a_client_certificate_is_shown_to_a_server_that_asks(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.sign("client")
    context = authority.server_context(authority.sign("server"), ask_client=True)
    async with serving(_ok, context) as url:
        with_it = await _get(url, ca_file=authority.file, cert_file=pair.cert, key_file=pair.key)
        without = await _get(url, ca_file=authority.file)
    assert with_it.outcome is Outcome.OK
    assert without.outcome is Outcome.FAILED


@pytest.mark.asyncio
async def test_an_older_protocol_than_allowed_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.server_context(authority.sign("server"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(_ok, context) as url:
        assert (await _get(url, ca_file=authority.file, min_version="TLS13")).outcome is Outcome.FAILED
        assert (await _get(url, ca_file=authority.file, min_version="TLS10")).outcome is Outcome.OK


@pytest.mark.asyncio
async def test_a_new_authority_is_trusted_as_soon_as_its_file_is_there(tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    clock, trusted = Clock(), tmp_path / "trusted.pem"
    trusted.write_bytes(old.file.read_bytes())
    access = Access({"": _client(ca_file=trusted)}, clock)
    async with serving(_ok, new.server_context(new.sign("server"))) as url:
        assert (await _get(url, access=access)).reason is Reason.TLS
        trusted.write_bytes(new.file.read_bytes())
        clock.now += 2
        assert (await _get(url, access=access)).outcome is Outcome.OK


def told(caplog: pytest.LogCaptureFixture) -> str:
    """What the fields of all lines say."""
    return " ".join(str(getattr(record, "fields", {})) for record in caplog.records)


@pytest.mark.asyncio
async def test_while_new_files_are_half_written_the_old_ones_are_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority, clock = Authority(tmp_path), Clock()
    pair = authority.sign("client")
    access = Access({"": _client(ca_file=authority.file, cert_file=pair.cert, key_file=pair.key)}, clock)
    context = authority.server_context(authority.sign("server"), ask_client=True)
    async with serving(_ok, context) as url:
        assert (await _get(url, access=access)).outcome is Outcome.OK
        other = authority.sign("other")
        pair.cert.write_bytes(other.cert.read_bytes())  # the key is still the old one
        clock.now += 2
        assert (await _get(url, access=access)).outcome is Outcome.OK
        assert "the former certificates are kept" in caplog.text
        pair.key.write_bytes(other.key.read_bytes())
        clock.now += 2
        assert (await _get(url, access=access)).outcome is Outcome.OK
    assert "PRIVATE" not in caplog.text + told(caplog)


@pytest.mark.asyncio
async def test_an_unchanged_context_is_the_same_object_so_that_connections_live(tmp_path: Path) -> None:
    authority, clock = Authority(tmp_path), Clock()
    access = Access({"": _client(ca_file=authority.file)}, clock)
    target = Target("a", "https://127.0.0.1:1")
    first = access.for_target(target).ssl
    clock.now += 100
    assert access.for_target(target).ssl is first


@pytest.mark.asyncio
async def test_without_usable_files_the_request_fails_and_says_why_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    answer = await _get("https://127.0.0.1:1", ca_file=tmp_path / "none.pem")
    assert (answer.outcome, answer.reason) == (Outcome.FAILED, Reason.TLS)
    assert answer.detail.startswith("our certificates: cannot read /")
    assert f"cannot read {tmp_path}/none.pem (No such file or directory)" in told(caplog)


@pytest.mark.asyncio
async def test_files_that_cannot_be_used_are_said_once_until_it_is_another_trouble(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    file = tmp_path / "ca.pem"
    client = ClientAccess(_client(ca_file=file))
    for _ in range(5):
        with pytest.raises(FetchError, match="our certificates"):
            client.to("https://127.0.0.1:1")
    file.write_text("no certificate")
    for _ in range(5):
        with pytest.raises(FetchError, match="our certificates"):
            client.to("https://127.0.0.1:1")
    assert len(caplog.records) == 2
