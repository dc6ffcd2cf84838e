"""One endpoint of etcd over its JSON gateway: requests for keys, and the session that it requires first."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from exporter.config import Etcd
from exporter.errors import FetchError
from exporter.model.pages import Answer, Outcome, Reason, Target
from exporter.sources.http.fetcher import Call, Fetcher
from exporter.sources.stores.refusals import ETCD, OLD_SESSION, Refusal, failure, known

KIND = "etcd"
T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """What is kept of an endpoint from cycle to cycle: its login, and its cluster."""

    token: str = field(default="", repr=False)
    cluster: str = ""
    login: asyncio.Lock = field(default_factory=asyncio.Lock)


class Header(msgspec.Struct):
    """What stands above every answer; the gateway writes 64-bit numbers as strings."""

    revision: int
    cluster_id: str = ""


class KeyValue(msgspec.Struct):
    """One key; the gateway writes bytes as base64, and leaves zeros out."""

    key: bytes
    mod_revision: int
    value: bytes = b""


class Range(msgspec.Struct):
    """The answer to a range request. `count` is of all keys in the range, sent or not."""

    header: Header
    kvs: list[KeyValue] = []
    more: bool = False
    count: int = 0


class _Login(msgspec.Struct):
    token: str


_RANGE = msgspec.json.Decoder(Range, strict=False)
_LOGIN = msgspec.json.Decoder(_Login)


class Endpoint:
    """One endpoint in one cycle; its methods raise `FetchError`."""

    def __init__(
        self, fetcher: Fetcher, store: Etcd, target: Target, session: Session, deadline: float | None
    ) -> None:
        self.session, self._store, self._fetcher, self._deadline = session, store, fetcher, deadline
        self._target = target
        self.url = target.url
        self.first: Answer | None = None

    async def range(self, start: bytes, end: bytes, prefix: str, **more: object) -> Range:
        """Keys from `start` up to `end`. Logs in where that is required, and once more where the session has
        ended. Simple tokens last five minutes and until a restart, a JWT until a role changes.
        """
        body = msgspec.json.encode({"key": _b64(start), "range_end": _b64(end), **more})
        if self._store.username and not self.session.token:
            await self._login("")
        used = self.session.token
        answer = await self._post("/v3/kv/range", body, used)
        if self._store.username and _wants_login(answer):
            await self._login(used)
            answer = await self._post("/v3/kv/range", body, self.session.token)
        if answer.outcome is not Outcome.OK:
            raise self._failure(answer, prefix)
        decoded = _decoded(_RANGE, answer)
        self.session.cluster = decoded.header.cluster_id
        return decoded

    async def header(self, prefix: str) -> Header:
        """Which cluster this is, and how far it has come."""
        start = prefix.encode()
        return (await self.range(start, end_of(start), prefix, count_only=True)).header

    async def _login(self, ended: str) -> None:
        """A new token instead of `ended`, unless another request has got one meanwhile."""
        async with self.session.login:
            if self.session.token != ended:
                return
            self.session.token = ""
            ask = {"name": self._store.username, "password": _password(self._store)}
            answer = await self._post("/v3/auth/authenticate", msgspec.json.encode(ask), "")
            if answer.outcome is not Outcome.OK:
                raise self._failure(answer, "")
            self.session.token = _decoded(_LOGIN, answer).token

    async def _post(self, path: str, body: bytes, token: str) -> Answer:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = token
        call = Call(self._target, path, "POST", headers, body, page=KIND)
        answer = await self._fetcher.store_call(call, deadline=self._deadline)
        self.first = self.first or answer
        return answer

    def _failure(self, answer: Answer, prefix: str) -> FetchError:
        if _wants_login(answer):
            self.session.token = ""
        if answer.outcome is Outcome.ABSENT:
            return FetchError(Reason.STATUS, "status 404: no etcd 3.4 or later with its JSON gateway")
        return failure(answer, ETCD, self._names(prefix))

    def _names(self, prefix: str) -> Mapping[str, str]:
        store = self._store
        names = {"prefix": prefix, "user": store.username, "url": self.url}
        return names | {"certificate": store.http_client.tls_config.cert_file or ""}


def end_of(prefix: bytes) -> bytes:
    """The first key behind everything that begins with the prefix."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1])


def _wants_login(answer: Answer) -> bool:
    found: Refusal | None = known(answer, ETCD)
    ended = found is not None and (found.words == OLD_SESSION or found.text in _NO_SESSION)
    return answer.status == 401 or ended


_NO_SESSION = (b"invalid auth token", b"user name is empty")


def _decoded(decoder: msgspec.json.Decoder[T], answer: Answer) -> T:
    try:
        return decoder.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise FetchError(Reason.DECODE, "the answer is not etcd's") from None


def _b64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _password(store: Etcd) -> str:
    """The password, read at every login."""
    try:
        return Path(store.password_file or "").read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise FetchError(Reason.DENIED, "password_file could not be read") from None
