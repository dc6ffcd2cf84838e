"""A running server on a free port of loopback, and certificates made on the spot."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exporter.derive.planning.plan import plans_of
from exporter.expose.exposition import Renderer, SelfFacts
from exporter.expose.server.access import WebConfigFile
from exporter.expose.server.listen import listening
from exporter.expose.server.routes import ServerState, build
from exporter.expose.server.state import DemoPanel
from exporter.expose.staleness import Newest
from exporter.model.facts import Snapshot
from tests.expose import snapshots


@dataclass
class World:
    """What a test's server serves from; change it at will."""

    snapshot: Snapshot | None = field(default_factory=snapshots.rich)
    now: float = snapshots.NOW + 4
    reload: Callable[[], object] | None = None
    interval: float = 15.0
    docs: str = ""
    boards: str = ""
    panel: DemoPanel | None = None

    def state(self) -> ServerState:
        async def reload() -> object:
            assert self.reload is not None
            return self.reload()

        newest = Newest(lambda: self.snapshot, lambda: self.interval, lambda: self.now)
        return ServerState(
            newest=newest,
            config_text=lambda: "interval: 15s\n",
            targets=lambda: [{"name": "mimir-write-0", "labels": {"a": "<b>"}}],
            metrics=Renderer(newest, lambda: SelfFacts("1.2.3")),
            version="1.2.3",
            reload=reload if self.reload else None,
            plans=plans_of,
            interval=lambda: self.interval,
            docs=lambda: self.docs,
            boards=self.boards,
            panel=self.panel,
        )


@dataclass
class Client:
    """Requests to one running server."""

    session: aiohttp.ClientSession
    base: str

    def get(self, path: str, **options: Any) -> aiohttp.client._RequestContextManager:
        return self.request("GET", path, **options)

    def request(self, method: str, path: str, **options: Any) -> aiohttp.client._RequestContextManager:
        return self.session.request(method, self.base + path, **options)


Start = Callable[..., Awaitable[Client]]


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    """`await start(world, web_config=…)` gives a `Client`; all is closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def started(
            world: World | None = None, web_config: Path | None = None, **options: Any
        ) -> Client:
            guarded = WebConfigFile(web_config) if web_config else None
            app = build((world or World()).state(), web_config=guarded, **options)
            (address,) = await stack.enter_async_context(listening(app, ["127.0.0.1:0"], guarded))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            scheme = "https" if guarded and guarded.ssl_context else "http"
            return Client(session, f"{scheme}://{address}")

        yield started


@dataclass
class Authority:
    """A CA that writes PEM files into a directory."""

    directory: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.certificate = self._sign("test CA", self.key, authority=True)
        self.file = self._write("ca.crt", self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, cert: str = "server.crt", key: str = "server.key") -> tuple[Path, Path]:
        """A certificate for 127.0.0.1 and a name, with its key, in two files."""
        private = ec.generate_private_key(ec.SECP256R1())
        pem = self._sign(name, private).public_bytes(serialization.Encoding.PEM)
        secret = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return self._write(cert, pem), self._write(key, secret)

    def _sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool = False
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if authority else self.certificate.subject
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if not authority:
            names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
            parent = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(parent, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def _write(self, name: str, content: bytes) -> Path:
        path = self.directory / name
        path.write_bytes(content)
        return path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
