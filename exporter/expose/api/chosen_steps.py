"""Which steps a question about one step means, where several migrations have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from exporter.expose.api.shapes import StepOut
from exporter.model.gate import GateAnswer

# The exit status of each answer; the worst is the greatest.
STATUS: Final[Mapping[GateAnswer, int]] = {"open": 0, "closed": 1, "unknown": 2}


def parts(text: str) -> tuple[str, str]:
    """Migration and step of `[MIGRATION/]STEP`; the migration is "" where it is left out."""
    migration, _, step = text.rpartition("/")
    return migration, step


def chosen(steps: Iterable[StepOut], migration: str, step: str) -> tuple[StepOut, ...]:
    """The step of the named migration. Without a name, of each migration that has it as its next step,
    else of the first that has it.
    """
    having = [one for one in steps if one.step == step and migration in ("", one.migration)]
    due = [one for one in having if one.place == "next"]
    return tuple(due or having[:1])


def worst(steps: Iterable[StepOut]) -> StepOut:
    """The step with the worst answer: open, closed, unknown."""
    return max(steps, key=lambda one: STATUS[one.answer])
