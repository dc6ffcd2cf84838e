"""The JSON API: golden answers, the gate by status, stale data, hostile names, and its own document."""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from exporter.expose.api.handlers import encode
from exporter.expose.server.routes import build
from tests.expose import snapshots
from tests.expose.conftest import Client, Start, World

pytestmark = pytest.mark.asyncio
GOLDEN = Path(__file__).parents[1] / "golden"
PATHS = ("status", "targets", "rings", "rings/collectors/ring", "rings/ha-tracker/", "gossip", "gate",
         "gate/switch-primary", "events")  # fmt: skip


async def fetch(client: Client, path: str) -> tuple[int, Any]:
    async with client.get(f"/api/v1/{path}") as answer:
        assert answer.content_type == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer.status, json.loads(await answer.read(), parse_constant=pytest.fail)


@pytest.mark.parametrize("path", PATHS)
async def test_the_answers_are_as_reviewed(start: Start, path: str) -> None:
    """`UPDATE_GOLDEN=1 pytest tests/expose` rewrites the files; the diff is the review."""
    status, found = await fetch(await start(), path)
    file = GOLDEN / f"{path.strip('/').replace('/', '_')}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    assert (status, found) == (200, json.loads(file.read_text(encoding="utf-8")))


async def test_every_answer_says_how_old_it_is(start: Start) -> None:
    world = World()
    client = await start(world)
    for seconds, stale in ((0, False), (45, False), (46, True), (-5, False), (-46, True)):
        world.now = snapshots.NOW + seconds
        _, found = await fetch(client, "status")
        assert (found["at"], found["age_seconds"], found["stale"]) == (snapshots.NOW, abs(seconds), stale)


async def test_before_the_first_cycle_there_is_no_answer(start: Start) -> None:
    client = await start(World(snapshot=None))
    for path in PATHS:
        status, found = await fetch(client, path)
        assert (status, found["status"], found["errorType"]) == (503, "error", "unavailable")


@pytest.mark.parametrize(
    ("step", "answer", "status"),
    [("preflight", "open", 200), ("switch-primary", "closed", 409), ("decommission-store", "unknown", 503)],
)
async def test_a_strict_gate_answers_by_its_status(start: Start, step: str, answer: str, status: int) -> None:
    client = await start()
    for flag in ("strict=1", "strict=true"):
        code, found = await fetch(client, f"gate/{step}?{flag}")
        assert (code, found["data"]["answer"]) == (status, answer)
    for query in ("", "?strict=0", "?strict=false"):
        code, found = await fetch(client, f"gate/{step}{query}")
        assert (code, found["data"]["answer"]) == (200, answer)


async def test_a_step_that_holds_but_has_not_soaked_is_closed(start: Start) -> None:
    snapshot = snapshots.rich()
    waiting = replace(snapshot.steps[0], open=False)
    client = await start(World(snapshots.with_steps(snapshot, waiting)))
    assert (await fetch(client, "gate/preflight?strict=1"))[0] == 409


async def test_a_stale_gate_is_never_open(start: Start) -> None:
    world = World()
    client = await start(world)
    world.now = snapshots.NOW + 3600
    code, found = await fetch(client, "gate/preflight?strict=1")
    assert (code, found["data"]["answer"], found["stale"]) == (503, "unknown", True)
    assert found["data"]["headline"] == "Unknown: the last cycle ended more than 45 s ago."
    _, found = await fetch(client, "gate")
    assert {step["answer"] for step in found["data"]} == {"unknown"}
    _, found = await fetch(client, "status")
    assert found["data"]["headline"] == "Unknown: the last cycle ended more than 45 s ago."
    assert found["data"]["rollback"]["safe"] is None


async def test_a_gate_from_before_a_reload_is_not_known(start: Start) -> None:
    world = World(snapshots.rich().withheld("Unknown: reloaded."))
    client = await start(world)
    code, found = await fetch(client, "gate/preflight?strict=1")
    assert (code, found["data"]["answer"]) == (503, "unknown")
    assert found["data"]["headline"] == "Unknown: reloaded."


@pytest.mark.parametrize(
    "path", ["gate?strict=1", "gate/preflight?Strict=1", "gate/preflight?strict=1&step=x"]
)
async def test_a_parameter_that_is_not_known_is_refused(start: Start, path: str) -> None:
    status, found = await fetch(await start(), path)
    assert (status, found["errorType"]) == (400, "bad_data")
    assert found["error"].startswith("there is no parameter ")


