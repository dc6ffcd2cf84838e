"""From microservices to read-write mode: what the guide looks at by hand, and what only looks alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.derive.gate.step_verdicts import blank
from exporter.derive.judging_rules import Rules
from exporter.derive.process_judgement import from_outside
from exporter.model.culprits import Culprit, Kind
from exporter.model.entry import Partition, PartitionState, State
from exporter.model.facts import Snapshot
from exporter.model.pages import Page, PartitionRing, ProcessMetrics, Product, Ring, RingConfig
from exporter.products.registry import TABLES
from exporter.wiring import MIMIR_GROUPS
from tests.derive.build import (
    COMPACTOR,
    INGESTER,
    PAGES,
    Fleet,
    Process,
    client,
    key_of,
    member,
    ring,
    step_of,
    verdicts,
)

GROUPS = (("read-write", re.compile("^mimir-(write|read|backend)-")), ("microservices", re.compile(".*")))
OLD = {INGESTER: ("ingester-1", "ingester-2"), COMPACTOR: ("compactor-1", "compactor-2")}
NEW = {
    INGESTER: ("mimir-write-4", "mimir-write-5", "mimir-write-6"),
    COMPACTOR: ("mimir-backend-4", "mimir-backend-5"),
}
BACKEND, WRITE = "backend-rings-have-both-groups", "write-rings-have-both-groups"
QUORUM = "new-group-keeps-quorum"
READER = {"instance_id": "mimir-read-3", "node_name": ""}
PARTITIONS = "collectors/ingester-partitions"
RETIRE, FINISH = "retire-microservices", "finish-read-write"
OF_PATHS = frozenset({"ingesters-zone-aware", "old-ingesters-shipped"})  # see test_old_group_paths.py


def fleet(**rings: Ring) -> Fleet:
    """A fleet with these rings; both groups are active in those that are not named."""
    made = Fleet(rules=Rules(soak=0.0, stores=("consul",), groups=GROUPS))
    for key in PAGES:
        told = rings.get(key.rsplit("/", 1)[-1], of(*OLD[key], *NEW[key]))
        made.store[key] = told
        for process in made.processes:
            process.pages[key] = process.copies[key] = told
    made.processes[2].config = READER
    return made


def of(*names: str, zone: str = "", **states: State) -> Ring:
    """A ring of these members; `write_4=State.JOINING` is the state of `mimir-write-4`."""
    told = dict.fromkeys(names, State.ACTIVE)
    told |= {f"mimir-{name.replace('_', '-')}": state for name, state in states.items()}
    return ring(member(name, state=state, zone=zone) for name, state in told.items())


def _verdicts(seen: Snapshot, step: str) -> dict[str, str]:
    return {check: verdict for check, verdict in verdicts(seen, step).items() if check not in OF_PATHS}


def test_both_groups_in_every_ring_open_the_way() -> None:
    made = fleet()
    made.look()
    seen = made.look(beat=False)
    assert _verdicts(seen, RETIRE) == {}
    assert verdicts(seen, FINISH) == {"old-group-left": "fails"}


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
    assert _verdicts(seen, RETIRE)[check] == verdict
    assert not step_of(seen, RETIRE).open


def test_the_backend_may_go_before_the_write_path_has_come() -> None:
    """The guide's step 5: the write rings have no new member yet."""
    assert _second(fleet(ring=of(*OLD[INGESTER]))) == {WRITE: "fails", QUORUM: "fails"}


def test_a_ring_that_the_old_group_has_left_is_done() -> None:
    """The guide's step 7: the backend is new alone, the write path has both."""
    assert _second(fleet(compactor=of(*NEW[COMPACTOR]))) == {}


def _second(made: Fleet) -> dict[str, str]:
    """What keeps the step closed at the second look: the first one knows no rate."""
    made.look()
    return _verdicts(made.look(), RETIRE)


