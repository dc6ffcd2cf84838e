"""What a restart must not forget: through the file and back, and what the gate says after it."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporter.config import load_text
from exporter.derive.previous_cycle import (
    FORGET_LOST,
    FORGET_VANISHED,
    History,
    RingHistory,
    Watched,
    advance,
    advance_partitions,
)
from exporter.derive.store.store_identity import identified
from exporter.errors import ConfigError
from exporter.expose.wording import checks as wording
from exporter.expose.wording import culprits
from exporter.model.entry import State
from exporter.model.facts import MemberFacts
from exporter.model.gate import Step
from exporter.model.stores import StoreContent, StoreFacts
from exporter.polling.history_file import VERSION, HistoryFile, Kept, kept_of, path_of, recalled
from exporter.sources import state_file
from tests.derive.build import INGESTER, NOW, PAGES, Fleet, step_of
from tests.derive.ring.test_partitions import RING as PARTITIONS
from tests.derive.ring.test_partitions import changed
from tests.derive.store.test_store_identity import OLD, REPLACED, SAME
from tests.derive.test_checks_steps import LAST, fleet_with
from tests.derive.test_previous_cycle import facts, ring

ALL = Watched(frozenset(f"p-{number}" for number in range(20)))
STEP = "decommission-store"


def restarted(history: History, now: float) -> History:
    """The history after a restart, through the text of the file."""
    told = json.loads(json.dumps(msgspec.to_builtins(kept_of(history))))
    return recalled(msgspec.convert(told, Kept), now)


def ring_of(past: RingHistory, now: float) -> RingHistory:
    return restarted(History(rings={INGESTER: past}), now).rings.get(INGESTER, RingHistory())


def lost(
    before: list[MemberFacts], then: list[MemberFacts], down: float = 60.0, all_: Watched = ALL
) -> set[str]:
    past = ring_of(advance(RingHistory(), tuple(before), NOW, ALL), NOW + down)
    return set(advance(past, tuple(then), NOW + down, all_).lost)


def test_a_loss_before_a_restart_is_known_after_it_for_as_long_as_without_one() -> None:
    past = advance(
        advance(RingHistory(), tuple(ring(1, 2, 3, 4)), NOW, ALL), tuple(ring(1, 2)), NOW + 15, ALL
    )
    for _ in range(3):
        past = advance(ring_of(past, NOW + 30), tuple(ring(1, 2)), NOW + 45, ALL)
    assert past.lost == {"m-3": (NOW + 15, "p-3"), "m-4": (NOW + 15, "p-4")}
    assert not advance(ring_of(past, NOW + 60), tuple(ring(1, 2)), NOW + 16 + FORGET_LOST, ALL).lost
    writing = replace(ALL, writing=frozenset({"p-3"}))
    assert advance(past, tuple(ring(1, 2)), NOW + 16 + FORGET_LOST, writing).lost.keys() == {"m-3"}


@pytest.mark.parametrize(
    ("before", "then", "answering", "names"),
    [
        (ring(1, 2, 3, 4), ring(1, 2), ALL.answering, {"m-3", "m-4"}),
        (ring(1, 2), [], ALL.answering, {"m-1", "m-2"}),
        (ring(1, 2, 3, 4), ring(1, 2, 3, 4), ALL.answering, set()),
        (ring(1, 2, 3, 4), ring(1, 2), frozenset({"p-1", "p-2"}), set()),
        ([facts(1), facts(2, state=State.LEAVING)], ring(1), ALL.answering, set()),
    ],
    ids=["half of it", "all of it", "nothing", "scaled down", "had been leaving"],
)
def test_a_loss_while_the_exporter_was_down_is_a_loss(
    before: list[MemberFacts], then: list[MemberFacts], answering: frozenset[str], names: set[str]
) -> None:
    assert lost(before, then, all_=Watched(answering)) == names


def test_partitions_lost_while_the_exporter_was_down_are_lost() -> None:
    past = advance_partitions(RingHistory(), PARTITIONS, NOW, ALL, {})
    assert advance_partitions(ring_of(past, NOW + 60), changed(1, 2), NOW + 60, ALL, {}).lost.keys() == {
        "1",
        "2",
    }
    assert not advance_partitions(ring_of(past, NOW + 60), PARTITIONS, NOW + 60, ALL, {}).lost


def test_a_ring_that_nobody_showed_for_a_day_is_forgotten() -> None:
    assert lost(ring(1, 2, 3, 4), ring(1, 2), FORGET_VANISHED - 60)
    assert not lost(ring(1, 2, 3, 4), ring(1, 2), FORGET_VANISHED + 60)


def test_a_time_that_lies_ahead_is_taken_for_now() -> None:
    past = RingHistory(lost={"m-1": (NOW + 9000, "p-1")}, at=NOW + 9000)
    assert ring_of(past, NOW).lost == {"m-1": (NOW, "p-1")}
    assert ring_of(past, NOW).at == NOW


def test_that_the_store_had_a_ring_is_remembered() -> None:
    assert ring_of(RingHistory(stored=True, at=NOW), NOW + 60).stored
    assert not ring_of(RingHistory(at=NOW), NOW + 60).stored


def judged(*looks: StoreContent) -> StoreFacts:
    """The facts after these looks, with a restart before each."""
    snapshot, history, found = Fleet().look(), History(), None
    for number, look in enumerate(looks):
        at = OLD + 15 * number
        known = restarted(history, at).stores.get("etcd")
        found = identified(StoreFacts("etcd", look.outcome), look, known, at)
        history = History(snapshot=replace(snapshot, stores=(found,)))
    assert found is not None
    return found


@pytest.mark.parametrize("case", SAME)
def test_the_same_store_after_restarts(case: str) -> None:
    facts = judged(*SAME[case])
    assert (facts.replaced, facts.replaced_at) == (None, None)


@pytest.mark.parametrize("case", REPLACED)
def test_not_the_store_that_it_was_after_restarts(case: str) -> None:
    looks, words = REPLACED[case]
    found = judged(*looks).replaced
    assert found is not None
    assert words in culprits.name(found)


WHY = "its cluster id is 8, and was 7"
WRITTEN: list[tuple[str, Any, str]] = [
    ("a sentence, by an earlier release", WHY, WHY),
    ("data", {"kind": "store-cluster-other", "member": "8", "what": "7"}, WHY),
    ("numbers", {"kind": "store-revision-fell", "value": 4, "of": 50}, "its revision decreased from 50 to 4"),
    (
        "keys",
        {"kind": "store-keys-vanished", "value": 2, "of": 4, "names": ["collectors/ring", "ha-tracker/"]},
        "2 of 4 keys vanished together: collectors/ring, the HA tracker's entries",
    ),
    ("nothing", "", ""),
]


@pytest.mark.parametrize(("written", "words"), [c[1:] for c in WRITTEN], ids=[c[0] for c in WRITTEN])
def test_a_store_that_was_another_one_is_so_whatever_release_wrote_it(written: Any, words: str) -> None:
    store = {"identity": {"cluster": "7"}, "replaced": written, "replaced_at": OLD if written else None}
    kept = msgspec.convert({"stores": {"etcd": store}, "rings": {}, "places": {}}, Kept)
    found = recalled(kept, NOW).stores["etcd"].replaced
    assert (culprits.name(found) if found else "") == words


# The gate, by the last cycle of six after a restart.


def _another_store(fleet: Fleet) -> None:
    """One with the same keys."""
    fleet.cluster = "8"


def _lost_members(fleet: Fleet) -> None:
    """Two of three are lost from every ring, then taken off the list of processes."""
    fleet.processes[1].beats = fleet.processes[2].beats = False
    fleet.beat()
    for process in fleet.processes:
        for key in PAGES:
            process.pages[key] = process.copies[key] = fleet.processes[0].copies[key]
    fleet.look()
    fleet.processes = fleet.processes[:1]
    fleet.processes[0].sees = (1,)


def _nothing(_: Fleet) -> None:
    pass


def after(spoil: Any, *, remembers: bool) -> Step:
    fleet = fleet_with(**LAST)
    fleet.rules = replace(fleet.rules, remembers=remembers)
    fleet.stored, fleet.cluster = False, "7"
    assert step_of([fleet.look(beat=True) for _ in range(4)][-1], STEP).open
    spoil(fleet)
    fleet.history = restarted(fleet.history, fleet.now) if remembers else History()
    return step_of([fleet.look(beat=True) for _ in range(6)][-1], STEP)


def said(step: Step) -> str:
    return " ".join(map(wording.evidence, step.checks))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_another_store, "consul is not the store that it was: its cluster id is 8, and was 7"),
        (_lost_members, "collectors/ring lost 2 members at once"),
    ],
)
def test_what_was_known_before_a_restart_keeps_the_store(spoil: Any, words: str) -> None:
    step = after(spoil, remembers=True)
    assert not step.open
    assert words in said(step)
    assert after(spoil, remembers=False).open, "nothing else tells"


def test_a_restart_in_which_nothing_happened_opens_and_says_what_is_known() -> None:
    step = after(_nothing, remembers=True)
    assert step.open, step.headline
    assert "The same store for 135 s." in said(step)
    assert "state_file" not in said(step)


def test_without_a_state_file_the_gate_says_that_nothing_is_known_of_before() -> None:
    step = after(_nothing, remembers=False)
    assert step.open, step.headline
    assert "No state_file: which store it was before the exporter started is unknown." in said(step)
    assert "No state_file: what the rings lost before the exporter started is unknown." in said(step)


# The file.


def history() -> History:
    fleet = Fleet()
    fleet.look()
    return fleet.history


async def written(path: Path, told: History) -> HistoryFile:
    file = HistoryFile(path)
    file.keep(told)
    await file.close()
    return file


@pytest.mark.asyncio
async def test_what_is_written_is_recalled(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    await written(path, history())
    assert path.stat().st_mode & 0o777 == 0o600
    found = await HistoryFile(path).recall(NOW + 60)
    assert found.rings.keys() == set(PAGES)
    assert found.stores.keys() == {"consul"}
    assert sorted(member.id for member in found.rings[INGESTER].members) == ["p-1", "p-2", "p-3"]


@pytest.mark.asyncio
async def test_it_is_written_anew_only_where_something_changed(tmp_path: Path) -> None:
    path, told = tmp_path / "history.json", history()
    file = await written(path, told)
    path.unlink()
    file.keep(told)
    await file.close()
    assert not path.exists()
    file.move(tmp_path / "other.json")
    file.keep(told)
    await file.close()
    assert (tmp_path / "other.json").exists()


@pytest.mark.asyncio
async def test_without_a_path_nothing_is_kept(tmp_path: Path) -> None:
    file = HistoryFile(None)
    file.keep(history())
    await file.close()
    assert await file.recall(NOW) == History()
    assert not list(tmp_path.iterdir())


GOOD = {"version": VERSION, "stores": {}, "rings": {}, "places": {}}
RING = {"at": NOW, "stored": True, "members": {}, "active": {}, "lost": {}}
STORE = {"replaced": "", "replaced_at": None}
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "half": json.dumps(GOOD)[:30].encode(),
    "no object": b"[]",
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "large": b" " * (state_file.MAX_BYTES + 1),
    "newer": json.dumps(GOOD | {"version": VERSION + 1}).encode(),
    "older": json.dumps(GOOD | {"version": VERSION - 1}).encode(),
    "of the logs": json.dumps({"version": VERSION, "files": [], "counts": []}).encode(),
    "no rings": json.dumps({"version": VERSION, "stores": {}}).encode(),
    "a wrong ring": json.dumps(GOOD | {"rings": {"a": RING | {"members": {"m": ["NEW", "t"]}}}}).encode(),
    "a time that is none": json.dumps(GOOD | {"rings": {"a": RING | {"at": float("nan")}}}).encode(),
    "a wrong store": json.dumps(GOOD | {"stores": {"etcd": STORE | {"identity": {"cluster": 7}}}}).encode(),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_file_costs_a_warning_and_is_replaced(
    case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(BROKEN[case])
    assert await HistoryFile(path).recall(NOW) == History()
    assert f"state file {path} is not used, and its contents are forgotten" in caplog.text
    await written(path, history())
    assert (await HistoryFile(path).recall(NOW)).rings


@pytest.mark.asyncio
async def test_a_pipe_and_a_directory_stop_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    for name in ("pipe", "directory"):
        assert await HistoryFile(tmp_path / name).recall(NOW) == History()
    assert caplog.text.count("is not used") == 2


@pytest.mark.asyncio
async def test_a_full_disk_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, file = tmp_path / "history.json", HistoryFile(tmp_path / "history.json")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        for _ in range(3):
            file.keep(history())
            await file.close()
    assert caplog.text.count("no space left on device") == 1
    assert not list(tmp_path.iterdir())
    file.keep(history())
    await file.close()
    assert path.exists()


@pytest.mark.asyncio
async def test_it_is_written_through_no_link(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "history.json"
    victim.write_text("mine")
    path.symlink_to(victim)
    (tmp_path / f".history.json.{os.getpid()}").symlink_to(victim)
    await written(path, history())
    assert (victim.read_text(), path.is_symlink()) == ("mine", False)


def test_each_shard_has_a_file_of_its_own() -> None:
    text = "targets: [{static: {urls: ['http://a:1']}}]\nstate_file: /var/lib/k/history.json\n"
    assert path_of(load_text(text)) == Path("/var/lib/k/history.json")
    sharded = load_text(f"{text}scale: {{shard: 2, shards: 4}}\n")
    assert path_of(sharded) == Path("/var/lib/k/history-2.json")
    assert path_of(load_text(text.splitlines()[0])) is None


def test_the_state_of_logs_needs_a_file_of_its_own() -> None:
    text = (
        "targets: [{static: {urls: ['http://a:1']}}]\nstate_file: /s.json\n"
        "rejections: [{file: {paths: [/a.log], state_file: /s.json}}]\n"
    )
    with pytest.raises(ConfigError, match="state_file"):
        load_text(text)


def test_a_large_cluster_fits(tmp_path: Path) -> None:
    """Eight rings of 3,000 members."""
    members = tuple(facts(number, target=f"10.1.200.{number}:8080") for number in range(3000))
    told = History(rings={f"collectors/ring-{n}": RingHistory(members=members, at=NOW) for n in range(8)})
    state_file.save(tmp_path / "h.json", 1, kept_of(told))
    assert (tmp_path / "h.json").stat().st_size < state_file.MAX_BYTES / 4
