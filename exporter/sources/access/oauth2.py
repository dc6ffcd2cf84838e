"""OAuth 2.0 client credentials: one token, fetched before it is needed, kept until shortly before its end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from exporter.config import OAuth2, TlsConfig
from exporter.errors import FetchError
from exporter.model.pages import Reason
from exporter.sources.access.proxy import basic_header
from exporter.sources.access.secret_files import SecretFile
from exporter.sources.access.tls import Tls
from exporter.sources.http.failures import WIRE_ERRORS, failure_of
from exporter.sources.http.rare_requests import body_of, session

MAX_TOKEN_ANSWER = 64 * 1024
UNTOLD_LIFE = 3600.0  # seconds, where the server gives none
RETRY_AFTER = 5.0


class TokenSource:
    """The current token. `renew` fetches when it is time; `header` never waits."""

    def __init__(self, config: OAuth2, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._timeout = timeout
        self._clock = clock
        self._file = SecretFile(config.client_secret_file, clock) if config.client_secret_file else None
        self._tls = Tls(config.tls_config or TlsConfig(), clock)
        self._header = ""
        self._ends_at = 0.0
        self._renew_at = 0.0
        self._in_body = False  # how this server takes our credentials, found out once
        self._failure: FetchError | None = None
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"TokenSource({self._config.token_url!r})"

    def header(self) -> str:
        """The Authorization header's value. Raises `FetchError` where there is no valid token."""
        if self._header and self._clock() < self._ends_at:
            return self._header
        raise self._failure or FetchError(Reason.DENIED, "no OAuth 2.0 token yet")

    async def renew(self) -> None:
        """Fetch a token if it is time. A failure is kept for `header`; a token that is still good stays."""
        async with self._lock:
            if self._clock() < self._renew_at:
                return
            try:
                async with asyncio.timeout(self._timeout):
                    self._keep(await self._fetch())
                self._failure = None
            except TimeoutError:
                self._fail(FetchError(Reason.TIMEOUT, "no OAuth 2.0 token in time"))
            except (FetchError, *WIRE_ERRORS) as error:
                reason, detail = failure_of(error)
                self._fail(FetchError(reason, f"no OAuth 2.0 token: {detail}"))

    def _fail(self, error: FetchError) -> None:
        self._failure = error
        self._renew_at = self._clock() + RETRY_AFTER

    def _keep(self, answer: dict[str, Any]) -> None:
        token, kind = answer.get("access_token"), answer.get("token_type") or "Bearer"
        if not isinstance(token, str) or not token or not isinstance(kind, str):
            raise FetchError(Reason.DECODE, "the answer has no access_token")
        life = _seconds(answer.get("expires_in"))
        # Go sends "bearer" as "Bearer", and some servers insist on that.
        self._header = f"{'Bearer' if kind.lower() == 'bearer' else kind} {token}"
        self._ends_at = self._clock() + life
        self._renew_at = self._ends_at - min(60.0, life / 5)

    async def _fetch(self) -> dict[str, Any]:
        """Credentials in a header, or in the body for servers that require them there, as Go does it."""
        status, answer = await self._ask(in_body=self._in_body)
        if status in {400, 401}:
            status, answer = await self._ask(in_body=not self._in_body)
            if status == 200:
                self._in_body = not self._in_body
        if status != 200:
            reason = Reason.DENIED if status in {400, 401, 403} else Reason.STATUS
            raise FetchError(reason, f"the token's server answered with status {status}")
        return answer

    async def _ask(self, *, in_body: bool) -> tuple[int, dict[str, Any]]:
        form, headers = self._request(in_body)
        async with (
            session() as asking,
            asking.post(
                self._config.token_url,
                data=form,
                headers=headers,
                ssl=self._tls.context(),
                server_hostname=self._tls.server_name,
                allow_redirects=False,
            ) as response,
        ):
            body = await body_of(response, MAX_TOKEN_ANSWER)
            return response.status, _decoded(body) if response.status == 200 else {}

    def _request(self, in_body: bool) -> tuple[dict[str, str], dict[str, str]]:
        form = {"grant_type": "client_credentials", **self._config.endpoint_params}
        if self._config.scopes:
            form["scope"] = " ".join(self._config.scopes)
        headers = {"Accept": "application/json"}
        if in_body:
            form |= {"client_id": self._config.client_id, "client_secret": self._secret()}
        else:
            user, password = quote_plus(self._config.client_id), quote_plus(self._secret())
            headers["Authorization"] = basic_header(user, password)
        return form, headers

    def _secret(self) -> str:
        if self._file is not None:
            return self._file.for_request()
        secret = self._config.client_secret
        return secret.get_secret_value() if secret else ""


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise FetchError(Reason.DECODE, "the answer is not a JSON object")
    return answer


def _seconds(value: object) -> float:
    """`expires_in`, which some servers send as text."""
    try:
        life = float(value) if isinstance(value, int | float | str) else 0.0
    except ValueError:
        life = 0.0
    return min(life, 30 * 86_400.0) if life > 0 else UNTOLD_LIFE
