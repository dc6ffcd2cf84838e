"""The external stores that a configuration names: how they are read in a cycle, and their values decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import urlsplit

from exporter.config import Config, Consul, Etcd, each_store
from exporter.decode.formats.memo import Memo
from exporter.decode.value import decode_value
from exporter.model.facts import Snapshot
from exporter.model.pages import Value
from exporter.model.stores import RawStore, StoreContent
from exporter.polling.decode_failure import trouble_of
from exporter.sources.access.request_settings import Access
from exporter.sources.http.fetcher import Fetcher
from exporter.sources.stores.consul import ConsulSettings, read_consul
from exporter.sources.stores.etcd import EtcdSettings, read_etcd

StoreReader = Callable[[float, frozenset[str]], Awaitable[RawStore]]  # deadline, keys in use


def store_readers(config: Config, fetcher: Fetcher, access: Access) -> tuple[StoreReader, ...]:
    """A reader for each configured store."""
    return tuple(_readers(config, fetcher, access))


def _readers(config: Config, fetcher: Fetcher, access: Access) -> Iterator[StoreReader]:
    for place, name, store in each_store(config.stores):
        http = f"stores{place}"
        if isinstance(store, Consul):
            yield _named(_consul(store, fetcher, access, http), name, store)
        else:
            yield _named(_etcd(store, fetcher, access, http), name, store)


def _consul(store: Consul, fetcher: Fetcher, access: Access, http: str) -> StoreReader:
    settings = ConsulSettings(
        url=store.url,
        prefixes=store.prefixes,
        token_file=Path(store.token_file) if store.token_file else None,
        datacenter=store.datacenter,
        access=lambda target: access.to(http, target.url),
        certificate=bool(store.http_client.tls_config.cert_file),
    )
    return lambda deadline, used: read_consul(fetcher, settings, deadline, used)


def _etcd(store: Etcd, fetcher: Fetcher, access: Access, http: str) -> StoreReader:
    settings = EtcdSettings(
        urls=store.urls,
        prefixes=store.prefixes,
        username=store.username,
        password_file=Path(store.password_file) if store.password_file else None,
        access=lambda target: access.to(http, target.url),
        certificate=bool(store.http_client.tls_config.cert_file),
    )
    return lambda deadline, used: read_etcd(fetcher, settings, deadline, used)


def _named(read: StoreReader, name: str, store: Consul | Etcd) -> StoreReader:
    """A reader whose answers say which store it is, and how processes may call it."""
    urls = (store.url,) if isinstance(store, Consul) else store.urls
    addresses = (*(urlsplit(url).netloc for url in urls), *store.known_as)

    async def named(deadline: float, used: frozenset[str]) -> RawStore:
        found = await read(deadline, used)
        return replace(found, name="" if name == found.kind else name, addresses=addresses)

    return named


async def read_stores(
    readers: Iterable[StoreReader], deadline: float, before: Snapshot | None, memo: Memo
) -> tuple[StoreContent, ...]:
    """Read them all, and decode what they hold. `before` is the snapshot of the cycle before."""
    used = frozenset(_used(before))
    raw = await asyncio.gather(*(read(deadline, used) for read in readers))
    return tuple(await asyncio.gather(*(asyncio.to_thread(_decode_store, store, memo) for store in raw)))


def _used(snapshot: Snapshot | None) -> Iterable[str]:
    """Keys that processes used in the cycle before."""
    for target in snapshot.targets if snapshot else ():
        yield from (client.key for client in target.clients if client.key)


def _decode_store(raw: RawStore, memo: Memo) -> StoreContent:
    """Decode each value; one that is no ring is named as broken and costs only itself. The bytes are let go
    one after another: all of them beside all that they decode to would be twice the memory.
    """
    values: dict[str, Value] = {}
    broken: dict[str, str] = {}
    bodies = raw.values if isinstance(raw.values, dict) else dict(raw.values)
    for key in list(bodies):
        body = bodies.pop(key)
        try:
            values[key] = decode_value(key, body, packed=True, memo=memo)
        except Exception as error:
            broken[key] = trouble_of(error, store=raw.kind, key=key)
    # mypy takes what replaces the bytes for bytes: the two are one class of different values
    decoded: dict[str, Any] = {"values": MappingProxyType(values), "broken": MappingProxyType(broken)}
    return cast("StoreContent", replace(raw, **decoded))
