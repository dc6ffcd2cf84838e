"""Access to the server: basic authentication, client names and the rate limit of the web configuration."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import bcrypt
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter.errors import ConfigError
from exporter.expose.server.tls import RotatingContext, files_of, server_context
from exporter.expose.server.web_config import RateLimit, WebConfig, load_web_config
from exporter.log import logger

log = logger(__name__)
_CACHED: Final = 100
_WAITING: Final = 20  # bcrypt is slow on purpose; a client that guesses in bulk is turned away
_LONGEST_PASSWORD: Final = 72  # bytes; bcrypt ignores what follows
_DECOY: Final = "YmZkb2VzIG5vdCBtYXRjaOePeFzPeMqBSjb7Mr5DUmpZ.VcEd00UA"  # fits no password of any user
Signature = tuple[tuple[int, int, int] | None, ...]


class WebConfigFile:
    """The web configuration and its certificates, read again when a file changes.

    Raises `ConfigError` on creation if anything is wrong; later the last good state stays in use
    and the problem is logged once per change.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._watched: tuple[Path, ...] = (path,)
        self._signature: Signature = ()
        self._config, self._context = self._load()
        self.ssl_context: ssl.SSLContext | None = None
        if self._context is not None:
            self.ssl_context = RotatingContext.of(self._newest_context)

    def current(self) -> WebConfig:
        """The newest good configuration. Costs a `stat` of each file."""
        self._refresh()
        return self._config

    def _newest_context(self) -> ssl.SSLContext:
        self._refresh()
        if self._context is None:
            raise ssl.SSLError("TLS is not configured")
        return self._context

    def _load(self) -> tuple[WebConfig, ssl.SSLContext | None]:
        """Dates are noted before reading: what changes meanwhile is read once more."""
        self._signature = _signature(self._watched)
        config = load_web_config(self._path)
        tls = config.tls_server_config
        self._watched = (self._path, *(files_of(tls) if tls else ()))
        self._signature = _signature(self._watched)
        return config, server_context(tls) if tls else None

    def _refresh(self) -> None:
        if _signature(self._watched) == self._signature:
            return
        try:
            config, context = self._load()
        except ConfigError as error:
            log.error("web configuration not reloaded, the last good one stays", err=error)  # noqa: TRY400  # no bug
            return
        if (context is None) != (self._context is None):
            log.error("tls_server_config was added or removed, which needs a restart", file=self._path)
            return
        self._config, self._context = config, context
        log.info("web configuration reloaded", file=self._path)


def _signature(files: Iterable[Path]) -> Signature:
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Passwords:
    """Checks of passwords, one at a time in a thread; a keyed digest of each good password is cached."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def allow(self, users: Mapping[str, str], name: str, password: str) -> bool | None:
        """Whether the password fits. An unknown name takes as long. `None`: too many are waiting."""
        password_hash = users.get(name)
        hashed = password_hash or self._decoy(users)
        given = password.encode("utf-8", "surrogateescape")[:_LONGEST_PASSWORD]
        digest = hmac.new(self._secret, f"{name}\0{hashed}\0".encode() + given, hashlib.sha256).digest()
        if password_hash and digest in self._good:
            self._good.move_to_end(digest)
            return True
        if self._waiting >= _WAITING:
            return None
        fits = await self._compare(given, hashed)
        if not password_hash or not fits:
            return False
        self._good[digest] = None
        if len(self._good) > _CACHED:
            self._good.popitem(last=False)
        return True

    async def _compare(self, given: bytes, hashed: str) -> bool:
        self._waiting += 1
        try:
            async with self._lock:
                return await asyncio.to_thread(_fits, given, hashed)
        finally:
            self._waiting -= 1

    @staticmethod
    def _decoy(users: Mapping[str, str]) -> str:
        return f"$2b${max(hashed[4:6] for hashed in users.values())}${_DECOY}"


def _fits(given: bytes, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(given, hashed.encode())
    except ValueError:
        return False


class Bucket:
    """A token bucket, as `rate_limit` has it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens = 0.0
        self._at = 0.0
        self._limit: RateLimit | None = None

    def take(self, limit: RateLimit) -> bool:
        """Whether one more request may pass now. A changed limit starts with a full bucket."""
        if not limit.interval:
            return True
        now = self._clock()
        if limit != self._limit:
            self._limit, self._tokens, self._at = limit, float(limit.burst), now
        self._tokens = min(limit.burst, self._tokens + (now - self._at) / limit.interval)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def guard(file: WebConfigFile) -> Middleware:
    """The middleware that applies the web configuration to every request of every path."""
    passwords, bucket = Passwords(), Bucket()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        config = file.current()
        if not bucket.take(config.rate_limit):
            raise web.HTTPTooManyRequests(text="Too Many Requests\n")
        if not _allowed_name(config, request):
            raise web.HTTPForbidden(text="the client certificate carries none of client_allowed_sans\n")
        await _authenticate(config, request, passwords)
        return await handler(request)

    return middleware


async def _authenticate(config: WebConfig, request: web.Request, passwords: Passwords) -> None:
    users = {name: hashed.get_secret_value() for name, hashed in config.basic_auth_users.items()}
    if not users:
        return
    given = credentials(request.headers.get("Authorization", ""))
    allowed = await passwords.allow(users, *given) if given else False
    if allowed is None:
        raise web.HTTPTooManyRequests(text="Too Many Requests\n")
    if not allowed:
        raise web.HTTPUnauthorized(text="Unauthorized\n", headers={"WWW-Authenticate": "Basic"})


def credentials(header: str) -> tuple[str, str] | None:
    """User name and password of a basic `Authorization` header; `None` if it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (name, password) if colon else None


def _allowed_name(config: WebConfig, request: web.Request) -> bool:
    tls = config.tls_server_config
    if tls is None or not tls.client_allowed_sans:
        return True
    certificate: dict[str, Any] = request.get_extra_info("peercert") or {}
    names = {value.removesuffix("\n") for _, value in certificate.get("subjectAltName", ())}
    return not names.isdisjoint(tls.client_allowed_sans)


def is_own(request: web.Request) -> bool:
    """Whether no other site's page made a browser send this. An old browser sends only the origin."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2].lower() != request.host.lower():
        return False
    return request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
