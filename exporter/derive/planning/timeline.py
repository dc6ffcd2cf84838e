"""From one timeline to the next: what began and what ended with a snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.model.facts import Snapshot
from exporter.model.gate import Step, Verdict
from exporter.model.migration import Migration
from exporter.model.pages import Phase
from exporter.model.planning.timeline import Lag, Span, Subject, Timeline, Track

MOST_SPANS = 4_000  # that ended
MOST_LAGS = 20_000  # points of all keys
MINUTE = 60.0
GAP = 300.0  # seconds without a cycle after which the time between counts as unknown


def advanced(before: Timeline, snapshot: Snapshot) -> Timeline:
    """The timeline with one more snapshot."""
    now, at = dict(_states(snapshot)), snapshot.at
    first = before.at is None
    lasting = {key: span for key, span in before.lasting.items() if _lasts(span, now.get(key))}
    ended = [replace(span, ended=at) for key, span in before.lasting.items() if key not in lasting]
    for key, value in now.items():
        if key not in lasting:
            lasting[key] = Span(*key, value, at, start_observed=not first)
    if before.at is not None and at - before.at > GAP:
        ended.append(Span(Track.GAP, "exporter", "not watched", before.at, at))
    return Timeline(
        MappingProxyType(lasting),
        (*before.ended, *sorted(ended, key=lambda span: (span.track, span.subject)))[-MOST_SPANS:],
        _lags(before.lags, snapshot),
        at,
    )


def _lasts(span: Span, value: str | None) -> bool:
    """Whether a state goes on. A deviation does with another text too: its counts change all the time."""
    return value is not None and (span.track is Track.DEVIATION or value == span.value)


def _states(snapshot: Snapshot) -> Iterator[tuple[Subject, str]]:
    for one in snapshot.migrations:
        yield from _of_migration(one)
    for found in snapshot.fleet.findings:
        yield (Track.DEVIATION, f"{found.id} {found.name}".strip()), found.text


def _of_migration(one: Migration) -> Iterator[tuple[Subject, str]]:
    if one.is_of_clients and one.phase is not None and one.phase is not Phase.UNKNOWN:
        yield (Track.PHASE, one.name), one.phase.label
    if one.rollout is not None:
        yield (Track.ROLLOUT, one.name), one.rollout.into.label
    if one.next_step:
        yield (Track.STEP, one.name), one.next_step
    for step in one.steps:
        if step.place == "next":
            yield from _of_step(step)


def _of_step(step: Step) -> Iterator[tuple[Subject, str]]:
    yield (Track.GATE, step.title), step.answer
    for check in step.checks:
        if check.verdict is not Verdict.PASSED:
            yield (
                (Track.CHECK, f"{step.title} {check.id}"),
                "failed" if check.verdict is Verdict.FAILED else "unknown",
            )


def _lags(before: tuple[Lag, ...], snapshot: Snapshot) -> tuple[Lag, ...]:
    """The greatest lag of each key in each minute."""
    minute = snapshot.at // MINUTE * MINUTE
    now = {
        key.key: key.secondary.lag for key in snapshot.keys if key.secondary and key.secondary.lag is not None
    }
    rest = [one for one in before if one[1] != minute]
    current = {key: lag for key, at, lag in before if at == minute}
    merged = _greater(current, now)
    return (*rest, *((key, minute, lag) for key, lag in sorted(merged.items())))[-MOST_LAGS:]


def _greater(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {key: max(one.get(key, 0.0), other.get(key, 0.0)) for key in one.keys() | other.keys()}
