"""Why a store could not be read: what real servers refuse with, and what we call it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.config import Consul, Etcd, HttpClient, TlsConfig
from exporter.model.pages import Outcome, Reason
from exporter.model.stores import RawStore
from exporter.sources.access.tls import make_context
from exporter.sources.http.fetcher import Fetcher, FetchSettings, TargetAccess
from exporter.sources.stores import refusals
from exporter.sources.stores.consul import read_consul
from exporter.sources.stores.etcd import read_etcd
from exporter.sources.stores.refusals import CONSUL, ETCD, MISSING, NO_CERTIFICATE, PLAIN_HTTP, TOO_SLOW
from tests import real_servers
from tests.sources.certificates import Authority, Pair
from tests.sources.stores.configured import consul_at, etcd_at
from tests.sources.wire import always, hang, response, serve

asynchronous = pytest.mark.asyncio
PATIENT = FetchSettings(timeout=20)
RINGS = ("collectors/", "rulers/")
MASTER = {"X-Consul-Token": real_servers.MASTER_TOKEN}
DOCS = Path(__file__).parents[2] / "docs" / "stores.md"
STORES = Path(refusals.__file__).parent


async def consul_read(settings: Consul, used: tuple[str, ...] = ()) -> RawStore:
    async with Fetcher(PATIENT) as fetcher:
        return await read_consul(fetcher, settings, used=used)


async def etcd_read(settings: Etcd, fetch: FetchSettings = PATIENT) -> RawStore:
    async with Fetcher(fetch) as fetcher:
        return await read_etcd(fetcher, settings)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_servers.Server]:
    with real_servers.consul(tmp_path_factory.mktemp("consul"), acl=True) as server:
        for key in ("collectors/ring", "collectors/compactor", "rulers/ring"):
            real_servers.call("PUT", f"{server.url}/v1/kv/{key}", b"x", MASTER)
        yield server


def token(server: real_servers.Server, name: str, rules: str) -> dict[str, str]:
    url = f"{server.url}/v1/acl"
    real_servers.call("PUT", f"{url}/policy", {"Name": name, "Rules": rules}, MASTER)
    made = real_servers.call("PUT", f"{url}/token", {"Policies": [{"Name": name}]}, MASTER)
    return dict(json.loads(made))


ALL = 'key_prefix "" { policy = "read" }'
TOKENS = {
    "whole": ALL,
    "one-prefix": 'key_prefix "collectors/" { policy = "read" }',
    "no-prefix": 'key_prefix "other/" { policy = "read" }',
    "hidden-key": ALL + ' key "collectors/compactor" { policy = "deny" }',
}
CONSUL_SAYS = {
    "whole": "",
    "none": "Consul requires a token to read collectors/, rulers/: set token_file",
    "unknown": "Consul has no such token as that in token_file: mistyped, deleted or expired",
    "deleted": "Consul has no such token as that in token_file: mistyped, deleted or expired",
    "one-prefix": "the policy of the token in token_file hides rulers/",
    "no-prefix": "the policy of the token in token_file hides collectors/, rulers/",
    "hidden-key": "the policy of the token in token_file hides collectors/compactor",
    "datacenter": "Consul has no datacenter dc9",
    "missing-file": "token_file could not be read",
}


@pytest.mark.real
@asynchronous
async def test_what_a_real_consul_refuses_with_is_told_by_its_cause(
    guarded: real_servers.Server, tmp_path: Path
) -> None:
    said = {}
    for name, says in CONSUL_SAYS.items():
        made = token(guarded, name, TOKENS.get(name, ALL))
        secret = {"none": "", "unknown": "22222222-2222-2222-2222-222222222222"}.get(name, made["SecretID"])
        if name == "deleted":
            real_servers.call("DELETE", f"{guarded.url}/v1/acl/token/{made['AccessorID']}", None, MASTER)
        file = tmp_path / name
        if name != "missing-file":
            file.write_text(secret)
        dc = "dc9" if name == "datacenter" else ""
        settings = consul_at(guarded.url, RINGS, token_file=file, datacenter=dc)
        got = await consul_read(settings, ("collectors/ring", "collectors/compactor", "elsewhere/ring"))
        said[name] = got.detail
        assert (got.outcome is Outcome.OK) == (not says), got
        assert not secret or secret not in got.detail
    assert said == CONSUL_SAYS


@pytest.mark.real
@asynchronous
async def test_a_token_for_a_policy_that_hides_a_key_not_in_use_reads_all_that_is(
    guarded: real_servers.Server, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(token(guarded, "unused-hidden", TOKENS["hidden-key"])["SecretID"])
    got = await consul_read(consul_at(guarded.url, RINGS, token_file=file), ("collectors/ring",))
    assert (got.outcome, set(got.values)) == (Outcome.OK, {"collectors/ring", "rulers/ring"})


@pytest.mark.real
@asynchronous
async def test_the_index_of_a_real_consul_never_goes_back_until_it_is_another_one(tmp_path: Path) -> None:
    seen = []
    with real_servers.consul(tmp_path / "one") as server:
        settings = consul_at(server.url, RINGS)
        for change in (
            ("PUT", "collectors/a"),
            ("PUT", "rulers/b"),
            ("DELETE", "rulers/b"),
            ("GET", "collectors/a"),
        ):
            real_servers.call(
                change[0], f"{server.url}/v1/kv/{change[1]}", b"x" if change[0] == "PUT" else None
            )
            seen.append((await consul_read(settings)).revision)
    with real_servers.consul(tmp_path / "two") as server:
        another = (await consul_read(consul_at(server.url, RINGS))).revision
    assert seen == sorted(seen)
    assert len(set(seen)) == 3
    assert 0 < another < seen[0] + 5


def put(server: real_servers.Server, path: str, body: object, **more: Any) -> None:
    real_servers.call("POST", f"{server.url}/v3/{path}", body, **more)


@pytest.mark.real
@asynchronous
async def test_what_a_real_etcd_refuses_with_is_told_by_its_cause(tmp_path: Path) -> None:
    with real_servers.etcd(tmp_path) as server:
        urls = (server.url,)
        off = await etcd_read(etcd_at(urls, RINGS, "reader", "s3cret"))
        real_servers.demand_login(server.url)
        said = {
            "none": etcd_at(urls, RINGS),
            "wrong": etcd_at(urls, RINGS, "reader", "wrong"),
            "unknown": etcd_at(urls, RINGS, "other", "s3cret"),
            "part": etcd_at(urls, (*RINGS, "ha-tracker/"), "reader", "s3cret"),
            "whole": etcd_at(urls, ("collectors/",), "reader", "s3cret"),
            "two": etcd_at((*urls, "http://127.0.0.1:9"), RINGS, "reader", "wrong"),
        }
        got = {name: (await etcd_read(settings)).detail for name, settings in said.items()}
    host = server.url.removeprefix("http://")
    refused = "etcd refuses the user reader or its password"
    assert off.detail == (
        "username is set, and authentication is off in etcd: remove username and password_file"
    )
    assert got == {
        "none": "etcd requires a user: set username and password_file",
        "wrong": refused,
        "unknown": "etcd refuses the user other or its password",
        "part": "the user reader may not read rulers/, ha-tracker/",
        "whole": "",
        "two": f"{host}: {refused}; 127.0.0.1:9: Connection refused",
    }


def jwt_flags(folder: Path) -> tuple[str, ...]:
    """Flags for signed sessions, whose keys `openssl` makes."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    private, public = folder / "jwt.key", folder / "jwt.pub"
    subprocess.run([program, "genrsa", "-out", str(private), "2048"], check=True, capture_output=True)
    subprocess.run(
        [program, "rsa", "-in", str(private), "-pubout", "-out", str(public)], check=True, capture_output=True
    )
    return (f"--auth-token=jwt,pub-key={public},priv-key={private},sign-method=RS256,ttl=10m",)


