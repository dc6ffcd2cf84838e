"""Sessions for rare requests: a list of targets, a token. They have the bounds of all calls."""

from __future__ import annotations

import aiohttp

from exporter.errors import FetchError
from exporter.model.pages import Reason
from exporter.sources.http.body import Body
from exporter.sources.http.parse_time_limit import Connector
from exporter.sources.name_resolution import Resolver


def session() -> aiohttp.ClientSession:
    """A session without cookies that unpacks nothing by itself: `body_of` does, up to a cap."""
    return aiohttp.ClientSession(
        connector=Connector(resolver=Resolver()),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": "kvmigration-exporter", "Accept-Encoding": "gzip"},
    )


async def body_of(response: aiohttp.ClientResponse, cap: int) -> bytes:
    """The body, unpacked. Raises `FetchError` beyond `cap` bytes or where it is packed in another way."""
    if (response.content_length or 0) > cap:
        raise FetchError(Reason.TOO_LARGE, f"more than {cap} bytes announced")
    body = Body(cap, response.headers.get("Content-Encoding", ""))
    async for chunk in response.content.iter_any():
        body.feed(chunk)
    return body.finish()
