"""Gossip labels: which process's log a rejection is from, and how far a label has been rolled out."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.derive.identity.member_processes import Identity
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import Rejection, TargetFacts
from exporter.model.listed import grouped
from exporter.model.migration import LabelConflict, LabelRollout, LabelStep
from exporter.model.pages import ProcessConfig
from exporter.products.registry import PRODUCTS

_PARTS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]+")
UNLABELLED, OPEN, LABELLED, ENFORCED, UNKNOWN = "unlabelled", "open", "labelled", "enforced", "unknown"
STAGES = (UNLABELLED, OPEN, LABELLED, ENFORCED, UNKNOWN)
_MOST_PARTS = 40
_SHORTEST = 3  # a name shorter than this is part of too many names


def attributed(rejections: Iterable[Rejection], identities: Iterable[Identity]) -> tuple[Rejection, ...]:
    """Rejections by process, where a log's name identifies it; else by the log's own name.

    A log is a process's by its complete name, as a pod's, or if it has the name between separators, as the
    file `003-cortex-1.log` does. The longest such name decides, and one that two processes share decides
    nothing.
    """
    names = _unique_names(identities)
    counts: Counter[tuple[str, str, str]] = Counter()
    for found in rejections:
        target = names.get(found.target) or _within(found.target, names) or found.target
        counts[target, found.label, found.source] += found.count
    return tuple(Rejection(*what, count) for what, count in sorted(counts.items()))


def _unique_names(identities: Iterable[Identity]) -> Mapping[str, str]:
    owners: dict[str, set[str]] = {}
    for identity in identities:
        for name in identity.names:
            owners.setdefault(name, set()).add(identity.target)
    return {name: next(iter(targets)) for name, targets in owners.items() if len(targets) == 1}


def _within(log: str, names: Mapping[str, str]) -> str:
    """The process with its name in a log's name, between characters that are no letter or digit."""
    parts = _PARTS.findall(log)
    if len(parts) > _MOST_PARTS:
        return ""
    for length in range(len(parts), 0, -1):
        here = {"".join(parts[at : at + length]) for at in range(len(parts) - length + 1)}
        found = {names[name] for name in here if len(name) >= _SHORTEST and name in names}
        if found:
            return found.pop() if len(found) == 1 else ""
    return ""


def rollout(targets: Iterable[TargetFacts], wanted: str) -> LabelRollout:
    """How far a label has been rolled out: the three steps of the published guide, process by process.

    `wanted` is the label of our own configuration, "" for none. Processes that do not answer are left out.
    """
    up = [target for target in targets if target.up]
    by_stage: dict[str, list[str]] = {stage: [] for stage in STAGES}
    for target in up:
        by_stage[stage_of(target.config)].append(target.name)
    labels = {target.name: target.config.label for target in up if target.config and target.config.label}
    conflicts = _conflicts(up)
    unexpected = tuple(sorted(n for n, label in labels.items() if wanted and label != wanted))
    found = LabelRollout(
        stages=MappingProxyType({stage: tuple(sorted(names)) for stage, names in by_stage.items()}),
        stage=_stage(by_stage),
        conflicts=conflicts,
        unexpected=unexpected,
        wanted=wanted,
    )
    old = tuple(sorted(t.name for t in up if t.config and t.config.labels_supported is False))
    step, concerned = (LabelStep.UPGRADE, old) if old else _next(found, set(labels.values()))
    return replace(found, next=step, concerned=concerned)


# Names that charts and examples set by default: two installations with it are one gossip cluster.
DEFAULT_LABELS = frozenset({*(product.value for product in PRODUCTS), "memberlist", "default"})


def is_blank(label: str) -> bool:
    """Whether a label shows nothing: empty, or made of blanks and characters without a width."""
    return all(unicodedata.category(sign)[0] in "ZC" for sign in label)


