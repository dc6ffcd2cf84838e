"""`kvmigration completion`: the script that a shell reads."""

from __future__ import annotations

import subprocess

import pytest

from exporter.cli.arguments import COMMANDS, parser
from exporter.cli.completion import SHELLS, completion

COMPLETED = [
    ("kvmigration ", "switch", set()),
    ("kvmigration ", "che", {"check"}),
    ("kvmigration ", "", set(COMMANDS)),
    ("kvmigration check ", "--conf", {"--config.file"}),
    ("kvmigration status --log.level ", "w", {"warn"}),
    ("kvmigration completion ", "", set(SHELLS)),
]


@pytest.fixture(scope="module")
def script() -> str:
    return completion(parser(), "bash")


@pytest.mark.parametrize(("line", "begun", "offered"), COMPLETED, ids=[a + b for a, b, _ in COMPLETED])
def test_bash_completes_commands_flags_and_choices(
    script: str, line: str, begun: str, offered: set[str]
) -> None:
    words = [*line.split(), begun]
    asked = " ".join(f"'{word}'" for word in words)
    tried = (
        f"{script}\nCOMP_WORDS=({asked}); COMP_CWORD={len(words) - 1}; "
        f"_shtab_kvmigration kvmigration '{begun}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", tried], capture_output=True, text=True, timeout=30, check=True)
    told = set(done.stdout.split())
    assert offered <= told
    assert told <= offered or begun == ""
    assert done.stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_is_told_every_command_and_that_paths_are_files(shell: str) -> None:
    text = completion(parser(), shell)
    assert [name for name in COMMANDS if name not in text] == []
    assert {"bash": "compgen_files", "zsh": "_files", "fish": "complete"}[shell] in text
