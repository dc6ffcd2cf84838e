"""What a command imports before it does anything: one cycle starts without the page and the demo."""

from __future__ import annotations

import subprocess
import sys

import pytest

from exporter.cli.arguments import COMMANDS, parser
from tests.conftest import ROOT

UNNEEDED = ("rich", "exporter.demo", "exporter.expose.web", "exporter.expose.api.openapi", "jinja2")


def imported(command: str) -> set[str]:
    code = (
        "import sys\n"
        "from exporter.cli.arguments import parser\n"
        f"parser({command!r})\n"
        "sys.stdout.write('\\n'.join(sys.modules))\n"
    )
    asked = [sys.executable, "-c", code]
    return set(subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("command", ["serve", "check", "validate"])
def test_a_command_leaves_out_what_it_does_not_need(command: str) -> None:
    assert not imported(command).intersection(UNNEEDED)


def test_without_a_command_all_are_there_to_be_listed() -> None:
    assert {"rich", "exporter.demo"} <= imported("")


def test_every_command_is_found_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            parser(command).parse_args([command, "--help"])
        assert ended.value.code == 0
        assert f"kvmigration {command}" in capsys.readouterr().out
