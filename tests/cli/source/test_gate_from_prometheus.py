"""`check --prometheus`: what Prometheus has of a step, weighed as the gate weighs it."""

from __future__ import annotations

import asyncio
import json
import math
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.cli.arguments import run
from exporter.cli.source.gate_from_prometheus import MAX_AGE, StepSamples, Vector, step_of
from exporter.decode.prometheus import VectorSample
from exporter.derive.gate.step_table import NAMES, STEPS
from exporter.derive.gate.step_verdicts import blank

STEP = "switch-primary"
CHECKS = tuple(check.id for check in blank(STEP).checks)
ALL = len(CHECKS)


def sample(value: float, **labels: str) -> VectorSample:
    return VectorSample(labels, value)


def checks(**other: float) -> Vector:
    """Every check holds, but for those given (with _ for -); minus infinity is none at all."""
    values = {check: other.get(check.replace("-", "_"), 1.0) for check in CHECKS}
    return tuple(sample(value, check=check) for check, value in values.items() if value != -math.inf)


GOOD = StepSamples(
    checks=checks(),
    gates=(sample(1.0),),
    ages=(sample(3.0),),
    held=(sample(1000.0),),
    now=(sample(1400.0),),
    soaks=(sample(300.0),),
    parts=(),
    shards=(sample(2.0, shard="0", instance="a"), sample(2.0, shard="1", instance="b")),
    complete=(sample(1.0),),
    culprits=(),
    phases=(sample(1.0, phase="mirroring"),),
)
NAN = math.nan
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("everything holds", {}, "open", "Open: every check passed."),
    ("it soaks", {"gates": (sample(0.0),)}, "closed", "for 400 s of 300 s"),
    ("one replica says closed", {"gates": (sample(1.0), sample(0.0))}, "closed", "every check has passed"),
    ("a check fails", {"checks": checks(lag=0.0)}, "closed", f"1 of {ALL} checks have not passed"),
    ("a replica says so", {"checks": (*checks(), sample(0.0, check="lag"))}, "closed", f"1 of {ALL}"),
    ("a check is unknown", {"checks": checks(lag=NAN)}, "unknown", f"Unknown: 1 of {ALL}"),
    (
        "one fails, one is unknown",
        {"checks": checks(lag=NAN, client_keys=0.0)},
        "closed",
        f"2 of {ALL}",
    ),
    ("a check has no series", {"checks": checks(lag=-math.inf)}, "unknown", f"1 of {ALL}"),
    ("another version's value", {"checks": checks(lag=0.5)}, "unknown", f"1 of {ALL}"),
    ("nothing is there", {"checks": (), "ages": ()}, "unknown", "no kvmigration_gate_check"),
    ("the gate has no series", {"gates": ()}, "unknown", "no kvmigration_gate_open"),
    ("it is old", {"ages": (sample(3.0), sample(MAX_AGE + 1))}, "unknown", "181 s old"),
    (
        "it is older than its interval allows",
        {"ages": (sample(170.0),), "shards": (), "intervals": (sample(15.0),)},
        "unknown",
        "170 s old",
    ),
    (
        "it is as old as its interval allows",
        {"ages": (sample(104.0),), "shards": (), "intervals": (sample(15.0),)},
        "open",
        "Open",
    ),
    ("shards are joined later", {"ages": (sample(164.0),), "intervals": (sample(15.0),)}, "open", "Open"),
    ("cycles are rare", {"ages": (sample(700.0),), "intervals": (sample(600.0),)}, "open", "Open"),
    ("rare cycles have ended", {"ages": (sample(2000.0),), "intervals": (sample(600.0),)}, "unknown", "old"),
    ("its age is unknown", {"ages": ()}, "unknown", "inf s old"),
    ("its age is no number", {"ages": (sample(NAN),)}, "unknown", "nan s old"),
    ("one of its ages is no number", {"ages": (sample(3.0), sample(NAN))}, "unknown", "nan s old"),
    ("a clock is an hour ahead", {"ages": (sample(3.0), sample(-3600.0))}, "unknown", "3600 s ahead"),
    ("a clock is a little ahead", {"ages": (sample(3.0), sample(-2.0))}, "open", "Open"),
    ("its exporter crashed", {"ups": (sample(0.0, instance="a:9895"),)}, "unknown", "exporter at a:9895"),
    ("one of two crashed", {"ups": (sample(1.0), sample(0.0, instance="b:1"))}, "unknown", "at b:1"),
    ("its exporter is scraped", {"ups": (sample(1.0, instance="a:9895"),)}, "open", "Open"),
    ("shards are missing", {"complete": (sample(0.0),)}, "unknown", "of 2 shards 2 are in Prometheus"),
    (
        "shards are missing and something is wrong",
        {"complete": (sample(0.0),), "checks": checks(lag=0.0)},
        "closed",
        "of 2 shards",
    ),
    ("one exporter without shards", {"complete": (), "shards": (), "held": (), "soaks": ()}, "open", "Open"),
]


