"""Random histories: whatever was lost, restarted, switched or hidden before, an open step means now, and
all through the soak, what its name says. What is looked at here is the input, nothing derived from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.derive.judging_rules import Rules
from exporter.model.pages import GossipMember
from tests.derive.build import CLIENTS, Fleet, Process, client, step_of

SOAK = 30.0
PHASES: dict[str, dict[str, Any]] = {
    "multi": {"mirror": False},
    "mirroring": {},
    "switched": {"primary": "memberlist"},
    "detached": {"primary": "memberlist", "mirror": False},
    "memberlist": {"primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}},
}
STEPS = {
    "multi": "enable-mirroring",
    "mirroring": "switch-primary",
    "switched": "disable-mirroring",
    "detached": "remove-multi",
    "memberlist": "decommission-store",
}
Mishap = Callable[[Process], None]


def _set(**fields: object) -> Mishap:
    def apply(process: Process) -> None:
        for name, value in fields.items():
            setattr(process, name, value)

    return apply


def _half_switched(process: Process) -> None:
    first, *others = process.clients
    process.clients = (replace(first, primary="consul", mirror=None), *others)


MISHAPS: tuple[Mishap, ...] = (
    _set(up=False),
    _set(lost=frozenset({"metrics"})),
    _set(clients=()),
    _half_switched,
    _set(lost=frozenset({"gossip"})),
    _set(lost=frozenset({"gossip", "config", "metrics"})),
    _set(sees=()),
    _set(strangers=(GossipMember("tempo-ingester-0-0a0b0c0d", "10.9.9.9", 7946),)),
)

looks = st.tuples(
    st.sampled_from(sorted(PHASES)),
    st.integers(0, 3 * len(MISHAPS)),  # mostly none
    st.integers(0, 2),
    st.sampled_from((15.0, 15.0, 15.0, 5.0, 120.0)),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(looks, min_size=1, max_size=14))
def test_an_open_step_was_seen_to_be_open_all_through_the_soak(
    history: list[tuple[str, int, int, float]],
) -> None:
    fleet = Fleet(rules=Rules(soak=SOAK, stores=("consul",)))
    since: dict[str, float | None] = dict.fromkeys(PHASES)
    for phase, mishap, victim, gap in history:
        fleet.processes = Fleet(now=fleet.now).processes
        for process in fleet.processes:
            process.clients = tuple(client(name, **PHASES[phase]) for name in CLIENTS)
        spoilt = mishap if mishap < len(MISHAPS) else None
        if spoilt is not None:
            MISHAPS[spoilt](fleet.processes[victim])
        seen = fleet.look(gap, beat=spoilt is None)
        for name, step in STEPS.items():
            well = name == phase and spoilt is None
            kept = since[name] if gap < 60 and since[name] is not None else fleet.now
            since[name] = kept if well else None
            if step_of(seen, step).open:
                began = since[name]
                assert began is not None, (step, phase, spoilt)
                assert fleet.now - began >= SOAK


def test_a_clock_that_is_set_back_starts_the_soak_anew() -> None:
    fleet = Fleet(rules=Rules(soak=60.0, stores=("consul",)))
    opened = [step_of(fleet.look(15.0, beat=True), "switch-primary").open for _ in range(8)]
    assert opened[-1]
    back = step_of(fleet.look(-3600.0, beat=True), "switch-primary")
    assert (back.open, back.soaked_for) == (False, 0.0)
    opened = [step_of(fleet.look(15.0, beat=True), "switch-primary").open for _ in range(8)]
    assert (opened[0], opened[-1]) == (False, True)
