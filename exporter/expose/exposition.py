"""The exposition as bytes, made once per snapshot and format.

The first scrape in a format renders the snapshot's part in a thread, and the first compressed scrape
compresses it. Both are kept until the next snapshot. The exporter's own part (`process_*`, `python_*`, build
and reload) is small and rendered for every scrape, behind it. A scrape costs the loop next to nothing.
"""

from __future__ import annotations

import asyncio
import platform
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client import generate_latest as plain_text
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, gzip_accepted
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS_TYPE
from prometheus_client.openmetrics.exposition import generate_latest as _untyped_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from zlib_ng import zlib_ng

from exporter.expose import catalogue as c
from exporter.expose.collector import Series, exposed, family_of
from exporter.expose.metric import Metric
from exporter.model.facts import Snapshot

_GZIP_WINDOW = 31  # zlib's number for the largest window inside a gzip frame
_GZIP_LEVEL = 4
_GZIP_REFUSED = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)", re.IGNORECASE)
EOF = b"# EOF\n"
openmetrics_text: Callable[[Collector], bytes] = _untyped_openmetrics
_number: Callable[[float], str] = floatToGoString


@dataclass(frozen=True, slots=True)
class SelfFacts:
    """The exporter's state. Times are unix seconds."""

    version: str
    config_successful: bool = True
    config_loaded_at: float | None = None
    max_series: int = 50_000


@dataclass(frozen=True, slots=True)
class Exposition:
    """A scrape's answer. `encoding` is "gzip" or ""."""

    content_type: str
    encoding: str
    body: bytes


def _own_families(facts: SelfFacts) -> Iterator[tuple[Metric, Series]]:
    yield c.CONFIG_LAST_RELOAD_SUCCESSFUL, {(): float(facts.config_successful)}
    if facts.config_loaded_at is not None:
        yield c.CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS, {(): facts.config_loaded_at}
    yield c.BUILD_INFO, {(facts.version, platform.python_version()): 1.0}


@dataclass(slots=True)
class _Prepared:
    """The snapshot's part in one format: plain bytes, and a gzip stream that waits for the rest."""

    snapshot: Snapshot | None
    max_series: int
    plain: bytes = b""
    packed: bytes = b""
    packer: Any = None  # zlib's compression object; its type has no public name


class Renderer:
    """Expositions of the newest snapshot; before the first one, the exporter's own metrics only."""

    def __init__(self, snapshot: Callable[[], Snapshot | None], facts: Callable[[], SelfFacts]) -> None:
        self._snapshot = snapshot
        self._facts = facts
        self._prepared: dict[bool, _Prepared] = {}
        self._locks = {True: asyncio.Lock(), False: asyncio.Lock()}
        self._own = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._own)

    async def render(self, accept: str = "", accept_encoding: str = "") -> Exposition:
        """The exposition in the format and encoding of a scrape's headers."""
        openmetrics, gzip = _wants_openmetrics(accept), _wants_gzip(accept_encoding)
        prepared = await self._current(openmetrics, gzip)
        own = text_of(_own_families(self._facts()), openmetrics=openmetrics)
        own += openmetrics_text(self._own) if openmetrics else plain_text(self._own)
        content_type = OPENMETRICS_TYPE if openmetrics else CONTENT_TYPE_PLAIN_0_0_4
        if not gzip:
            return Exposition(content_type, "", prepared.plain + own)
        packer = prepared.packer.copy()
        return Exposition(content_type, "gzip", prepared.packed + packer.compress(own) + packer.flush())

    async def _current(self, openmetrics: bool, gzip: bool) -> _Prepared:
        """One thread renders; scrapes that arrive meanwhile wait for it."""
        async with self._locks[openmetrics]:
            snapshot, max_series = self._snapshot(), self._facts().max_series
            known = self._prepared.get(openmetrics)
            if known is None or known.snapshot is not snapshot or known.max_series != max_series:
                known = await asyncio.to_thread(_prepare, snapshot, max_series, openmetrics)
                self._prepared[openmetrics] = known
            if gzip and known.packer is None:
                await asyncio.to_thread(_pack, known)
            return known


def _prepare(snapshot: Snapshot | None, max_series: int, openmetrics: bool) -> _Prepared:
    prepared = _Prepared(snapshot, max_series)
    if snapshot is not None:
        prepared.plain = text_of(exposed(snapshot, max_series), openmetrics=openmetrics)
    return prepared


def _pack(prepared: _Prepared) -> None:
    packer = zlib_ng.compressobj(_GZIP_LEVEL, zlib_ng.DEFLATED, _GZIP_WINDOW)
    prepared.packed = packer.compress(prepared.plain) + packer.flush(zlib_ng.Z_SYNC_FLUSH)
    prepared.packer = packer


def _wants_openmetrics(accept: str) -> bool:
    try:
        return choose_encoder(accept)[1].startswith("application/openmetrics-text")
    except (TypeError, ValueError):  # the library compares any version text with numbers
        return False


def _wants_gzip(accept_encoding: str) -> bool:
    return gzip_accepted(accept_encoding) and not _GZIP_REFUSED.search(accept_encoding)


class _SingleFamily(Collector):
    """One family to be written by the library."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        yield self._family


def text_of(families: Iterable[tuple[Metric, Series]], *, openmetrics: bool) -> bytes:
    """The families in their order, each with its series in the order of their labels; no end mark."""
    parts: list[str] = []
    for metric, series in families:
        parts.append(_header(metric, openmetrics))
        parts += _lines(metric, series)
    return "".join(parts).encode()


@lru_cache(maxsize=512)
def _header(metric: Metric, openmetrics: bool) -> str:
    write = openmetrics_text if openmetrics else plain_text
    return write(_SingleFamily(family_of(metric, {}))).removesuffix(EOF).decode()


def _lines(metric: Metric, series: Series) -> Iterator[str]:
    if not metric.labels:
        return (f"{metric.name} {_number(value)}\n" for value in series.values())
    order = sorted(range(len(metric.labels)), key=metric.labels.__getitem__)
    inner = ",".join(f'{metric.labels[at]}="%s"' for at in order)
    template = f"{metric.name}{{{inner}}} %s\n"
    return (
        template % (*[_escaped(labels[at]) for at in order], _number(value))
        for labels, value in sorted(series.items())
    )


@lru_cache(maxsize=65_536)
def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
