"""The demo as others meet it: over sockets."""

from __future__ import annotations

import asyncio
import base64
import email.utils
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import cramjam
import pytest

from exporter.demo import Demo, DemoSettings
from exporter.demo.closable_port import take
from exporter.demo.pages.status import DANGEROUS_PATHS
from exporter.demo.server import RUBBISH
from exporter.model.pages import Phase
from tests.demo.recorded import answer, answers

pytestmark = pytest.mark.asyncio
START = 1_795_225_000.0
Client = aiohttp.ClientSession


@asynccontextmanager
async def served(
    product: str = "cortex", phase: Phase = Phase.MIRRORING, **more: object
) -> AsyncIterator[tuple[Demo, Client]]:
    """A demo whose clock stands still but for what the test asks, and a client."""
    fields = {"product": product, "start_phase": phase, "hold": True, "manual": True, "size": 3, "tokens": 8}
    settings = DemoSettings(**{**fields, "start_time": START, **more})
    async with Demo(settings) as demo, Client(timeout=aiohttp.ClientTimeout(total=20)) as client:
        await demo.advance(40)
        yield demo, client


async def body(client: Client, url: str, **more: object) -> bytes:
    async with client.get(url, **more) as reply:
        return await reply.read()


async def control(demo: Demo, client: Client, path: str, data: str = "") -> tuple[int, dict]:
    async with client.post(demo.control_url + path, data=data) as reply:
        return reply.status, json.loads(await reply.read())


def free_base(offsets: tuple[int, ...]) -> int:
    """A base below the range from which the kernel gives out port 0, with these places free."""
    for base in range(11_003, 30_000, 97):
        try:
            for offset in offsets:
                take("127.0.0.1", base + offset).close()
        except OSError:
            continue
        return base
    pytest.fail("no block of free ports on loopback")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


async def test_every_process_has_an_address_of_its_own_that_answers() -> None:
    async with served() as (demo, client):
        assert len(set(demo.urls)) == 3
        for number, url in enumerate(demo.urls, 1):
            page = json.loads(await body(client, f"{url}/ring", headers={"Accept": "application/json"}))
            assert {shard["id"] for shard in page["shards"]} == {"cortex-1", "cortex-2", "cortex-3"}
            assert f"node_name: cortex-{number}\n".encode() in await body(client, f"{url}/config")


async def test_the_date_header_is_the_answering_processs_clock() -> None:
    async with served() as (demo, client):
        demo.cluster.set_fault("clock-skew", on=True)
        dates = []
        for url in demo.urls:
            async with client.get(f"{url}/ready") as reply:
                dates.append(
                    email.utils.parsedate_to_datetime(reply.headers["Date"]).timestamp() - demo.cluster.now
                )
        assert sorted(round(date) for date in dates) == [0, 0, 90]


async def test_content_types_arrive_as_recorded() -> None:
    async with served() as (demo, client):
        for path, accept in [
            ("/ring", "application/json"),
            ("/ring", "text/html"),
            ("/metrics", ""),
            ("/config", ""),
        ]:
            real = answer("cortex/2c-mirroring-all-rings", path, accept)
            async with client.get(demo.urls[0] + path, headers={"Accept": accept}) as reply:
                assert reply.headers["Content-Type"] == real.content_type


async def test_a_crashed_process_refuses_connections_and_answers_again_afterwards() -> None:
    async with served() as (demo, client):
        await body(client, f"{demo.urls[2]}/ready")
        status, state = await control(demo, client, "/fault/crash", "on")
        assert (status, state["faults"]) == (200, {"crash": "cortex-3"})
        with pytest.raises(aiohttp.ClientConnectionError):
            await body(client, f"{demo.urls[2]}/ready")
        await control(demo, client, "/fault/crash", "off")
        await control(demo, client, "/advance?seconds=15")
        assert await body(client, f"{demo.urls[2]}/ready") == b"ready"


async def test_a_restarting_process_is_away_for_a_moment_and_keeps_its_port() -> None:
    async with served(phase=Phase.EXTERNAL) as (demo, client):
        before = demo.urls
        await control(demo, client, "/phase/multi")
        await demo.advance(0.5)
        with pytest.raises(aiohttp.ClientConnectionError):
            await body(client, f"{demo.urls[0]}/ready")
        await demo.advance(60)
        assert demo.urls == before
        assert await body(client, f"{demo.urls[0]}/ready") == b"ready"


