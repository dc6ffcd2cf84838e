"""`kvmigration init`: one address in, a file out that watches the whole cluster."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from exporter.cli.init import configuration, lacks
from exporter.cli.source.cluster_from_addresses import (
    Survey,
    _candidates,
    missing_of,
    parted,
    resolved_seeds,
    survey_of,
)
from exporter.config import load, load_text
from exporter.demo import Demo, DemoSettings
from exporter.model.facts import GossipTarget, Snapshot, TargetFacts
from exporter.model.pages import Phase, ProcessConfig, Product
from exporter.wiring import Watch
from tests.cli.conftest import said_here
from tests.conftest import Replay, free_base_port
from tests.expose import snapshots

BY_RINGS = (
    "127.0.0.1:PORT has no memberlist, so only members of its rings were found: give one URL of each "
    "component, such as querier, compactor and ruler"
)
RECORDED = [
    ("mimir/0-consul", 5, "consul", [BY_RINGS]),  # a distributor shows its own ring and the ingesters'
    ("mimir/2-mirroring", 18, "consul", []),
    ("cortex/0-consul-only", 3, "consul", []),
    ("cortex/2b-mirroring", 3, "consul", []),
    ("loki/2-mirroring", 3, "etcd", []),
]


@pytest.mark.parametrize(
    ("recording", "processes", "store", "more"), RECORDED, ids=[row[0] for row in RECORDED]
)
def test_one_process_leads_to_the_other_processes_and_the_store(
    replay: Callable[..., Replay], tmp_path: Path, recording: str, processes: int, store: str, more: list[str]
) -> None:
    replayed, path = replay(recording), tmp_path / "my.yml"
    one = next(iter(replayed.targets.values()))
    said = said_here("init", one, f"--output={path}")
    assert said.status == 1
    assert said.err.splitlines() == [
        f"{path}: {processes} processes",
        *(line.replace("PORT", one.rpartition(":")[2]) for line in more),
        "the external store is as the processes name it; add its credentials, if it needs any",
    ]
    config = load(path)
    (listed,) = config.targets
    assert listed.static is not None
    assert sorted(listed.static.processes.values()) == sorted(replayed.targets.values())[:processes]
    assert not [name for name in listed.static.processes if ":" in name]
    assert getattr(config.stores, store) is not None


async def _once(text: str) -> Snapshot:
    async with Watch(load_text(text)) as watch:
        return await watch.poller.cycle()


@pytest.mark.asyncio
@pytest.mark.parametrize("product", ["cortex", "loki", "mimir"])
async def test_the_file_watches_the_demo_without_an_edit(product: str) -> None:
    settings = DemoSettings(
        product=product, size=4, tokens=16, hold=True, manual=True, start_phase=Phase.MEMBERLIST,
        base_port=free_base_port(),
    )  # fmt: skip
    async with Demo(settings) as demo:
        await demo.advance(60.0)
        urls = [entry for target in demo.config()["targets"] for entry in target["static"]["urls"]]
        survey = await survey_of((urls[0],))
        assert list(lacks(survey)) == []
        snapshot = await _once(configuration(survey))
        assert {target.url for target in snapshot.targets if target.up} == set(urls)


@contextlib.asynccontextmanager
async def below_a_path(urls: Iterable[str], path: str, ports: Iterable[int]) -> AsyncIterator[list[str]]:
    """Serve each process on another port below a path, and nothing beside it, as a proxy in front does."""
    async with aiohttp.ClientSession() as client, contextlib.AsyncExitStack() as stack:

        async def answer(request: web.Request, url: str) -> web.Response:
            query = f"?{request.query_string}" if request.query_string else ""
            async with client.get(f"{url}/{request.match_info['rest']}{query}", allow_redirects=False) as got:
                return web.Response(status=got.status, body=await got.read(), content_type=got.content_type)

        for url, port in zip(urls, ports, strict=True):
            app = web.Application()
            app.router.add_get(path + "/{rest:.*}", functools.partial(answer, url=url))
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", port).start()
        yield [f"http://127.0.0.1:{port}{path}" for port in ports]


@pytest.mark.asyncio
async def test_a_cluster_below_a_path_is_found_and_watched_without_an_edit(
    replay: Callable[..., Replay],
) -> None:
    served = list(replay("cortex/2b-mirroring").targets.values())
    ports = [int(url.rpartition(":")[2]) + 50 for url in served]
    async with below_a_path(served, "/metrics-store", ports) as urls:
        survey = await survey_of((urls[0],))
        assert sorted(target.url for target in survey.processes) == sorted(urls)
        snapshot = await _once(configuration(survey))
        assert {target.url for target in snapshot.targets if target.up and not target.why_none} == set(urls)


@pytest.mark.asyncio
async def test_a_gossip_member_that_answers_nowhere_is_named() -> None:
    settings = DemoSettings(size=4, manual=True, start_phase=Phase.MEMBERLIST, base_port=free_base_port())
    async with Demo(settings) as demo:
        await demo.advance(60.0)
        urls = [entry for target in demo.config()["targets"] for entry in target["static"]["urls"]]
        demo.cluster.set_fault("crash", on=True)
        survey = await survey_of((urls[0],))
        named = list(lacks(survey))
        assert len(named) == 1
        assert "has no HTTP address that answers; add its URL under targets" in named[0]


@pytest.mark.asyncio
async def test_a_ring_member_without_a_process_is_named() -> None:
    settings = DemoSettings(size=4, manual=True, start_phase=Phase.EXTERNAL, base_port=free_base_port())
    async with Demo(settings) as demo:
        await demo.advance(60.0)
        urls = [entry for target in demo.config()["targets"] for entry in target["static"]["urls"]]
        survey = await survey_of((urls[0],))
        assert ({target.url for target in survey.processes}, survey.absent) == (set(urls), ())
        demo.cluster.set_fault("crash", on=True)
        await demo.advance(120.0)  # the gossip has forgotten it
        survey = await survey_of((urls[0],))
        assert (len(survey.processes), survey.missing) == (3, ())
        (line,) = missing_of(survey)
        assert "a ring member has no HTTP address that answers: cortex-4 (127.0.0.1:" in line


@pytest.mark.asyncio
async def test_names_of_join_members_lead_to_processes_that_the_gossip_lacks() -> None:
    named = ProcessConfig(join_members=("dns+localhost:7002", "dns+nowhere.invalid:1"))
    gossip = GossipTarget((), {}, port=7001)
    one = TargetFacts("a", "http://127.0.0.1:8001", "all", up=True, gossip=gossip, config=named)
    assert ("127.0.0.1", 7002) in await resolved_seeds([one])
    assert "http://127.0.0.1:8002" in set(
        _candidates([one], snapshots.unknown(), await resolved_seeds([one]))
    )
    assert await resolved_seeds([replace(one, config=None)]) == []


def _of(name: str, product: Product) -> TargetFacts:
    return TargetFacts(name, f"http://{name}", "all", up=True, product=product)


MIMIR, MUTE = _of("mimir-1", Product.MIMIR), _of("mimir-2", Product.UNKNOWN)
LOKI = _of("loki-1", Product.LOKI)


@pytest.mark.parametrize(
    ("given", "ours", "others"),
    [
        ([MIMIR], (MIMIR, MUTE), (LOKI,)),
        ([MIMIR, LOKI], (MIMIR, MUTE, LOKI), ()),
        ([MUTE], (MIMIR, MUTE, LOKI), ()),
    ],
    ids=["one product", "both are asked for", "no product is known"],
)
def test_a_process_of_another_product_in_the_same_gossip_is_left_out_and_named(
    given: list[TargetFacts], ours: tuple[TargetFacts, ...], others: tuple[TargetFacts, ...]
) -> None:
    assert parted([MIMIR, MUTE, LOKI], given) == (ours, others)
    told = list(missing_of(Survey(ours, others, (), snapshots.unknown())))
    assert [line.split(" ")[0] for line in told] == [other.url for other in others]


REFUSED = [
    ("ftp://here", "is not a URL such as"),
    ("here:9095", "is not a URL such as"),
    ("http://user:hunter2@here", "a URL with a password is not taken"),
    ("http://127.0.0.1:1", "http://127.0.0.1:1: "),
]


@pytest.mark.parametrize(("url", "message"), REFUSED)
def test_nothing_is_written_for(tmp_path: Path, url: str, message: str) -> None:
    path = tmp_path / "my.yml"
    said = said_here("init", url, f"--output={path}")
    assert (said.status, message in said.err) == (2, True)
    assert not path.exists()
    assert "hunter2" not in said.err


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "my.yml"
    path.write_text("mine\n")
    said = said_here("init", "http://127.0.0.1:1", f"--output={path}")
    assert (said.status, said.err) == (
        2,
        f"kvmigration: {path} is there already; name another file with --output\n",
    )
    assert path.read_text() == "mine\n"
