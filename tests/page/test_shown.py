"""What the page makes of facts: words, rows, curves, the answer. Nothing unknown ever looks good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.expose.lag_history import KEYS, POINTS, LagHistory
from exporter.expose.web import go_no_go, key_page, key_rows, overview, sparkline, words
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import KeyFacts, Snapshot
from exporter.model.gate import Check, Step, Verdict
from exporter.model.pages import Phase
from tests.expose import snapshots

NOW = snapshots.NOW


def step(*verdicts: Verdict, **more: object) -> Step:
    checks = tuple(
        Check(f"check-{n}", "It is so.", verdict, snapshots.seen("seen"))
        for n, verdict in enumerate(verdicts)
    )
    worst = next((v for v in (Verdict.FAILED, Verdict.UNKNOWN) if v in verdicts), Verdict.PASSED)
    return replace(Step("switch-primary", False, worst, checks, "next", 300.0), **more)


def of(found: Step, *warnings: str, uniform: bool | None = True) -> Snapshot:
    rich = snapshots.rich()
    fleet = replace(rich.fleet, findings=snapshots.told(*warnings), uniform=uniform)
    return replace(snapshots.with_steps(rich, found), fleet=fleet)


def with_risk(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, fleet=replace(snapshot.fleet, dangers=snapshots.told("p-1 sees 1 of 6.")))


HELD = step(Verdict.PASSED, open=True, soaked_for=400.0)
SOAKING = step(Verdict.PASSED, soaked_for=100.0)


@pytest.mark.parametrize(
    ("snapshot", "word"),
    [
        pytest.param(of(HELD), "GO ON", id="open"),
        pytest.param(of(HELD).withheld("Unknown: old."), "UNKNOWN", id="open, but withheld"),
        pytest.param(of(HELD, "Gossip is split."), "OPEN, BUT", id="open in spite of a warning"),
        pytest.param(with_risk(of(HELD)), "OPEN, BUT", id="open in spite of a risk"),
        pytest.param(of(SOAKING), "WAIT", id="every check holds, but not for long enough"),
        pytest.param(of(step(Verdict.PASSED, Verdict.FAILED)), "STOP", id="one fails"),
        pytest.param(of(step(Verdict.UNKNOWN, Verdict.FAILED)), "STOP", id="one fails, one unknown"),
        pytest.param(of(step(Verdict.PASSED, Verdict.UNKNOWN)), "UNKNOWN", id="one unknown"),
        pytest.param(of(replace(HELD, name="other")), "UNKNOWN", id="the next step is not there"),
        pytest.param(snapshots.unknown(), "UNKNOWN", id="nothing is known"),
    ],
)  # fmt: skip
def test_the_answer(snapshot: Snapshot, word: str) -> None:
    assert go_no_go.answer_of(snapshot).word == word


def test_only_an_open_step_that_is_not_withheld_is_called_open() -> None:
    assert go_no_go.word_of(HELD) == ("open", "open")
    assert go_no_go.word_of(HELD.withheld("Unknown: old.")) == ("unknown", "unknown")
    assert go_no_go.word_of(SOAKING) == ("wait", "waiting")


def test_checks_that_fail_come_first_then_the_unknown_ones() -> None:
    bad, held = go_no_go.check_rows(step(Verdict.PASSED, Verdict.UNKNOWN, Verdict.FAILED))
    assert [row.tone for row in bad] == ["fails", "unknown"]
    assert [row.tone for row in held] == ["holds"]


def test_a_repeated_remedy_is_named_by_the_first_check_with_it() -> None:
    found = step(Verdict.FAILED, Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.PASSED)
    remedies = ("Mend it.", "Read it.", "Mend it.", "Mend it.")
    checks = tuple(replace(c, remedy=r) for c, r in zip(found.checks, remedies, strict=True))
    bad, held = go_no_go.check_rows(replace(found, checks=checks))
    assert [row.remedy for row in bad] == ["Mend it.", "Read it.", "As for check-0."]
    assert [row.remedy for row in held] == [""]


def test_culprits_are_cut_at_ten_and_the_evidence_does_not_repeat_them() -> None:
    names = tuple(f"p-{n}" for n in range(41))
    culprits = tuple(Culprit(Kind.PROCESS_NOT_RESPONDING, name) for name in names)
    check = Check("x", "It is so.", Verdict.FAILED, culprits=culprits)
    (row,), _ = go_no_go.check_rows(replace(step(Verdict.FAILED), checks=(check,)))
    assert (row.culprits, row.more, row.evidence) == (names[:10], 31, "41 found.")


RING = snapshots.ring_key()
FAULTLESS = replace(RING, orphaned=(), foreign=(), writers=None)


def with_copy(**found: tuple[str, ...]) -> KeyFacts:
    equal: dict[str, object] = {"missing_members": (), "mismatched": {"state": ()}, "unread": ()}
    return replace(RING, secondary=replace(snapshots.behind(), **(equal | found)))


EQUAL = replace(
    snapshots.behind(), missing_members=(), mismatched={"state": ()}, unread=(), differences=(), lag=0.0
)
MULTI, EXTERNAL, UNKNOWN = Phase.MULTI, Phase.EXTERNAL, Phase.UNKNOWN
NOWHERE = replace(EQUAL, missing_key=True, missing_in=("a", "b"))
COPIES = {
    "equal": (replace(RING, secondary=EQUAL), "good", "equal"),
    "extra is no harm": (with_copy(extra_members=("a",)), "good", "equal, 1 extra"),
    "remembered": (
        replace(RING, secondary=replace(EQUAL, by_pages=True)),
        "unknown",
        "equal to what the processes show; the store was not read completely",
    ),
    "partly read": (with_copy(unread=("a",)), "unknown", "equal where read; 1 view not read"),
    "not read while mirroring": (replace(RING, secondary=None), "unknown", "unknown"),
    "no phase": (replace(RING, secondary=None, phase=UNKNOWN), "unknown", "unknown"),
    "external": (replace(RING, secondary=None, phase=EXTERNAL), "none", "none in this phase"),
    "multi": (replace(RING, phase=MULTI), "none", "not copied yet"),
    "multi, for some": (replace(RING, secondary=EQUAL, phase=MULTI, phase_uniform=False), "good", "equal"),
    "detached": (replace(RING, secondary=NOWHERE, phase=Phase.DETACHED), "none", "no longer copied"),
    "detached, for some": (
        replace(RING, secondary=NOWHERE, phase=Phase.DETACHED, phase_uniform=False),
        "none",
        "no longer copied",
    ),
    "key missing": (replace(RING, secondary=NOWHERE), "bad", "key missing in 2 views of memberlist"),
    "missing": (with_copy(missing_members=("a",), settled=("a",)), "bad", "1 missing in memberlist"),
    "just now": (with_copy(missing_members=("a",)), "warn", "1 missing, for less than one heartbeat"),
}


@pytest.mark.parametrize(("key", "tone", "text"), COPIES.values(), ids=COPIES)
def test_the_copy_in_words(key: KeyFacts, tone: str, text: str) -> None:
    assert key_rows.copy(key, key_rows.not_copied(key, snapshots.rich())) == key_rows.Judged(tone, text)


@pytest.mark.parametrize(
    ("phase", "furthest", "tone"),
    [(EXTERNAL, MULTI, "none"), (MULTI, MULTI, "none"), (EXTERNAL, UNKNOWN, "none"),
     (MULTI, Phase.MIRRORING, "bad"), (EXTERNAL, Phase.SWITCHED, "bad"), (UNKNOWN, MULTI, "bad")],
)  # fmt: skip
def test_a_rollout_to_multi_shows_no_key_as_missing_until_a_client_mirrors(
    phase: Phase, furthest: Phase, tone: str
) -> None:
    rich = snapshots.rich()
    clients = tuple(replace(client, phase=furthest) for t in rich.targets for client in t.clients)
    rolling = replace(rich, targets=(replace(rich.targets[0], clients=clients),))
    key = replace(RING, secondary=NOWHERE, phase=phase, phase_uniform=False)
    row = key_rows.key_row(key, rolling, LagHistory(), 15.0)
    assert clients
    assert (row.copy.tone, row.missing.tone) == (tone, tone)


def test_a_copy_that_is_late_as_the_gate_finds_it_is_not_called_equal_alone() -> None:
    behind = (Culprit(Kind.SECONDARY_BEHIND, key="collectors/ring", value=60),)
    late = Check("lag", "No later than the limit.", Verdict.FAILED, (), behind)
    snapshot = of(replace(step(Verdict.FAILED), checks=(late,)))
    row = key_rows.key_row(replace(RING, secondary=EQUAL), snapshot, LagHistory(), 15)
    assert (row.copy, row.lag.tone) == (key_rows.Judged("bad", "equal, but late"), "bad")


def test_a_quorum_margin_is_a_trouble_only_where_the_gate_finds_it_one() -> None:
    thin = replace(FAULTLESS, quorum_margin=0)
    small = (Culprit(Kind.MARGIN_SMALL, key="collectors/ring", value=0),)
    margin = Check("quorum-margin", "One to spare.", Verdict.FAILED, (), small)
    named = of(replace(step(Verdict.FAILED), checks=(margin,)))
    for seen, told in ((snapshots.rich(), ()), (named, ("quorum margin 0",))):
        row = key_rows.key_row(thin, seen, LagHistory(), 15.0)
        assert (row.notes, row.short_of_quorum) == (told, bool(told))


def test_a_time_stamp_from_the_future_is_a_trouble() -> None:
    rich = snapshots.rich()
    late = replace(rich.keys[0], ahead={rich.keys[0].members[0].id: 7200.0})
    row, fine = (key_rows.key_row(key, rich, LagHistory(), 15.0) for key in (late, rich.keys[0]))
    assert (row.tone, "1 time stamp in the future" in row.notes) == ("bad", True)
    assert not any("future" in note for note in fine.notes)


def test_what_was_not_read_is_not_shown_as_a_number() -> None:
    compactor, partitions, tracker = snapshots.other_keys()
    assert key_rows.members(compactor).text == key_rows.unhealthy(compactor).text == "not read"
    assert key_rows.members(partitions).text == "3 partitions"
    assert key_rows.unhealthy(partitions) == key_rows.Judged("bad", "1 corrupted")
    assert key_rows.members(tracker).text == "2 elected"
    assert key_rows.views(compactor) == key_rows.Judged("unknown", "none read")


def test_troubled_keys_come_first() -> None:
    fine = replace(FAULTLESS, key="a", secondary=EQUAL, views=RING.views[:1], quorum_margin=1)
    fine = replace(fine, lost=0, members=RING.members[:1])
    snapshot = replace(snapshots.rich(), keys=(fine, replace(fine, key="b", token_conflicts=2)))
    rows = key_rows.key_rows(snapshot, LagHistory(), 15)
    assert [(row.key.key, row.tone) for row in rows] == [("b", "bad"), ("a", "none")]


def test_members_are_side_by_side_even_where_the_list_of_differences_was_cut_short() -> None:
    secondary = replace(snapshots.behind(), differences=())
    key = replace(RING, secondary=secondary)
    row = key_rows.key_row(key, snapshots.rich(), LagHistory(), 15)
    page = key_page.key_page(row, 1, 1)
    cells = {line.id: [cell.text for cell in line.cells] for line in page["members"]}
    assert [column.name for column in page["columns"]] == [
        "gossip of mimir-write-0",
        "gossip of mimir-write-1",
    ]
    assert cells["mimir-write-2"] == ["missing", "not read"]
    assert cells["mimir-write-0"] == ["same", "not read"]


def test_components_stand_where_their_writing_clients_are() -> None:
    found = {s.phase: s for s in overview.stations(snapshots.rich())}
    ingester = {name: [(p.component, p.clients, p.of) for p in s.components] for name, s in found.items()}
    assert ingester["multi"] == [("ingester", 2, 5)]
    assert ingester["mirroring"] == [("ingester", 2, 5)]
    assert ingester["unknown"] == [("ingester", 1, 5)]
    assert [s.place for s in found.values()] == [
        "behind",
        "here",
        "ahead",
        "ahead",
        "ahead",
        "ahead",
        "ahead",
    ]


SPANS = {None: "unknown", 0.0: "0 s", 4.04: "4.0 s", 59.6: "60 s", 150: "2 min", 7300: "2 h", 1e6: "12 d"}


@pytest.mark.parametrize(("seconds", "text"), SPANS.items())
def test_durations(seconds: float | None, text: str) -> None:
    assert words.span(seconds) == text


def test_names_are_bounded_and_stay_different() -> None:
    long, other = "x" * 400, "x" * 401
    assert len(words.name(long)) <= words.LONGEST_NAME
    assert words.name(long) != words.name(other)
    assert words.name("") == "(empty)"
    assert "\u202e" not in words.name("a\u202eb")


def test_only_what_a_browser_leaves_alone_becomes_a_path() -> None:
    assert words.path("collectors/ring") == "collectors/ring"
    assert words.path("a b?#<") == "a%20b%3F%23%3C"
    assert [words.path(bad) for bad in ("", "..", "a/../b", "./x", "x" * 300)] == [""] * 5


def with_lag(at: float, lag: float | None, keys: int = 1) -> Snapshot:
    made = tuple(replace(RING, key=f"k-{n}", secondary=replace(EQUAL, lag=lag)) for n in range(keys))
    return replace(snapshots.rich(), at=at, keys=made)


def test_the_history_is_bounded_in_keys_and_points() -> None:
    history = LagHistory()
    history.take(with_lag(NOW, 1.0, keys=KEYS + 50))
    assert len(history) == KEYS
    for n in range(POINTS + 60):
        history.take(with_lag(NOW + 15 * n, 1.0))
    end = NOW + 15 * (POINTS + 59)
    assert len(history.of("k-0", end)) == POINTS
    assert len(history) == 1


def test_within_a_step_the_greatest_lag_stays_and_unknown_is_no_zero() -> None:
    history = LagHistory()
    start = NOW // 15 * 15
    for n, lag in enumerate((1.0, 9.0, None, 2.0)):
        history.take(with_lag(start + n, lag))
    history.take(with_lag(start + 15, None))
    assert history.of("k-0", start + 20) == ((start + 3, 9.0), (start + 15, None))


def test_a_curve_has_a_gap_where_nothing_was_known_and_says_so() -> None:
    points = [(NOW - 60, 1.0), (NOW - 45, 2.0), (NOW - 30, None), (NOW - 15, 3.0), (NOW, 4.0)]
    drawn = sparkline.draw(points, NOW, 15)
    assert drawn.count("<polyline") == 2
    assert "now 4 s, at most 4 s, at times unknown (1 of 5 points)" in drawn
    assert sparkline.draw([(NOW, None)], NOW, 15) == ""


def test_a_time_in_which_nobody_looked_is_a_gap() -> None:
    drawn = sparkline.draw([(NOW - 900, 1.0), (NOW - 885, 1.0), (NOW - 15, 1.0), (NOW, 1.0)], NOW, 15)
    assert drawn.count("<polyline") == 2
