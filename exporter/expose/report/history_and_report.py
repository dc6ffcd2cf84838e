"""History and report, made of the timeline and the newest snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from exporter.expose.api.answers import status_out
from exporter.expose.report.shapes import HistoryOut, LagOut, NamesOut, OpenedOut, ReportOut, SpanOut
from exporter.expose.wording.planning import migration_report as wording
from exporter.model.entry import host_of
from exporter.model.facts import Snapshot
from exporter.model.planning.timeline import Span, Timeline, Track


def history_out(timeline: Timeline) -> HistoryOut:
    """`/api/v1/history`."""
    points: dict[str, list[tuple[float, float]]] = {}
    for key, at, seconds in timeline.lags:
        points.setdefault(key, []).append((at, seconds))
    return HistoryOut(
        tuple(map(_span, timeline.spans)),
        tuple(LagOut(key, tuple(some)) for key, some in sorted(points.items())),
    )


def report_out(snapshot: Snapshot, timeline: Timeline, version: str, config: str) -> ReportOut:
    """`/api/v1/report`."""
    counted = Counter(target.component or "?" for target in snapshot.targets)
    return ReportOut(
        made_at=snapshot.at,
        status=status_out(snapshot, version),
        processes=tuple(sorted(counted.items())),
        history=history_out(timeline),
        opened=tuple(_opened(timeline.spans)),
        restarts=wording.restart_durations([t.away for t in snapshot.targets if t.away is not None]),
        pages=tuple(sorted((page, outcome, count) for (page, outcome), count in snapshot.fetches.items())),
        config=config,
        unknown=wording.unknown(snapshot),
        names=_names(snapshot),
    )


def _span(span: Span) -> SpanOut:
    return SpanOut(span.track.value, span.subject, span.value, span.began, span.ended, span.start_observed)


def _opened(spans: Iterable[Span]) -> Iterator[OpenedOut]:
    """Each time a gate opened, with the checks that passed last before it."""
    known = tuple(spans)
    for gate in known:
        if gate.track is Track.GATE and gate.value == "open" and gate.start_observed:
            since = _closed_since(gate, known)
            checks = [one for one in known if _is_check_of(gate, one) and since <= (one.ended or 0.0)]
            last = max((one.ended or 0.0 for one in checks), default=0.0)
            names = sorted({one.subject.partition(" ")[2] for one in checks if one.ended == last})
            yield OpenedOut(gate.subject, gate.began, since, tuple(names))


def _is_check_of(gate: Span, one: Span) -> bool:
    """Whether a span is of a check of this gate, and ended before the gate opened."""
    is_of = one.track is Track.CHECK and one.subject.startswith(f"{gate.subject} ")
    return is_of and one.ended is not None and one.ended <= gate.began


def _closed_since(gate: Span, spans: Iterable[Span]) -> float:
    """Since when a gate that opened had not been open, as far as it was watched without a gap."""
    before = [one for one in spans if one.ended is not None and one.ended <= gate.began]
    same = [one for one in before if (one.track, one.subject) == (gate.track, gate.subject)]
    was_open = max((one.ended or 0.0 for one in same if one.value == "open"), default=0.0)
    began = min((one.began for one in same if one.began >= was_open), default=gate.began)
    return max([began, *(one.ended or 0.0 for one in before if one.track is Track.GAP)])


def _names(snapshot: Snapshot) -> NamesOut:
    targets = snapshot.targets
    in_rings = [member for key in snapshot.keys for member in key.members]
    in_gossip = [member for target in targets if target.gossip for member in target.gossip.members]
    members = {member.id for member in in_rings} | {member.name for member in in_gossip}
    if snapshot.gossip is not None:
        members_elsewhere = (*snapshot.gossip.unknown, *snapshot.gossip.orphaned, *snapshot.gossip.foreign)
        members |= {one.name for one in members_elsewhere}
    labels = {target.gossip.label for target in targets if target.gossip and target.gossip.label}
    addresses = [member.address for member in in_rings] + [member.address for member in in_gossip]
    addresses += [address for store in snapshot.stores for address in store.addresses]
    hosts = {target.host for target in targets}.union(map(_host, addresses))
    return NamesOut(
        processes=tuple(sorted({target.name for target in targets})),
        hosts=tuple(sorted(hosts - {""})),
        members=tuple(sorted(members - {""})),
        labels=tuple(sorted(labels)),
    )


def _host(address: str) -> str:
    """The host of an address or a URL, without its port."""
    return host_of(address.rpartition("//")[2].rpartition("@")[2])
