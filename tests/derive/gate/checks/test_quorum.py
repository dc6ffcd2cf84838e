"""Checks on the quorum: what a ring can lose, and members that take no part in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.checks.quorum import quorum_kept, quorum_margin, quorum_margin_known
from exporter.derive.judging_rules import Rules
from exporter.model.culprits import Kind
from exporter.model.gate import Verdict
from tests.derive.build import Fleet

CHECKS = {
    "quorum-margin": quorum_margin,
    "…where it is told": quorum_margin_known,
    "quorum-kept": quorum_kept,
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize(("names", "verdict"), [((), Verdict.PASSED), (("m-9",), Verdict.FAILED)])
def test_an_active_member_without_tokens_is_named_however_many_others_there_are(
    check: object, names: tuple[str, ...], verdict: Verdict
) -> None:
    assert callable(check)
    now = Fleet().look()
    keys = tuple(
        replace(key, writes_by="quorum", quorum_margin=1, without_tokens=names)
        if key.ring == "ingester"
        else key
        for key in now.keys
    )
    answer = check(Evidence(replace(now, keys=keys), Rules()))
    assert answer.verdict is verdict
    assert [(one.kind, one.member) for one in answer.culprits] == [
        (Kind.MEMBER_WITHOUT_TOKENS, name) for name in names
    ]
