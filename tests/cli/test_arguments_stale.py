"""An exporter whose last cycle is long past: nobody is told that all is well; and errors fit a terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.cli.arguments import run

GOLDEN = Path(__file__).parents[1] / "expose" / "golden"
HOSTILE = "evil\x1b[2J\x1b]0;x\x07\u202e\nlevel=error\u200b"
pytestmark = pytest.mark.asyncio


Answers = Callable[[str], tuple[int, dict[str, Any]]]


@asynccontextmanager
async def serving(answers: Answers) -> AsyncIterator[str]:
    """An exporter's API: status and body by what stands behind /api/v1/. Gives its URL."""

    async def answer(request: web.Request) -> web.Response:
        status, body = answers(request.match_info["path"])
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/api/v1/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def success(data: Any, *, stale: bool = False) -> tuple[int, dict[str, Any]]:
    return 200, {"status": "success", "at": 1.0, "age_seconds": 7200.0, "stale": stale, "data": data}


async def asked(*words: str) -> int:
    return await asyncio.to_thread(run, list(words))


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())["data"]


RING = golden("rings_collectors_ring")
WHOLE = {"status": golden("status"), "targets": [], "rings": [RING["summary"]], "gossip": None, "gate": []}
TARGET = golden("targets")[0]
EQUAL = json.loads(json.dumps(RING))
EQUAL["summary"]["secondary"] |= {
    "key_missing": False, "missing_in": [], "missing_members": [], "extra_members": [], "unread": [],
    "mismatched": {}, "lag_seconds": 0.0,
}  # fmt: skip
EQUAL["summary"]["ahead_seconds"] = {}


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("words", [("status",), ("diff", "--all"), ("diff", RING["summary"]["key"])])
async def test_what_is_old_is_said_and_proves_nothing(
    words: tuple[str, ...], stale: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(lambda path: success(WHOLE.get(path, RING), stale=stale)) as url:
        status = await asked(*words, "--server", url)
    assert (status == 2) is stale
    assert ("the last cycle ended 7200 s ago, so all of this is stale" in capsys.readouterr().err) is stale


async def test_a_process_that_does_not_answer_is_equal_to_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    equal = EQUAL["summary"]["key"]
    for down, status in (([], 0), ([{**TARGET, "up": False}], 2), ([TARGET], 0)):
        answers = {**WHOLE, "targets": down, "rings": [EQUAL["summary"]]}
        async with serving(lambda path, told=answers: success(told.get(path, EQUAL))) as url:  # type: ignore[misc] # mypy has no type for a default
            assert await asked("diff", equal, "--server", url) == status
        said = capsys.readouterr().err
        assert ("1 process does not answer; what it has is unknown" in said) is (status == 2)


async def test_what_is_only_remembered_of_the_primary_is_equal_to_nothing() -> None:
    kept = json.loads(json.dumps(EQUAL))
    kept["summary"]["secondary"]["remembered"] = True
    async with serving(lambda path: success({**WHOLE, "rings": [kept["summary"]]}.get(path, kept))) as url:
        assert await asked("diff", kept["summary"]["key"], "--server", url) == 2


async def test_an_answer_to_another_question_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    open_step = {**golden("gate_switch-primary"), "answer": "open"}
    answers = (
        ([{**open_step, "step": "preflight"}], "no migration that has the step switch-primary"),
        ([{**open_step, "checks": []}], "switch-primary is open without a check"),
        (open_step, "the exporter is of another version"),
        ([], "no migration that has the step switch-primary"),
    )
    for told, said in answers:
        async with serving(lambda _, told=told: success(told)) as url:  # type: ignore[misc] # as above
            assert await asked("check", "switch-primary", "--server", url) == 2
        assert said in capsys.readouterr().err


async def test_errors_that_quote_strangers_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    refused = 404, {"status": "error", "error": f"no key; known keys: {HOSTILE}"}
    async with serving(lambda path: success([]) if path == "rings" else refused) as url:
        assert await asked("diff", "nope", "--server", url) == 2
    said = capsys.readouterr().err
    assert "known keys: evil" in said
    assert said.count("\n") == 1
    assert said.rstrip("\n").isprintable()
