"""`check --for`: held from the first picture to the last one, whoever takes them."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from exporter.cli import check as cli_check
from exporter.cli.source.snapshot_source import GateSource, _Local, look_from
from exporter.expose.api.shapes import CheckOut, GateAnswer, StepOut, Verdict

STEP = "switch-primary"
SOAK = 60.0
ENOUGH = 20  # looks


class Seen(NamedTuple):
    """One look: when its picture was whole, and what the gate says."""

    at: float
    soaked: float
    answer: GateAnswer = "closed"
    verdict: Verdict = "holds"


@dataclass
class Script(GateSource):
    """Looks as they are written down, the last one again and again."""

    looks: list[Seen]
    soaks: bool = True
    headline: str = "Closed: every check has passed, for 1 s of 300 s."
    interval: float = 0.0
    at: float = 0.0
    asked: int = 0

    async def steps(self, wanted: str) -> tuple[StepOut, ...]:
        if self.asked == ENOUGH:
            raise TimeoutError
        seen = self.looks[min(self.asked, len(self.looks) - 1)]
        self.asked += 1
        self.at = seen.at
        check = CheckOut("lag", "", seen.verdict, "", (), "", "", None)
        held = (self.headline, 300.0, seen.soaked, None, (check,))
        return (StepOut("rings", wanted, seen.answer, "next", *held),)


def soaked(script: Script) -> int | None:
    """The exit status, `None` where it goes on looking."""
    args = Namespace(step=STEP, soak=SOAK, format="json", verbose=False, docs_base_url="")
    try:
        return asyncio.run(cli_check._soak(args, script))
    except TimeoutError:
        return None


CASES: list[tuple[str, Script, int | None, int]] = [
    ("a picture every 15 s", Script([Seen(n * 15.0, 100 + n * 15.0) for n in range(9)]), 0, 5),
    ("one picture, looked at for ever", Script([Seen(15.0, 200.0)]), None, ENOUGH),
    ("one minute to the next", Script([Seen(0.0, 0.0), Seen(60.0, 60.0)]), 0, 2),
    ("a break that only the gate knows of", Script([Seen(0.0, 100.0), Seen(90.0, 6.0)]), None, ENOUGH),
    ("it holds again since", Script([Seen(0.0, 100.0), Seen(90.0, 6.0), Seen(150.0, 66.0)]), 0, 3),
    ("the clock was set back", Script([Seen(3600.0, 100.0), Seen(30.0, 0.0)]), None, ENOUGH),
    ("and ahead", Script([Seen(30.0, 100.0), Seen(3600.0, 0.0)]), None, ENOUGH),
    ("a check fails", Script([Seen(0.0, 9.0), Seen(15.0, 0.0, verdict="fails")]), 1, 2),
    ("nobody can tell", Script([Seen(0.0, 9.0), Seen(15.0, 9.0, "unknown")]), 2, 2),
    ("Prometheus: it is open", Script([Seen(n * 30.0, 0, "open") for n in range(9)], soaks=False), 0, 3),
    ("Prometheus: it is not", Script([Seen(n * 30.0, 0) for n in range(9)], soaks=False), None, ENOUGH),
]  # fmt: skip


@pytest.mark.parametrize(("script", "status", "looks"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_how_long_it_has_held(script: Script, status: int | None, looks: int) -> None:
    assert (soaked(script), script.asked) == (status, looks)


SAID = [
    ("Closed: every check has passed, for 1 s of 300 s.", "Open: every check has passed for 60 s."),
    ("Open: every check passed. Risk: no seed.", "Open: every check has passed for 60 s. Risk: no seed."),
    ("1 of 3 processes is lost.", "Open: every check has passed for 60 s. 1 of 3 processes is lost."),
]  # fmt: skip


@pytest.mark.parametrize(("headline", "said"), SAID)
def test_what_the_gate_says_beside_it_stays_said(
    headline: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    soaked(Script([Seen(0.0, 0.0), Seen(60.0, 60.0)], headline=headline))
    assert json.loads(capsys.readouterr().out)["headline"] == said


@pytest.mark.parametrize(("interval", "seldom", "gap"), [("15s", "1m", 181.0), ("1m", "15s", 181.0)])
def test_looking_seldom_is_no_break_of_a_soak(
    interval: str, seldom: str, gap: float, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    told = {
        "interval": interval,
        "targets": [{"static": {"urls": [f"http://127.0.0.1:{free_port()}"]}}],
        "gate": {"check_interval": seldom},
    }
    config = tmp_path / "kvmigration.yml"
    config.write_text(yaml.safe_dump(told))

    async def longest_gap() -> float:
        async with look_from(Namespace(server=None, config_file=config), soak=SOAK) as look:
            assert isinstance(look, _Local)
            return look._watch.poller.plan.rules.longest_gap

    assert asyncio.run(longest_gap()) == gap
