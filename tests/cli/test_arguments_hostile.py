"""`--server` and `healthcheck` when something else answers there: exit status 2, no traceback, no secret."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from zlib_ng import zlib_ng

from exporter.cli.arguments import run
from tests.sources.serving import serving

pytestmark = pytest.mark.asyncio
ANSI = "\x1b[31mEVIL\x1b[0m\x1b]0;owned\x07\u202eabc\r\nFORGED"
COMMANDS = (["status"], ["check", "switch-primary"], ["diff", "collectors/ring"])


def _success(**more: Any) -> bytes:
    return json.dumps({"status": "success", "at": 1.0, "data": {}} | more).encode()


def _bomb() -> bytes:
    packer = zlib_ng.compressobj(6, zlib_ng.DEFLATED, 31)  # zlib takes half a second for it
    zeros = bytes(1024 * 1024)
    return b"".join([*(packer.compress(zeros) for _ in range(200)), packer.flush()])


BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "an error that steers the terminal": (json.dumps({"status": "error", "error": ANSI}).encode(), {}),
    "an error that is no text": (b'{"status":"error","error":[1]}', {}),
    "data of another shape": (_success(data={"step": ANSI}), {}),
    "an age that is no number": (_success(stale=True, age_seconds=ANSI), {}),
    "no age": (_success(stale=True, age_seconds=None), {}),
    "no time": (b'{"status":"success","data":{}}', {}),
    "an endless number": (b'{"status":"success","at":1e400,"data":{}}', {}),
    "nested deeply": (b"[" * 2_000_000, {}),
    "nested deeply within": (b'{"status":"success","at":1,"data":' + b"[" * 500_000, {}),
    "a list": (b"[1,2]", {}),
    "nothing": (b"", {}),
    "half a surrogate": (b'{"status":"error","error":"\\ud800"}', {}),
    "no gzip": (b"plain", {"Content-Encoding": "gzip"}),
    "a bomb": (_bomb(), {"Content-Encoding": "gzip"}),
    "brotli": (b"\x8b\x00", {"Content-Encoding": "br"}),
    "gzip that is cut": (gzip.compress(_success())[:20], {"Content-Encoding": "gzip"}),
}


async def told(command: list[str], url: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit status of a command, which runs in a thread as it has a loop of its own, and all it says."""
    status = await asyncio.to_thread(run, [*command, "--server", url])
    said = capsys.readouterr()
    return status, said.out + said.err


def answering(body: bytes, headers: dict[str, str]) -> Callable[[web.Request], Any]:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    return handle


@pytest.mark.parametrize("what", BODIES)
async def test_whatever_answers_the_status_is_2_and_the_terminal_is_safe(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(answering(*BODIES[what])) as url:
        for command in COMMANDS:
            status, said = await told(command, url, capsys)
            assert status == 2, said
            assert "Traceback" not in said
            assert all(char.isprintable() or char == "\n" for char in said)


@pytest.mark.parametrize("command", [*COMMANDS, ["healthcheck"]])
async def test_no_message_quotes_the_user_the_password_or_the_query(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for url in (
        "http://user:hunter2@127.0.0.1:1",
        "http://127.0.0.1:1/?token=hunter2",
        "user:hunter2@127.0.0.1:1",
        "http://user:hunter2@[::1",
    ):
        status, said = await told(command, url, capsys)
        assert status == 2
        assert "hunter2" not in said, said


async def test_prometheus_is_told_without_its_password(capsys: pytest.CaptureFixture[str]) -> None:
    for url in ("http://user:hunter2@127.0.0.1:1", "http://127.0.0.1:1/?token=hunter2"):
        status = await asyncio.to_thread(run, ["check", "switch-primary", "--prometheus", url])
        said = capsys.readouterr()
        assert (status, "hunter2" in said.err + said.out) == (2, False)


@pytest.mark.parametrize("command", [*COMMANDS, ["healthcheck"]])
async def test_a_redirect_to_another_host_is_not_followed(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    async def there(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization", ""))
        return web.Response(body=_success())

    async with serving(there) as other:

        async def away(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": other + request.path})

        async with serving(away) as url:
            status, said = await told(command, url.replace("//", "//user:hunter2@"), capsys)
        assert status == 2, said
        assert asked == []