@pytest.mark.parametrize(("told", "answer", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_answer(told: dict[str, Any], answer: str, words: str) -> None:
    step = step_of(STEP, "rings", replace(GOOD, **told))
    assert step.answer == answer
    assert words in step.headline
    assert {check.id for check in step.checks} == set(CHECKS)


def test_culprits_are_named_with_the_shards_that_know_more() -> None:
    wrong = replace(
        GOOD,
        checks=checks(gossip_no_strangers=0.0, lag=NAN),
        parts=(
            sample(0.0, check="gossip-no-strangers", instance="b"),
            sample(1.0, check="lag", instance="x"),
        ),
        culprits=(
            sample(1.0, __name__="member:kvmigration_shard_gossip_member:strangers", member="tempo-0"),
            sample(1.0, __name__="member:kvmigration_shard_ghost_member:ghosts", member="i-1", key="k"),
        ),
    )
    found = {
        check.id: check.culprits for check in step_of(STEP, "rings", wrong).checks if check.verdict != "holds"
    }
    assert found == {
        "gossip-no-strangers": ("tempo-0", "shard 1 at b: failed there"),
        "lag": ("shard ? at x: unknown there",),
    }


def test_a_check_that_fails_says_what_cures_it_and_one_that_is_not_known_what_makes_it_known() -> None:
    found = {
        c.id: c.remedy
        for c in step_of(STEP, "rings", replace(GOOD, checks=checks(keys_copied=0.0, lag=NAN))).checks
    }
    assert found["keys-copied"].startswith("Make mirroring reach the client")
    assert "stores in the configuration" in found["lag"]


@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_which_nothing_is_known_has_its_words(name: str) -> None:
    step = step_of(
        name, next(r.migration for r in STEPS if r.name == name) or "rings", replace(GOOD, checks=())
    )
    assert step.answer == "unknown"
    assert all(check.sentence and check.remedy and check.doc for check in step.checks)


@asynccontextmanager
async def prometheus(
    status: int = 200, body: str = "", **series: Vector
) -> AsyncIterator[tuple[str, list[str]]]:
    """A query API on loopback that knows some series; gives its URL and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        expr = urllib.parse.unquote(request.query_string.removeprefix("query="))
        found = next((some for name, some in series.items() if expr.startswith(f"kvmigration_{name}{{")), ())
        result = [{"metric": dict(one.labels), "value": [1.0, str(one.value)]} for one in found]
        told = {"status": "success", "data": {"resultType": "vector", "result": result}}
        return web.Response(status=status, text=body or json.dumps(told))

    app = web.Application()
    app.router.add_get("/prometheus/api/v1/query", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/prometheus/", asked
    finally:
        await runner.cleanup()


async def asked(url: str, *more: str) -> int:
    return await asyncio.to_thread(run, ["check", STEP, "--prometheus", url, *more])


@pytest.mark.asyncio
async def test_only_instant_queries_are_asked_with_the_selector(capsys: pytest.CaptureFixture[str]) -> None:
    async with prometheus(gate_check=checks(), gate_open=(sample(1.0),)) as (url, paths):
        assert await asked(url, "--selector", '{job="kvm"}') == 2  # nothing says how old it is
    assert all(path.startswith("/prometheus/api/v1/query?query=") for path in paths)
    exprs = [urllib.parse.unquote(path) for path in paths]
    assert all('job="kvm"' in expr for expr in exprs if "vector(time())" not in expr)
    assert "unknown" in capsys.readouterr().out


SEVERAL = tuple(replace(one, labels={**one.labels, "job": job}) for job in "ab" for one in checks())
REFUSED = [
    ("several fleets", {"gate_check": SEVERAL}, 'choose one with --selector, of: job="a"; job="b"'),
    ("an error", {"status": 400, "body": '{"status":"error","error":"parse error"}'}, "parse error"),
    ("no such API", {"status": 404, "body": "404 page not found"}, "no answer of Prometheus's query API"),
    ("forbidden", {"status": 401, "body": ""}, "denied"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("told", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
async def test_what_cannot_be_asked_is_said_with_the_url(
    told: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with prometheus(**told) as (url, _):
        assert await asked(url) == 2
    said = capsys.readouterr().err
    assert url.rstrip("/") in said
    assert words in said


@pytest.mark.asyncio
async def test_nobody_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert await asked("http://127.0.0.1:9") == 2
    assert "http://127.0.0.1:9: refused" in capsys.readouterr().err


@pytest.mark.asyncio
async def test_its_http_settings_come_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "http.yml"
    settings.write_text("headers: {X-Scope-OrgID: team}\n")
    async with prometheus() as (url, paths):
        assert await asked(url, "--http.config.file", str(settings)) == 2
    assert paths
    settings.write_text("headrs: {}\n")
    assert await asked(url, "--http.config.file", str(settings)) == 2
    assert f"{settings}:1: headrs: this key is unknown" in capsys.readouterr().err