ALONE: list[tuple[str, Ring, int | None, bool, str | None]] = [
    ("one of three", of(*OLD[INGESTER], "mimir-write-4"), 3, False, "fails"),
    ("two of three", of(*OLD[INGESTER], *NEW[INGESTER][:2]), 3, False, "fails"),
    ("three", of(*OLD[INGESTER], *NEW[INGESTER]), 3, False, None),
    ("one is joining", of(*NEW[INGESTER], "ingester-1", write_6=State.JOINING), 3, False, "fails"),
    ("two where two are asked for", of(*OLD[INGESTER], *NEW[INGESTER][:2]), 2, False, None),
    ("one where one is asked for", of(*OLD[INGESTER], "mimir-write-4"), 1, False, None),
    ("nobody tells the factor", of(*OLD[INGESTER], *NEW[INGESTER]), None, False, "unknown"),
    ("all in one zone", of(*OLD[INGESTER], *NEW[INGESTER], zone="a"), 3, True, "fails"),
    ("zones that no member has", of(*OLD[INGESTER], *NEW[INGESTER]), 3, True, None),
]


def test_members_of_a_third_group_are_no_replicas_of_the_new_one() -> None:
    made = fleet(ring=of(*OLD[INGESTER], *NEW[INGESTER][:2], "zone-9", "zone-8"))
    made.rules = replace(made.rules, groups=(("zone-wide", re.compile("^zone-")), *GROUPS))
    assert _verdicts(made.look(), RETIRE).get(QUORUM) == "fails"
    both = fleet(ring=of(*OLD[INGESTER], *NEW[INGESTER], "zone-9"))
    both.rules = made.rules
    assert QUORUM not in _verdicts(both.look(), RETIRE)


@pytest.mark.parametrize("row", ALONE, ids=[row[0] for row in ALONE])
def test_the_new_group_alone_has_every_replica(row: tuple[str, Ring, int | None, bool, str | None]) -> None:
    _, told, factor, zones, verdict = row
    made = fleet(ring=told)
    for process in made.processes:
        config = RingConfig("multi", "", 60.0, 15.0, factor, zone_awareness=zones)
        process.config = {"rings": {INGESTER: config}}
    seen = made.look()
    assert _verdicts(seen, RETIRE).get(QUORUM) == verdict
    new = [m for m in key_of(seen, INGESTER).members if m.group == "read-write"]
    check = next(check for check in step_of(seen, RETIRE).checks if check.id == QUORUM)
    active = sum(m.state is State.ACTIVE for m in new)
    short = [(c.value, c.of, c.limit) for c in check.culprits if c.kind is Kind.GROUP_SHORT]
    assert short == ([(active, len(new), factor)] if verdict == "fails" else [])


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
    assert found.culprits == (Culprit(Kind.GROUP_LEFT, key=COMPACTOR, names=("compactor-1",)),)
    assert not step.open


class MimirProcess(Process):
    """One of Mimir, whose ingesters have partitions."""

    def _metrics(self, now: float) -> Page[ProcessMetrics]:
        page = super()._metrics(now)
        assert page.value is not None
        return replace(page, value=replace(page.value, product=Product.MIMIR, version="2.17.0"))


OWNERS = [
    ("the old group owns one", "ingester-zone-a-0", PartitionState.ACTIVE, GROUPS, "fails"),
    ("the new group owns it", "mimir-write-zone-a-0", PartitionState.ACTIVE, GROUPS, None),
    ("nobody knows whose it is", "somebody-0", PartitionState.INACTIVE, GROUPS[:1], "unknown"),
    ("the partition is deleted", "ingester-zone-a-0", PartitionState.DELETED, GROUPS, None),
]