def oddity(label: str) -> Culprit | None:
    """What of a label is easily written otherwise elsewhere, `None` where nothing is."""
    rows = (
        (Kind.LABEL_BLANK, is_blank(label)),
        (Kind.LABEL_HIDDEN_SIGN, any(unicodedata.category(sign)[0] == "C" for sign in label)),
        (Kind.LABEL_PADDED, label.strip() != label),
        (Kind.LABEL_BY_CASE, _is_default_but_for_case(label)),
    )
    return next((Culprit(kind) for kind, applies in rows if applies), None)


def _is_default_but_for_case(label: str) -> bool:
    return label not in DEFAULT_LABELS and label.casefold() in DEFAULT_LABELS


def alike(labels: Iterable[str]) -> bool:
    """Whether two of these labels differ only by blanks, case or composition of characters."""
    listed = set(labels)
    return len({unicodedata.normalize("NFKC", label).strip().casefold() for label in listed}) < len(listed)


def by_label(configs: Mapping[str, ProcessConfig]) -> Mapping[str, tuple[str, ...]]:
    """The processes with a label that was read, by label."""
    shown = ((config.gossip_label, name) for name, config in configs.items())
    found = grouped((label, name) for label, name in shown if label is not None)
    return MappingProxyType({label: tuple(sorted(names)) for label, names in found.items()})


def _verifies(config: ProcessConfig) -> bool | None:
    """Whether a process drops packets with another label; a release without labels drops any label."""
    if config.labels_supported is False:
        return True
    disabled = config.label_verification_disabled
    return None if disabled is None else not disabled


def stage_of(config: ProcessConfig | None) -> str:
    """In which stage one process is, by its configuration."""
    label, verifies = (config.gossip_label, _verifies(config)) if config else (None, None)
    if label is None or verifies is None:
        return UNKNOWN
    if verifies:
        return UNLABELLED if is_blank(label) else ENFORCED
    return OPEN if is_blank(label) else LABELLED


def _stage(by_stage: Mapping[str, list[str]]) -> str:
    """The earliest stage of any process; unknown if one's is not."""
    if by_stage[UNKNOWN]:
        return UNKNOWN
    return next((stage for stage in STAGES if by_stage[stage]), UNKNOWN)


def _conflicts(up: Iterable[TargetFacts]) -> tuple[LabelConflict, ...]:
    """Which processes drop each other's packets: a process that verifies drops every label but its own."""
    configs = {target.name: target.config for target in up if target.config}
    carriers = dict(sorted(by_label(configs).items()))
    foreign = {label: {o: names for o, names in carriers.items() if o != label} for label in carriers}
    return tuple(
        LabelConflict(name, label, foreign[label])
        for name, config in sorted(configs.items())
        if (label := config.gossip_label) is not None and _verifies(config) and foreign[label]
    )


def _next(current: LabelRollout, labels: set[str]) -> tuple[LabelStep, tuple[str, ...]]:
    """What to do next, and on which processes: the first row that applies."""
    names = current.stages
    differ = len(labels) > 1 or current.unexpected
    wrong = current.conflicts and set(current.unexpected) & set(names[ENFORCED])
    rows = (
        (wrong, LabelStep.CORRECT, current.unexpected),
        (current.conflicts, LabelStep.STOP_DROPPING, (*names[UNLABELLED], *names[ENFORCED])),
        (names[UNKNOWN], LabelStep.READ, names[UNKNOWN]),
        (names[UNLABELLED], LabelStep.UNVERIFY, names[UNLABELLED]),
        (names[OPEN], LabelStep.SET, names[OPEN]),
        (differ and names[ENFORCED], LabelStep.UNVERIFY_OTHER, names[ENFORCED]),
        (differ, LabelStep.SET_SAME, ()),
        (names[LABELLED], LabelStep.VERIFY, names[LABELLED]),
        (names[ENFORCED], LabelStep.DONE, ()),
    )
    return next(((step, those) for applies, step, those in rows if applies), (LabelStep.NONE, ()))