async def test_a_hanging_process_accepts_and_never_answers_until_the_fault_ends() -> None:
    async with served() as (demo, client):
        await control(demo, client, "/fault/pages-hang", '{"on": true, "process": "cortex-3"}')
        waiting = asyncio.create_task(body(client, f"{demo.urls[2]}/ready"))
        assert await body(client, f"{demo.urls[0]}/ready") == b"ready"
        assert not waiting.done()
        await control(demo, client, "/fault/pages-hang", "off")
        assert await waiting == b"ready"


async def test_a_demo_ends_although_somebody_waits_for_a_hanging_process() -> None:
    async with served() as (demo, client):
        demo.cluster.set_fault("pages-hang", on=True, process="cortex-1")
        waiting = asyncio.create_task(body(client, f"{demo.urls[0]}/ready"))
        await body(client, f"{demo.urls[1]}/ready")
    with pytest.raises(aiohttp.ClientError):
        await waiting


async def test_a_process_with_rubbish_answers_rubbish_on_every_page() -> None:
    async with served() as (demo, client):
        await control(demo, client, "/fault/pages-rubbish", "on")
        bodies = {reply.body for reply in RUBBISH}
        async with aiohttp.ClientSession(auto_decompress=False) as plain:
            for path in ("/ring", "/metrics", "/memberlist", "/config", "/ready"):
                assert await body(plain, demo.urls[2] + path) in bodies
        assert await body(client, f"{demo.urls[0]}/ready") == b"ready"


async def test_the_store_down_refuses_and_comes_back() -> None:
    async with served() as (demo, client):
        await control(demo, client, "/fault/store-down", "on")
        with pytest.raises(aiohttp.ClientConnectionError):
            await body(client, f"{demo.consul_url}/v1/kv/?keys")
        await control(demo, client, "/fault/store-down", "off")
        assert await body(client, f"{demo.consul_url}/v1/kv/?keys")


async def test_consul_answers_as_recorded() -> None:
    async with served() as (demo, client):
        real = next(row for row in answers("cortex/2c-mirroring-all-rings") if row.path == "/v1/kv/?recurse")
        async with client.get(f"{demo.consul_url}/v1/kv/?recurse") as reply:
            raw = await reply.read()
            assert reply.headers["Content-Type"] == real.content_type
            assert int(reply.headers["X-Consul-Index"]) > 0
        ours, theirs = json.loads(raw), json.loads(real.body)
        assert [list(entry) for entry in ours] == [list(entry) for entry in theirs]
        assert [entry["Key"] for entry in ours] == [entry["Key"] for entry in theirs]
        assert raw[:60] == real.body[:60]
        assert raw[-6:] == real.body[-6:]


async def test_consul_gives_keys_one_key_raw_bytes_and_404() -> None:
    async with served() as (demo, client):
        kv = f"{demo.consul_url}/v1/kv"
        assert json.loads(await body(client, f"{kv}/ha-tracker?keys")) == ["ha-tracker/fake/demo"]
        entry = json.loads(await body(client, f"{kv}/rulers/ring"))[0]
        raw = await body(client, f"{kv}/rulers/ring?raw")
        assert base64.b64decode(entry["Value"]) == raw
        assert b"cortex-1" in bytes(cramjam.snappy.decompress_raw(raw))
        async with client.get(f"{kv}/nothing/here?recurse") as reply:
            assert (reply.status, await reply.read()) == (404, b"")


async def test_an_empty_consul_is_one_that_has_a_leader() -> None:
    """Else the exporter's first cycle, before anybody has written, would call it unreadable."""
    async with served() as (demo, client):
        assert await body(client, f"{demo.consul_url}/v1/status/leader") == b'"127.0.0.1:8300"'


async def test_consul_refuses_writes_and_remembers_them() -> None:
    async with served() as (demo, client):
        async with client.put(f"{demo.consul_url}/v1/kv/collectors/ring", data=b"x") as reply:
            assert reply.status == 405
        assert demo.cluster.dangers == ["PUT consul /v1/kv/collectors/ring"]