@pytest.mark.real
@asynchronous
@pytest.mark.parametrize("session", ["simple", "jwt"])
async def test_a_session_survives_a_change_of_roles_in_a_real_etcd(session: str, tmp_path: Path) -> None:
    flags = jwt_flags(tmp_path) if session == "jwt" else ()
    with real_servers.etcd(tmp_path, *flags) as server:
        real_servers.demand_login(server.url)
        settings = etcd_at((server.url,), ("collectors/",), "reader", "s3cret")
        async with Fetcher(PATIENT) as fetcher:
            before = await read_etcd(fetcher, settings)
            login = real_servers.call(
                "POST", f"{server.url}/v3/auth/authenticate", {"name": "root", "password": "rootpass"}
            )
            root = {"Authorization": json.loads(login)["token"]}
            put(server, "auth/role/add", {"name": "unrelated"}, headers=root)
            after = [await read_etcd(fetcher, settings) for _ in range(2)]
    assert [read.detail for read in (before, *after)] == [""] * 3


@asynchronous
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("auth: revision in header is old", "500 Internal Server Error"),  # 3.5
        ("etcdserver: revision of auth store is old", "400 Bad Request"),  # 3.4
        ("etcdserver: invalid auth token", "401 Unauthorized"),
    ],
)
async def test_a_session_that_no_login_mends_is_told_of_and_not_repeated(text: str, status: str) -> None:
    body = json.dumps({"error": text, "code": 2, "message": text}).encode()
    async with serve(always(response(body, status))) as target:
        got = await etcd_read(etcd_at((target.url,), RINGS, "reader", "s3cret"))
    assert (got.outcome, got.reason) == (Outcome.FAILED, Reason.DENIED)
    assert "session" in got.detail


