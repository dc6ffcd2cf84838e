"""What is wrong with a file that was edited for a step, in words."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from exporter.expose.wording.lists import few

SHOWN: Final = 8


class Fault(enum.StrEnum):
    """What is wrong with a line, or with one that is not there. A closed set: each has its words."""

    MISSING = "missing"
    DIFFERENT = "different"
    PRIMARY_IN_FILE = "primary in the file"
    SECONDARY_IS_PRIMARY = "secondary is primary"
    STORE_UNSET = "store unset"
    STORE_NESTED = "multi of multi"
    TOO_EARLY = "memberlist too early"
    BACK_TO_STORE = "back to the store"
    NO_SUCH_BLOCK = "kvstore.memberlist"
    UNKNOWN_KEY = "unknown key"
    MISNAMED = "misnamed"
    QUOTED = "quoted"
    NOT_STATIC = "runtime block in the file"
    NOT_AT_THE_TOP = "runtime block below another"
    LABEL_AND_VERIFICATION = "label and verification"
    LABEL_DIFFERS = "label differs"
    NO_SEEDS = "no seeds"
    ABORTS = "aborts"
    PREFIX = "prefix"
    FILL_IN = "fill in"
    OUT_OF_MULTI = "out of multi"
    RUNTIME_STORE = "runtime store"
    RUNTIME_AHEAD = "runtime ahead"
    MIRROR_OFF = "mirroring off"
    TWO_STEPS = "two steps"


WORDS: Final[Mapping[Fault, str]] = {
    Fault.MISSING: "is missing: {wanted}.",
    Fault.DIFFERENT: "is {value}, and this step needs {wanted}.",
    Fault.PRIMARY_IN_FILE: "is {value}, and running processes have {wanted}: a rollout of this file mixes "
    "primaries. Switch by the step switch-primary.",
    Fault.SECONDARY_IS_PRIMARY: "is {value}, as the primary is: the process does not start.",
    Fault.STORE_UNSET: "is empty: a multi store needs a primary and a secondary, and the process does not "
    "start.",
    Fault.STORE_NESTED: "is multi: a store of multi cannot be multi itself, and the process does not start.",
    Fault.TOO_EARLY: "is memberlist, and running processes are in {wanted}: that leaves steps out, and mixes "
    "primaries while the rollout lasts.",
    Fault.BACK_TO_STORE: "is {value}, and running processes have memberlist as primary: the processes that "
    "restart read a store that the other processes may not write.",
    Fault.NO_SUCH_BLOCK: "does not exist, and the process does not start: seeds and label are written once, "
    "in the memberlist block at the top.",
    Fault.UNKNOWN_KEY: "is no key of this block, and the process does not start.",
    Fault.MISNAMED: "is no key of this block, and the process does not start: it is {wanted}.",
    Fault.QUOTED: "is text in quotes, and the process does not start: write {value} without quotes.",
    Fault.NOT_STATIC: "is no key of the configuration file, and the process does not start: it belongs in "
    "the runtime configuration.",
    Fault.NOT_AT_THE_TOP: "is not at the top of the runtime configuration: it switches nothing there.",
    Fault.LABEL_AND_VERIFICATION: "is new while verification is on: processes with and without the label "
    "drop each other's packets. Switch verification off in an earlier rollout.",
    Fault.LABEL_DIFFERS: "is {value}, and running processes have {wanted}: the gossip splits.",
    Fault.NO_SEEDS: "is empty: a process that starts joins no other one, and may overwrite the store with "
    "its small view.",
    Fault.ABORTS: "is true: a process ends if its join fails, and a rollout stops half-way.",
    Fault.PREFIX: "is {value}, and running processes have {wanted}: neither reads the other's members.",
    Fault.FILL_IN: "still has to be filled in.",
    Fault.OUT_OF_MULTI: "is {value}, and running processes are in {wanted}: the processes that restart leave "
    "multi, and memberlist gets no more copies of their writes.",
    Fault.RUNTIME_STORE: "is {value}, which is none of the two stores: {wanted}.",
    Fault.RUNTIME_AHEAD: "is {value} before the step switch-primary: what is not copied yet is lost.",
    Fault.MIRROR_OFF: "is {value}: mirroring ends, and the other store becomes stale.",
    Fault.TWO_STEPS: "is {value} together with the switch of the primary: these are two steps, and there is "
    "no fast way back.",
}


def sentence(path: str, fault: Fault, value: str = "", wanted: str = "") -> str:
    """One fault: where it is, what is wrong, what it does."""
    return f"{path} {WORDS[fault].format(value=value, wanted=wanted)}"


def by_restart(rings: tuple[str, ...]) -> str:
    """What else the step needs, where the file is a runtime configuration."""
    return (
        f"this file does not reach {few(rings, SHOWN)}. Change these in the configuration file, and restart "
        "their processes."
    )
