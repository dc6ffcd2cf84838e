"""Whose log a rejection is from, and how far a label is rolled out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from exporter.derive.gossip.label_rollout import STAGES, attributed
from exporter.derive.identity.member_processes import Identity
from exporter.derive.judging_rules import Rules
from exporter.expose.wording import culprits, labels
from exporter.expose.wording.check_evidence import text
from exporter.model.culprits import Culprit, Kind, LookedKind
from exporter.model.facts import Rejection, Snapshot
from exporter.model.migration import LabelConflict, LabelRollout, LabelStep
from exporter.model.pages import GossipMember
from tests.derive.build import Fleet, Process, check_of, step_of, verdicts


def identity(target: str, *names: str) -> Identity:
    return Identity(target, target.split(":", maxsplit=1)[0], None, frozenset({target, *names}))


KNOWN = (
    identity("127.0.0.1:9601", "cortex-1"),
    identity("127.0.0.1:9612", "cortex-12"),
    identity("mimir-ingester-zone-a-0"),
    identity("10.0.0.1:80", "twin"),
    identity("10.0.0.2:80", "twin"),
    identity("10.0.0.3:80", "a"),
)


@pytest.mark.parametrize(
    ("log", "target"),
    [
        ("cortex-1", "127.0.0.1:9601"),
        ("cortex-1-excerpt", "127.0.0.1:9601"),
        ("003-cortex-1", "127.0.0.1:9601"),
        ("cortex-12", "127.0.0.1:9612"),
        ("cortex-13", "cortex-13"),
        ("xcortex-1", "xcortex-1"),
        ("mimir-ingester-zone-a-0", "mimir-ingester-zone-a-0"),
        ("mimir-ingester-zone-a-01", "mimir-ingester-zone-a-01"),
        ("twin", "twin"),
        ("from-twin-to-cortex-1", "127.0.0.1:9601"),
        ("cortex-1-and-cortex-12", "cortex-1-and-cortex-12"),
        ("-".join(["x"] * 500), "-".join(["x"] * 500)),
        ("not-a-process", "not-a-process"),
        ("", ""),
        ("-" * 200, "-" * 200),
    ],
)
def test_a_logs_name_tells_whose_it_is_where_only_one_process_can_be_meant(log: str, target: str) -> None:
    (found,) = attributed([Rejection(log, "x", "file", 3)], KNOWN)
    assert found == Rejection(target, "x", "file", 3)


def test_logs_of_one_process_are_added_up_by_label_and_source() -> None:
    found = attributed(
        [
            Rejection("cortex-1", "x", "file", 3),
            Rejection("000-cortex-1", "x", "file", 4),
            Rejection("cortex-1", "", "file", 1),
            Rejection("cortex-1", "x", "loki", 5),
        ],
        KNOWN,
    )
    assert [(one.label, one.source, one.count) for one in found] == [
        ("", "file", 1),
        ("x", "file", 7),
        ("x", "loki", 5),
    ]


def settings(*pairs: tuple[str, bool | None]) -> Fleet:
    """A fleet by (label, verification switched off) of its processes."""
    fleet = Fleet(processes=[Process(number + 1) for number in range(len(pairs))])
    for process, (label, disabled) in zip(fleet.processes, pairs, strict=True):
        process.config = {"label": label, "label_verification_disabled": disabled}
        process.sees = tuple(range(1, len(pairs) + 1))
    return fleet


def rollout_of(snapshot: Snapshot) -> LabelRollout:
    assert snapshot.gossip is not None
    assert snapshot.gossip.rollout is not None
    return snapshot.gossip.rollout


@pytest.mark.parametrize(
    ("pairs", "stage", "sentence", "conflicts"),
    [
        ([("", False), ("", False)], "unlabelled", "Step 1 of 3: switch label verification off on", 0),
        (
            [("", True), ("", False)],
            "unlabelled",
            "Step 1 of 3: switch label verification off on 10.0.0.2",
            0,
        ),
        ([("", True), ("", True)], "open", "Step 2 of 3: set the cluster label on", 0),
        ([("lab", True), ("", True)], "open", "Step 2 of 3: set the cluster label on 10.0.0.2", 0),
        ([("lab", True), ("lab", True)], "labelled", "Step 3 of 3: switch label verification on again", 0),
        ([("lab", True), ("lab", False)], "labelled", "Step 3 of 3: switch label verification on again", 0),
        ([("lab", False), ("lab", False)], "enforced", "Done:", 0),
        ([("lab", True), ("bal", True)], "labelled", "Step 2 of 3: give every process the same label", 0),
        ([("lab", False), ("", False)], "unlabelled", "Switch verification off on", 2),
        ([("lab", True), ("", False)], "unlabelled", "Switch verification off on 10.0.0.2", 1),
        ([("lab", False), ("", True)], "open", "Switch verification off on 10.0.0.1", 1),
        ([("lab", False), ("bal", False)], "enforced", "Switch verification off on", 2),
        ([("lab", False), ("", None)], "unknown", "Switch verification off on 10.0.0.1", 1),
        ([("lab", True), ("lab", None)], "unknown", "Unknown:", 0),
    ],
)
def test_each_stage_has_its_next_step(
    pairs: list[tuple[str, bool | None]], stage: str, sentence: str, conflicts: int
) -> None:
    found = rollout_of(settings(*pairs).look())
    assert (found.stage, len(found.conflicts)) == (stage, conflicts)
    assert labels.next_step(found).startswith(sentence), found
    assert set(found.stages) == set(STAGES)
    assert sum(map(len, found.stages.values())) == len(pairs)


def test_a_conflict_says_who_drops_whom() -> None:
    found = rollout_of(settings(("lab", False), ("", True), ("", True)).look())
    dropped = {"": ("10.0.0.2:80", "10.0.0.3:80")}
    assert found.conflicts == (LabelConflict("10.0.0.1:80", "lab", dropped),)


@pytest.mark.parametrize(
    ("disabled", "sentence"),
    [
        (True, 'Step 2 of 3: give every process the same label "prod", verification still off.'),
        (False, 'Step 1 of 3: the label is not "prod"; switch verification off before changing it.'),
    ],
)
def test_a_label_that_is_not_ours_is_not_done(disabled: bool, sentence: str) -> None:  # a column
    fleet = settings(("lab", disabled), ("lab", disabled))
    fleet.rules = Rules(soak=0.0, stores=("consul",), label="prod")
    found = rollout_of(fleet.look())
    assert found.unexpected == ("10.0.0.1:80", "10.0.0.2:80")
    assert labels.next_step(found) == sentence


def test_one_process_with_a_wrong_label_is_to_be_corrected() -> None:
    fleet = settings(("lab", False), ("lab", False), ("other", False))
    fleet.rules = Rules(soak=0.0, stores=("consul",), label="lab")
    found = rollout_of(fleet.look())
    assert (found.next, found.concerned) == (LabelStep.CORRECT, ("10.0.0.3:80",))


def test_a_process_whose_configuration_was_not_read_leaves_it_open() -> None:
    fleet = settings(("lab", False), ("lab", False))
    fleet.processes[1].lost = frozenset({"config"})
    found = rollout_of(fleet.look())
    assert found.stage == "unknown"
    assert (found.next, found.concerned) == (LabelStep.READ, ("10.0.0.2:80",))


def test_a_process_that_is_down_does_not_count() -> None:
    fleet = settings(("lab", False), ("lab", False), ("", False))
    fleet.processes[2].up = False
    assert rollout_of(fleet.look()).stage == "enforced"


OFF, ON = True, False


@pytest.mark.parametrize(
    ("pairs", "set_label", "enforce_label"),
    [
        ([("", ON)] * 3, {"verification-off": "fails"}, {"label-set": "fails"}),
        ([("", OFF), ("", ON), ("", OFF)], {"verification-off": "fails"}, {"label-set": "fails"}),
        ([("", OFF)] * 3, {}, {"label-set": "fails"}),
        (
            [("lab", OFF), ("", OFF), ("", OFF)],
            {},
            {"label-set": "fails", "labels-agree": "fails"},
        ),
        ([("lab", OFF)] * 3, {}, {}),
        ([("mimir", OFF)] * 3, {}, {"label-set": "fails"}),
        ([("lab", OFF), ("lab", ON), ("lab", OFF)], {"verification-off": "fails"}, {}),
        ([("lab", ON)] * 3, {"verification-off": "fails"}, {}),
        ([("lab", OFF), ("bal", OFF), ("lab", OFF)], {}, {"label-set": "fails", "labels-agree": "fails"}),
        (
            [("lab", None)] * 3,
            {"verification-off": "unknown", "members-unverified": "unknown"},
            {},
        ),
    ],
)
def test_only_a_transition_that_splits_nothing_is_let_through(
    pairs: list[tuple[str, bool | None]], set_label: dict[str, str], enforce_label: dict[str, str]
) -> None:
    seen = settings(*pairs).look()
    assert verdicts(seen, "set-label") == set_label
    assert verdicts(seen, "enforce-label") == enforce_label
    assert step_of(seen, "set-label").open is not bool(set_label)
    assert step_of(seen, "enforce-label").open is not bool(enforce_label)


def test_enforcing_waits_for_the_label_that_we_expect() -> None:
    fleet = settings(*[("lab", OFF)] * 3)
    fleet.rules = Rules(soak=0.0, stores=("consul",), label="prod")
    assert verdicts(fleet.look(), "enforce-label") == {"labels-agree": "fails"}


def test_label_steps_wait_where_a_member_is_expected_but_its_settings_are_not_known() -> None:
    fleet = settings(*[("lab", OFF)] * 3)
    fleet.rules = Rules(soak=0.0, stores=("consul",), expected_members=(re.compile("^ruler-"),))
    for process in fleet.processes:
        process.strangers = (GossipMember("ruler-0-1234abcd", "10.0.0.9", 7946),)
    seen = fleet.look()
    assert verdicts(seen, "enforce-label") == {"members-labelled": "unknown"}
    assert verdicts(seen, "set-label") == {"members-unverified": "unknown"}


def test_setting_a_label_waits_for_a_member_that_nobody_knows() -> None:
    fleet = settings(*[("", OFF)] * 3)
    fleet.processes[0].strangers = (GossipMember("forgotten-0-1234abcd", "10.0.0.9", 7946),)
    assert verdicts(fleet.look(), "set-label") == {"members-unverified": "unknown"}


def test_a_split_gossip_keeps_both_label_steps_closed() -> None:
    fleet = settings(*[("lab", OFF)] * 3)
    fleet.processes[2].sees = (3,)
    fleet.processes[0].sees = fleet.processes[1].sees = (1, 2)
    seen = fleet.look()
    assert "gossip-one-cluster" in verdicts(seen, "set-label")
    assert "gossip-one-cluster" in verdicts(seen, "enforce-label")


OLD = {"label": None, "label_verification_disabled": None, "labels_supported": False}
UNREAD_LABEL = {"label": None, "label_verification_disabled": None}


def _configured(*told: dict[str, Any]) -> Snapshot:
    fleet = Fleet()
    for process, config in zip(fleet.processes, told, strict=False):
        process.config = config
    return fleet.look()


@pytest.mark.parametrize(
    ("told", "step", "check", "verdict"),
    [
        ((OLD, OLD, OLD), "switch-primary", "labels-agree", "holds"),
        ((OLD, OLD, OLD), "preflight", "label-set", "holds"),
        ((OLD, OLD, OLD), "set-label", "verification-off", "fails"),
        ((OLD, OLD), "switch-primary", "labels-agree", "fails"),  # the third carries one
        ((OLD, OLD), "preflight", "label-set", "fails"),
        ((OLD, OLD, UNREAD_LABEL), "switch-primary", "labels-agree", "unknown"),
        ((OLD, OLD, UNREAD_LABEL), "preflight", "label-set", "fails"),
    ],
)
def test_a_release_without_labels_carries_none_and_is_not_unread(
    told: tuple[dict[str, Any], ...], step: str, check: str, verdict: str
) -> None:
    found = next(c for c in step_of(_configured(*told), step).checks if c.id == check)
    assert found.verdict.value == verdict


def test_a_release_without_labels_is_upgraded_first() -> None:
    seen = _configured(OLD, OLD, OLD)
    assert seen.gossip is not None and seen.gossip.rollout is not None
    assert seen.gossip.rollout.stage == "unlabelled"
    assert seen.gossip.rollout.next is LabelStep.UPGRADE
    assert seen.gossip.rollout.concerned == ("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")


def test_a_process_that_joins_no_gossip_needs_no_label() -> None:
    fleet = Fleet()
    fleet.processes.append(Process(9, clients=(), memberlist=False, label=""))
    assert "labels-agree" not in verdicts(fleet.look(), "switch-primary")


def _labelled(*labels: str) -> Snapshot:
    return _configured(*({"label": label} for label in labels))


@pytest.mark.parametrize(("label", "verdict"), [
    ("", "fails"), ("  ", "fails"), ("\u200b", "fails"), ("mimir", "fails"),
    ("lab", "holds"), ("mimir ", "holds"),
])  # fmt: skip
def test_a_label_that_looks_empty_is_empty(label: str, verdict: str) -> None:
    seen = _labelled(label, label, label)
    assert check_of(seen, "preflight", "label-set").verdict.value == verdict
    assert seen.gossip is not None and seen.gossip.rollout is not None
    assert (seen.gossip.rollout.stage == "unlabelled") is (not label.strip(" \u200b"))


ODD = [
    ("lab", ""),
    ("prod eu", ""),
    ("mimir ", "has a blank at an end"),
    (" lab", "has a blank at an end"),
    ("Mimir", "differs from a chart's default only by its case"),
    ("la\u200bb", "has a character that does not show"),
]


@pytest.mark.parametrize(("label", "warning"), ODD)
def test_a_label_that_is_easily_written_otherwise_is_a_warning(label: str, warning: str) -> None:
    seen = _labelled(label, label, label)
    said = [risk for risk in seen.fleet.risks if "The cluster label" in risk]
    assert [warning in risk for risk in said] == ([True] if warning else [])
    check = check_of(seen, "preflight", "label-set")
    assert check.verdict.value == "holds"
    odd = [text(one) for one in check.evidence if one.kind is LookedKind.LABEL_UNUSUAL]
    assert odd == ([f"It {warning}."] if warning else [])


ALIKE = [
    (("lab", "bal"), False),
    (("prod", "Prod"), True),
    (("lab", "lab "), True),
    (("prod-\u00e9", "prod-e\u0301"), True),
]


@pytest.mark.parametrize(("labels", "alike"), ALIKE)
def test_labels_that_look_alike_are_shown_so_that_one_sees_the_difference(
    labels: tuple[str, str],
    alike: bool,  # a column
) -> None:
    check = check_of(_labelled(*labels, labels[0]), "enforce-label", "labels-agree")
    assert check.verdict.value == "fails"
    assert (Culprit(Kind.LABELS_ALIKE) in check.culprits) is alike


def test_characters_that_are_not_ascii_are_shown_with_their_codes() -> None:
    check = check_of(_labelled("prod-\u00e9", "prod-e\u0301", "prod-\u00e9"), "enforce-label", "labels-agree")
    assert [culprits.name(one).split()[1] for one in check.culprits[:2]] == [
        "(prod-e\\u0301)",
        "(prod-\\xe9)",
    ]


@pytest.mark.parametrize(("step", "check"), [
    ("set-label", "verification-off"), ("preflight", "label-set"), ("enforce-label", "labels-agree"),
])  # fmt: skip
def test_the_remedy_for_a_release_without_labels_is_one_that_exists(step: str, check: str) -> None:
    without, with_setting = _configured(OLD, OLD), _labelled("", "", "lab")
    assert check_of(without, step, check).remedy.startswith("Upgrade 10.0.0.1:80, 10.0.0.2:80 first")
    assert "Upgrade" not in check_of(with_setting, step, check).remedy
