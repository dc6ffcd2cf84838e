"""The external stores that a configuration names: how they are read in a cycle, and their values decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from types import MappingProxyType

from exporter.config import Config
from exporter.decode.memo import Memo
from exporter.decode.value import decode_value
from exporter.external import RawStore, StoreContent
from exporter.facts import Snapshot
from exporter.model import Value
from exporter.sources.access import Access
from exporter.sources.consul import ConsulSettings, read_consul
from exporter.sources.etcd import EtcdSettings, read_etcd
from exporter.sources.http import Fetcher
from exporter.trouble import trouble_of

StoreReader = Callable[[float, frozenset[str]], Awaitable[RawStore]]  # deadline, keys in use


def store_readers(config: Config, fetcher: Fetcher, access: Access) -> tuple[StoreReader, ...]:
    """A reader for each configured store."""
    return tuple(_readers(config, fetcher, access))


def _readers(config: Config, fetcher: Fetcher, access: Access) -> Iterator[StoreReader]:
    if config.stores.consul is not None:
        consul = config.stores.consul
        settings = ConsulSettings(
            url=consul.url,
            prefixes=consul.prefixes,
            token_file=Path(consul.token_file) if consul.token_file else None,
            datacenter=consul.datacenter,
            access=lambda target: access.to("stores.consul", target.url),
            certificate=bool(consul.http_client.tls_config.cert_file),
        )
        yield lambda deadline, used: read_consul(fetcher, settings, deadline, used)
    if config.stores.etcd is not None:
        etcd = config.stores.etcd
        wanted = EtcdSettings(
            urls=etcd.urls,
            prefixes=etcd.prefixes,
            username=etcd.username,
            password_file=Path(etcd.password_file) if etcd.password_file else None,
            access=lambda target: access.to("stores.etcd", target.url),
            certificate=bool(etcd.http_client.tls_config.cert_file),
        )
        yield lambda deadline, used: read_etcd(fetcher, wanted, deadline, used)


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
    """Decode each value; one that is no ring is named as broken and costs only itself."""
    values: dict[str, Value] = {}
    broken: dict[str, str] = {}
    for key, body in raw.values.items():
        try:
            values[key] = decode_value(key, body, packed=True, memo=memo)
        except Exception as error:
            broken[key] = trouble_of(error, store=raw.kind, key=key)
    return StoreContent(
        kind=raw.kind,
        outcome=raw.outcome,
        reason=raw.reason,
        detail=raw.detail,
        values=MappingProxyType(values),
        modified=raw.modified,
        broken=MappingProxyType(broken),
        asked_at=raw.asked_at,
        clock=raw.clock,
        prefixes=raw.prefixes,
        name=raw.name,
        cluster=raw.cluster,
        revision=raw.revision,
        addresses=raw.addresses,
    )
