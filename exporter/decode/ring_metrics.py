"""A process's metrics about its rings: `…ring_members`, `…_oldest_member_timestamp`, `…_tokens_total`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from exporter.decode.formats.exposition import known
from exporter.errors import DecodeError
from exporter.model.entry import State
from exporter.model.pages import RingSignals

MAX_RINGS = 100
MAX_STATES = 20  # dskit has six
UNHEALTHY = State.UNHEALTHY.value
Line = tuple[tuple[str, str], float]  # of a ring's name and a state, with the value
Lines = Iterable[Line]


def ring_signals(members: Lines, oldest: Lines, tokens: Lines) -> Mapping[str, RingSignals]:
    """The signals of each ring by its name. Several lines of one subject, as of several zones, are summed; a
    state without members is left out. Raises `DecodeError` for more than any process has.
    """
    counts, owned = _counted(tuple(members)), _owned(tuple(tokens))
    ages: dict[str, dict[str, float]] = {}
    for (ring, state), at in oldest:
        known_at = known(at)
        if known_at and state.lower() in counts.get(ring, ()):
            states = ages.setdefault(ring, {})
            states[state.lower()] = min(states.get(state.lower(), known_at), known_at)
    return MappingProxyType(
        {
            ring: RingSignals(states, _oldest(ages.get(ring, {})), owned.get(ring))
            for ring, states in counts.items()
        }
    )


def _oldest(ages: Mapping[str, float]) -> float | None:
    living = [at for state, at in ages.items() if state != UNHEALTHY]
    return min(living or ages.values(), default=None)


@lru_cache(maxsize=4_096)  # most processes have the same lines, cycle after cycle
def _owned(lines: tuple[Line, ...]) -> Mapping[str, int]:
    owned: dict[str, int] = {}
    for (ring, _), count in lines:
        owned[ring] = owned.get(ring, 0) + int(known(count) or 0)
    return owned


@lru_cache(maxsize=4_096)
def _counted(lines: tuple[Line, ...]) -> Mapping[str, Mapping[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for (ring, state), value in lines:
        states = counts.setdefault(ring, {})
        number = int(known(value) or 0)
        if number > 0:
            states[state.lower()] = states.get(state.lower(), 0) + number
    if len(counts) > MAX_RINGS or any(len(states) > MAX_STATES for states in counts.values()):
        raise DecodeError(f"metrics: more than {MAX_RINGS} rings, or {MAX_STATES} states of one")
    return {ring: MappingProxyType(states) for ring, states in counts.items()}
