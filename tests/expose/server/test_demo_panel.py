"""The panel of the demo's page: faults by name, started and ended there, and by no other site's page."""

from __future__ import annotations

import pytest

from exporter.cli.demo import panel_of
from exporter.demo import FAULTS, READ_WRITE_FAULTS, Demo, DemoSettings
from exporter.expose.server.routes import SECURITY_HEADERS
from tests.expose.conftest import Start, World

pytestmark = pytest.mark.asyncio
CHANGES = ("/demo/fault/crash", "/demo/next")


def settings(**more: object) -> DemoSettings:
    return DemoSettings(size=2, tokens=4, hold=True, manual=True, **more)  # type: ignore[arg-type] # its names


async def test_every_fault_of_the_walk_is_listed_and_the_others_are_not(start: Start) -> None:
    async with Demo(settings()) as demo:
        client = await start(World(panel=panel_of(demo)))
        async with client.get("/") as answer:
            text = await answer.text()
    assert {name for name in FAULTS if f'demo/fault/{name}"' in text} == set(FAULTS)
    assert not [name for name in READ_WRITE_FAULTS if name in text]


async def test_a_fault_starts_and_ends_and_the_page_is_new_each_time(start: Start) -> None:
    async with Demo(settings()) as demo:
        client = await start(World(panel=panel_of(demo)))
        tags = []
        for on in ("true", "false"):
            options = {"data": {"on": on}, "headers": {"Origin": client.base}, "allow_redirects": False}
            async with client.request("POST", "/demo/fault/crash", **options) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, "../../")
            assert ("crash" in demo.cluster.faults) is (on == "true")
            async with client.get("/") as answer:
                tags.append(answer.headers["ETag"])
                assert ("on: cortex-2" in await answer.text()) is (on == "true")
        assert len(set(tags)) == 2
        async with client.request("POST", "/demo/next", allow_redirects=False) as answer:
            assert answer.status == 303
        assert demo.cluster.walk() == {"rings": "multi", "ha-tracker": "multi"}


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_another_sites_page_changes_nothing(start: Start, path: str, headers: dict[str, str]) -> None:
    async with Demo(settings()) as demo:
        client = await start(World(panel=panel_of(demo)))
        async with client.request("POST", path, data={"on": "true"}, headers=headers) as answer:
            assert answer.status == 403
        assert (demo.cluster.faults, demo.cluster.walk()["rings"]) == (set(), "external")


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/demo/fault/nonsense", "true", 404),
        ("/demo/fault/crash", "perhaps", 400),
        ("/demo/fault/zone-too-soon", "true", 400),
    ],
)
async def test_what_cannot_be_is_refused(start: Start, path: str, data: str, status: int) -> None:
    async with Demo(settings()) as demo:
        client = await start(World(panel=panel_of(demo)))
        async with client.request("POST", path, data={"on": data}) as answer:
            assert answer.status == status
        assert demo.cluster.faults == set()


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_nothing_but_a_post_changes_anything(start: Start, path: str, method: str) -> None:
    async with Demo(settings()) as demo:
        client = await start(World(panel=panel_of(demo)))
        async with client.request(method, path, data={"on": "true"}) as answer:
            assert answer.status == 405
        assert demo.cluster.faults == set()


@pytest.mark.parametrize("path", CHANGES)
async def test_an_exporter_that_is_no_demo_has_no_panel_no_path_and_takes_no_form(
    start: Start, path: str
) -> None:
    client = await start(World())
    async with client.request("POST", path, data={"on": "true"}) as answer:
        assert answer.status == 404
    async with client.get("/") as answer:
        text = await answer.text()
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
    assert "<form" not in text
    assert 'id="demo"' not in text
