"""`--shard`: what it takes, that a reload keeps it, and which commands look at everything all the same."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli.arguments import parser
from exporter.cli.source.shard_option import shard
from exporter.config import load_text
from exporter.config.overrides import Shard, sharded, unsharded
from exporter.demo import Demo, DemoSettings
from exporter.model.pages import Phase
from exporter.polling.sharding import shard_of
from tests.cli.conftest import Recorded, as_reviewed
from tests.running import exporter

Start = Callable[..., Recorded]
TARGETS = 'targets: [{static: {urls: ["http://a:1"]}}]\n'


@pytest.mark.parametrize(
    ("text", "number", "count"),
    [("0/1", 0, 1), ("2/4", 2, 4), ("007/0010", 7, 10), ("9999/10000", 9999, 10000)],
)
def test_a_shard_is_a_number_of_a_count(text: str, number: int, count: int) -> None:
    assert shard(text) == Shard(number, count)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", '"" is no shard; write for instance 0/4 or auto/4'),
        ("2", '"2" is no shard; write for instance 0/4 or auto/4'),
        ("2/4/8", '"2/4/8" is no shard; write for instance 0/4 or auto/4'),
        ("-1/4", '"-1/4" is no shard; write for instance 0/4 or auto/4'),
        ("1.0/4", '"1.0/4" is no shard; write for instance 0/4 or auto/4'),
        (" 1/4", '" 1/4" is no shard; write for instance 0/4 or auto/4'),
        ("1/4\n", '"1/4\n" is no shard; write for instance 0/4 or auto/4'),
        ("Auto/4", '"Auto/4" is no shard; write for instance 0/4 or auto/4'),
        ("1/999999", '"1/999999" is no shard; write for instance 0/4 or auto/4'),
        ("4/4", "4 is not below 4; shards count from 0"),
        ("0/0", "0 is not below 0; shards count from 0"),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        shard(text)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("host", "number"),
    [("kvmigration-exporter-0", 0), ("kvmigration-exporter-3", 3), ("a-1-2", 2), ("x-03", 3)],
)
def test_auto_takes_the_number_of_a_stateful_sets_pod(
    host: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert shard("auto/4") == Shard(number, 4)


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("laptop", 'auto needs a host name that ends in a number, as in a StatefulSet; this one is "laptop"'),
        ("kvmigration0", "auto needs a host name that ends in a number"),
        ("kvmigration-exporter-6c9fd-x2x1z", "auto needs a host name that ends in a number"),
        ("kvmigration-exporter-4", "4 is not below 4; shards count from 0"),
    ],
)
def test_auto_is_refused_where_the_host_says_no_number_or_one_too_great(
    host: str, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shard that nobody counts on would watch what others watch."""
    monkeypatch.setattr("socket.gethostname", lambda: host)
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["serve", "--config.file=x.yml", "--shard=auto/4"])
    assert ended.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "chosen", "found"),
    [
        ("", None, (0, 1)),
        ("scale: {shard: 1, shards: 4}\n", None, (1, 4)),
        ("", Shard(2, 3), (2, 3)),
        ("scale: {shard: 1, shards: 4, max_series: 7}\n", Shard(2, 3), (2, 3)),
        ("scale: {shard: 1, shards: 4}\n", Shard(0, 1), (0, 1)),
    ],
)
def test_the_command_line_wins_over_the_configuration(
    written: str, chosen: Shard | None, found: tuple[int, int]
) -> None:
    config = load_text(TARGETS + written)
    scale = sharded(config, chosen).scale
    assert (scale.shard, scale.shards) == found
    assert scale.max_series == config.scale.max_series
    assert (unsharded(config).scale.shard, unsharded(config).scale.shards) == (0, 1)


@pytest.mark.parametrize("command", ["check", "status", "diff", "validate"])
def test_only_serve_takes_a_shard(command: str) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--shard=0/4"])


@pytest.mark.parametrize("scale", [{}, {"shard": 1, "shards": 4}, {"shard": 3, "shards": 4}])
def test_check_and_status_look_at_everything_whatever_the_configuration_says(
    scale: dict[str, Any], recorded: Start
) -> None:
    """With the very text that they have without shards."""
    started = recorded("cortex/2b-mirroring", scale=scale)
    as_reviewed("check-2b-mirroring.txt", started.run("check", "-v", "switch-primary").out)
    as_reviewed("status-2b-mirroring.txt", started.run("status").out)


@pytest.mark.asyncio
async def test_a_reload_keeps_the_shard_of_the_command_line(tmp_path: Path) -> None:
    settings = DemoSettings(size=6, tokens=8, hold=True, start_phase=Phase.MIRRORING)
    async with Demo(settings) as demo:
        told = {**demo.config(), "interval": "500ms"}
        path = tmp_path / "kvmigration.yml"
        path.write_text(yaml.safe_dump(told))
        mine = shard_of(demo.urls[0].removeprefix("http://"), 4)  # one that has a process
        async with exporter(path, f"--shard={mine}/4") as server:
            await server.cycles()
            before = await server.samples()
            assert before["shards"] == {(("shard", str(mine)),): 4.0}
            path.write_text(yaml.safe_dump(told | {"scale": {"shard": 1 - min(mine, 1), "shards": 2}}))
            assert (await server.reload())[0] == 200
            await server.cycles(2)
            after = await server.samples()
            assert after["shards"] == before["shards"]
            assert after["target_up"].keys() == before["target_up"].keys()
            assert (await server.value("config_last_reload_successful")) == 1
