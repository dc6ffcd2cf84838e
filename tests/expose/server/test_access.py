"""TLS, client certificates, passwords and the rate limit, over real connections."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import tempfile
from pathlib import Path

import aiohttp
import bcrypt
import pytest

from exporter.errors import ConfigError
from exporter.expose.server.access import Bucket, Passwords, WebConfigFile
from exporter.expose.server.web_config import RateLimit
from tests.expose.conftest import Authority, Client, Start

pytestmark = pytest.mark.asyncio
GOOD = bcrypt.hashpw(b"sesame", bcrypt.gensalt(4)).decode()
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}"
MUTUAL = "{cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt, client_auth_type: %s%s}"


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def written(directory: Path, text: str) -> Path:
    path = directory / "web.yml"
    path.write_text(text, encoding="utf-8")
    return path


def trusting(authority: Authority, client: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if client:
        context.load_cert_chain(*client)
    return context


async def status(client: Client, **options: object) -> int:
    async with client.get("/-/healthy", **options) as answer:
        return answer.status


async def serial(client: Client, context: ssl.SSLContext) -> str:
    """The serial number of the server's certificate, over a connection of its own."""
    host, port = client.base.removeprefix("https://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    try:
        return str(writer.get_extra_info("peercert")["serialNumber"])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_tls_serves_and_its_certificate_rotates_without_a_restart(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    authority.issue("first")
    client = await start(web_config=written(tmp_path, TLS))
    first = await serial(client, trusting(authority))
    (tmp_path / "server.crt").write_text("half written")
    assert await serial(client, trusting(authority)) == first
    authority.issue("second")
    second = await serial(client, trusting(authority))
    assert second != first
    (tmp_path / "server.crt").unlink()
    assert await serial(client, trusting(authority)) == second


async def test_a_certificate_that_comes_after_the_configuration_that_names_it_is_found(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    authority.issue("first")
    config = written(tmp_path, TLS)
    client = await start(web_config=config)
    first = await serial(client, trusting(authority))
    written(tmp_path, "tls_server_config: {cert_file: new.crt, key_file: new.key}")
    assert await serial(client, trusting(authority)) == first
    authority.issue("second", cert="new.crt", key="new.key")
    assert await serial(client, trusting(authority)) != first


async def test_certificate_and_key_may_stand_in_the_configuration(
    start: Start, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = (path.read_text().replace("\n", "\\n") for path in authority.issue("inline"))
    config = written(tmp_path, f'tls_server_config: {{cert: "{cert}", key: "{key}"}}')
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    client = await start(web_config=config)
    assert await status(client, ssl=trusting(authority)) == 200
    assert not list(elsewhere.iterdir()), "the key is not left in a file"


async def test_a_client_without_a_certificate_is_turned_away(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    authority.issue("server")
    mine = authority.issue("prometheus", cert="client.crt", key="client.key")
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    config = written(tmp_path, "tls_server_config: " + MUTUAL % ("RequireAndVerifyClientCert", ""))
    client = await start(web_config=config)
    assert await status(client, ssl=trusting(authority, mine)) == 200
    for context in (trusting(authority), trusting(authority, other.issue("prometheus"))):
        with pytest.raises(aiohttp.ClientError):
            await status(client, ssl=context)


async def test_a_certificate_may_be_optional(start: Start, authority: Authority, tmp_path: Path) -> None:
    authority.issue("server")
    config = written(tmp_path, "tls_server_config: " + MUTUAL % ("VerifyClientCertIfGiven", ""))
    client = await start(web_config=config)
    assert await status(client, ssl=trusting(authority)) == 200


@pytest.mark.parametrize(("allowed", "expected"), [("prometheus", 200), ("127.0.0.1", 200), ("other", 403)])
async def test_only_allowed_names_pass(
    start: Start, authority: Authority, tmp_path: Path, allowed: str, expected: int
) -> None:
    authority.issue("server")
    mine = authority.issue("prometheus", cert="client.crt", key="client.key")
    sans = f", client_allowed_sans: ['{allowed}']"
    config = written(tmp_path, "tls_server_config: " + MUTUAL % ("RequireAndVerifyClientCert", sans))
    client = await start(web_config=config)
    assert await status(client, ssl=trusting(authority, mine)) == expected


async def test_an_old_protocol_is_refused(start: Start, authority: Authority, tmp_path: Path) -> None:
    authority.issue("server")
    tls = "{cert_file: server.crt, key_file: server.key, min_version: TLS13, curve_preferences: [CurveP256]}"
    client = await start(web_config=written(tmp_path, f"tls_server_config: {tls}"))
    context = trusting(authority)
    await serial(client, context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError):  # an alert, or the connection is gone
        await serial(client, context)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda d: (d / "server.crt").unlink(), "tls_server_config.cert_file: .*server.crt cannot be read"),
        (lambda d: (d / "server.key").unlink(), "tls_server_config.key_file: .*server.key cannot be read"),
        (lambda d: (d / "server.crt").write_text("x"), "server.crt and .*server.key: "),
        (lambda d: (d / "other.key").replace(d / "server.key"), "the key is not the certificate's"),
    ],
)  # fmt: skip
async def test_broken_certificates_stop_the_start_with_the_file_named(
    authority: Authority, tmp_path: Path, break_it: object, message: str
) -> None:
    authority.issue("server")
    authority.issue("other", cert="other.crt", key="other.key")
    assert callable(break_it)
    break_it(tmp_path)
    config = written(tmp_path, TLS)
    with pytest.raises(ConfigError, match=message):
        WebConfigFile(config)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (basic("alice", "sesame"), 200),
        (basic("alice", "sesame "), 401),
        (basic("alice", ""), 401),
        (basic("mallory", "sesame"), 401),
        (basic("", ""), 401),
        (basic("alice", "x" * 100), 401),
        (basic("alice", "a\0b"), 401),
        (None, 401),
    ],
)
async def test_passwords_are_asked_for_everywhere(
    start: Start, tmp_path: Path, auth: str | None, expected: int
) -> None:
    client = await start(web_config=written(tmp_path, f"basic_auth_users: {{alice: {GOOD}}}"))
    for path in ("/metrics", "/-/healthy", "/config", "/no/such", "/metrics"):
        async with client.get(path, headers=auth and {"Authorization": auth}) as answer:
            assert answer.status == (expected if path != "/no/such" or expected == 401 else 404)
            assert ("WWW-Authenticate" in answer.headers) == (expected == 401)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Bearer x", "Basic /w==", "Basic " + "A" * 5000])