@pytest.mark.parametrize("row", OWNERS, ids=[row[0] for row in OWNERS])
def test_an_owner_of_partitions_is_in_a_ring_too(
    row: tuple[str, str, PartitionState, tuple[tuple[str, re.Pattern[str]], ...], str | None],
) -> None:
    _, owner, state, groups, verdict = row
    made = _done()
    made.rules = replace(made.rules, groups=groups)
    made.store[PARTITIONS] = PartitionRing({0: Partition(0, state, owners=(owner,))}, made.now)
    reads = {"primary": "", "stores": (), "mirror": None, "requests": {("consul", "GET"): 9.0}}
    watcher = client("ingester-partition-ring", **reads, mirror_writes=None)
    made.processes.append(MimirProcess(4, clients=(watcher,), memberlist=False))
    found = next(c for c in step_of(made.look(), FINISH).checks if c.id == "old-group-left")
    assert found.verdict.value == (verdict or "holds")
    assert any(owner in (one.member, *one.names) for one in found.culprits) is (verdict is not None)


def test_a_ring_that_nobody_is_in_any_more_is_no_good_end() -> None:
    made = _done()
    for process in made.processes:
        process.pages[COMPACTOR] = of()
    made.store[COMPACTOR] = of()
    told = verdicts(made.look(), FINISH)
    assert told == {"new-group-active": "fails", "members-healthy": "unknown"}, "its members were lost"


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
        "prometheus_api_v1_query_range",
        "mimir_api_v1_query",
        "api_prom_api_v1_label_name_values",
        "prometheus_api_v1_read",
    ],
)
def test_pushes_and_queries_to_the_old_group_are_traffic(route: str) -> None:
    assert _traffic(route, lambda turn: 100.0 + turn)["old-group-idle"] == "fails"
    assert "old-group-idle" not in _traffic(route, lambda _: 100.0)


@pytest.mark.parametrize(
    "route",
    ["metrics", "ready", "/cortex.Ingester/Push", "/grpc.health.v1.Health/Check", "api_v1_status_buildinfo"],
)
def test_scrapes_and_what_components_ask_each_other_is_no_traffic(route: str) -> None:
    assert "old-group-idle" not in _traffic(route, lambda turn: 100.0 * turn)


PRODUCTS = [
    (Product.LOKI, "loki_api_v1_query_range", True),
    (Product.LOKI, "loki_api_v1_push", True),
    (Product.LOKI, "loki_api_v1_status_buildinfo", False),
    (Product.TEMPO, "api_traces_traceid", True),
    (Product.TEMPO, "querier_api_traces_traceid", False),
    (Product.TEMPO, "api_status_buildinfo", False),
    (Product.PYROSCOPE, "/querier.v1.QuerierService/SelectMergeStacktraces", True),
    (Product.PYROSCOPE, "/ingester.v1.IngesterService/Push", False),
    (Product.CORTEX, "prometheus_api_v1_query_range", True),
    (Product.CORTEX, "/cortex.Ingester/QueryStream", False),
]


@pytest.mark.parametrize(("product", "route", "counts"), PRODUCTS)
def test_each_product_has_routes_of_its_own(product: Product, route: str, counts: bool) -> None:
    assert (from_outside({route: 5.0}, "querier", product) == 5.0) is counts
    assert all(routes.source for routes in TABLES[product].traffic)


STRANGE: list[tuple[str, int, Callable[[int], float], str | None]] = [
    ("asked", 3, lambda turn: 100.0 * turn, "unknown"),
    ("not asked", 3, lambda _: 100.0, None),
    ("looked at once", 1, lambda _: 100.0, "unknown"),
]


@pytest.mark.parametrize("row", STRANGE, ids=[row[0] for row in STRANGE])
def test_a_process_of_no_group_may_be_of_the_old_one(
    row: tuple[str, int, Callable[[int], float], str | None],
) -> None:
    _, looks, count, verdict = row
    made = _done()
    made.rules = replace(made.rules, groups=(GROUPS[0], ("microservices", re.compile("^ingester-"))))
    frontend = Process(9, clients=(), memberlist=False, config={"instance_id": "frontend-0"})
    made.processes.append(frontend)
    for turn in range(looks):
        frontend.traffic = {"query_frontend_queries": count(turn)}
        seen = made.look()
    assert next(t.group for t in seen.targets if t.name == "10.0.0.9:80") == ""
    assert verdicts(seen, FINISH).get("old-group-idle") == verdict