async def test_both_stores_hold_the_bytes_that_the_gossip_offers_for_download() -> None:
    async with served() as (demo, client):
        await demo.advance(1.2)
        downloaded = await body(client, f"{demo.urls[0]}/memberlist?downloadKey=ha-tracker/fake/demo")
        stored = await body(client, f"{demo.consul_url}/v1/kv/ha-tracker/fake/demo?raw")
        assert downloaded == stored


async def etcd(client: Client, url: str, **asked: object) -> dict:
    encoded = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in asked.items()}
    async with client.post(f"{url}/v3/kv/range", json=encoded) as reply:
        return json.loads(await reply.read())


async def test_etcd_answers_as_recorded() -> None:
    async with served("loki") as (demo, client):
        real = json.loads(next(row for row in answers("loki/2-mirroring") if row.path == "/v3/kv/range").body)
        ours = await etcd(client, demo.etcd_url, key=b"\0", range_end=b"\0")
        assert list(ours) == list(real)
        assert list(ours["header"]) == list(real["header"])
        for mine, theirs in zip(ours["kvs"], real["kvs"], strict=True):
            assert (sorted(mine), mine["key"]) == (sorted(theirs), theirs["key"])
            assert all(isinstance(value, str) for value in mine.values())


async def test_etcd_knows_prefixes_limits_and_keys_only() -> None:
    async with served("loki") as (demo, client):
        url = demo.etcd_url
        found = await etcd(client, url, key=b"collectors/", range_end=b"collectors0", limit=2, keys_only=True)
        assert (found["count"], len(found["kvs"]), found["more"]) == ("4", 2, True)
        assert "value" not in found["kvs"][0]
        assert (await etcd(client, url, key=b"collectors/ring"))["count"] == "1"
        assert list(await etcd(client, url, key=b"nothing")) == ["header"]
        assert "kvs" not in await etcd(client, url, key=b"\0", range_end=b"\0", count_only=True)
        async with client.post(f"{url}/v3/kv/range", data=b'{"key": 7}') as reply:
            assert reply.status == 400
        async with client.post(f"{url}/v3/kv/put", data=b"{}") as reply:
            assert reply.status == 405
        assert demo.cluster.dangers == ["POST etcd /v3/kv/put"]


@pytest.mark.parametrize("path", sorted(DANGEROUS_PATHS))
async def test_a_request_that_would_act_is_remembered(path: str) -> None:
    async with served() as (demo, client):
        await body(client, demo.urls[0] + path)
        assert demo.cluster.dangers == [f"GET cortex-1 {path}"]


async def test_deleting_messages_and_posting_to_a_ring_are_remembered_too() -> None:
    async with served() as (demo, client):
        await body(client, f"{demo.urls[0]}/memberlist?deleteMessages=true")
        async with client.post(f"{demo.urls[1]}/ring", data={"forget": "cortex-3"}):
            pass
        state = json.loads(await body(client, f"{demo.control_url}/state"))
        assert state["dangers"] == ["GET cortex-1 /memberlist", "POST cortex-2 /ring"]


async def test_ordinary_pages_are_no_danger() -> None:
    async with served() as (demo, client):
        for path in (
            "/",
            "/ring",
            "/metrics",
            "/config?mode=diff",
            "/memberlist",
            "/services",
            "/runtime_config",
        ):
            await body(client, demo.urls[0] + path)
        assert demo.cluster.dangers == []


async def test_the_control_address_tells_what_it_does_not_understand() -> None:
    async with served() as (demo, client):
        assert (await control(demo, client, "/fault/nonsense", "on"))[0] == 404
        assert (await control(demo, client, "/fault/crash", "perhaps"))[0] == 400
        assert (await control(demo, client, "/fault/crash", "{"))[0] == 400
        assert (await control(demo, client, "/phase/unknown"))[0] == 404
        assert (await control(demo, client, "/advance?seconds=-1"))[0] == 400
        assert (await control(demo, client, "/advance?seconds=soon"))[0] == 400
        assert (await control(demo, client, "/nothing"))[0] == 404
        async with client.get(f"{demo.control_url}/fault/crash") as reply:
            assert reply.status == 404
        assert demo.cluster.faults == set()


