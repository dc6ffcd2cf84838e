"""The `rejections` of a configuration as sources at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from exporter.config import Config, Kubernetes, Loki
from exporter.config import LogFiles as FilesEntry
from exporter.decode.label_rejections import WORD
from exporter.label_evidence.rejections import Make
from exporter.log import logger
from exporter.model.pages import Target
from exporter.sources.discovery.kubernetes import KubernetesSource
from exporter.sources.http.fetcher import Fetcher
from exporter.sources.logs.kubernetes_api import Pod, PodLogSource
from exporter.sources.logs.loki import LokiSource
from exporter.sources.logs.source import Count, LogSource
from exporter.sources.logs.tail import FileSource, LogFiles

log = logger("kvmigration.rejections")
Targets = Callable[[], tuple[Target, ...]]


def sources_of(config: Config, fetcher: Fetcher, targets: Targets) -> Iterator[tuple[object, Make]]:
    """What `Rejections.use` takes: each entry, and how its source is made or continued."""
    counts, state_files = fetcher.counts, set[str]()

    def count(page: str, outcome: str) -> None:
        counts[page, outcome] += 1

    for number, entry in enumerate(config.rejections):
        if entry.file is not None:
            state = entry.file.state_file or ""
            if state and state in state_files:
                log.warning("this state file is another entry's: give each its own", file=state)
                state = ""
            state_files.add(state)
            yield (entry, state), partial(_files, entry.file, state, count)
        if entry.loki is not None:
            http = f"rejections[{number}].loki"
            yield (entry, number), partial(_loki, fetcher, entry.loki, http)
        if entry.kubernetes is not None:
            clusters = tuple(found.kubernetes for found in config.targets if found.kubernetes is not None)
            yield (entry, clusters), partial(_pods, clusters, targets, count)


def _files(entry: FilesEntry, state: str, count: Count, old: LogSource | None) -> LogSource:
    return old or FileSource(LogFiles(entry.paths, WORD, Path(state) if state else None), count)


def _pods(
    clusters: tuple[Kubernetes, ...], targets: Targets, count: Count, old: LogSource | None
) -> LogSource:
    connects = tuple(KubernetesSource(cluster).connected for cluster in clusters)
    return old or PodLogSource(connects, partial(_pods_among, targets), WORD, count)


def _pods_among(targets: Targets) -> Iterator[Pod]:
    for target in targets():
        if target.source == "kubernetes" and {"namespace", "pod"} <= target.labels.keys():
            labels = target.labels
            yield Pod(labels["namespace"], labels["pod"], labels.get("container", ""))


def _loki(fetcher: Fetcher, entry: Loki, http: str, old: LogSource | None) -> LogSource:
    return old.renewed(fetcher) if isinstance(old, LokiSource) else LokiSource(fetcher, entry, http)