@pytest.mark.parametrize("query", ["strict=yes", "strict=", "strict=1&strict=0", "strict=2"])
async def test_a_strange_flag_is_refused(start: Start, query: str) -> None:
    status, found = await fetch(await start(), f"gate/preflight?{query}")
    assert (status, found["errorType"]) == (400, "bad_data")
    assert found["error"] == "strict must be one of 1, true, 0, false"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("rings/nope", "no ring has the key nope; the keys are: collectors/ring, collectors/compactor, "),
        (
            "gate/nope",
            "there is no step nope; the steps are: rings/preflight, rings/switch-primary, "
            "store/decommission-store",
        ),
        ("nope", "Not Found: GET /api/v1/nope"),
        ("rings/" + "x" * 3000, "no ring has the key " + "x" * 200 + "; the keys are"),
    ],
)
async def test_what_is_not_there_is_not_found(start: Start, path: str, error: str) -> None:
    status, found = await fetch(await start(), path)
    assert (status, found["status"], found["errorType"]) == (404, "error", "not_found")
    assert found["error"].startswith(error)


async def test_only_get_and_head_are_answered(start: Start) -> None:
    client = await start()
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        async with client.request(method, "/api/v1/status") as answer:
            assert (answer.status, (await answer.json())["errorType"]) == (405, "method_not_allowed")
            assert answer.headers["Allow"] == "GET,HEAD"
    async with client.request("HEAD", "/api/v1/status") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


@pytest.mark.parametrize("key", ["collectors/ring", "collectors%2Fring", "ha-tracker", "ha-tracker/"])
async def test_keys_are_found_with_slashes_in_any_form(start: Start, key: str) -> None:
    assert (await fetch(await start(), f"rings/{key}"))[0] == 200


async def test_a_new_snapshot_is_shown_at_once(start: Start) -> None:
    world = World()
    client = await start(world)
    assert (await fetch(client, "status"))[1]["data"]["phase"] == "multi"
    world.snapshot = snapshots.unknown()
    status, found = await fetch(client, "status")
    assert (status, found["data"]["phase"], found["data"]["uniform"]) == (200, "unknown", None)
    assert (await fetch(client, "gossip"))[1]["data"] is None


async def test_hostile_names_come_through_as_json(start: Start) -> None:
    client = await start(World(snapshots.hostile()))
    for path in ("status", "targets", "rings", "gossip", "gate", "events"):
        assert (await fetch(client, path))[0] == 200
    _, found = await fetch(client, "targets")
    assert len({target["name"] for target in found["data"]}) == 5


async def test_nan_and_halves_of_characters_never_reach_the_wire() -> None:
    assert encode({"a": math.nan, "b": [math.inf]}) == b'{"a":null,"b":[null]}'
    assert encode({"\ud800": ("x\udfff",)}) == b'{"?":["x?"]}'


async def test_a_large_answer_is_packed(start: Start) -> None:
    client = await start()
    async with client.get("/api/v1/targets", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert (await answer.json())["status"] == "success"


async def test_the_document_describes_what_is_answered(start: Start, tmp_path: Path) -> None:
    """Schemathesis asks every path of the document and holds the answers against it."""
    tool = Path(sys.executable).parent / "schemathesis"
    if not tool.exists():
        pytest.skip("schemathesis is not installed")
    client = await start()
    run = await asyncio.create_subprocess_exec(
        tool, "run", f"{client.base}/api/v1/openapi.json", "--checks=all", "--max-examples=15", "--seed=1",
        "--phases=examples,coverage,fuzzing", "--no-color", cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await run.communicate()
    assert run.returncode == 0, output.decode()
    assert b"Selected: 13/13" in output


@pytest.mark.parametrize(("docs", "place"), [("https://docs.lab/kv", "https://docs.lab/kv/"), ("", "docs/")])
async def test_a_plan_leads_to_where_the_docs_are_served(start: Start, docs: str, place: str) -> None:
    client = await start(World(docs=docs))
    async with client.get("/api/v1/plan/rings/enable-mirroring") as answer:
        assert f'"{place}ring.md#step-2-enable-mirroring' in await answer.text()


@pytest.mark.parametrize(("docs", "link"), [("https://docs.lab/kv", "https://docs.lab/kv"), ("", "./docs/")])
async def test_the_page_leads_to_where_the_docs_are_served(docs: str, link: str) -> None:
    async with TestClient(TestServer(build(World(docs=docs).state()))) as client:
        page = await (await client.get("/")).text()
    assert f'<a href="{link}">Docs</a>' in page


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/", "/d/kvmigration-overview"),
        ("/target/mimir-write-0", "/d/kvmigration-process?var-target=mimir-write-0"),
        ("/key/collectors/ring", "/d/kvmigration-rings?var-key=collectors%2Fring"),
    ],
)
async def test_a_page_leads_to_its_board_where_grafana_s_address_is_given(path: str, link: str) -> None:
    for boards in ("https://grafana.lab/g", ""):
        async with TestClient(TestServer(build(World(boards=boards).state()))) as client:
            page = await (await client.get(path)).text()
        assert (f'href="{boards}{link}"' in page, "/d/kvmigration" in page) == (bool(boards), bool(boards))