async def test_the_state_names_phase_clock_processes_and_faults() -> None:
    async with served(faults=("crash",)) as (demo, client):
        state = json.loads(await body(client, f"{demo.control_url}/state"))
        assert (state["phase"], state["product"], state["elapsed"]) == ("mirroring", "cortex", 40.0)
        assert [process["up"] for process in state["processes"]] == [True, True, False]
        assert state["processes"][0]["url"] == demo.urls[0]
        assert state["store"]["keys"]


async def test_advancing_by_hand_moves_the_clock_and_the_walk() -> None:
    async with served(phase=Phase.EXTERNAL, hold=False, phase_duration=30.0) as (demo, client):
        _, state = await control(demo, client, "/advance?seconds=40")
        assert (state["elapsed"], state["phase"]) == (80.0, "mirroring")


async def test_the_clock_runs_by_itself_with_its_speed() -> None:
    async with Demo(DemoSettings(size=2, tokens=4, speed=200.0, phase_duration=20.0)) as demo:
        await until(lambda: demo.cluster.phase is Phase.MEMBERLIST)
        assert demo.cluster.now - demo.cluster.began >= 100


async def test_a_base_port_gives_every_address_its_place() -> None:
    base = free_base((0, 1, 900, 990, 1000, 1001))
    async with Demo(DemoSettings(size=2, manual=True, base_port=base)) as demo:
        assert demo.urls == (f"http://127.0.0.1:{base}", f"http://127.0.0.1:{base + 1}")
        assert demo.control_url == f"http://127.0.0.1:{base + 990}"
        assert demo.consul_url == f"http://127.0.0.1:{base + 900}"
        with pytest.raises(OSError, match="in use"):
            async with Demo(DemoSettings(size=2, manual=True, base_port=base)):
                pass


async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    async with Demo(DemoSettings(size=2, manual=True)) as demo:
        own = demo.log_paths[0].parent
        assert own.is_dir()
    assert not own.exists()
    async with Demo(DemoSettings(size=2, manual=True, log_dir=tmp_path / "logs")) as demo:
        kept = demo.log_paths
    assert all(path.exists() and path.parent == tmp_path / "logs" for path in kept)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(demo.urls[0].rpartition(":")[2]))


async def test_the_configuration_names_targets_store_label_and_logs() -> None:
    async with served("mimir", size=6) as (demo, _):
        config = demo.config()
        urls = [url for target in config["targets"] for url in target["static"]["urls"]]
        assert sorted(urls) == sorted(demo.urls)
        assert {target["static"]["component"] for target in config["targets"]} >= {"ingester", "distributor"}
        assert config["stores"] == {"consul": {"url": demo.consul_url}}
        assert config["gossip"]["label"] == "demo.mimir"
        assert config["rejections"] == [{"file": {"paths": [str(path) for path in demo.log_paths]}}]
    async with served("loki") as (demo, _):
        assert demo.config()["stores"] == {"etcd": {"urls": [demo.etcd_url]}}
        assert (demo.consul_url, demo.etcd_url) == ("", demo.store_url)


async def test_the_walk_goes_on_by_a_post_and_names_what_it_has_not() -> None:
    async with served("mimir", Phase.EXTERNAL, migration="rings-and-labels") as (demo, client):
        assert (await control(demo, client, "/next"))[1]["walk"] == {"rings": "mirroring", "labels": "open"}
        told = (await control(demo, client, "/next/labels"))[1]["walk"]
        assert told == {"rings": "mirroring", "labels": "labelled"}
        assert (await control(demo, client, "/next/read-write"))[0] == 404
        assert (await control(demo, client, "/fault/zone-too-soon", "on"))[0] == 400


async def test_processes_that_come_and_go_are_in_a_list_of_targets() -> None:
    async with served("mimir", Phase.EXTERNAL, migration="read-write") as (demo, client):
        (path,) = demo.config()["targets"][0]["file"]["paths"]
        names = {group["labels"]["pod"] for group in json.loads(Path(path).read_text())}
        assert "mimir-read-0" not in names
        await control(demo, client, "/next")
        await demo.advance(20.0)
        grown = {group["labels"]["pod"] for group in json.loads(Path(path).read_text())}
        assert grown - names == {"mimir-read-0", "mimir-read-1"}


async def test_a_cluster_whose_processes_stay_is_named_by_addresses() -> None:
    async with served() as (demo, _):
        assert [tuple(one) for one in demo.config()["targets"]] == [("static",)]
