"""etcd, read directly over its JSON gateway: `POST /v3/kv/range`, etcd 3.4 and later.

All pages of all prefixes are read at one revision, so that they are one cut through the store.
Range requests are linearizable: a member cut off from its cluster fails rather than answers old.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

import msgspec

from exporter.errors import FetchError
from exporter.external import RawStore
from exporter.model import Answer, Outcome, Reason, Target
from exporter.sources.collected import Collected
from exporter.sources.http import Access, Call, Fetcher

KIND = "etcd"
PAGE = 500  # keys asked for at once
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EtcdSettings:
    """Where etcd is. `password_file` is read at every login; `access` replaces the fetcher's own hook."""

    urls: tuple[str, ...]
    prefixes: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None
    access: Access | None = None


@dataclass(slots=True)
class _Session:
    """What is remembered from cycle to cycle: the endpoint that answered, and its login."""

    endpoint: str = ""
    token: str = field(default="", repr=False)


_SESSIONS: WeakKeyDictionary[Fetcher, dict[tuple[tuple[str, ...], str], _Session]] = WeakKeyDictionary()


class _Header(msgspec.Struct):
    revision: int


class _KeyValue(msgspec.Struct):
    """One key; the gateway writes 64-bit numbers as strings, bytes as base64, and leaves zeros out."""

    key: bytes
    mod_revision: int
    value: bytes = b""


class _Range(msgspec.Struct):
    header: _Header
    kvs: list[_KeyValue] = []
    more: bool = False
    count: int = 0


class _Login(msgspec.Struct):
    token: str


class _Error(msgspec.Struct):
    error: str = ""
    message: str = ""


_RANGE = msgspec.json.Decoder(_Range, strict=False)
_LOGIN = msgspec.json.Decoder(_Login)
_ERROR = msgspec.json.Decoder(_Error)
_JSON_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


async def read_etcd(fetcher: Fetcher, store: EtcdSettings, deadline: float | None = None) -> RawStore:
    """All keys below the prefixes, from the first endpoint that gives all of them, or a failure as a
    whole. The endpoint that answered and its login are remembered as long as the fetcher lives.
    """
    session = _SESSIONS.setdefault(fetcher, {}).setdefault((store.urls, store.username), _Session())
    failed = Collected().failed(KIND, FetchError(Reason.REFUSED, "no endpoint is configured"))
    for url in sorted(store.urls, key=lambda url: url != session.endpoint):
        reader = _Reader(fetcher, store, session, url, deadline)
        try:
            content = await reader.read()
        except FetchError as error:
            failed = reader.found.failed(KIND, error)
        else:
            session.endpoint = url
            return content
    return failed


class _Reader:
    """One attempt at one endpoint."""

    def __init__(
        self, fetcher: Fetcher, store: EtcdSettings, session: _Session, url: str, deadline: float | None
    ) -> None:
        self._fetcher, self._store, self._session, self._deadline = fetcher, store, session, deadline
        self._target = Target(KIND, url.rstrip("/"), source="store")
        self.found = Collected()

    async def read(self) -> RawStore:
        """Every prefix at the revision of the first answer; raises `FetchError`."""
        revision = 0
        for prefix in self._store.prefixes:
            revision = await self._read_prefix(prefix.encode(), revision)
        return self.found.ok(KIND, self._store.prefixes)

    async def _read_prefix(self, prefix: bytes, revision: int) -> int:
        if not prefix:
            raise FetchError(Reason.FORBIDDEN, "only a configured prefix is read, never everything")
        start, end = prefix, _end_of(prefix)
        while True:
            page = await self._range(start, end, revision)
            revision = revision or page.header.revision
            for entry in _in_order(page.kvs, start, end):
                self.found.add(entry.key.decode("utf-8", "backslashreplace"), entry.value, entry.mod_revision)
            # `count` is of the whole rest. A server that ignores `limit` sends it at once; one that
            # cuts its answer without saying `more` is found out by the count.
            if not page.more and page.count <= len(page.kvs):
                return revision
            if not page.kvs:
                raise FetchError(Reason.DECODE, "fewer keys than announced")
            start = page.kvs[-1].key + b"\0"

    async def _range(self, start: bytes, end: bytes, revision: int) -> _Range:
        ask = {"key": _b64(start), "range_end": _b64(end), "limit": str(PAGE)}
        if revision:
            ask["revision"] = str(revision)
        body = msgspec.json.encode(ask)
        if self._store.username and not self._session.token:
            await self._login()
        answer = await self._post("/v3/kv/range", body, self._session.token)
        if self._store.username and _wants_login(answer):
            await self._login()
            answer = await self._post("/v3/kv/range", body, self._session.token)
        return _decoded(_RANGE, self._checked(answer))

    async def _login(self) -> None:
        """A new token; etcd's simple tokens end five minutes after their last use and with a restart."""
        self._session.token = ""
        ask = {"name": self._store.username, "password": _password(self._store)}
        answer = await self._post("/v3/auth/authenticate", msgspec.json.encode(ask), "")
        if _says(answer, "authentication failed") or _says(answer, "user name is empty"):
            raise FetchError(Reason.DENIED, "etcd refuses the user or the password")
        if _says(answer, "authentication is not enabled"):
            raise FetchError(Reason.DENIED, "a user is configured, and authentication is off in etcd")
        self._session.token = _decoded(_LOGIN, self._checked(answer)).token

    async def _post(self, path: str, body: bytes, token: str) -> Answer:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = token
        call = Call(self._target, path, "POST", headers, body, self._store.access, page="etcd")
        return await self._fetcher.store_call(call, deadline=self._deadline)

    def _checked(self, answer: Answer) -> Answer:
        if _wants_login(answer):
            self._session.token = ""
            raise FetchError(Reason.DENIED, "etcd asks for a user and a password")
        if self.found.witness(answer).outcome is Outcome.ABSENT:
            raise FetchError(Reason.STATUS, "status 404: no etcd 3.4 or later with its JSON gateway")
        return answer


def _in_order(entries: list[_KeyValue], start: bytes, end: bytes) -> Iterator[_KeyValue]:
    """The entries; raises `FetchError` where they leave the range asked for or do not go forward."""
    last = None
    for entry in entries:
        if not start <= entry.key < end or (last is not None and entry.key <= last):
            raise FetchError(Reason.DECODE, "keys that nobody asked for")
        last = entry.key
        yield entry


def _end_of(prefix: bytes) -> bytes:
    """The first key behind everything that begins with the prefix."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1])


def _wants_login(answer: Answer) -> bool:
    return answer.status == 401 or _says(answer, "invalid auth token") or _says(answer, "user name is empty")


def _says(answer: Answer, words: str) -> bool:
    if answer.outcome is Outcome.OK or not answer.body:
        return False
    try:
        error = _ERROR.decode(answer.body)
    except _JSON_ERRORS:
        return False
    return words in error.error or words in error.message


def _decoded(decoder: msgspec.json.Decoder[T], answer: Answer) -> T:
    try:
        return decoder.decode(answer.body)
    except _JSON_ERRORS:
        raise FetchError(Reason.DECODE, "the answer is not etcd's") from None


def _b64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _password(store: EtcdSettings) -> str:
    if store.password_file is None:
        return store.password
    try:
        return store.password_file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise FetchError(Reason.DENIED, "the password file could not be read") from None