def tls(authority: Authority, own: Pair | None) -> TlsConfig:
    return TlsConfig(
        ca_file=str(authority.file),
        cert_file=str(own.cert) if own else None,
        key_file=str(own.key) if own else None,
    )


@pytest.mark.real
@asynchronous
async def test_client_certificates_towards_a_real_etcd(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path), Authority(tmp_path, "theirs")
    pair, mine, stranger = ours.sign("server"), ours.sign("kvmigration"), theirs.sign("stranger")
    expired = ours.sign("expired", expired=True)
    flags = (f"--cert-file={pair.cert}", f"--key-file={pair.key}", "--client-cert-auth")
    flags = (*flags, f"--trusted-ca-file={ours.file}")
    ways = {"mine": tls(ours, mine), "none": tls(ours, None), "stranger": tls(ours, stranger)}
    ways["expired"] = tls(ours, expired)
    contexts = {way: make_context(config) for way, config in ways.items()}
    context = contexts["mine"]

    async def read(way: str, username: str = "") -> str:
        client = {"http_client": HttpClient(tls_config=ways[way])}
        settings = etcd_at((server.url,), ("collectors/",), username, "s3cret").model_copy(update=client)
        reached = TargetAccess(ssl=contexts[way])
        return (await etcd_read(settings, FetchSettings(timeout=20, for_target=lambda _: reached))).detail

    with real_servers.etcd(tmp_path, *flags, context=context) as server:
        said = {way: await read(way) for way in ways}
        real_servers.demand_login(server.url, context)
        said["common name"] = await read("mine", "reader")
    refused = (
        "the server refuses the client certificate: expired, or signed by an authority that the server does "
        "not accept"
    )
    assert said == {
        "mine": "",
        "none": NO_CERTIFICATE,
        "stranger": refused,
        "expired": refused,
        "common name": "authentication is on, and etcd's gateway takes no client certificate with a common "
        "name: use one without, beside username and password_file",
    }


@asynchronous
@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("consul", b"No cluster leader", "Consul has no leader: most of its servers are unreachable"),
        ("consul", b"rpc error making call: Permission denied: token lacks permission 'key:read'", MISSING),
        (
            "consul",
            b"rpc error getting client: failed to get conn: dial tcp",
            "reaches no server of datacenter",
        ),
        ("consul", b"secret of the server", "status 500"),
        ("etcd", b'{"error":"etcdserver: no leader","code":14}', "etcd has no leader: most"),
        ("etcd", b"Client sent an HTTP request to an HTTPS server.\n", "it expects TLS: write https://"),
        ("etcd", b'{"error":"secret of the server","code":2}', "status 500"),
    ],
)
async def test_a_text_is_translated_and_an_unknown_one_is_not_passed_on(
    kind: str, body: bytes, words: str
) -> None:
    async with serve(always(response(body, "500 Internal Server Error"))) as target:
        got = await (
            consul_read(consul_at(target.url, RINGS))
            if kind == "consul"
            else etcd_read(etcd_at((target.url,), RINGS))
        )
    assert words.partition("{")[0] in got.detail
    assert "secret" not in got.detail


def test_every_known_refusal_stands_in_the_docs_as_it_is_told() -> None:
    text = DOCS.read_text("utf-8")
    names = {"prefix": "PREFIX", "user": "USER", "datacenter": "DATACENTER"}
    words = {entry.words for entry in (*CONSUL, *ETCD)} | {MISSING, NO_CERTIFICATE, PLAIN_HTTP, TOO_SLOW}
    assert [told for each in sorted(words) if f"| {(told := each.format_map(names))} |" not in text] == []


def test_every_reason_of_our_own_stands_in_the_docs() -> None:
    """But for what the configuration refuses: no prefix, and no endpoint."""
    text = DOCS.read_text("utf-8")
    sources = "".join(path.read_text("utf-8") for path in sorted(STORES.glob("*.py")))
    own = set(re.findall(r'FetchError\(Reason\.(?!FORBIDDEN|REFUSED)[A-Z_]+, "([^"]+)"\)', sources))
    assert len(own) > 9
    assert [told for told in sorted(own) if f"| {told} |" not in text] == []


@asynchronous
@pytest.mark.parametrize("kind", ["consul", "etcd"])
async def test_a_store_that_does_not_answer_in_its_part_of_a_cycle_is_told_so(kind: str) -> None:
    async with serve(hang) as target, Fetcher(PATIENT) as fetcher:
        soon = asyncio.get_running_loop().time()
        got = await (
            read_consul(fetcher, consul_at(target.url, RINGS), deadline=soon)
            if kind == "consul"
            else read_etcd(fetcher, etcd_at((target.url,), RINGS), deadline=soon)
        )
    assert (got.outcome, got.reason, got.detail) == (Outcome.FAILED, Reason.DEADLINE, TOO_SLOW)
