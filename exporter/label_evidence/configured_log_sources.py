"""The `rejections` of a configuration as sources at work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from exporter.config import Config, Kubernetes
from exporter.config.models import LogFiles as FilesEntry
from exporter.config.models import Loki as LokiEntry
from exporter.label_evidence.rejections import WORD, LogSource, Make
from exporter.log import logger
from exporter.model.pages import Target
from exporter.sources.access.request_settings import Access
from exporter.sources.discovery.kubernetes import KubernetesSource
from exporter.sources.http.fetcher import Fetcher
from exporter.sources.logs.kubernetes_api import Pod, PodLogSource
from exporter.sources.logs.loki import LokiSettings, LokiSource
from exporter.sources.logs.source import FileSource
from exporter.sources.logs.tail import LogFiles

log = logger("kvmigration.rejections")
Counts = Counter[tuple[str, str]]
Targets = Callable[[], tuple[Target, ...]]


def sources_of(
    config: Config, fetcher: Fetcher, access: Access, targets: Targets
) -> list[tuple[object, Make]]:
    """What `Rejections.use` takes: each entry, and how its source is made or continued."""
    return list(_sources(config, fetcher, access, targets))


def _sources(
    config: Config, fetcher: Fetcher, access: Access, targets: Targets
) -> Iterator[tuple[object, Make]]:
    state_files: set[str] = set()
    for number, entry in enumerate(config.rejections):
        if entry.file is not None:
            state = entry.file.state_file or ""
            if state and state in state_files:
                log.warning("this state file is another entry's: give each its own", file=state)
                state = ""
            state_files.add(state)
            yield (entry, state), partial(_files, entry.file, state, fetcher.counts)
        if entry.loki is not None:
            settings = _loki_settings(entry.loki, f"rejections[{number}].loki", access)
            yield (entry, number), partial(_loki, fetcher, settings)
        if entry.kubernetes is not None:
            clusters = tuple(found.kubernetes for found in config.targets if found.kubernetes is not None)
            yield (entry, clusters), partial(_pods, clusters, targets, fetcher.counts)


def _files(entry: FilesEntry, state: str, counts: Counts, old: LogSource | None) -> LogSource:
    if old is not None:
        return old
    return FileSource(LogFiles(entry.paths, WORD, Path(state) if state else None), partial(_count, counts))


def _count(counts: Counts, page: str, outcome: str) -> None:
    counts[page, outcome] += 1


def _pods(
    clusters: tuple[Kubernetes, ...], targets: Targets, counts: Counts, old: LogSource | None
) -> LogSource:
    if old is not None:
        return old
    connects = tuple(KubernetesSource(cluster).connected for cluster in clusters)
    return PodLogSource(connects, partial(_pods_among, targets), WORD, partial(_count, counts))


def _pods_among(targets: Targets) -> Iterator[Pod]:
    for target in targets():
        if target.source == "kubernetes" and {"namespace", "pod"} <= target.labels.keys():
            labels = target.labels
            yield Pod(labels["namespace"], labels["pod"], labels.get("container", ""))


def _loki_settings(entry: LokiEntry, key: str, access: Access) -> LokiSettings:
    return LokiSettings(entry.url, entry.query, lambda target: access.to(key, target.url), entry.tenant)


def _loki(fetcher: Fetcher, settings: LokiSettings, old: LogSource | None) -> LogSource:
    if isinstance(old, LokiSource):
        return old.renewed(fetcher, settings)
    return LokiSource(fetcher, settings)