def test_without_groups_there_is_no_such_migration() -> None:
    assert "read-write" not in {one.name for one in Fleet().look().migrations}
    blanks = blank(RETIRE, "read-write").checks
    assert {check.verdict.value for check in blanks if check.id.startswith("old-group")} == {"unknown"}


NAMES = [
    ("mimir-write-zone-a-0", "read-write"),
    ("mimir-backend-1", "read-write"),
    ("mimir-read-6d5f7c9b4-x2v8p", "read-write"),
    ("prod-mimir-write-0", "read-write"),
    ("write-0", "read-write"),
    ("ingester-zone-a-0", "microservices"),
    ("mimir-distributor-6d5f7c9b4-x2v8p", "microservices"),
    ("overwrite-0", "microservices"),
    ("mimir-write-ingester-zone-a-0", "microservices"),  # of a release called mimir-write
    ("mimir-backend-store-gateway-0", "microservices"),
    ("mimir-read-query-frontend-6d5f7c9b4-x2v8p", "microservices"),
    ("mimir-write-mimir-write-0", "read-write"),
]


@pytest.mark.parametrize(("name", "group"), NAMES)
def test_mimirs_own_names_need_no_configuration(name: str, group: str) -> None:
    assert Rules(groups=MIMIR_GROUPS).group_of(name) == group


def test_any_of_a_process_names_may_tell_its_group() -> None:
    rules = Rules(groups=MIMIR_GROUPS)
    assert rules.group_of("10.0.0.4:8080", "mimir-write-0") == "read-write"
    assert rules.group_of("10.0.0.4:8080", "ingester-0") == "microservices"


def test_requests_to_the_old_group_keep_it_from_being_stopped() -> None:
    made = fleet()
    for turn in range(3):
        made.processes[0].traffic = {"api_v1_push": 900.0 * turn}
        found = _verdicts(made.look(), RETIRE)
    assert found == {"old-group-idle": "fails", "old-read-path-idle": "fails"}


@pytest.mark.parametrize(
    ("target", "closed"),
    [("read", False), ("querier,query-frontend", False), ("all", False), ("backend", True), ("write", True)],
)
@pytest.mark.parametrize("step", [RETIRE, FINISH])
def test_without_a_process_that_answers_queries_no_group_goes(step: str, target: str, closed: bool) -> None:
    made = fleet() if step == RETIRE else _done()
    for process in made.processes[2:] if step == RETIRE else made.processes:
        process.config = {**process.config, "target": target}
    made.look()
    assert _verdicts(made.look(), step) == ({"new-group-reads": "fails"} if closed else {})


def _two_of_three_dead(made: Fleet) -> None:
    dead = [member(name, made.now - 600.0 * (name != NEW[INGESTER][0])) for name in NEW[INGESTER]]
    for process in made.processes:
        process.pages[INGESTER] = process.copies[INGESTER] = ring(dead, made.now)
    made.store[INGESTER] = ring(dead, made.now)


def _split(made: Fleet) -> None:
    made.processes[0].sees = (1,)
    made.processes[1].sees = made.processes[2].sees = (2, 3)


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (_two_of_three_dead, "members-healthy"),
        (_two_of_three_dead, "quorum-margin"),
        (_split, "gossip-complete"),
    ],
)
def test_the_end_is_not_reached_while_the_new_group_is_not_well(
    spoil: Callable[[Fleet], None], check: str
) -> None:
    made = _done()
    assert verdicts(made.look(), FINISH) == {}
    spoil(made)
    assert verdicts(made.look(), FINISH)[check] == "fails"


def test_groups_on_consul_alone_have_no_gossip_to_ask() -> None:
    made = _done()
    for process in made.processes:
        process.memberlist, process.copies = False, {}
        process.clients = tuple(
            client(c.name, primary="", stores=(), mirror=None, requests={("consul", "CAS"): 9.0})
            for c in process.clients
        )
    assert verdicts(made.look(), FINISH) == {}
    made.processes[1].lost = frozenset({"gossip"})
    assert verdicts(made.look(), FINISH)["gossip-one-cluster"] == "unknown"
