"""From microservices to read-write mode: what the guide looks at by hand, and what only looks alike."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from exporter.derive.rules import Rules
from exporter.model import Ring, State
from exporter.watch import MIMIR_GROUPS
from tests.derive.build import COMPACTOR, INGESTER, PAGES, Fleet, member, ring, step_of, verdicts

GROUPS = (("read-write", re.compile("^mimir-(write|read|backend)-")), ("microservices", re.compile(".*")))
OLD = {INGESTER: ("ingester-1", "ingester-2"), COMPACTOR: ("compactor-1", "compactor-2")}
NEW = {INGESTER: ("mimir-write-4", "mimir-write-5"), COMPACTOR: ("mimir-backend-4", "mimir-backend-5")}
BACKEND, WRITE = "backend-rings-have-both-groups", "write-rings-have-both-groups"
RETIRE, FINISH = "retire-microservices", "finish-read-write"


def fleet(**rings: Ring) -> Fleet:
    """A fleet with these rings; both groups are active in those that are not named."""
    made = Fleet(rules=Rules(soak=0.0, store_configured=True, groups=GROUPS))
    for key in PAGES:
        told = rings.get(key.rsplit("/", 1)[-1], of(*OLD[key], *NEW[key]))
        made.store[key] = told
        for process in made.processes:
            process.pages[key] = process.copies[key] = told
    return made


def of(*names: str, **states: State) -> Ring:
    """A ring of these members; `write_4=State.JOINING` is the state of `mimir-write-4`."""
    told = dict.fromkeys(names, State.ACTIVE)
    told |= {f"mimir-{name.replace('_', '-')}": state for name, state in states.items()}
    return ring(member(name, state=state) for name, state in told.items())


def test_both_groups_in_every_ring_open_the_way() -> None:
    seen = fleet().look()
    assert verdicts(seen, RETIRE) == {}
    assert step_of(seen, RETIRE).open
    assert verdicts(seen, FINISH) == {"old-group-left": "fails", "old-group-idle": "unknown"}


ALIKE: list[tuple[str, dict[str, Ring], str, str]] = [
    ("the new group is not there", {"ring": of(*OLD[INGESTER])}, WRITE, "fails"),
    ("it is joining", {"ring": of(*OLD[INGESTER], write_4=State.JOINING)}, WRITE, "fails"),
    ("it is pending", {"compactor": of(*OLD[COMPACTOR], backend_4=State.PENDING)}, BACKEND, "fails"),
    ("it is leaving", {"compactor": of(*OLD[COMPACTOR], backend_4=State.LEAVING)}, BACKEND, "fails"),
    ("it left a tombstone", {"compactor": of(*OLD[COMPACTOR], backend_4=State.LEFT)}, BACKEND, "fails"),
    ("it is read-only", {"ring": of(*OLD[INGESTER], write_4=State.READ_ONLY)}, WRITE, "fails"),
    ("a ring is empty", {"compactor": of()}, BACKEND, "fails"),
    (
        "nobody is old",
        {"ring": of(*NEW[INGESTER]), "compactor": of(*NEW[COMPACTOR])},
        "old-group-present",
        "fails",
    ),
]


@pytest.mark.parametrize("row", ALIKE, ids=[row[0] for row in ALIKE])
def test_what_only_looks_like_both_groups_keeps_it_closed(row: tuple[str, dict[str, Ring], str, str]) -> None:
    _, rings, check, verdict = row
    seen = fleet(**rings).look()
    assert verdicts(seen, RETIRE)[check] == verdict
    assert not step_of(seen, RETIRE).open


def test_the_backend_may_go_before_the_write_path_has_come() -> None:
    """The guide's step 5: the write rings have no new member yet."""
    assert verdicts(fleet(ring=of(*OLD[INGESTER])).look(), RETIRE) == {WRITE: "fails"}


