"""Advice in runbooks, where wrong advice does harm: taken from the table of the gate's remedies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from alerts.inhibitions import kept
from alerts.registry import ALERTS
from exporter.derive.gate.cause_advice import ADVICE, GUARD

RUNBOOKS: Final = Path(__file__).parent / "runbooks"
_RESOLVES = re.compile(r"^The alert resolves [\d.]+ minutes after", re.MULTILINE)
_BLOCK = re.compile(r"<!-- advice: ([\w-]+) -->\n.*?<!-- end of advice -->", re.DOTALL)


def runbooks() -> dict[Path, str]:
    """Every runbook with the table's blocks of advice, and with the minutes for which its alert is kept.
    `KeyError`: no such advice.
    """
    found = ((path, path.read_text(encoding="utf-8")) for path in sorted(RUNBOOKS.glob("*.md")))
    return {path: _BLOCK.sub(_block, _with_minutes(path.stem, text)) for path, text in found}


def _with_minutes(name: str, text: str) -> str:
    """Put in after how many minutes the alert resolves; one that is not kept resolves at once."""
    keeps = [wait.seconds for alert in ALERTS if alert.name == name and (wait := kept(alert))]
    return _RESOLVES.sub(f"The alert resolves {max(keeps) / 60:g} minutes after", text) if keeps else text


def _block(match: re.Match[str]) -> str:
    text = GUARD if match[1] == "guard" else ADVICE[match[1]].text
    return f"<!-- advice: {match[1]} -->\n{text}\n<!-- end of advice -->"
