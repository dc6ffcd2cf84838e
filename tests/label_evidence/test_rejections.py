"""Rejections end to end, and how they are counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml

from exporter.config import load_text
from exporter.label_evidence.rejections import MAX_COUNTS, Reader, Rejections
from exporter.sources.logs.source import Counts, LogSource, Take
from exporter.wiring import one_cycle
from tests.conftest import Replay
from tests.recorded import look


def test_the_recorded_excerpt_gives_seven_rejections_of_the_label_other(
    replay: Callable[..., Replay], shared: Path
) -> None:
    excerpt = shared / "recordings" / "logs" / "cortex-1-excerpt.log"
    seen = look(replay("cortex/f3-foreign-label"), rejections=[{"file": {"paths": [str(excerpt)]}}])
    assert seen.values("foreign_label_rejections_total", "label", "source") == {"other file": 7.0}
    assert seen.value("gossip_clusters") == 2
    assert seen.value("gossip_absent_members") == 1
    assert seen.value("gossip_unknown_members") == 0


def line(label: str, *, wrap: str = "{}") -> bytes:
    message = f'msg="discarding stream with unacceptable label \\"{label}\\": from=127.0.0.1:42396"'
    return wrap.format(f"ts=2026-11-21T01:57:44.8Z level=error {message}").encode()


class Scripted(LogSource):
    """A source that gives what it is told, once each look."""

    kind = "file"

    def __init__(self, *looks: list[tuple[str, bytes]], counts: Counts = ()) -> None:
        self.looks = list(looks)
        self.counts = counts
        self.remembered: list[Counts] = []
        self.closed = False

    async def recall(self) -> Counts:
        return self.counts

    async def look(self, take: Take, deadline: float) -> None:
        for process, found in self.looks.pop(0) if self.looks else ():
            take(process, found)

    async def remember(self, counts: Counts) -> None:
        self.remembered.append(counts)

    async def close(self) -> None:
        self.closed = True


class Hanging(Scripted):
    """A source that does not come back."""

    asked = 0

    async def look(self, take: Take, deadline: float) -> None:
        self.asked += 1
        await asyncio.Event().wait()


class Broken(Scripted):
    """A source with a mistake in it."""

    async def look(self, take: Take, deadline: float) -> None:
        raise RuntimeError("boom")


def using(*sources: LogSource) -> Rejections:
    rejections = Rejections()
    rejections.use([(source, partial(given, source)) for source in sources])
    return rejections


def given(source: LogSource, _old: LogSource | None) -> LogSource:
    return source


async def looked(rejections: Rejections, seconds: float = 10.0) -> dict[tuple[str, str], int]:
    found = await rejections.look(asyncio.get_running_loop().time() + seconds)
    return {(one.target, one.label): one.count for one in found}


@pytest.mark.asyncio
async def test_counts_are_by_process_and_label_and_the_empty_label_is_one() -> None:
    source = Scripted(
        [("a", line("other")), ("a", line("other")), ("b", line("")), ("b", b"with unacceptable label?")],
        [("a", line("other"))],
    )
    rejections = using(source)
    assert await looked(rejections) == {("a", "other"): 2, ("b", ""): 1}
    assert await looked(rejections) == {("a", "other"): 3, ("b", ""): 1}
    assert source.remembered[-1] == (("a", "other", 3), ("b", "", 1))
    await rejections.close()
    assert source.closed


@pytest.mark.asyncio
async def test_ten_thousand_labels_are_twenty_and_other() -> None:
    lines = [("a", line(f"label-{number}")) for number in range(10_000)]
    rejections = using(Scripted(lines), Scripted([("b", line("label-3")), ("b", line("one more"))]))
    found = await looked(rejections)
    assert len(found) == 23
    assert found["a", "other"] == 9_980
    assert found["b", "label-3"] == found["b", "other"] == 1


@pytest.mark.asyncio
async def test_a_label_of_a_megabyte_is_other() -> None:
    rejections = using(Scripted([("a", line("x" * 1_000_000)), ("a", line("y" * 1_000_000))]))
    assert await looked(rejections) == {("a", "other"): 2}


@pytest.mark.asyncio
async def test_any_number_of_processes_is_bounded() -> None:
    lines = [(f"pod-{number}", line("x")) for number in range(MAX_COUNTS + 50)]
    found = await looked(using(Scripted(lines)))
    assert len(found) <= MAX_COUNTS + 2
    assert found["other", "other"] == 50
    assert sum(found.values()) == len(lines)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "wrap",
    [
        "{}",
        "2026-11-21T01:57:44.844102293Z stderr F {}",
        "2026-11-21T01:57:44.844102293Z stdout F {}\r",
    ],
    ids=["plain", "cri", "cr"],
)
async def test_every_wrapping_counts(wrap: str) -> None:
    docker = {"log": line("other").decode() + "\n", "stream": "stderr", "time": "2026-11-21T01:57:44.8Z"}
    own_json = {"level": "error", "msg": 'discarding packet with unacceptable label "other": from=1.2.3.4:5'}
    lines = [line("other", wrap=wrap), json.dumps(docker).encode(), json.dumps(own_json).encode()]
    assert await looked(using(Scripted([("a", one) for one in lines]))) == {("a", "other"): 3}


@pytest.mark.asyncio
async def test_a_label_that_quotes_a_log_line_is_counted_by_what_it_is() -> None:
    first, second = 'x\\": from=1.1.1.1:1', 'x\\": from=2.2.2.2:2'
    rejections = Reader()
    assert rejections.label_of(line("x")) == "x"
    assert rejections.label_of(line(first.replace('\\"', '\\\\\\"'))) != rejections.label_of(
        line(second.replace('\\"', '\\\\\\"'))
    )


@pytest.mark.parametrize(
    "source", ["10.0.0.7:1", "[2001:db8::1]:65535", "[fe80::1%eth0]:7946", "mimir-0.gossip:7946", ""]
)
def test_whether_a_rejection_is_ours_is_judged_by_its_label_and_source(source: str) -> None:
    asked: list[tuple[str, str]] = []

    def ours(label: str, where: str) -> bool:
        asked.append((label, where))
        return True

    reader = Reader(ours)
    for _ in range(2):  # with the label cached too
        assert reader.label_of(line("x").replace(b"127.0.0.1:42396", source.encode())) is None
    assert asked == [("x", source)] * 2


@pytest.mark.asyncio
async def test_counts_of_an_earlier_run_go_on() -> None:
    source = Scripted([("a", line("x"))], counts=(("a", "x", 6), ("b", "", 2)))
    assert await looked(using(source)) == {("a", "x"): 7, ("b", ""): 2}


@pytest.mark.asyncio
async def test_a_source_that_hangs_costs_no_cycle_and_is_not_asked_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exporter.label_evidence.rejections.CLOSING_SECONDS", 0.05)
    hanging = Hanging()
    rejections = using(hanging, Scripted([("a", line("x"))]))
    assert await looked(rejections, 0.05) == {("a", "x"): 1}
    assert await looked(rejections, 0.05) == {("a", "x"): 1}
    assert hanging.asked == 1
    await rejections.close()


@pytest.mark.asyncio
async def test_a_source_with_a_mistake_costs_itself_alone(caplog: pytest.LogCaptureFixture) -> None:
    assert await looked(using(Broken(), Scripted([("a", line("x"))]))) == {("a", "x"): 1}
    assert "log source failed" in caplog.text


@pytest.mark.asyncio
async def test_a_reload_keeps_counts_and_sources_that_stay_and_lets_the_others_go() -> None:
    staying, going = Scripted([("a", line("x"))], [("a", line("x"))]), Scripted([("b", line("y"))])
    rejections = using(staying, going)
    await looked(rejections)
    new = Scripted([("c", line("z"))])
    rejections.use([(staying, lambda old: old or new), ("new", partial(given, new))])
    assert await looked(rejections) == {("a", "x"): 2, ("b", "y"): 1, ("c", "z"): 1}
    assert going.closed
    assert not staying.closed


@pytest.mark.asyncio
async def test_a_source_that_comes_back_is_not_counted_on_top_of_what_it_was() -> None:
    rejections = Rejections()
    rejections.use([("same", partial(given, Scripted([("a", line("x"))])))])
    assert await looked(rejections) == {("a", "x"): 1}
    rejections.use([])
    assert await looked(rejections) == {("a", "x"): 1}
    rejections.use([("same", partial(given, Scripted([("a", line("x"))] * 2)))])
    assert await looked(rejections) == {("a", "x"): 2}


@pytest.mark.asyncio
async def test_closing_waits_for_a_look_that_still_has_its_position_to_write() -> None:
    going_on = asyncio.Event()

    class Slow(Scripted):
        async def look(self, take: Take, deadline: float) -> None:
            await going_on.wait()
            assert not self.closed

        async def remember(self, counts: Counts) -> None:
            assert not self.closed
            await super().remember(counts)

    slow = Slow()
    rejections = using(slow)
    await looked(rejections, 0.01)
    closing = asyncio.create_task(rejections.close())
    await asyncio.sleep(0)
    going_on.set()
    await closing
    assert slow.closed
    assert slow.remembered == [()]


def test_a_million_rejections_cost_a_few_seconds_at_most() -> None:
    reader, one = Reader(), line("other")
    started = time.process_time()
    for _ in range(100_000):
        reader.label_of(one)
    for number in range(100_000):
        reader.label_of(line(f"label-{number}"))
    assert time.process_time() - started < 4, "a tenth of a core is 1.2 s for as many; 0.4 s is usual"


@pytest.mark.asyncio
async def test_a_configuration_with_a_state_file_counts_nothing_twice_over_a_restart(tmp_path: Path) -> None:
    log = tmp_path / "cortex-1.log"
    log.write_bytes(b"\n".join([line("other")] * 3) + b"\n")
    entry = {"file": {"paths": [str(log)], "state_file": str(tmp_path / "state.json")}}
    told = {"targets": [{"static": {"urls": ["http://127.0.0.1:1"]}}], "rejections": [entry]}
    config = load_text(yaml.safe_dump(told))
    for expected in (3, 3, 4):
        if expected == 4:
            with log.open("ab") as file:
                file.write(line("other") + b"\n")
        snapshot = await one_cycle(config)
        assert [(one.target, one.count) for one in snapshot.rejections] == [("cortex-1", expected)]


@pytest.mark.asyncio
async def test_two_entries_do_not_share_a_state_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.log").write_bytes(line("x") + b"\n")
    (tmp_path / "b.log").write_bytes(line("y") + b"\n")
    state = str(tmp_path / "state.json")
    entries = [
        {"file": {"paths": [str(tmp_path / name)], "state_file": state}} for name in ("a.log", "b.log")
    ]
    told = {"targets": [{"static": {"urls": ["http://127.0.0.1:1"]}}], "rejections": entries}
    snapshot = await one_cycle(load_text(yaml.safe_dump(told)))
    assert [(one.target, one.label) for one in snapshot.rejections] == [("a", "x"), ("b", "y")]
    assert "give each its own" in caplog.text
