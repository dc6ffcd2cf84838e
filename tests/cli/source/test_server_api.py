"""`check` and `status` against a running exporter that watches a demo."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from exporter.demo import Demo, DemoSettings
from exporter.model.pages import Phase
from tests.cli.conftest import fits, said_here
from tests.running import exporter

pytestmark = pytest.mark.asyncio
SECONDS = 60.0


async def _run(*arguments: str) -> tuple[int, str, str]:
    """Run a command beside the loop that answers it."""
    said = await asyncio.to_thread(said_here, *arguments)
    return said.status, said.out, said.err


async def _started(*arguments: str) -> tuple[int, str, str]:
    """Run it as a process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_running_exporter_answers_check_and_status(tmp_path: Path) -> None:
    settings = DemoSettings(size=3, tokens=16, hold=True, manual=True, start_phase=Phase.MIRRORING)
    async with Demo(settings) as demo:
        await demo.advance(60.0)
        config = tmp_path / "kvmigration.yml"
        told = demo.config() | {"interval": "500ms", "gate": {"soak": "0s", "check_interval": "100ms"}}
        config.write_text(yaml.safe_dump(told))
        async with exporter(config) as started:
            await started.cycles()
            server = f"http://{started.address}"
            status, out, err = await _started("check", "switch-primary", "--server", server)
            assert (status, out.splitlines()[0]) == (0, "rings/switch-primary: open: every check passed."), (
                out + err
            )
            assert (await _run("check", "switch-primary", "--server", server, "--for", "1s"))[0] == 0
            status, out, _ = await _started("status", "--server", server)
            assert status == 0
            assert "phase mirroring (uniform, for " in out
            assert "Roll back (safe now): " in out
            fits(out, 40)
            demo.cluster.set_fault("conjoined", on=True)
            await demo.advance(10.0)
            await started.cycles(2)
            status, out, _ = await _run("check", "switch-primary", "--server", server)
            assert status == 1
            assert out.startswith("rings/switch-primary: closed: 2 foreign members in the gossip:")
            assert (await started.get("/api/v1/gate/switch-primary?strict=1"))[0] == 409
        status, _, err = await _run("check", "switch-primary", "--server", server)
        assert status == 2
        assert "no answer of an exporter" in err


SECRET = "hunter-2-marked"
SETTINGS = [
    (f"basic_auth: {{username: sre, password: {SECRET}}}", "Basic c3JlOmh1bnRlci0yLW1hcmtlZA=="),
    (f"authorization: {{credentials: {SECRET}}}", f"Bearer {SECRET}"),
    ("", None),
]


@pytest.mark.parametrize(("settings", "sent"), SETTINGS, ids=["a password", "a token", "none"])
async def test_credentials_of_the_http_settings_go_to_the_server_and_into_no_output(
    tmp_path: Path, settings: str, sent: str | None
) -> None:
    seen: list[str | None] = []

    async def refuse(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"status": "error", "error": "not today"}, status=401)

    app = web.Application()
    app.router.add_get("/{any:.*}", refuse)
    file = tmp_path / "http.yml"
    file.write_text(settings)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        given = ("--http.config.file", str(file)) if settings else ()
        status, out, err = await _run("status", "--server", f"http://{host}:{port}", *given)
    finally:
        await runner.cleanup()
    assert (status, seen) == (2, [sent])
    assert "not today" in err
    assert SECRET not in out + err
