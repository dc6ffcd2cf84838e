"""Prometheus http_sd: a URL that answers a JSON list of targets."""

from __future__ import annotations

import asyncio

import aiohttp

from exporter.config import HttpSd
from exporter.errors import FetchError
from exporter.model.pages import Reason
from exporter.sources.access.request_settings import ClientAccess
from exporter.sources.discovery.target_lists import read_json
from exporter.sources.discovery.target_source import Listing, Source
from exporter.sources.http.failures import WIRE_ERRORS, failure_of, status_error
from exporter.sources.http.rare_requests import body_of, session

MAX_LIST = 16 * 1024 * 1024  # bytes; 20,000 targets with their labels


class HttpSource(Source):
    """Read by GET, with the HTTP settings of its own; no redirects to another host."""

    def __init__(self, config: HttpSd) -> None:
        self._config = config
        self._access = ClientAccess(config.http_client)
        self.refresh = config.refresh

    async def find(self) -> Listing:
        """Request once. Raises `FetchError` or `DecodeError`."""
        await self._access.refresh()
        try:
            async with asyncio.timeout(self._config.http_client.timeout):
                return read_json(await self._get(), self._config.scheme)
        except TimeoutError:
            raise FetchError(Reason.TIMEOUT, "no complete answer in time") from None
        except FetchError:
            raise
        except WIRE_ERRORS as error:
            raise FetchError(*failure_of(error)) from None

    async def _get(self) -> bytes:
        access = self._access.to(self._config.url)
        headers = {
            "Accept": "application/json",
            "X-Prometheus-Refresh-Interval-Seconds": f"{self._config.refresh:g}",
            **access.headers,
        }
        async with (
            session() as asking,
            asking.get(
                self._config.url,
                headers=headers,
                ssl=access.ssl,
                server_hostname=access.server_hostname,
                proxy=access.proxy,
                proxy_headers=dict(access.proxy_headers) or None,
                allow_redirects=False,
            ) as response,
        ):
            return await self._body(response)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            raise status_error(response.status)
        if response.content_type != "application/json":
            raise FetchError(Reason.DECODE, "the answer is not application/json")
        return await body_of(response, min(MAX_LIST, self._config.http_client.max_response_bytes))