def test_a_ring_that_the_old_group_has_left_is_done() -> None:
    """The guide's step 7: the backend is new alone, the write path has both."""
    assert verdicts(fleet(compactor=of(*NEW[COMPACTOR])).look(), RETIRE) == {}


def _done() -> Fleet:
    made = fleet(ring=of(*NEW[INGESTER]), compactor=of(*NEW[COMPACTOR]))
    for process in made.processes:
        process.config = {"instance_id": f"mimir-write-{process.number}", "node_name": ""}
    return made


def test_the_end_is_where_the_old_group_has_left() -> None:
    seen = _done().look()
    assert verdicts(seen, FINISH) == {}
    assert {target.group for target in seen.targets} == {"read-write"}


@pytest.mark.parametrize("state", [State.UNHEALTHY, State.LEAVING, State.READ_ONLY, State.ACTIVE])
def test_an_old_member_in_any_state_is_still_there(state: State) -> None:
    made = _done()
    left = ring([*(member(name) for name in NEW[COMPACTOR]), member("compactor-1", state=state)])
    made.store[COMPACTOR] = left
    step = step_of(made.look(), FINISH)
    found = next(c for c in step.checks if c.id == "old-group-left")
    assert found.culprits == ("collectors/compactor: compactor-1",)
    assert not step.open


def test_a_ring_that_nobody_is_in_any_more_is_no_good_end() -> None:
    made = _done()
    for process in made.processes:
        process.pages[COMPACTOR] = of()
    made.store[COMPACTOR] = of()
    assert verdicts(made.look(), FINISH) == {"new-group-active": "fails"}


def _traffic(route: str, count: Callable[[int], float]) -> dict[str, str]:
    made = fleet()
    found: dict[str, str] = {}
    for turn in range(3):
        for process in made.processes:
            process.traffic = {route: count(turn)}
        found = verdicts(made.look(), FINISH)
    return found


@pytest.mark.parametrize(
    "route",
    [
        "api_v1_push",
        "api_prom_push",
        "otlp_v1_metrics",
        "/distributor.Distributor/Push",
        "query_frontend_queries",
    ],
)
def test_pushes_and_queries_to_the_old_group_are_traffic(route: str) -> None:
    assert _traffic(route, lambda turn: 100.0 + turn)["old-group-idle"] == "fails"
    assert "old-group-idle" not in _traffic(route, lambda _: 100.0)


@pytest.mark.parametrize(
    "route", ["metrics", "ready", "/cortex.Ingester/Push", "/grpc.health.v1.Health/Check"]
)
def test_scrapes_and_what_components_ask_each_other_is_no_traffic(route: str) -> None:
    assert "old-group-idle" not in _traffic(route, lambda turn: 100.0 * turn)


def test_without_groups_nothing_is_known() -> None:
    seen = Fleet().look()
    assert set(verdicts(seen, RETIRE).values()) == {"unknown"}
    assert not step_of(seen, FINISH).open


NAMES = [
    ("mimir-write-zone-a-0", "read-write"),
    ("mimir-backend-1", "read-write"),
    ("mimir-read-6d5f7c9b4-x2v8p", "read-write"),
    ("prod-mimir-write-0", "read-write"),
    ("write-0", "read-write"),
    ("ingester-zone-a-0", "microservices"),
    ("mimir-distributor-6d5f7c9b4-x2v8p", "microservices"),
    ("overwrite-0", "microservices"),
]


@pytest.mark.parametrize(("name", "group"), NAMES)
def test_mimirs_own_names_need_no_configuration(name: str, group: str) -> None:
    assert Rules(groups=MIMIR_GROUPS).group_of(name) == group


def test_any_of_a_process_names_may_tell_its_group() -> None:
    rules = Rules(groups=MIMIR_GROUPS)
    assert rules.group_of("10.0.0.4:8080", "mimir-write-0") == "read-write"
    assert rules.group_of("10.0.0.4:8080", "ingester-0") == "microservices"
