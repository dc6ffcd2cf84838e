"""Counts that a single exporter and a shard's part give alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from exporter.model.facts import TargetFacts


def by_label(targets: Iterable[TargetFacts]) -> Mapping[str, int]:
    """Count the processes that are configured with each gossip label, whether they show their gossip or not.
    A process without a readable /config is in no count.
    """
    labels = (target.config.label for target in targets if target.up and target.config)
    return Counter(label for label in labels if label is not None)
