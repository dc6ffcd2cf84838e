"""`kvmigration doctor`: what is unknown, where, and what to do; silent where everything is read."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli.doctor import obstacles
from exporter.config import load_text
from exporter.demo import Demo, DemoSettings
from exporter.model.facts import Snapshot
from exporter.model.pages import Phase, Product, Reason
from exporter.wiring import Watch
from tests.cli.conftest import said_here
from tests.cli.guarded import guarded
from tests.conftest import free_base_port
from tests.derive.build import Fleet

Told = dict[str, Any]


def _urls(told: Told) -> list[str]:
    return list(told["targets"][0]["static"]["urls"])


CHANGES: list[tuple[str, Any, str, str]] = [
    ("no process listens", lambda told: [*_urls(told), "http://127.0.0.1:1"],
     "1 process: does not answer (no process listens)", "take it out of targets"),
    ("a wrong prefix", lambda told: [*_urls(told)[:-1], _urls(told)[-1] + "/wrong"],
     "Probably no process of ours: 404 for /metrics", ""),
    ("a name without an address", lambda told: [*_urls(told), "http://nothing.invalid:1"],
     "1 process: does not answer (the name has no address)", "Correct the name"),
]  # fmt: skip


async def _found(told: Told) -> Snapshot:
    async with Watch(load_text(yaml.safe_dump(told))) as watch:
        return await watch.poller.cycle()


@pytest.mark.asyncio
async def test_each_thing_that_is_not_known_is_found_with_its_remedy_and_nothing_else(tmp_path: Path) -> None:
    settings = DemoSettings(size=3, tokens=16, hold=True, start_phase=Phase.MIRRORING)
    async with Demo(settings) as demo:
        told = demo.config() | {"interval": "15s"}
        assert list(obstacles(await _found(told))) == []
        for name, urls, text, remedy in CHANGES:
            (finding,) = obstacles(await _found({**told, "targets": [{"static": {"urls": urls(told)}}]}))
            assert text in finding.text, name
            assert remedy in finding.remedy, name
        (finding,) = obstacles(await _found({**told, "stores": {"consul": {"url": "http://127.0.0.1:1"}}}))
        assert finding.text.startswith("consul was not read")
        (finding,) = obstacles(await _found({k: v for k, v in told.items() if k != "stores"}))
        assert finding.text == "Processes use an external store, and none is configured"
        status, out = await _run(tmp_path, told)
        assert status == 0, out
        assert out.endswith("The exporter can read everything.\n")
        assert "processes: 3 of 3 answer (3 by static)" in out
        assert "runtime configuration: primary: consul, mirror_enabled: true (3)" in out
        status, out = await _run(tmp_path, {**told, "stores": {"consul": {"url": "http://127.0.0.1:1"}}})
        assert status == 1
        assert "!! consul was not read (" in out


async def _run(folder: Path, told: Told) -> tuple[int | None, str]:
    path = folder / "my.yml"
    path.write_text(yaml.safe_dump(told))
    return await _doctor(str(path))


async def _doctor(*words: str) -> tuple[int | None, str]:
    """Run it beside the loop that answers it."""
    said = await asyncio.to_thread(said_here, "doctor", *words)
    return said.status, said.out + said.err


async def _started(*words: str) -> tuple[int | None, str]:
    """Run it as a process."""
    command = (sys.executable, "-m", "exporter", "doctor", *words)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode()


@pytest.mark.asyncio
async def test_one_url_in_place_of_the_file_leads_to_all_processes_and_to_those_that_are_missing() -> None:
    settings = DemoSettings(
        size=4, tokens=16, hold=True, start_phase=Phase.MEMBERLIST, base_port=free_base_port()
    )
    async with Demo(settings) as demo:
        url = _urls(demo.config())[0]
        status, out = await _started(url)
        assert status == 0, out
        assert out.startswith(f"read from {url}\nprocesses: 4 of 4 answer (4 by static)\n")
        assert out.endswith("The exporter can read everything.\n")
        demo.cluster.set_fault("crash", on=True)
        status, out = await _doctor(url)
        assert status == 1, out
        assert "!! Not watched: gossip member " in out
    status, out = await _doctor(url)
    assert status == 2
    assert url in out
    assert "Traceback" not in out


@pytest.mark.asyncio
@pytest.mark.parametrize(("password", "status"), [("s3cret-word", 0), ("another-word", 2)])
async def test_credentials_for_a_url_come_from_a_file_and_are_never_printed(
    tmp_path: Path, password: str, status: int
) -> None:
    settings = DemoSettings(size=3, tokens=16, hold=True, start_phase=Phase.MEMBERLIST)
    http = tmp_path / "http.yml"
    http.write_text(yaml.safe_dump({"basic_auth": {"username": "me", "password": password}}))
    async with Demo(settings) as demo, guarded(_urls(demo.config())[0], "me", "s3cret-word") as url:
        ended, out = await _doctor(url, "--http.config.file", str(http))
    assert (ended == 2) is (status == 2), out
    assert password not in out


def test_a_runtime_configuration_that_is_refused_is_named_and_one_that_is_absent_is_not() -> None:
    fleet = Fleet()
    for process in fleet.processes:
        process.product = Product.MIMIR
    assert not [found for found in obstacles(fleet.look()) if "/runtime_config" in found.text]
    fleet.processes[0].lost, fleet.processes[0].reason = frozenset({"/runtime_config"}), Reason.DENIED
    (found,) = (found for found in obstacles(fleet.look()) if "/runtime_config" in found.text)
    assert found.text.startswith("1 process: /runtime_config was not read")
    assert found.names == ("10.0.0.1:80",)
