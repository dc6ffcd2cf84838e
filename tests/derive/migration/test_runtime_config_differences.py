"""What the runtime configuration says beside what the KV clients show, and what is left of it."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.expose.wording.migrations import line_of
from exporter.model.pages import Product, Reason, RingConfig
from exporter.model.settings import RuntimeConfig
from tests.derive.build import COMPACTOR, INGESTER, Fleet, client, migration_of

NOTHING, CONSUL, SWITCHED = RuntimeConfig(), RuntimeConfig("consul", True), RuntimeConfig("memberlist", True)
PHASES: dict[str, dict[str, Any]] = {
    "external": {"primary": "", "stores": (), "mirror": None, "requests": {("consul", "CAS"): 1.0}},
    "multi": {"mirror": False},
    "mirroring": {},
    "switched": {"primary": "memberlist"},
    "memberlist": {"primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 1.0}},
}


def fleet(phase: str, *says: RuntimeConfig | None, file: bool = False, **ring: Any) -> Fleet:
    """Three Mimir processes in a phase, with what each one's runtime configuration says; their file says
    consul as primary, and mirroring as `file`.
    """
    made = Fleet()
    told = {"store": "multi", "primary": "consul", "secondary": "memberlist", "mirror_enabled": file} | ring
    for process, one in zip(made.processes, says if len(says) == 3 else says * 3, strict=True):
        process.product, process.runtime = Product.MIMIR, one
        process.clients = tuple(client(name, **PHASES[phase]) for name in ("ingester", "compactor"))
        rings = {key: RingConfig(heartbeat_timeout=60.0, heartbeat_period=15.0, replication_factor=3, **told)
                 for key in (INGESTER, COMPACTOR)}  # fmt: skip
        process.config = {"rings": rings}
    return made


def told(made: Fleet, looks: int = 1) -> list[str]:
    """The risks that the runtime configuration brings, by kind, after some cycles."""
    seen = [made.look(beat=True) for _ in range(looks)][-1]
    return [one.kind.value for one in migration_of(seen, "rings").dangers if "runtime" in one.kind.value]


CASES = [
    ("it says what they show", fleet("switched", SWITCHED), []),
    ("it is taken out while they follow it", fleet("switched", NOTHING), ["runtime-forgotten"]),
    ("it is taken out, and the file says the same", fleet("mirroring", NOTHING, file=True), []),
    ("mirroring by it alone", fleet("mirroring", CONSUL), []),
    ("only its mirroring is taken out", fleet("mirroring", RuntimeConfig("consul")), ["runtime-forgotten"]),
    ("it is not read", fleet("switched", None), []),
    ("the file names no primary", fleet("switched", NOTHING, primary=""), []),
    ("memberlist before multi", fleet("external", SWITCHED), ["runtime-early"]),
    ("mirroring before multi, as the guide has it", fleet("external", CONSUL), []),
    ("nothing before multi", fleet("external", NOTHING), []),
    ("they do not follow it", fleet("multi", CONSUL), ["runtime-not-followed"]),
    ("one of them has none", fleet("mirroring", CONSUL, CONSUL, NOTHING, file=True), ["runtime-differs"]),
    ("all have the same", fleet("mirroring", CONSUL, CONSUL, CONSUL, file=True), []),
    ("it is left after the last step", fleet("memberlist", SWITCHED), []),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_what_a_restart_would_do_is_told_before_it(case: tuple[str, Fleet, list[str]]) -> None:
    _, made, kinds = case
    assert told(made) == kinds


def test_a_change_counts_as_a_difference_only_once_every_page_was_read_again() -> None:
    made = fleet("mirroring", NOTHING, file=True)
    told(made)
    made.processes[0].runtime = CONSUL
    assert told(made) == []
    assert told(made, looks=23) == ["runtime-differs"]
    for process in made.processes:
        process.runtime = CONSUL
    assert told(made) == []


def test_the_sentence_names_the_phase_that_a_restart_leads_to_and_the_processes() -> None:
    made = fleet("switched", NOTHING, SWITCHED, SWITCHED)
    (risk, *_) = migration_of(made.look(), "rings").risks
    assert risk == (
        "After a restart 1 of 3 processes are in phase multi instead of switched: their runtime "
        "configuration no longer has multi_kv_config: 10.0.0.1:80. Restore it before any restart."
    )


def test_a_page_that_is_refused_changes_no_gate_and_no_page_counts_as_missing() -> None:
    read, refused = fleet("switched", SWITCHED), fleet("switched", SWITCHED)
    for process in refused.processes:
        process.lost, process.reason = frozenset({"/runtime_config"}), Reason.DENIED
    seen, without = read.look(), refused.look()
    assert [t.runtime for t in without.targets] == [None] * 3
    assert {page.reason for t in without.targets for page in t.optional} == {Reason.DENIED}
    assert {t.missed for t in without.targets} == {0}
    assert [(s.title, s.answer) for s in seen.steps] == [(s.title, s.answer) for s in without.steps]


@pytest.mark.parametrize(
    ("says", "left"), [(SWITCHED, ("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")), (NOTHING, ()), (None, ())]
)
def test_what_is_left_after_the_last_step_stands_in_the_line_of_the_store(
    says: RuntimeConfig | None, left: tuple[str, ...]
) -> None:
    assert migration_of(fleet("memberlist", says).look(), "store").runtime_left == left


@pytest.mark.parametrize(("ago", "said"), [(0.0, ""), (14.0, ""), (240.0, ", read 4 min ago")])
def test_what_is_left_is_told_with_the_age_of_its_reading(ago: float, said: str) -> None:
    made = fleet("memberlist", SWITCHED)
    made.processes[0].runtime_ago = ago
    found = migration_of(made.look(), "store")
    assert found.runtime_age == pytest.approx(ago, abs=1.0)
    assert f"10.0.0.3:80{said}; next step decommission-store" in line_of(found)