async def test_a_broken_authorization_is_unauthorized(start: Start, tmp_path: Path, header: str) -> None:
    client = await start(web_config=written(tmp_path, f"basic_auth_users: {{alice: {GOOD}}}"))
    assert await status(client, headers={"Authorization": header}) == 401


async def test_a_removed_user_is_out_and_a_broken_file_changes_nothing(start: Start, tmp_path: Path) -> None:
    config = written(tmp_path, f"basic_auth_users: {{alice: {GOOD}, bob: {GOOD}}}")
    client = await start(web_config=config)
    alice = basic("alice", "sesame")
    assert await status(client, headers={"Authorization": alice}) == 200
    written(tmp_path, "basic_auth_users: [")
    assert await status(client, headers={"Authorization": alice}) == 200
    assert await status(client) == 401
    written(tmp_path, f"basic_auth_users: {{bob: {GOOD}}}\n")
    assert await status(client, headers={"Authorization": alice}) == 401


async def test_tls_that_comes_later_needs_a_restart_and_opens_nothing(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    authority.issue("server")
    client = await start(web_config=written(tmp_path, f"basic_auth_users: {{alice: {GOOD}}}"))
    written(tmp_path, TLS)
    assert await status(client) == 401


async def test_a_good_password_is_remembered_and_a_changed_hash_forgotten() -> None:
    passwords = Passwords()
    assert await passwords.allow({"alice": GOOD}, "alice", "sesame") is True
    passwords._waiting = 1000  # nobody may compare any more
    assert await passwords.allow({"alice": GOOD}, "alice", "sesame") is True
    assert await passwords.allow({"alice": GOOD}, "alice", "other") is None
    other = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
    assert await passwords.allow({"alice": other}, "alice", "sesame") is None


async def test_an_unknown_user_is_compared_at_the_users_cost() -> None:
    decoy = Passwords._decoy({"a": GOOD, "b": GOOD.replace("$04$", "$11$")})
    assert decoy.startswith("$2b$11$")
    assert bcrypt.checkpw(b"x", Passwords._decoy({"a": GOOD}).encode()) is False


async def test_configured_headers_win_and_an_empty_one_unsets(start: Start, tmp_path: Path) -> None:
    headers = (
        "{Strict-Transport-Security: max-age=60, X-Frame-Options: sameorigin, Content-Security-Policy: ''}"
    )
    client = await start(web_config=written(tmp_path, f"http_server_config: {{headers: {headers}}}"))
    async with client.get("/") as answer:
        assert answer.headers["Strict-Transport-Security"] == "max-age=60"
        assert answer.headers["X-Frame-Options"] == "sameorigin"
        assert "Content-Security-Policy" not in answer.headers


async def test_the_rate_limit_lets_a_burst_pass_and_then_one_per_interval() -> None:
    now = [100.0]
    bucket = Bucket(lambda: now[0])
    limit = RateLimit.model_validate({"interval": "10s", "burst": 2})
    assert [bucket.take(limit) for _ in range(4)] == [True, True, False, False]
    now[0] += 10
    assert [bucket.take(limit) for _ in range(2)] == [True, False]
    now[0] += 1000
    assert [bucket.take(limit) for _ in range(3)] == [True, True, False]
    assert bucket.take(RateLimit())


async def test_more_than_the_rate_limit_is_told_so(start: Start, tmp_path: Path) -> None:
    client = await start(web_config=written(tmp_path, "rate_limit: {interval: 1h, burst: 2}"))
    assert [await status(client) for _ in range(3)] == [200, 200, 429]
