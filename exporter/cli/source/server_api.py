"""`--server`: the API of a running exporter.

Any server may answer at this URL. Every answer therefore has limits of time, size and shape, and a redirect
leads to no other host. No message quotes the user, the password or the query of the URL.
"""

from __future__ import annotations

from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from exporter import __version__
from exporter.config import shown_url
from exporter.errors import FetchError, UsageError
from exporter.sources.access.request_settings import ClientAccess
from exporter.sources.http.body import Body
from exporter.sources.http.failures import failure_of

T = TypeVar("T")
TIMEOUT = 10.0
MAX_ANSWER = 64 * 1024 * 1024
MAX_REDIRECTS = 3
HEADERS = {"User-Agent": f"kvmigration/{__version__}", "Accept-Encoding": "gzip"}
REMEDY = "--server needs the address of a running kvmigration exporter, such as http://127.0.0.1:9895"
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class _Envelope(msgspec.Struct):
    status: str
    at: float = 0.0
    stale: bool = False
    age_seconds: float | None = None
    error: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


def checked_server(server: str) -> str:
    """The URL without its last slash. Raises `UsageError` where it is none, and does not quote it."""
    if not server.startswith(("http://", "https://")):
        raise UsageError("--server is not a URL such as http://127.0.0.1:9895")
    return server.rstrip("/")


def session() -> aiohttp.ClientSession:
    """The session of a `Server`."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=HEADERS,
    )


class Server:
    """Reads one exporter. `stale` is why its last answer is stale, "" where it is not. `at` is when the
    snapshot of that answer was complete, unix seconds.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession, access: ClientAccess) -> None:
        self.url = url
        self._access = access
        self.shown = shown_url(url)
        self.stale = ""
        self.at = 0.0
        self._session = session

    async def get(self, path: str, kind: type[T]) -> T:
        """One answer of the API, of this type. Raises `UsageError`."""
        shown = f"{self.shown}/api/v1/{path}"
        try:
            envelope = await self._envelope(f"{self.url}/api/v1/{path}")
        except (aiohttp.ClientError, FetchError, OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{shown}: no answer of an exporter ({_why(error)}). {REMEDY}") from None
        if envelope.status != "success":
            raise UsageError(f"{shown}: {envelope.error[:300] or 'no answer of an exporter'}")
        if envelope.stale:
            age = "some time" if envelope.age_seconds is None else f"{envelope.age_seconds:.0f} s"
            self.stale = f"{self.shown}: the last cycle ended {age} ago, so all of this is stale"
        self.at = envelope.at
        try:
            return msgspec.json.decode(envelope.data, type=kind)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{shown}: the exporter is of another version ({str(error)[:200]})") from None

    async def _envelope(self, url: str) -> _Envelope:
        """An answer; raises `FetchError` or `ValueError`, for a redirect to another host too."""
        there = URL(url)
        for _ in range(MAX_REDIRECTS + 1):
            how = self._access.to(str(there))
            async with self._session.get(
                there,
                allow_redirects=False,
                ssl=how.ssl,
                headers=how.headers,
                proxy=how.proxy,
                proxy_headers=how.proxy_headers,
                server_hostname=how.server_hostname,
            ) as answer:
                if answer.status not in _REDIRECTS:
                    return await _decoded(answer)
                there = _next(there, answer.headers.get("Location", ""))
        raise ValueError("too many redirects")


def _next(url: URL, location: str) -> URL:
    there = url.join(URL(location))
    if there.origin() != url.origin():
        raise ValueError("it redirects to another host")
    return there.with_user(url.user).with_password(url.password)


def _why(error: BaseException) -> str:
    """What went wrong, in words that quote neither the URL nor the answer."""
    if isinstance(error, TimeoutError):
        return f"none within {TIMEOUT:.0f} s"
    if isinstance(error, (aiohttp.ClientError, FetchError, OSError)):
        return failure_of(error)[1]
    return str(error) if type(error) is ValueError else "the answer cannot be read"


async def _decoded(answer: aiohttp.ClientResponse) -> _Envelope:
    """The answer, or a `ValueError` with what came instead."""
    body = Body(MAX_ANSWER, answer.headers.get("Content-Encoding", ""))
    async for part in answer.content.iter_any():
        body.feed(part)
    content = body.finish()
    try:
        return msgspec.json.decode(content, type=_Envelope)
    except (ValueError, RecursionError):
        login = b"password" in content[:65_536].lower()
        kind = "a page to log in" if login else (answer.content_type or "no content type")
        raise ValueError(f"the answer is {kind} with status {answer.status}, not the API's JSON") from None
