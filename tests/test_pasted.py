"""Every command block of README and docs, pasted: against the demo where it can be, else parsed."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from exporter.cli import arguments
from tests import plain_words
from tests.conftest import ROOT

FENCE: Final = re.compile(r"^( *)```sh\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LONGEST: Final = 240.0  # seconds of one shell
# What a page of ours may name; what it is given is the reader's own cluster.
OTHERS: Final = frozenset(
    {
        "/opt/kvmigration/bin/pip", "amtool", "cat", "curl", "docker", "do", "done", "echo", "etcdctl",
        "export", "for", "helm", "install", "jq", "jsonnet", "kill", "kubectl", "lokitool", "make",
        "mimirtool", "promtool", "sleep", "systemctl", "until", "wait",
    }
)  # fmt: skip
PYTHONS: Final = frozenset({"python", "python3", ".venv/bin/python"})
PROCESS, SERVER = "http://10.0.0.5:8080", "http://127.0.0.1:9895"
# Blocks that need what a test cannot have: a cluster of the reader's, its monitoring, or a server that stays.
FOREIGN: Final = re.compile(
    r"^ *(?:make|kubectl|helm|docker|mimirtool|lokitool|amtool|promtool|etcdctl|jsonnet|install|python3?|"
    r"\.venv/bin/python|kvmigration (?:serve|demo)) |my\.yml|runtime\.yaml|grafana\.example",
    re.MULTILINE,
)
STOPPED: Final = re.compile(
    r"usage:|not found|No such file|Traceback|syntax error|kvmigration: error|does not answer: ",
    re.IGNORECASE,
)


class Block(NamedTuple):
    """One block: its page, its number there from 1, and its lines."""

    page: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def _blocks() -> Iterator[Block]:
    pages = [*plain_words.pages(ROOT), *sorted((ROOT / "deploy").rglob("*.md")), ROOT / "mixin" / "README.md"]
    for page in pages:
        if page.parent.name == "runbooks":  # tests/alerts/test_runbooks.py pastes those
            continue
        for number, (_, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")), 1):
            yield Block(page.relative_to(ROOT).as_posix(), number, text)


BLOCKS: Final = tuple(_blocks())
FIRST_RING: Final = "docs/first-gossip-ring.md"
PASTED: Final = tuple(b for b in BLOCKS if b.page != FIRST_RING and not FOREIGN.search(b.text))


def test_the_pages_have_their_blocks() -> None:
    assert len(BLOCKS) > 30
    assert len(PASTED) >= 7
    assert {"README.md", "docs/ring.md", "docs/ha-tracker.md"} <= {block.page for block in PASTED}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_one_that_a_shell_takes(block: Block) -> None:
    parsed = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_command_of_a_block_exists(block: Block) -> None:
    for words in _commands(block.text):
        name, *rest = words
        if name == "kvmigration":
            _accepted(rest)
        elif name in PYTHONS and rest[0] == "-m":
            _has_flags(rest[1], rest[2:])
        else:
            assert name in OTHERS | PYTHONS, words
        for word in words:
            if word.startswith(("deploy/", "dashboards/", "alerts/", "tests/")) and "*" not in word:
                assert (ROOT / word).exists(), word


def _commands(text: str) -> Iterator[list[str]]:
    """The commands of a block: lines that go on are one, a pipe is two, and a here-document is none."""
    text = re.sub(r"<<'(\w+)'(.*?)^\1$", "", text.replace("\\\n", " "), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\$\([^)]*\)", "x", text).replace("|\n", "| ")
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|&;"):
                if command and "=" not in command[0]:
                    yield command
                command = []
            elif word[0] in "<>":
                break
            else:
                command.append(word)


def _accepted(words: list[str]) -> None:
    """The real parser takes it."""
    top = arguments.parser()
    command = arguments.command_of(top, words[0])
    given = words[1:] if words[0] != "check" or "--server" in words else [*words[1:], "--server", SERVER]
    if words[0] in {"status", "plan", "diff"} and not {"--server", "--config.file"} & set(words):
        given = [*given, *([] if any(w.startswith("http") for w in given) else ["--server", SERVER])]
    taken: argparse.Namespace = top.parse_args([words[0], *arguments.flagged(command, given)])
    assert callable(taken.run)


def _has_flags(module: str, words: list[str]) -> None:
    """The module's own help has every flag; the programs of others are left to them."""
    flags = [word.partition("=")[0] for word in words if word.startswith("--")]
    if module in {"pytest", "venv"}:
        return
    shown = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert [flag for flag in flags if not re.search(rf"(?<!\S){flag}\b", shown)] == []


class Run(NamedTuple):
    """How a shell ended."""

    status: int
    out: str
    err: str


def _shell(folder: Path, script: str) -> Run:
    """Paste a script into a fresh shell, in a network of its own, in which `kvmigration` is this checkout."""
    if shutil.which("unshare") is None:
        pytest.skip("a network namespace needs util-linux")
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    shim = tools / "kvmigration"
    shim.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m exporter "$@"\n')
    shim.chmod(0o755)
    inside = f"ip link set lo up && exec env PATH={tools}:$PATH bash --noprofile --norc"
    alone = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
    done = subprocess.run(
        [*alone, "sh", "-c", inside],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=LONGEST,
    )
    if "unshare failed" in done.stderr:
        pytest.skip(f"no network namespace can be made here: {done.stderr}")
    return Run(done.returncode, done.stdout, done.stderr)


READY: Final = (
    f"until curl --silent --fail --output ready.txt {SERVER}/-/ready && "
    f'curl --silent {SERVER}/api/v1/status | grep -q \'"phase":"mirroring"\'; do sleep 0.2; done\n'
)


@pytest.fixture(scope="module")
def pasted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Each block that needs no other cluster, in a shell of its own, against one demo."""
    folder = tmp_path_factory.mktemp("pasted")
    script = (
        "kvmigration demo --size 4 --start-phase mirroring --hold --base-port 19100 "
        f"--web.listen-address 127.0.0.1:9895 > demo.log 2>&1 &\n{READY}"
    )
    for number, block in enumerate(PASTED):
        (folder / f"{number}.sh").write_text(
            block.text.replace(PROCESS, "http://127.0.0.1:19100").replace("=30m", "=30s")
        )
        script += f"bash {number}.sh < /dev/null > {number}.out 2> {number}.err; echo $? > {number}.status\n"
    ended = _shell(folder, script)
    assert ended.status == 0, ended.err + (folder / "demo.log").read_text()
    return {
        str(block): Run(
            int((folder / f"{number}.status").read_text()),
            (folder / f"{number}.out").read_text(),
            (folder / f"{number}.err").read_text(),
        )
        for number, block in enumerate(PASTED)
    }


@pytest.mark.parametrize("block", PASTED, ids=str)
def test_a_block_pasted_into_a_fresh_shell_does_not_stop(block: Block, pasted: dict[str, Run]) -> None:
    run = pasted[str(block)]
    assert STOPPED.search(run.err) is None, run.err
    assert run.status in {0, 1, 2}, run.err
    assert run.out or block.text.startswith("export ") or "shows no migration that has the step" in run.err


def test_the_first_gossip_ring_is_pasted_whole_and_ends_well(tmp_path: Path) -> None:
    run = _shell(tmp_path, "".join(block.text for block in BLOCKS if block.page == FIRST_RING))
    assert run.status == 0, run.err
    assert STOPPED.search(run.err) is None, run.err
    for shown in ("two.yml: ok", "2 processes answer, 0 do not", "phase memberlist", "Gossip: 1 cluster"):
        assert shown in run.out, run.out
