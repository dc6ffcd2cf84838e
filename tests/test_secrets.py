"""A password stands in no output, whatever takes it: page, API, metrics, logs, commands, errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli.arguments import COMMANDS, run
from exporter.demo import Demo, DemoSettings
from exporter.model.pages import Phase
from tests.running import exporter, written

MARK = "hunter2marked"
NOWHERE = "http://127.0.0.1:1"
BY_URL = f"http://me:{MARK}@127.0.0.1:1"


def _settings(demo: Demo, folder: Path) -> dict[str, Any]:
    """The demo's configuration with a credential of each kind."""
    secret = folder / "secret"
    secret.write_text(MARK)
    told = demo.config()
    bearer = {"authorization": {"credentials": MARK}, "headers": {"X-Key": MARK}}
    oauth = {"oauth2": {"client_id": "me", "client_secret": MARK, "token_url": f"{NOWHERE}/token"}}
    targets = [
        *(entry | {"http_client": bearer} for entry in demo.config()["targets"]),
        {"static": {"urls": [NOWHERE]}, "http_client": oauth},
        {"static": {"urls": ["http://127.0.0.1:2"]}, "http_client": {"proxy_url": BY_URL}},
        {"http": {"url": f"{NOWHERE}/list?token={MARK}"}, "http_client": bearer},
    ]
    stores = {"consul": {"url": demo.consul_url, "token_file": str(secret), "http_client": bearer}}
    common = {"basic_auth": {"username": "me", "password": MARK}}
    return {**told, "targets": targets, "stores": stores, "http_client": common, "gate": {"soak": "1s"}}


def _paths(openapi: str) -> Iterator[str]:
    """Every path that takes no parameter, and one for each that does."""
    yield from ("/", "/processes", "/events", "/metrics", "/config", "/docs/", "/api/v1/openapi.json")
    yield from ("/gate/preflight", "/key/collectors/ring", "/target/127.0.0.1:1")
    for path in json.loads(openapi)["paths"]:
        yield path.replace("{step}", "preflight").replace("{key}", "collectors/ring").replace("{name}", "x")


@pytest.mark.asyncio
async def test_nothing_that_is_served_or_logged_has_a_secret(tmp_path: Path) -> None:
    async with Demo(DemoSettings(size=3, tokens=8, hold=True, start_phase=Phase.MIRRORING)) as demo:
        path = written(tmp_path / "kvmigration.yml", _settings(demo, tmp_path) | {"interval": "500ms"})
        async with exporter(path, "--log.level=debug") as server:
            await server.cycles()
            told = [
                (each, (await server.get(each))[1])
                for each in _paths((await server.get("/api/v1/openapi.json"))[1])
            ]
            path.write_text(f"targets: [{{static: {{urls: [*{MARK}]}}}}]\n")
            told.append(("reload", (await server.reload())[1]))
        said = "".join(server.said)
    assert len(told) > 15
    assert [where for where, text in told if MARK in text] == []
    assert "127.0.0.1:1" in said
    assert MARK not in said


OF_A_FILE = ("status", "status --json", "check preflight -v", "diff --all", "doctor", "plan")
OF_AN_ADDRESS = (
    f"status --server {BY_URL}",
    f"check preflight --server {BY_URL}?token={MARK}",
    f"check preflight --prometheus {BY_URL}",
    f"diff --all --server {BY_URL}",
    f"status {BY_URL}",
    f"init {BY_URL}",
    f"healthcheck --url {BY_URL}",
)


@pytest.mark.asyncio
async def test_no_command_prints_a_secret(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with Demo(DemoSettings(size=3, tokens=8, hold=True, start_phase=Phase.MIRRORING)) as demo:
        path = tmp_path / "kvmigration.yml"
        path.write_text(yaml.safe_dump(_settings(demo, tmp_path)))
        lines = [f"{line} --config.file={path}" for line in OF_A_FILE if line.split()[0] in COMMANDS]
        lines += [f"validate {path}", f"validate --estimate {path}", *OF_AN_ADDRESS]
        for line in lines:
            status = await asyncio.to_thread(_status, line.split())
            out, err = capfd.readouterr()
            assert MARK not in out + err, line
            assert out + err or not status, line


def _status(argv: list[str]) -> int:
    try:
        return run(argv)
    except SystemExit as ended:
        return int(ended.code or 0)
