"""Targets from the Kubernetes API: the pods of a namespace, listed once and then watched.

Needs the extra `kubernetes` (kubernetes_asyncio), which is imported when it is first used: it
takes a second and most installations do without.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from exporter.config import Kubernetes
from exporter.errors import DecodeError, FetchError, KVMigrationError
from exporter.model.pages import Reason
from exporter.sources.discovery.pods import (
    continues_at,
    found_in,
    not_running,
    objects_in,
    pod_key,
    resource_version,
)
from exporter.sources.discovery.target_source import MAX_FOUND, FoundTarget, Listing, Source
from exporter.sources.http.failures import WIRE_ERRORS, failure_of, status_error

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PAGE_SIZE = 500
MAX_ANSWER = 64 * 1024**2
MAX_PAGES = 2 * MAX_FOUND // PAGE_SIZE
LIST_LIMIT = 30.0  # seconds for one page of the list
WATCH_FOR = 240  # seconds, then the API ends the watch and we request a new one
SILENCE = 300.0  # seconds without a byte, bookmarks included, after which a watch counts as broken
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
# What the library raises when a kubeconfig has an unexpected shape.
_BROKEN = (OSError, yaml.YAMLError, TypeError, AttributeError, LookupError, ValueError, AssertionError)


class ExpiredError(KVMigrationError):
    """The API has forgotten where we were (410): list again."""


class KubernetesSource(Source):
    """`find` starts the watch and afterwards only returns its result."""

    refresh = 1.0

    def __init__(self, config: Kubernetes, account: Path = SERVICE_ACCOUNT) -> None:
        self._config = config
        self._account = account
        self._pods: dict[str, tuple[FoundTarget | None, str]] = {}
        self._found = Listing(())
        self._trouble = ""
        self._listed = asyncio.Event()  # or failed to, once
        self._task: asyncio.Task[None] | None = None

    async def find(self) -> Listing:
        """The pods of the watch. Raises `FetchError` while there is no list and no watch."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="kubernetes watch")
        listed = asyncio.create_task(self._listed.wait())
        try:
            await asyncio.wait({listed, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listed.cancel()
        if self._task.done():
            self._task.result()  # a bug ended the watch: raise it; the next `find` starts anew
        if self._trouble:
            raise FetchError(Reason.REFUSED, self._trouble)
        return self._found

    async def close(self) -> None:
        """End the watch."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def connected(self) -> AbstractAsyncContextManager[tuple[Any, str]]:
        """An API client and the namespace, for the reader of pod logs. Raises as `find` does."""
        return self._client()

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._client() as (api, namespace):
                    version = await self._list(api, namespace)
                    pause = FIRST_PAUSE
                    while True:
                        started = asyncio.get_running_loop().time()
                        version = await self._watch(api, namespace, version)
                        if asyncio.get_running_loop().time() - started < FIRST_PAUSE:
                            await asyncio.sleep(FIRST_PAUSE)  # something between us ends every watch
            except ExpiredError:
                pause = FIRST_PAUSE
            except (KVMigrationError, *WIRE_ERRORS) as error:
                self._fail(error)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  # spreads reconnects, hides nothing
            pause = min(LONGEST_PAUSE, pause * 2)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, TimeoutError):
            self._trouble = "the Kubernetes API did not answer in time"
        elif isinstance(error, DecodeError):
            self._trouble = f"the Kubernetes API answered {error}"
        else:
            reason, detail = failure_of(error)
            self._trouble = f"Kubernetes API, {reason.value}: {detail}"
        self._listed.set()

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[tuple[Any, str]]:
        """An API client; made anew for each connection, so that new credentials take effect."""
        try:
            client = importlib.import_module("kubernetes_asyncio.client")
            loaders = importlib.import_module("kubernetes_asyncio.config")
        except ImportError:
            raise FetchError(
                Reason.REFUSED, "kubernetes_asyncio is not installed: install the extra `kubernetes`"
            ) from None
        settings = client.Configuration()
        namespace = await self._load(loaders, settings)
        async with client.ApiClient(settings) as connection:
            yield client.CoreV1Api(connection), namespace

    async def _load(self, loaders: Any, settings: Any) -> str:
        """Fill in address and credentials; returns the namespace to read."""
        config = self._config
        try:
            if config.kubeconfig is None:
                loaders.load_incluster_config(
                    settings,
                    token_filename=str(self._account / "token"),
                    cert_filename=str(self._account / "ca.crt"),
                    environ=os.environ,
                )
                return config.namespace or _text(self._account / "namespace") or "default"
            await loaders.load_kube_config(
                config_file=config.kubeconfig,
                context=config.context or None,
                client_configuration=settings,
                persist_config=False,
            )
            return config.namespace or _namespace_of(loaders, config) or "default"
        except (loaders.ConfigException, *_BROKEN) as error:
            where = "the pod's service account" if config.kubeconfig is None else "the kubeconfig"
            raise FetchError(Reason.DENIED, f"{where} cannot be used: {_words(error)}") from None

    async def _list(self, api: Any, namespace: str) -> str:
        """Replace the pods by all that the API lists, page by page. Returns where the watch begins."""
        pods: dict[str, tuple[FoundTarget | None, str]] = {}
        more = ""
        for _ in range(MAX_PAGES):
            query = {"limit": PAGE_SIZE, **({"_continue": more} if more else {})}
            async with asyncio.timeout(LIST_LIMIT):
                answer = await self._ask(api, namespace, query)
                page = _object(await _capped(answer))
            for pod in objects_in(page):
                pods[pod_key(pod)] = found_in(pod, self._config), not_running(pod, self._config)
            if len(pods) > MAX_FOUND:
                raise DecodeError(f"more than {MAX_FOUND} pods; set a selector")
            more = continues_at(page)
            if not more:
                break
        else:
            raise DecodeError("a list of pods without an end")
        self._pods = pods
        self._changed()
        return resource_version(page)

    async def _watch(self, api: Any, namespace: str, version: str) -> str:
        """Follow changes until the API ends the watch; returns where the next one begins."""
        answer = await self._ask(
            api,
            namespace,
            {
                "watch": True,
                "allow_watch_bookmarks": True,
                "resource_version": version,
                "timeout_seconds": WATCH_FOR,
            },
        )
        try:
            async for line in answer.content:
                if line.strip():
                    version = self._event(_object(line)) or version
        finally:
            answer.close()
        return version

    async def _ask(self, api: Any, namespace: str, query: Mapping[str, Any]) -> aiohttp.ClientResponse:
        selector = {"label_selector": self._config.selector} if self._config.selector else {}
        answer: aiohttp.ClientResponse = await api.list_namespaced_pod(
            namespace,
            **selector,
            **query,
            _preload_content=False,
            _request_timeout=aiohttp.ClientTimeout(sock_connect=10, sock_read=SILENCE),
        )
        if answer.status == 200:
            return answer
        answer.close()
        if answer.status == 410:
            raise ExpiredError("the list has expired")
        raise status_error(answer.status)

    def _event(self, event: Mapping[str, Any]) -> str:
        """Apply one change; returns its resource version."""
        kind, manifest = event.get("type"), event.get("object")
        if not isinstance(manifest, dict):
            raise DecodeError("an event without an object")
        if kind == "ERROR":
            if manifest.get("code") == 410:
                raise ExpiredError("the watch has expired")
            raise FetchError(Reason.STATUS, f"the watch ended with status {manifest.get('code')}")
        if kind == "DELETED":
            self._pods.pop(pod_key(manifest), None)
        elif kind in ("ADDED", "MODIFIED") and len(self._pods) <= MAX_FOUND:
            self._pods[pod_key(manifest)] = (
                found_in(manifest, self._config),
                not_running(manifest, self._config),
            )
        self._changed()
        return resource_version(manifest)

    def _changed(self) -> None:
        found = [pod for pod, _ in self._pods.values() if pod is not None]
        listed = tuple(sorted(found, key=lambda pod: (pod.name, pod.host)))
        missing = {why for _, why in self._pods.values() if why}
        self._found = Listing(listed, not_running=tuple(sorted(missing)))
        self._trouble = ""
        self._listed.set()


async def _capped(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise FetchError(Reason.TOO_LARGE, "a list of pods larger than 64MiB")
    return bytes(body)


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise DecodeError("something that is not a JSON object")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _namespace_of(loaders: Any, config: Kubernetes) -> str:
    """The namespace that the kubeconfig's context names."""
    contexts, current = loaders.list_kube_config_contexts(config.kubeconfig)
    chosen = next((item for item in contexts if item["name"] == config.context), current)
    return str((chosen.get("context") or {}).get("namespace") or "")


def _words(error: Exception) -> str:
    """The library's own words; of other errors only the kind, as their texts quote the file."""
    if isinstance(error, OSError):
        return str(error.strerror)
    if isinstance(error, _BROKEN):
        return f"not a kubeconfig ({type(error).__name__})"
    return str(error).partition("\n")[0][:160]
