"""One cycle against a replayed recording: the metrics it gives, looked up by name and labels."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import Config, load_text
from exporter.expose.exposition import plain_text
from exporter.model.facts import KeyFacts, Snapshot
from exporter.model.gate import Check, Step
from exporter.wiring import one_cycle
from tests.conftest import Replay
from tests.registry import registry_of


@dataclass(frozen=True)
class Seen:
    """What one cycle concluded, and the samples that say so."""

    snapshot: Snapshot
    samples: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]

    def values(self, name: str, *keep: str, **labels: str) -> dict[str, float]:
        """Values of a metric by the labels in `keep`, joined by a space; others must match `labels`."""
        found: dict[str, float] = {}
        for pairs, value in self.samples.get(f"kvmigration_{name}", {}).items():
            given = dict(pairs)
            if all(given.get(label) == wanted for label, wanted in labels.items()):
                key = " ".join(given.get(label, "") for label in keep)
                assert key not in found, f"{name} by {keep} is not unique"
                found[key] = value
        return found

    def value(self, name: str, **labels: str) -> float:
        """The one value of a metric with these labels."""
        (value,) = self.values(name, *sorted(labels), **labels).values()
        return value

    def key(self, key: str) -> KeyFacts:
        """One key's facts."""
        return next(facts for facts in self.snapshot.keys if facts.key == key)

    def step(self, name: str) -> Step:
        """One step of the gate."""
        return next(step for step in self.snapshot.steps if step.name == name)

    def check(self, step: str, check: str) -> Check:
        """One check of a step."""
        return next(found for found in self.step(step).checks if found.id == check)


def config_of(replayed: Replay, *, store: bool = True, **more: Any) -> Config:
    """A configuration that names a recording's processes, and its store unless told otherwise."""
    told: dict[str, Any] = {
        "targets": [{"static": {"urls": list(replayed.targets.values())}}],
        "gate": {"soak": "0s"},
        **more,
    }
    if store and "consul" in replayed.ports:
        told["stores"] = {"consul": {"url": replayed.ports["consul"]}}
    if store and "etcd" in replayed.ports:
        told["stores"] = {"etcd": {"urls": [replayed.ports["etcd"]]}}
    return load_text(yaml.safe_dump(told))


def look(replayed: Replay, *, store: bool = True, **more: Any) -> Seen:
    """Run one cycle and expose it."""
    return seen_in(asyncio.run(one_cycle(config_of(replayed, store=store, **more))))


def seen_in(snapshot: Snapshot) -> Seen:
    """Expose a snapshot as a scrape would see it."""
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    text = plain_text(registry_of(snapshot, 50_000)).decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            pairs = tuple(sorted(sample.labels.items()))
            samples.setdefault(sample.name, {})[pairs] = sample.value
    return Seen(snapshot, samples)
