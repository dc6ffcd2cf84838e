"""The compose files, against the compose specification's schema and against what they mount."""

from __future__ import annotations

import importlib.resources
import json
import subprocess
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from exporter.cli.arguments import parser
from exporter.config import load
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "compose"
FILES = ("compose.yaml", "compose.demo.yaml")


def read(name: str) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return told


@pytest.mark.parametrize("name", FILES)
def test_the_files_fit_the_specifications_schema(name: str) -> None:
    where = importlib.resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(where.read_text(encoding="utf-8"))
    jsonschema.validators.validator_for(schema)(schema).validate(read(name))


@pytest.mark.parametrize("service", sorted(read("compose.yaml")["services"]))
def test_services_are_hardened_pinned_and_reached_from_here_alone(service: str) -> None:
    told = read("compose.yaml")["services"][service]
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert ":" in told["image"]
    assert not told["image"].endswith(":latest")
    assert all(port.startswith("127.0.0.1:") for port in told["ports"])


def test_everything_that_is_mounted_is_there_or_a_volume() -> None:
    told = read("compose.yaml")
    for service in told["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            assert source in told["volumes"] or (FOLDER / source).exists(), source


@pytest.mark.parametrize("name", FILES)
def test_the_exporters_command_is_one_it_takes(name: str) -> None:
    parser().parse_args(read(name)["services"]["exporter"]["command"])


def test_the_configuration_beside_it_is_good() -> None:
    assert load(FOLDER / "config.yml").targets


@pytest.mark.real
def test_promtool_takes_the_prometheus_configuration(program: Callable[[str], str]) -> None:
    command = [program("promtool"), "check", "config", "--syntax-only", str(FOLDER / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
