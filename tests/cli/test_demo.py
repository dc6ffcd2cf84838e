"""The command `kvmigration demo`: its arguments, what it prints, how it ends."""

from __future__ import annotations

import argparse
import asyncio
import re
import socket

import aiohttp
import pytest

from exporter.cli.arguments import run
from exporter.cli.demo import add_arguments, addresses, run_demo, settings_of, soak_of
from exporter.cli.source.snapshot_source import duration
from exporter.demo import FAULTS, Demo, DemoSettings
from exporter.model.pages import Phase


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(list(words))


def test_the_defaults_are_six_cortex_processes_that_walk_from_the_start() -> None:
    assert settings_of(parsed()) == DemoSettings()


def test_every_argument_reaches_the_settings() -> None:
    words = (
        "--product mimir --size 9 --tokens 64 --seed 7 --phase-duration 1m30s --start-phase multi --hold "
        "--speed 4 --fault crash --fault lag --hostile --base-port 20000"
    )
    assert settings_of(parsed(*words.split())) == DemoSettings(
        product="mimir",
        size=9,
        tokens=64,
        seed=7,
        phase_duration=90.0,
        start_phase=Phase.MULTI,
        hold=True,
        speed=4.0,
        faults=("crash", "lag"),
        hostile=True,
        base_port=20000,
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [("30s", 30.0), ("1m30s", 90.0), ("2h", 7200.0), ("500ms", 0.5), ("1d", 86400.0), ("1h1m1s", 3661.0)],
)
def test_durations_are_written_as_in_the_configuration(text: str, found: float) -> None:
    assert duration(text) == found


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1s1m", "0.5s", "45"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no duration; write for instance"):
        duration(text)


@pytest.mark.parametrize(
    "words",
    [
        ["--fault", "nonsense"],
        ["--product", "tempo"],
        ["--start-phase", "unknown"],
        ["--phase-duration", "x"],
    ],
)
def test_unknown_words_are_refused_by_the_parser(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed(*words)
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"product": "tempo"}, "product: 'tempo' is none of mimir, cortex, loki"),
        ({"size": 0}, "size and tokens must be at least 1"),
        ({"tokens": 0}, "size and tokens must be at least 1"),
        ({"speed": 0.0}, "phase-duration and speed must be above 0"),
        ({"phase_duration": 0.0}, "phase-duration and speed must be above 0"),
        ({"start_phase": Phase.UNKNOWN}, "start-phase: unknown is not a phase to start in"),
        ({"faults": ("x",)}, "fault: 'x' is none of "),
        ({"base_port": 70000}, "base-port: needs 1 to 63000"),
        ({"base_port": 5000, "size": 901}, "base-port: needs 1 to 63000, and a size of at most 900"),
    ],
)
def test_impossible_settings_are_refused_with_a_sentence(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        DemoSettings(**fields)


@pytest.mark.parametrize(
    ("phase", "speed", "soak"), [(30.0, 1.0, "15s"), (90.0, 1.0, "15s"), (30.0, 4.0, "3s"), (0.5, 1.0, "1s")]
)
def test_the_demos_gate_has_the_time_to_open_within_a_phase(phase: float, speed: float, soak: str) -> None:
    assert soak_of(DemoSettings(phase_duration=phase, speed=speed)) == soak


def test_a_wrong_address_is_refused_before_anything_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--web.listen-address", "foo"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.startswith('kvmigration: "foo" is not HOST:PORT')) == ("", True)


def test_a_taken_port_is_refused_before_anything_is_started_with_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["demo", "--web.listen-address", f"127.0.0.1:{port}"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"kvmigration: cannot listen on 127.0.0.1:{port}: the port is in use; stop what listens there, "
        "or choose another port with --web.listen-address. With make: make run "
        'ARGS="--web.listen-address :9896"\n'
    )


@pytest.mark.asyncio
async def test_the_command_prints_where_to_look_serves_and_ends_when_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stop, statuses = asyncio.Event(), []

    async def started(demo: Demo) -> None:
        async with aiohttp.ClientSession() as client, client.get(f"{demo.urls[0]}/ready") as reply:
            statuses.append(reply.status)
        demo.cluster.set_phase(Phase.MULTI)
        asyncio.get_running_loop().call_later(1.0, stop.set)

    status = await run_demo(parsed("--size", "2", "--tokens", "4"), stop=stop, started=started)
    said = capsys.readouterr().out
    assert (status, statuses) == (0, [200])
    assert "A simulated cortex cluster of 2 processes, phase external." in said
    assert re.search(r"cortex-1 +http://127\.0\.0\.1:\d+  log \S+\.log", said)
    assert re.search(r"control +http://127\.0\.0\.1:\d+/state", said)
    assert "now going to phase multi" in said


@pytest.mark.asyncio
async def test_impossible_arguments_end_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_demo(parsed("--size", "0"), stop=asyncio.Event()) == 2
    assert "size and tokens must be at least 1" in capsys.readouterr().err


@pytest.mark.asyncio
async def test_a_taken_port_ends_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    async with Demo(DemoSettings(size=1, manual=True)) as demo:
        port = demo.urls[0].rpartition(":")[2]
        if int(port) > 63_000:
            pytest.skip("the kernel gave out a port that is too high for a base port")
        assert await run_demo(parsed("--base-port", port), stop=asyncio.Event()) == 1
    wanted = f"cannot listen on 127.0.0.1:{port}: the port is in use; choose other ports with --base-port"
    assert wanted in capsys.readouterr().err


@pytest.mark.asyncio
async def test_names_are_printed_without_controls_and_short() -> None:
    async with Demo(DemoSettings(size=13, manual=True, hostile=True)) as demo:
        said = addresses(demo)
        assert all(letter.isprintable() or letter == "\n" for letter in said)
        assert "and 1 more; the control address lists them" in said


def test_the_help_tells_every_fault() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    told = " ".join(parser.format_help().split())
    assert all(f"{name}:" in told.replace("- ", "-") for name in FAULTS)
