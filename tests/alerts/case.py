"""One case of an alert's test: what the exporter shows, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Every alert has at least one case of each; a healthy fleet in each phase comes on top."""

    FIRES = "fires"
    THRESHOLD = "exactly at the threshold"
    LOOKALIKE = "looks like it, and is none"


@dataclass(frozen=True, slots=True)
class Case:
    """`changes` is laid over the healthy fleet of `phase`.

    A case that fires is silent one step before `at` and fires at it, with exactly `says` as its
    description. A silent case is silent at every step up to `until`. `also` may fire beside it.
    """

    alert: str
    kind: Kind
    name: str
    changes: Mapping[str, str]
    at: int = 0  # steps
    says: str = ""
    severity: str = "warning"
    phase: int = 2
    without: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    until: int = 40
    step: int = 60  # seconds
    gone: int = 0  # a step at which it has resolved again
    served_by: str = (
        "exporter-0:9895"  # the exporter that is there at `at` and serves the runbook, "" for none
    )
    held: bool = False  # it fires already before `at`, and is held
    labels: Mapping[str, str] = field(
        default_factory=lambda: {"cluster": "prod", "namespace": "mimir", "job": "kvmigration"}
    )
    fleet: str = "kvmigration, cluster prod, namespace mimir"


FIRES, THRESHOLD, LOOKALIKE = Kind.FIRES, Kind.THRESHOLD, Kind.LOOKALIKE
