"""Where a check is explained: as an address, where the configuration has a base URL of the docs."""

from __future__ import annotations

from dataclasses import replace

from exporter.model.gate import Check, Step

HOME = "docs/"


def linked(steps: tuple[Step, ...], base: str) -> tuple[Step, ...]:
    """Put the address of the docs before each check's place in them; without one it stays a path."""
    if not base:
        return steps
    return tuple(replace(step, checks=tuple(_linked(check, base) for check in step.checks)) for step in steps)


def _linked(check: Check, base: str) -> Check:
    if not check.doc.startswith(HOME):
        return check
    return replace(check, doc=f"{base}/{check.doc.removeprefix(HOME)}")
