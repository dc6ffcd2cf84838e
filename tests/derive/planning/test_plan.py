"""What a plan says where it is refused, and where a product has no runtime switch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.derive.planning.plan import plans_of
from exporter.expose.plan.snippets import runtime_snippets
from exporter.expose.wording.planning import plan_restarts
from exporter.expose.wording.planning import plans as wording
from exporter.model.pages import Phase, Product, RingConfig
from exporter.model.planning.plan import Plan, Refusal, Route
from exporter.model.settings import RuntimeConfig
from exporter.model.shard import Share
from tests.derive.build import COMPACTOR, INGESTER, Fleet, client

HATRACKER = client(
    "distributor-hatracker", primary="", stores=(), mirror=None, requests={("consul", "CAS"): 9.0}
)


def fleet(product: Product = Product.TEMPO, **config: Any) -> Fleet:
    """Three processes in phase mirroring, whose files say what their gauges show."""
    made = Fleet()
    for process in made.processes:
        process.product = product
        process.config = {
            "rings": {
                key: RingConfig("multi", "collectors/", 60.0, 15.0, 3, default_key=key,
                                primary="consul", secondary="memberlist", mirror_enabled=True)
                for key in (INGESTER, COMPACTOR)
            },
            **config,
        }  # fmt: skip
    return made


def plan_for(made: Fleet, wanted: str = "rings") -> Plan:
    """The plan of one look."""
    (plan,) = plans_of(made.look(), wanted)
    return plan


@pytest.mark.parametrize("product", [Product.TEMPO, Product.PYROSCOPE])
def test_a_product_without_a_runtime_switch_takes_each_step_by_restarts(product: Product) -> None:
    plan = plan_for(fleet(product))
    assert (plan.step, plan.into, plan.runtime_due) == ("switch-primary", Phase.SWITCHED, False)
    assert {one.route for one in plan.reached} == {Route.RESTART}
    assert plan.at_once
    wanted = {"primary": "memberlist", "secondary": "consul"}
    for change in plan.changes:
        assert dict(change.settings) == {f"{change.block}.kvstore.multi.{k}": v for k, v in wanted.items()}
    assert {change.block for change in plan.changes} == (
        {"ingester.lifecycler.ring", "compactor.ring"}
        if product is Product.TEMPO
        else {"ingester.lifecycler.ring", "compactor.sharding_ring"}
    )


def test_lines_that_are_there_already_are_left_out_and_all_are_written_where_no_page_was_read() -> None:
    made = fleet()
    made.processes[0].lost = frozenset({"config"})
    plan = plan_for(made)
    unread = [change for change in plan.changes if not change.shown]
    assert {change.targets for change in unread} == {("10.0.0.1:80",)}
    assert all(len(change.settings) == 4 for change in unread)
    assert plan.unread == ("10.0.0.1:80",)
    assert all(len(change.settings) == 2 for change in plan.changes if change.shown)


def test_loki_takes_rings_without_a_block_of_their_own_from_its_common_block() -> None:
    ring = RingConfig("multi", primary="consul", secondary="memberlist", mirror_enabled=True)
    made = fleet(Product.LOKI, runtime_file=False, common=ring)
    plan = plan_for(made)
    assert plan.no_runtime_file
    assert {change.block for change in plan.changes} == {"common.ring"}
    apart = plan_for(fleet(Product.LOKI, runtime_file=False, common=replace(ring, store="consul")))
    assert {change.block for change in apart.changes} == {
        "ingester.lifecycler.ring",
        "compactor.compactor_ring",
    }


@pytest.mark.parametrize(
    ("product", "has_file", "said"),
    [
        (Product.LOKI, False, "Safer: give every process such a file in a rollout before this step"),
        (Product.CORTEX, False, "Safer: give every process such a file in a rollout before this step"),
        (Product.LOKI, True, ""),
        (Product.TEMPO, False, ""),  # its runtime configuration switches nothing
    ],
)
def test_who_reads_no_runtime_configuration_is_told_to_get_one_before_the_switch(
    product: Product, said: str, *, has_file: bool
) -> None:
    plan = plan_for(fleet(product, runtime_file=has_file))
    told = " ".join(wording.runtime(plan))
    assert plan.step == "switch-primary"
    assert plan.at_once is (product is not Product.LOKI or not has_file)
    assert said in told
    assert bool(said) is ("Safer" in told)


def test_a_runtime_configuration_that_nobody_reads_is_not_to_be_left_alone() -> None:
    told = {}
    for has_file in (False, True):
        made = fleet(Product.LOKI, runtime_file=has_file)
        (plan,) = plans_of(made.look(), "rings/remove-multi")
        told[has_file] = " ".join(wording.file(plan))
    assert "Leave multi_kv_config in the runtime configuration" in told[True]
    assert "multi_kv_config" not in told[False]


@pytest.mark.parametrize(
    ("config", "lines", "to_fill"),
    [
        ({"join_members": ()}, {"join_members": ()}, ("memberlist.join_members",)),
        (
            {"join_members": ("localhost:7946",), "bind_port": 7946},
            {"join_members": ()},
            ("memberlist.join_members",),
        ),
        ({"join_members": ("localhost:7946", "gossip-ring:7946"), "bind_port": 7946}, {}, ()),
        ({"rejoin_interval": 0.0}, {"rejoin_interval": "60s"}, ()),
        ({"abort_if_join_fails": True}, {"abort_if_cluster_join_fails": False}, ()),
        ({"rejoin_interval": 90.0, "abort_if_join_fails": False}, {}, ()),
    ],
)
def test_before_a_process_joins_the_gossip_it_gets_the_lines_that_it_lacks_and_no_other(
    config: dict[str, Any], lines: dict[str, Any], to_fill: tuple[str, ...]
) -> None:
    made = fleet(**{"join_members": ("gossip-ring:7946",), **config})
    external = {"primary": "", "stores": (), "mirror": None, "requests": {("consul", "CAS"): 9.0}}
    for process in made.processes:
        process.clients = tuple(replace(one, **external) for one in process.clients)
    plan = plan_for(made)
    assert (plan.step, plan.to_fill) == ("preflight", to_fill)
    gossip = {k: v for c in plan.changes if c.block == "memberlist" for k, v in c.settings.items()}
    assert gossip == {f"memberlist.{name}": value for name, value in lines.items()}


@pytest.mark.parametrize(
    ("version", "refused"), [("2.16.0", Refusal.RELEASE), ("r400", Refusal.RELEASE), ("2.17.1", None)]
)
def test_an_ha_tracker_is_moved_where_the_release_is_known_to_have_it(
    version: str, refused: Refusal | None
) -> None:
    made = fleet(Product.MIMIR)
    for process in made.processes:
        process.version = version
        process.clients = (*process.clients, HATRACKER)
    assert plan_for(made, "ha-tracker").refused is refused


def test_a_plan_is_refused_while_it_is_not_known_what_runs() -> None:
    assert plan_for(fleet(Product.UNKNOWN)).refused is Refusal.PRODUCT_UNKNOWN
    mixed = fleet()
    mixed.processes[0].clients = tuple(replace(c, primary="memberlist") for c in mixed.processes[0].clients)
    assert plan_for(mixed).refused is Refusal.PRIMARIES_MIXED
    dumb = fleet()
    for process in dumb.processes:
        process.clients = tuple(
            replace(c, primary="", stores=(), mirror=None, requests={}) for c in process.clients
        )
    assert plan_for(dumb).refused in {Refusal.PHASE_UNKNOWN, Refusal.NO_STEP}
    part = fleet()
    part.share = Share(0, 2, frozenset({"10.0.0.1:80"}))
    assert plan_for(part).refused is Refusal.PART


def test_label_and_verification_are_never_changed_in_one_rollout() -> None:
    made = fleet(label="", label_verification_disabled=False)
    first = plan_for(made, "labels")
    assert [dict(c.settings) for c in first.changes] == [
        {"memberlist.cluster_label_verification_disabled": True}
    ]
    for process in made.processes:
        process.config = {**process.config, "label_verification_disabled": True}
    second = plan_for(made, "labels")
    assert [dict(c.settings) for c in second.changes] == [{"memberlist.cluster_label": ""}]
    assert second.to_fill == ("memberlist.cluster_label",)
    for process in made.processes:
        process.config = {**process.config, "label": "prod"}
    third = plan_for(made, "labels")
    assert third.step == "enforce-label"
    assert [dict(c.settings) for c in third.changes] == [
        {"memberlist.cluster_label_verification_disabled": False}
    ]


def test_a_client_that_no_table_knows_is_named_and_no_line_is_made_up_for_it() -> None:
    made = fleet()
    strange = client("custom-lifecycler")
    for process in made.processes:
        process.clients = (*process.clients, strange)
    plan = plan_for(made)
    assert plan.unplaced == ("custom-lifecycler",)
    assert all(change.block for change in plan.changes)
    assert plan_for(fleet()).unplaced == ()


SAYS = [
    ("another block", RuntimeConfig("consul", mirror_enabled=False), True, False),
    ("no block", RuntimeConfig(), True, False),
    ("not read", None, True, False),
    ("the block of the step", RuntimeConfig("consul", mirror_enabled=True), False, True),
]


@pytest.mark.parametrize("case", SAYS, ids=[case[0] for case in SAYS])
def test_the_block_of_the_runtime_configuration_is_printed_only_where_it_is_not_so_already(
    case: tuple[str, RuntimeConfig | None, bool, bool],
) -> None:
    _, says, due, said = case
    made = fleet(Product.MIMIR)
    for process in made.processes:
        process.runtime = says
        rings = {key: replace(ring, mirror_enabled=False) for key, ring in process.config["rings"].items()}
        process.config = {"rings": rings}
        if process.number > 1:
            process.clients = tuple(replace(one, mirror=False) for one in process.clients)
    plan = plan_for(made)
    assert (plan.step, plan.runtime_due, plan.runtime_written) == ("enable-mirroring", due, said)
    assert bool(runtime_snippets(plan)) is due
    assert [len(block.targets) for block in plan.runtime_now] == ([] if says is None else [3])


def test_a_client_that_keeps_its_file_though_the_block_says_otherwise_shows_that_it_is_not_reached() -> None:
    made = fleet(Product.MIMIR)
    for process in made.processes:
        process.runtime = RuntimeConfig(mirror_enabled=False)
    assert {(one.route, one.observed) for one in plan_for(made).reached} == {(Route.RESTART, True)}
    for process in made.processes:
        process.runtime = RuntimeConfig(mirror_enabled=True)
    assert {(one.route, one.observed) for one in plan_for(made).reached} == {(Route.RUNTIME, False)}


LEFT = [
    (RuntimeConfig("memberlist", mirror_enabled=False), "3 processes still have it"),
    (None, "if it is still there"),
    (RuntimeConfig(), ""),
]


@pytest.mark.parametrize(("says", "words"), LEFT, ids=["left", "not read", "taken out"])
def test_the_plan_of_the_stores_end_names_what_is_left_of_the_block(
    says: RuntimeConfig | None, words: str
) -> None:
    made = fleet(Product.MIMIR)
    for process in made.processes:
        process.runtime = says
        there = {"primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}}
        process.clients = tuple(replace(one, **there) for one in process.clients)
    lines = wording.file(plan_for(made, "decommission-store"))
    assert [words in line for line in lines if "multi_kv_config" in line] == ([True] if words else [])
    assert lines[-1].startswith("Then stop" if words else "Stop")


@pytest.mark.parametrize(
    ("migration", "page"), [("rings", "docs/ring.md"), ("ha-tracker", "docs/ha-tracker.md")]
)
def test_a_plan_names_its_place_on_the_page_of_its_migration(migration: str, page: str) -> None:
    made = fleet(Product.MIMIR)
    for process in made.processes:
        process.version, process.clients = "2.17.1", (*process.clients, HATRACKER)
    (place,) = wording.guide(plan_for(made, migration))
    assert place.startswith(f"{page}#step-")


@pytest.mark.parametrize("seen", [True, False], ids=["one restarted", "none did"])
def test_the_time_of_a_plan_has_the_restarts_that_were_seen(*, seen: bool) -> None:
    made = fleet()
    made.look()
    if seen:
        made.processes[0].up = False
        made.look(20.0)
        made.processes[0].up, made.processes[0].started = True, made.now + 15
        made.look(20.0)
    snapshot = made.look()
    (plan,) = plans_of(snapshot, "rings")
    assert [round(seconds) for seconds in plan.restart_durations] == ([40] if seen else [])
    told = [line for line in plan_restarts.time(plan) if "restarted" in line]
    assert len(told) == seen
    assert all(line.startswith("1 process was restarted: answering again after 40 s") for line in told)


def in_phase(made: Fleet, primary: str, *, mirror: bool) -> Fleet:
    """The same processes, all of whose clients are in another phase."""
    for process in made.processes:
        process.clients = tuple(replace(one, primary=primary, mirror=mirror) for one in process.clients)
    return made


def beside(plan: Plan) -> dict[str, Any]:
    """The lines of a plan that belong to no ring."""
    return {name: value for one in plan.changes if not one.ring for name, value in one.settings.items()}


WAITS = [
    ("neither", {"join_after": 0.0, "observe_period": 0.0}, True),
    ("one of them", {"join_after": 0.0, "observe_period": 5.0}, False),
    ("as the guide has it", {"join_after": 60.0}, False),
    ("a file keeps the tokens", {"join_after": 0.0, "tokens_file": "/data/tokens"}, False),
    ("a release without these settings", {}, False),
]
WAIT_LINES = {
    Product.TEMPO: ("ingester.lifecycler.join_after", "60s"),
    Product.CORTEX: ("ingester.lifecycler.join_after", "60s"),
    Product.MIMIR: ("ingester.ring.observe_period", "10s"),
}


@pytest.mark.parametrize("product", WAIT_LINES, ids=lambda one: one.value)
@pytest.mark.parametrize("case", WAITS, ids=[case[0] for case in WAITS])
def test_an_ingester_that_waits_for_no_ring_gets_the_line_of_the_guide_in_the_first_rollout(
    product: Product, case: tuple[str, dict[str, Any], bool]
) -> None:
    _, settings, is_due = case
    made = fleet(product, join_members=("gossip-ring:7946",))
    for process in made.processes:
        rings = process.config["rings"]
        own = replace(rings[INGESTER], store="consul", **settings)
        process.config = {**process.config, "rings": {**rings, INGESTER: own}}
        process.clients = tuple(
            replace(c, primary="", stores=(), mirror=None, requests={("consul", "CAS"): 9.0})
            for c in process.clients
        )
    name, value = WAIT_LINES[product]
    assert beside(plan_for(made)) == ({name: value} if is_due else {})


LATER = [
    ("mirroring is switched on", "consul", False, ("other:7946",), False),
    ("mirroring is switched on by a process alone", "consul", False, (), False),
    ("the primary is switched", "consul", True, (), True),
    ("mirroring is switched off", "memberlist", True, (), True),
    ("multi is taken out", "memberlist", False, (), True),
    ("multi is taken out, with seeds", "memberlist", False, ("other:7946",), False),
]


@pytest.mark.parametrize("case", LATER, ids=[case[0] for case in LATER])
def test_a_process_that_restarts_with_memberlist_as_primary_gets_the_seeds_that_it_lacks(
    case: tuple[str, str, bool, tuple[str, ...], bool],
) -> None:
    _, primary, mirror, seeds, is_due = case
    plan = plan_for(in_phase(fleet(join_members=seeds), primary, mirror=mirror))
    assert beside(plan) == ({"memberlist.join_members": ()} if is_due else {})
    if plan.at_once:
        assert [one.block for one in plan.rounds[0]] == ["memberlist"]  # before any ring is switched


def test_rings_that_share_their_processes_may_be_switched_in_one_rollout_where_that_is_safe() -> None:
    plan = plan_for(fleet(join_members=("gossip-ring:7946",)))
    assert (plan.at_once, len(plan.rounds), plan.restarts, plan.restarting) == (
        True, 2, 6, ("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"),
    )  # fmt: skip
    words = " ".join(plan_restarts.restart(plan))
    assert "2 rollouts with 6 restarts" in words
    assert plan.together_safe
    assert "All blocks in one rollout are 3 restarts. That is safe here" in words
    assert "6 restarts, one after another" in " ".join(plan_restarts.time(plan))
    alone = fleet(join_members=("10.0.0.1:7946",), bind_port=7946)
    unsafe = plan_for(alone)
    assert not unsafe.together_safe
    assert "Do not do that before the gate is open" in " ".join(plan_restarts.restart(unsafe))


def test_one_block_in_each_process_is_one_rollout_and_offers_no_other() -> None:
    made = fleet(join_members=("gossip-ring:7946",))
    for process in made.processes:
        process.clients = process.clients[:1]
    plan = plan_for(made)
    assert (plan.at_once, len(plan.rounds), plan.restarts) == (True, 1, 3)
    assert "in one rollout" not in " ".join(plan_restarts.restart(plan))


@pytest.mark.parametrize(("product", "said"), [(Product.MIMIR, False), (Product.TEMPO, True)])
def test_the_way_back_of_a_switch_by_restarts_is_by_restarts(product: Product, *, said: bool) -> None:
    told = " ".join(wording.back(plan_for(fleet(product))))
    assert ("in the file, one block after another" in told) is said
    assert ("in one change for all clients" in told) is not said
