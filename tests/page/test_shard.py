"""The page of one shard of several: it says that it shows a part, and calls nothing good."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from exporter.expose.web.go_no_go import check_rows, judged
from exporter.model.facts import Snapshot
from exporter.model.gate import Check, Step, Verdict
from exporter.model.shard import Part, Share
from tests.expose import snapshots
from tests.page.conftest import Look
from tests.page.test_answers import get
from tools.stage import Served

HOLDS = Check("lag", "No secondary lags", Verdict.PASSED, snapshots.seen("0 s"), since=snapshots.NOW - 900)
NOTHING = Check(
    "entries",
    "Entries agree",
    Verdict.UNKNOWN,
    snapshots.seen("none here"),
    vacuous=True,
    remedy="nothing to do",
)
UNKNOWN = Check("views-agree", "All views agree", Verdict.UNKNOWN, snapshots.seen("1 view could not be read"))
FAILS = Check("keys-copied", "Every key is copied", Verdict.FAILED, snapshots.seen("one is not"))
PATHS = (
    "/",
    "/processes",
    "/events",
    "/gate/switch-primary",
    "/key/collectors/ring",
    "/target/mimir-write-1",
)


def shard(*checks: Check) -> Snapshot:
    """Shard 2 of 4 at the step switch-primary."""
    verdicts = {check.verdict for check in checks}
    verdict = Verdict.FAILED if Verdict.FAILED in verdicts else Verdict.UNKNOWN
    step = Step("switch-primary", False, verdict, checks, "next", 300.0, None, 900.0, "a part")
    part = Part(Share(2, 4, 7), snapshots.NOW - 600, 15.0, 300.0, 42)
    rich = snapshots.rich()
    fleet = replace(rich.fleet, uniform=True, findings=())
    return replace(snapshots.with_steps(rich, step), part=part, fleet=fleet)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@pytest.mark.parametrize(
    ("checks", "word", "why"),
    [
        ((HOLDS,), "UNKNOWN", "No check in it failed."),
        ((HOLDS, NOTHING), "UNKNOWN", "No check in it failed."),
        ((HOLDS, UNKNOWN, NOTHING), "UNKNOWN", "1 check could not be answered in it."),
        ((HOLDS, FAILS), "STOP", "1 check of 2 failed."),
    ],
)
def test_a_part_says_stop_or_that_it_cannot_tell(checks: tuple[Check, ...], word: str, why: str) -> None:
    answer = judged(shard(*checks).steps[0], part=True)
    assert (answer.word, answer.share) == (word, None)
    assert answer.why.startswith(why)
    assert ("--prometheus" in answer.why) == (word != "STOP")


def test_even_a_step_that_called_itself_open_is_not_in_a_part() -> None:
    step = replace(shard(HOLDS).steps[0], open=True, verdict=Verdict.PASSED)
    assert judged(step).word == "GO ON"
    assert judged(step, part=True).word == "UNKNOWN"


def test_what_holds_in_a_part_has_no_tone_and_what_has_nothing_to_look_at_is_no_trouble() -> None:
    step = shard(HOLDS, NOTHING, UNKNOWN, FAILS).steps[0]
    bad, quiet = check_rows(step, part=True)
    assert [(row.tone, row.word) for row in bad] == [("fails", "failed"), ("unknown", "unknown")]
    assert [(row.tone, row.word) for row in quiet] == [
        ("none", "nothing in this part to check"),
        ("none", "passed in this part"),
    ]


@pytest.mark.parametrize("path", PATHS)
def test_every_page_of_a_shard_says_so_on_top(path: str) -> None:
    with Served(shard(HOLDS, NOTHING), now=snapshots.NOW + 4) as served:
        answer = get(served, path)
        assert answer.status == 200
        _, _, main = answer.text.partition('<main id="main"')
        said = text_of(main.partition(">")[2])
        assert said.startswith("Shard 2 of 4 (from 0). This page shows one part: the 3 processes")
        assert "kvmigration check STEP --prometheus URL" in said
        assert not re.search(r'class="[^"]*\b(open|holds)\b', main)
        assert "GO ON" not in said and "Every check holds" not in said and "they have for" not in said


@pytest.mark.parametrize("path", PATHS)
def test_the_page_of_one_exporter_says_nothing_of_shards(path: str) -> None:
    with Served(snapshots.rich(), now=snapshots.NOW + 4) as served:
        assert "hard 2" not in get(served, path).text
        assert 'id="part"' not in get(served, path).text


@pytest.mark.parametrize(("make", "told"), [(lambda: shard(HOLDS), (2, 4)), (snapshots.rich, (0, 1))])
def test_the_api_says_which_shard_it_is(make: object, told: tuple[int, int]) -> None:
    assert callable(make)
    with Served(make(), now=snapshots.NOW + 4) as served:
        data = json.loads(get(served, "/api/v1/status").text)["data"]
        assert (data["shard"], data["shards"]) == told


def test_it_follows_when_an_exporter_becomes_a_shard(look: Look) -> None:
    """A reload may change `scale`: what was open to one exporter is unknown to a shard."""
    with Served(snapshots.rich(), now=snapshots.NOW + 4, interval=3.0) as served:
        page = look(served.url).open()
        assert page.locator("#part").count() == 0
        served.snapshot = replace(shard(HOLDS), at=snapshots.NOW + 3)
        page.locator("#part").wait_for()
        assert page.locator("#answer .word").inner_text() == "UNKNOWN"
        assert page.locator(".check.holds").count() == 0
