"""What began and what ended, from one snapshot to the next."""

from __future__ import annotations

from dataclasses import replace

from exporter.derive.planning.timeline import GAP, MOST_SPANS, advanced
from exporter.model.planning.timeline import Span, Timeline, Track
from tests.derive.build import Fleet


def spans(timeline: Timeline, track: Track, subject: str = "rings") -> list[tuple[str, bool]]:
    """The states of one subject, and whether each has ended."""
    return [
        (s.value, s.ended is not None) for s in timeline.spans if (s.track, s.subject) == (track, subject)
    ]


def test_a_phase_ends_where_the_next_one_begins() -> None:
    fleet = Fleet()
    first = advanced(Timeline(), fleet.look())
    assert spans(first, Track.PHASE) == [("mirroring", False)]
    for process in fleet.processes:
        process.clients = tuple(replace(one, primary="memberlist") for one in process.clients)
    snapshot = fleet.look()
    second = advanced(first, snapshot)
    assert spans(second, Track.PHASE) == [("mirroring", True), ("switched", False)]
    (ended, lasting) = (s for s in second.spans if (s.track, s.subject) == (Track.PHASE, "rings"))
    assert ended.ended == lasting.began == snapshot.at
    assert (ended.start_observed, lasting.start_observed) == (False, True)


def test_the_same_state_in_the_next_cycle_is_the_same_span() -> None:
    fleet = Fleet()
    first = advanced(Timeline(), fleet.look(beat=True))
    second = advanced(first, fleet.look(beat=True))
    assert second.lasting[Track.PHASE, "rings"] is first.lasting[Track.PHASE, "rings"]
    assert not [span for span in second.spans if span.track is Track.GAP]


def test_a_deviation_has_its_begin_and_its_end() -> None:
    fleet = Fleet()
    timeline = advanced(Timeline(), fleet.look(beat=True))
    fleet.processes[0].up = False
    timeline = advanced(timeline, fleet.look(beat=True))
    assert not [s for s in timeline.spans if s.subject.startswith("process-down")]  # as in a restart
    for _ in range(15):
        timeline = advanced(timeline, fleet.look(beat=True))
    downs = [s for s in timeline.spans if s.track is Track.DEVIATION and s.subject.startswith("process-down")]
    assert [span.ended for span in downs] == [None]
    fleet.processes[0].up = True
    timeline = advanced(timeline, fleet.look(beat=True))
    assert all(s.ended is not None for s in timeline.spans if s.subject.startswith("process-down"))


def test_a_time_without_a_cycle_is_noted() -> None:
    fleet = Fleet()
    timeline = advanced(advanced(Timeline(), fleet.look()), fleet.look(GAP + 100, beat=True))
    (gap,) = (span for span in timeline.spans if span.track is Track.GAP)
    assert gap.ended is not None
    assert gap.ended - gap.began == GAP + 100


def test_what_ended_is_bounded_the_oldest_first() -> None:
    old = tuple(Span(Track.GATE, "rings/x", "open", float(n), n + 1.0) for n in range(MOST_SPANS))
    snapshot = Fleet().look()
    timeline = advanced(Timeline(ended=old, at=snapshot.at - GAP - 1), snapshot)
    assert len(timeline.ended) == MOST_SPANS
    assert timeline.ended[0] == old[1]
