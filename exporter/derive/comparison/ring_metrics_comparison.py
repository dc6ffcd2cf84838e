"""Each process's metrics about the rings that it watches, compared with its peers' metrics.

This third kind of view comes from every process in every cycle: members by state, tokens, and the age of the
oldest heartbeat. It names no member, but determines which ring pages and gossip copies to read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import median_high
from types import MappingProxyType

from exporter.model.entry import State
from exporter.model.pages import RingSignals
from exporter.model.views import ViewFacts

KIND = "metrics"
SETTLES_AFTER = 10.0  # seconds; a change reaches every watch and every gossip copy in less
UNHEALTHY = State.UNHEALTHY.value


@dataclass(frozen=True, slots=True)
class Signal:
    """One process's metrics about one ring, and when we requested them."""

    target: str
    signals: RingSignals
    recently_started: bool = False
    read_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Deviation:
    """A process with other metrics than most, `since` when, by our clock. `own` is its value and `usual`
    theirs when they first differed.
    """

    own: str
    usual: str
    since: float


Deviations = Mapping[str, Deviation]  # by process


@dataclass(frozen=True, slots=True)
class Counted:
    """One ring's views by metrics, the number of different views, and the deviations for the next cycle."""

    views: tuple[ViewFacts, ...] = ()
    distinct: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    deviations: Deviations = field(default_factory=lambda: MappingProxyType({}))


def judge_signals(
    signals: tuple[Signal, ...], previous: Deviations, pages: Iterable[ViewFacts], now: float
) -> Counted:
    """Judge each process's view by its metrics. A difference is judged after two cycles and `SETTLES_AFTER`:
    the first process read may lack the latest members. Two kinds of processes are not judged: those that
    started recently, and those with an own ring page among `pages`, read since, without a fault.
    """
    if not signals:
        return Counted()
    hidden = any(UNHEALTHY in signal.signals.members for signal in signals)
    texts = [_text(signal.signals, hidden) for signal in signals]
    usual, oldest = _usual(signals, texts), _oldest_of_most(signals)
    most = "" if usual is None else _text(usual, hidden)
    deviations = {
        signal.target: _continued(previous.get(signal.target), own, most, now)
        for signal, own in zip(signals, texts, strict=True)
        if own != most and not signal.recently_started and len(signals) > 1
    }
    fine = _contradicted(pages, deviations)
    waiting = fine | {name for name, deviation in deviations.items() if now - deviation.since < SETTLES_AFTER}
    diverged = deviations.keys() - fine
    views = tuple(
        _view(signal, _digests(signal.signals, own, hidden), usual, oldest, (diverged, waiting))
        for signal, own in zip(signals, texts, strict=True)
    )
    shown = len({view.fingerprint for view in views})
    return Counted(views, MappingProxyType({KIND: shown}), MappingProxyType(deviations))


def _contradicted(pages: Iterable[ViewFacts], deviations: Deviations) -> set[str]:
    """Processes without a deviation on their own ring page, read since. Releases count tokens differently,
    and a zone may be left out of one process's ring on purpose.
    """
    return {
        page.target
        for page in pages
        if page.target in deviations and page.kind == "ring" and page.known and page.judged
        and not (page.diverged or page.missing) and (page.read_at or 0.0) > deviations[page.target].since
    }  # fmt: skip


def _continued(deviation: Deviation | None, own: str, usual: str, now: float) -> Deviation:
    """The same deviation unless both its value and that of most changed: then members come and go."""
    if deviation is None or deviation.since > now or (deviation.own != own and deviation.usual != usual):
        return Deviation(own, usual, now)
    return Deviation(own, usual, deviation.since)


def _usual(signals: Iterable[Signal], texts: Iterable[str]) -> RingSignals | None:
    """The value of most processes that have not just started; `None` where there is no majority."""
    judged = [
        (own, signal.signals)
        for signal, own in zip(signals, texts, strict=True)
        if not signal.recently_started
    ]
    by_what = dict(judged)
    counts = Counter(own for own, _ in judged).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return None
    return by_what[counts[0][0]]


def _text(signals: RingSignals, hidden: bool) -> str:
    """The part that counts. Where any process calls a member unhealthy, states count nowhere."""
    states = (
        "" if hidden else ",".join(f"{count} {state}" for state, count in sorted(signals.members.items()))
    )
    return f"{signals.size} members, {signals.tokens} tokens, {states}"


@lru_cache(maxsize=4_096)
def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _oldest_of_most(signals: Iterable[Signal]) -> float | None:
    """The oldest heartbeat by most processes: a single process cannot make the rest seem late."""
    times = [signal.signals.oldest for signal in signals if signal.signals.oldest is not None]
    return median_high(times) if times else None


def _digests(signals: RingSignals, own: str, hidden: bool) -> tuple[str, ...]:
    """Without states; and with them, unless one is hidden: then these equal its own text."""
    return (_hashed(own),) if hidden else (_hashed(_text(signals, hidden=True)), _hashed(own))


def _view(
    signal: Signal,
    digests: tuple[str, ...],
    usual: RingSignals | None,
    oldest: float | None,
    deviating: tuple[Collection[str], Collection[str]],
) -> ViewFacts:
    """The view of one process; `deviating` are the processes that deviate, and those not judged yet."""
    signals, (diverged, waiting) = signal.signals, deviating
    return ViewFacts(
        kind=KIND,
        target=signal.target,
        known=True,
        fingerprint=digests[-1],
        digests=digests,
        staleness=None if oldest is None or signals.oldest is None else max(0.0, oldest - signals.oldest),
        unnamed=max(0, usual.size - signals.size) if usual is not None else 0,
        judged=not signal.recently_started and signal.target not in waiting,
        read_at=signal.read_at,
        diverged=signal.target in diverged,
    )
