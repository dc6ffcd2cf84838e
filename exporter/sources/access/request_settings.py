"""The result of `http_client`, as the requests need it: headers, TLS context, proxy, limits.

::

    access = Access(config.http_settings())
    settings = FetchSettings(for_target=access.for_target, …)
    await access.refresh()      # before each cycle: fetches OAuth 2.0 tokens that run out

Secrets stay here and in the headers handed out; no message, log line or repr has one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from exporter.config import BasicAuth, HttpClient
from exporter.errors import FetchError
from exporter.model.pages import Reason, Target
from exporter.sources.access.oauth2 import TokenSource
from exporter.sources.access.proxy import Proxy, basic_header
from exporter.sources.access.secret_files import SecretFile
from exporter.sources.access.tls import Tls
from exporter.sources.http.fetcher import TargetAccess

Authentication = Callable[[], str]


class ClientAccess:
    """One `http_client`."""

    def __init__(self, client: HttpClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._headers = dict(client.headers)
        self._tls = Tls(client.tls_config, clock)
        proxy = client.proxy_url
        self._proxy = Proxy(proxy.get_secret_value(), client.no_proxy) if proxy else None
        self._tokens = TokenSource(client.oauth2, client.timeout, clock) if client.oauth2 else None
        self._authentication = self._how(client, clock)
        self._always: TargetAccess | None = None  # by http, where there is neither a secret nor a proxy

    def _how(self, client: HttpClient, clock: Callable[[], float]) -> Authentication | None:
        if self._tokens is not None:
            return self._tokens.header
        if client.basic_auth is not None:
            return _basic(client.basic_auth, clock)
        given = client.authorization
        if given is None:
            return None
        secret = given.credentials.get_secret_value() if given.credentials else ""
        credentials = _text(secret, given.credentials_file, clock)
        return lambda: f"{given.type} {credentials()}"

    async def refresh(self) -> None:
        """Fetch an OAuth 2.0 token if it is time. Never raises: without one, `to` does."""
        if self._tokens is not None:
            await self._tokens.renew()

    def to(self, url: str) -> TargetAccess:
        """How this URL is reached. Raises `FetchError` or `OSError` where a secret cannot be had."""
        if self._authentication is not None or self._proxy is not None or url.startswith("https:"):
            return self._now(url)
        if self._always is None:
            self._always = self._now(url)
        return self._always

    def _now(self, url: str) -> TargetAccess:
        headers, proxy_headers = dict(self._headers), dict[str, str]()
        proxy = None
        if self._authentication is not None:
            headers["Authorization"] = self._authentication()
        if self._proxy is not None and self._proxy.serves(url):
            proxy = self._proxy.url
            if self._proxy.authorization:  # on the tunnel's request, or on the only one there is
                there = proxy_headers if url.startswith("https:") else headers
                there["Proxy-Authorization"] = self._proxy.authorization
        return TargetAccess(
            ssl=self._tls.context() if url.startswith("https:") else True,
            headers=headers,
            server_hostname=self._tls.server_name if url.startswith("https:") else None,
            proxy=proxy,
            proxy_headers=proxy_headers,
            timeout=self._client.timeout,
            max_response_bytes=self._client.max_response_bytes,
            follow_redirects=self._client.follow_redirects,
        )


class Access:
    """Every `http_client` of a configuration, by the key that `Target.http` names."""

    def __init__(
        self, settings: Mapping[str, HttpClient], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = dict(settings)
        self._clock = clock
        self._clients = {key: ClientAccess(client, clock) for key, client in settings.items()}

    def replaced(self, settings: Mapping[str, HttpClient]) -> Access:
        """The access of another configuration; what is equal in both shares tokens and TLS contexts.

        This one stays as it is, so that requests under way never get another entry's credentials.
        """
        other = Access(settings, self._clock)
        for key, client in settings.items():
            if self._settings.get(key) == client:
                other._clients[key] = self._clients[key]
        return other

    async def refresh(self) -> None:
        """Fetch the tokens that run out, all at once. Call it before each cycle; it never raises."""
        await asyncio.gather(*(client.refresh() for client in self._clients.values()))

    def for_target(self, target: Target) -> TargetAccess:
        """The hook of `FetchSettings`: how a target is reached with the settings of its key. A target of a
        removed configuration is not requested.
        """
        client = self._clients.get(target.http)
        if client is None:
            raise FetchError(Reason.DENIED, "its HTTP settings were removed by the reload")
        return client.to(target.url)


def _basic(given: BasicAuth, clock: Callable[[], float]) -> Authentication:
    user = _text(given.username, given.username_file, clock)
    secret = given.password.get_secret_value() if given.password else ""
    password = _text(secret, given.password_file, clock)
    return lambda: basic_header(user(), password())


def _text(value: str, path: str | None, clock: Callable[[], float]) -> Callable[[], str]:
    return SecretFile(path, clock).for_request if path else lambda: value
