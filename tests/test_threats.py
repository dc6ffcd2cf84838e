"""What docs/security.md promises of the whole program: it only reads, tells no secret, and forges no line."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import load_text
from exporter.demo import PRODUCTS, Demo, DemoSettings
from exporter.model.pages import Phase
from exporter.wiring import Watch
from tests.conftest import ROOT
from tests.running import exporter, samples_in, written
from tests.sources import wire

SECRETS = {name: f"hunter2-{name}" for name in ("password", "header", "bearer", "proxy", "token", "etcd")}
PAGES = ("/", "/metrics", "/config", "/targets", "/api/v1/status", "/api/v1/targets", "/api/v1/gate")
ESCAPES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.asyncio
@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_cluster_is_read_and_nothing_in_it_is_touched(product: str, hostile: bool) -> None:
    """The demo notes every request that would act, by whatever method, on processes and on the store."""
    settings = DemoSettings(product=product, size=2, tokens=8, hostile=hostile, start_phase=Phase.SWITCHED)
    async with Demo(settings) as demo:
        config = demo.config() | {"gossip": {"probe": {"enabled": True}}}
        async with Watch(load_text(yaml.safe_dump(config))) as watch:
            for _ in range(3):
                await watch.poller.cycle()
        assert sum(watch.fetcher.counts.values()) > 50
        assert demo.cluster.dangers == []


@pytest.mark.asyncio
async def test_every_request_to_a_process_is_a_get_whatever_its_pages_link() -> None:
    asked: list[str] = []
    links = b'<a href="/ingester/shutdown">x</a><meta http-equiv="refresh" content="0;url=/flush">'

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked.append((await wire.request(reader))[0])
            writer.write(wire.response(links, headers={"Content-Type": "text/html"}))
            await writer.drain()

    async with wire.serve(page) as target:
        config = {"targets": [{"static": {"urls": [target.url]}}]}
        async with Watch(load_text(yaml.safe_dump(config))) as watch:
            await watch.poller.cycle()
    assert len(asked) > 5
    assert {line.split()[0] for line in asked} == {"GET"}
    assert not any("shutdown" in line or "flush" in line for line in asked)


def secret_config(tmp_path: Path, target: str) -> dict[str, Any]:
    """Every kind of secret that a configuration can hold, in its text or in a file."""
    token = tmp_path / "token"
    token.write_text(SECRETS["token"])
    etcd = tmp_path / "etcd"
    etcd.write_text(SECRETS["etcd"])
    own = {"authorization": {"credentials": SECRETS["bearer"]}}
    proxied = {"proxy_url": f"http://user:{SECRETS['proxy']}@127.0.0.1:1"}
    return {
        "interval": "1s",
        "http_client": {
            "basic_auth": {"username": "me", "password": SECRETS["password"]},
            "headers": {"X-Api-Key": SECRETS["header"]},
        },
        "targets": [
            {"static": {"urls": [target]}},
            {"static": {"urls": ["http://127.0.0.1:2"]}, "http_client": own},
            {"static": {"urls": ["http://127.0.0.1:3"]}, "http_client": proxied},
        ],
        "stores": {
            "consul": {"url": "http://127.0.0.1:1", "token_file": str(token)},
            "etcd": {"urls": ["http://127.0.0.1:1"], "username": "me", "password_file": str(etcd)},
        },
    }


@pytest.mark.asyncio
async def test_no_secret_is_in_a_page_a_log_line_an_error_or_the_process_list(tmp_path: Path) -> None:
    async with wire.serve(wire.always(wire.response(status="401 Unauthorized"))) as target:
        config = secret_config(tmp_path, target.url)
        path = written(tmp_path / "kvmigration.yml", config)
        async with exporter(path, "--log.level=debug") as server:
            await server.cycles(2)
            told = [(await server.get(page))[1] for page in PAGES]
            wrong = config | {"http_client": {**config["http_client"], "bearer_token": SECRETS["bearer"]}}
            written(path, wrong)
            told.append((await server.reload())[1])
            told += [Path(f"/proc/{server.pid}/cmdline").read_text(), "".join(server.said)]
    assert "<secret>" in told[2]
    for name, secret in SECRETS.items():
        for text in told:
            assert secret not in text, name


@pytest.mark.asyncio
async def test_hostile_names_forge_no_line_and_no_terminal_command(tmp_path: Path) -> None:
    """Logs, metrics and the commands' output of a cluster full of markup, quotes, breaks and escapes."""
    async with Demo(DemoSettings(size=2, tokens=8, hostile=True, start_phase=Phase.MIRRORING)) as demo:
        path = written(tmp_path / "kvmigration.yml", {**demo.config(), "interval": "500ms"})
        async with exporter(path) as server:
            await server.cycles(2)
            assert samples_in((await server.get("/metrics"))[1])["target_up"]
            for line in server.said:
                assert line.startswith(("ts=2", "level=")), line
                assert not ESCAPES.search(line.rstrip("\n")), line
            for command in (["status"], ["diff", "--all"], ["check", "switch-primary"]):
                shown = await output(*command, f"--config.file={path}")
                assert shown
                assert not ESCAPES.search(shown), (command, shown)


async def output(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    told, _ = await process.communicate()
    return told.decode()


def test_every_test_that_the_threat_model_names_is_there() -> None:
    """docs/security.md names tests as `tests/…/test_x.py::test_y`; each defence names at least one."""
    text = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", text)
    assert len(named) >= 25
    for file, test in named:
        source = (ROOT / file).read_text()
        assert not test or f"def {test}(" in source, f"{file}::{test}"
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    defences = [row for row in rows if not row.startswith(("| threat", "| what"))]
    assert all("`tests/" in row for row in defences), [row for row in defences if "`tests/" not in row]
