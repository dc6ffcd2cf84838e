"""Every step of a label's rollout has its words, and a conflict says who drops whose packets."""

from __future__ import annotations

import pytest

from exporter.expose.wording import labels
from exporter.model.migration import LabelConflict, LabelRollout, LabelStep

MANY = tuple(f"p-{number}" for number in range(7))
WORDS = [
    (LabelStep.UPGRADE, ("p-1",), "", "Upgrade first: the release of p-1 has no cluster label."),
    (
        LabelStep.CORRECT,
        ("p-1",),
        "lab",
        'Correct the label of p-1: it is not "lab", and packets are dropped.',
    ),
    (LabelStep.SET, ("p-1",), "", "Step 2 of 3: set the cluster label on p-1, verification still off."),
    (
        LabelStep.SET,
        MANY,
        "lab",
        'Step 2 of 3: set the cluster label "lab" on p-0, p-1, p-2, p-3, p-4 and 2 more, verification still '
        "off.",
    ),
    (LabelStep.DONE, (), "lab", "Done: every process has the same label and verifies it."),
    (LabelStep.NONE, (), "lab", ""),
]


@pytest.mark.parametrize(("step", "names", "wanted", "words"), WORDS)
def test_the_next_step_names_its_processes_and_the_wanted_label(
    step: LabelStep, names: tuple[str, ...], wanted: str, words: str
) -> None:
    assert labels.next_step(LabelRollout({}, "open", step, names, wanted)) == words


def test_every_step_has_its_words() -> None:
    assert labels.NEXT.keys() == set(LabelStep)


def test_a_conflict_names_the_dropped_processes_by_their_labels() -> None:
    dropped = {"": ("a", "b", "c", "d"), "\u00e9": ("e",)}
    assert labels.conflict(LabelConflict("p-1", "lab", dropped)) == (
        'p-1 verifies "lab" and drops "" (a, b, c and 1 more), "\u00e9" (\\xe9) (e)'
    )
