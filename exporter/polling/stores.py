"""The external stores that a configuration names: how they are read in a cycle, and their values decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from exporter.config import Config, Consul, Etcd, each_store
from exporter.decode.formats.member_cache import EntryCache
from exporter.decode.value import decode_value
from exporter.model.entry import Tokens
from exporter.model.facts import Snapshot
from exporter.model.pages import Value
from exporter.model.stores import Decode, StoreContent, Undecoded
from exporter.polling.page_decoders import trouble_of
from exporter.sources.http.fetcher import Fetcher
from exporter.sources.stores.consul import read_consul
from exporter.sources.stores.etcd import read_etcd

StoreReader = Callable[[float, frozenset[str]], Awaitable[StoreContent]]  # deadline, keys in use
_Reader = Callable[[float, frozenset[str], Decode], Awaitable[StoreContent]]


def store_readers(config: Config, fetcher: Fetcher) -> Iterator[StoreReader]:
    """A reader for each configured store."""
    for place, name, store in each_store(config.stores):
        http = f"stores{place}"
        if isinstance(store, Consul):
            yield _named(partial(read_consul, fetcher, store, http=http), name, store)
        else:
            yield _named(partial(read_etcd, fetcher, store, http=http), name, store)


def _named(read: _Reader, name: str, store: Consul | Etcd) -> StoreReader:
    """A reader with answers that identify the store, and the names that processes may use for it."""
    urls = (store.url,) if isinstance(store, Consul) else store.urls
    addresses = (*(urlsplit(url).netloc for url in urls), *store.known_as)

    tokens: EntryCache[Tokens] = EntryCache(hashed=True)  # members keep theirs: readings share them

    async def named(deadline: float, used: frozenset[str]) -> StoreContent:
        tokens.turn()
        found = await read(deadline, used, partial(decoded, store=name, tokens=tokens))
        return replace(found, name="" if name == found.kind else name, addresses=addresses)

    return named


async def read_stores(
    readers: Iterable[StoreReader], deadline: float, before: Snapshot | None
) -> tuple[StoreContent, ...]:
    """Read them all, and decode their content. `before` is the snapshot of the previous cycle."""
    used = frozenset(_used(before))
    return tuple(await asyncio.gather(*(read(deadline, used) for read in readers)))


def _used(snapshot: Snapshot | None) -> Iterable[str]:
    """Keys that processes used in the cycle before."""
    for target in snapshot.targets if snapshot else ():
        yield from (client.key for client in target.clients if client.key)


def decoded(key: str, body: bytes, store: str, tokens: EntryCache[Tokens] | None = None) -> Value | Undecoded:
    """Decode a value; one that is no ring is named as broken and costs only itself."""
    try:
        return decode_value(key, body, cache=tokens)
    except Exception as error:
        return Undecoded(trouble_of(error, store=store, key=key))
