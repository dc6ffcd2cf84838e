"""The rollout of a gossip label in words: the next step, and which packets are dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exporter.expose.wording.lists import Label, Names, few
from exporter.model.migration import LabelConflict, LabelRollout, LabelStep

NEXT: Final[Mapping[LabelStep, str]] = {
    LabelStep.NONE: "",
    LabelStep.UPGRADE: "Upgrade first: the release of {names:5} has no cluster label.",
    LabelStep.CORRECT: "Correct the label of {names:5}: it is not{label}, and packets are dropped.",
    LabelStep.STOP_DROPPING: (
        "Switch verification off on {names:5}: they drop packets of the other processes."
    ),
    LabelStep.READ: "Unknown: the label settings of {names:5} were not read.",
    LabelStep.UNVERIFY: "Step 1 of 3: switch label verification off on {names:5}.",
    LabelStep.SET: "Step 2 of 3: set the cluster label{label} on {names:5}, verification still off.",
    LabelStep.UNVERIFY_OTHER: (
        "Step 1 of 3: the label is not{label}; switch verification off before changing it."
    ),
    LabelStep.SET_SAME: ("Step 2 of 3: give every process the same label{label}, verification still off."),
    LabelStep.VERIFY: "Step 3 of 3: switch label verification on again on {names:5}.",
    LabelStep.DONE: "Done: every process has the same label and verifies it.",
}


def next_step(rollout: LabelRollout) -> str:
    """What to do next."""
    label = f' "{rollout.wanted}"' if rollout.wanted else ""
    return NEXT[rollout.next].format(names=Names(rollout.concerned), label=label)


def conflict(found: LabelConflict) -> str:
    """Which packets a process drops."""
    carried = ", ".join(f"{Label(label):label} ({few(names, 3)})" for label, names in found.dropped.items())
    return f"{found.target} verifies {Label(found.label):label} and drops {carried}"
