"""Tiles and tables over series that are meant to deceive: nothing is green that is unknown to be well."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dashboards.panel_specifications import Uid
from dashboards.preview.value_display import colour, settings, shown
from tests.dashboards.every import BOARDS, panels, queries

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool")

P, Q = (f'cluster="{name}",namespace="mimir",job="kvmigration"' for name in ("p", "q"))
ONE, OTHER = (f'{P},instance="exporter-{n}:9895"' for n in range(2))
AWAY = f'{Q},instance="exporter-0:9895"'
RING = 'key="collectors/ring",ring="ingester"'
AT, LONG = 18, "x2000"  # minutes
Shown = Mapping[str, str]


def exporter(of: str = ONE, ended: str = "0+60" + LONG) -> dict[str, str]:
    return {f"build_info{{{of}}}": "1" + LONG, f"snapshot_timestamp_seconds{{{of}}}": ended}


def fleet(phase: int, of: str = ONE) -> dict[str, str]:
    """One process with a ring; while it mirrors, nobody has compared the copy."""
    client = f'{of},target="a",kv_name="ingester-lifecycler",key="collectors/ring",writes="true"'
    return {
        f"client_phase{{{client}}}": f"{phase}{LONG}",
        f'target_up{{{of},target="a",component="ingester"}}': "1" + LONG,
        f"ring_shrunk_members{{{of},{RING}}}": "0" + LONG,
        f"key_phase{{{of},{RING}}}": f"{phase}{LONG}",
    } | (unreached(0, of) if phase in (2, 3) else {})


def client(name: str, key: str, phase: int) -> dict[str, str]:
    of = f'{ONE},target="b",kv_name="{name}",key="{key}",writes="true"'
    return {f"client_phase{{{of}}}": f"{phase}{LONG}"}


def unreached(clients: int, of: str = ONE) -> dict[str, str]:
    name = f'{of},migration="rings",kv_name="ingester-lifecycler"'
    return {f"unreached_clients{{{name}}}": f"{clients}{LONG}"}


def copied(missing: int = 0, of: str = ONE) -> dict[str, str]:
    return {
        f"secondary_key_missing{{{of},{RING}}}": "0" + LONG,
        f"secondary_missing_members{{{of},{RING}}}": f"{missing}{LONG}",
    }


def lost(members: int, of: str = ONE) -> dict[str, str]:
    return {f"ring_shrunk_members{{{of},{RING}}}": f"{members}{LONG}"}


WELL = exporter() | fleet(2) | copied()
SHARDS = {f'shards{{shard="{n}",{P},instance="exporter-{n}:9895"}}': "4" + LONG for n in range(4)}
ALONE = dict([*SHARDS.items()][:1])


@dataclass(frozen=True, slots=True)
class Tile:
    """What a tile says of these series; `None` is no value, which is grey."""

    name: str
    series: Shown
    says: float | None
    title: str = "Problems found"
    uid: str = Uid.OVERVIEW
    index: int = 0
    at: int = AT


@dataclass(frozen=True, slots=True)
class Row:
    """Which faults the table lists."""

    name: str
    series: Shown
    faults: dict[str, float] = field(default_factory=dict)


MISSING, MEMBERS = "Keys missing", "Members lost"
CLUSTERS, PROBES, GATES = "Gossip clusters", "Probes with a wrong answer", "Gates of this migration"
HEARD = "Newest heartbeat of other processes"
OTHER_GATE = {f'gate_open{{{ONE},migration="rings",step="preflight"}}': "1" + LONG}
PAGE_FAILED = {f'page_up{{{ONE},target="a",page="/memberlist"}}': "0" + LONG}
TILES = (
    Tile("all is well", WELL, 0),
    Tile("its clock is an hour ahead, and it stands still", WELL | exporter(ended="3600" + LONG), None),
    Tile("its clock is an hour ahead, and it goes on", WELL | exporter(ended="3600+60" + LONG), None),
    Tile("its clock is a minute ahead", WELL | exporter(ended="60+60" + LONG), 0),
    Tile("one of two exporters stands still", WELL | exporter(OTHER, "0" + LONG), None),
    Tile("another installation's exporter stands still", WELL | exporter(AWAY, "0" + LONG), None),
    Tile(
        "another installation's exporter never ended a cycle",
        WELL | {f"build_info{{{AWAY}}}": "1" + LONG},
        1,
    ),
    Tile("the only exporter never ended a cycle", {f"build_info{{{ONE}}}": "1" + LONG}, None),
    Tile(
        "another installation's exporter is gone for twenty hours",
        WELL | exporter(AWAY, "0+60x500 stale") | {f"build_info{{{AWAY}}}": "1x500 stale"},
        1,
        at=1700,
    ),
    Tile(
        "two of three shards are missing",
        WELL | {f"fleet:kvmigration_shards:complete{{{P}}}": "0" + LONG},
        1,
    ),
    Tile(
        "all shards are there",
        WELL | {f"fleet:kvmigration_shards:complete{{{P}}}": "1" + LONG},
        0,
    ),
    Tile("a source of targets fails", WELL | {f"discovery_failing_sources{{{ONE}}}": "1" + LONG}, 1),
    Tile("the HA tracker stays on the external store for now", WELL | client("ha", "ha-tracker/", 0), 0),
    Tile("the HA tracker stays there for years", exporter() | fleet(5) | client("ha", "ha-tracker/", 0), 0),
    Tile("the switch did not reach one client", WELL | unreached(1), 1),
    Tile("one process of a rollout is not there yet", WELL | unreached(0) | client("c", "c/c", 1), 0),
    Tile("one process of the ring is switched", WELL | client("ingester", "collectors/ring", 3), 1),
    Tile("nobody compared the mirrored key", exporter() | fleet(2), 1),
    Tile("nothing is lost", WELL, 0, MEMBERS),
    Tile("nothing is lost, and nothing mirrors", exporter() | fleet(5), 0, MEMBERS),
    Tile("thirty members vanish at once, after the migration", exporter() | fleet(5) | lost(30), 30, MEMBERS),
    Tile("thirty members vanish at once, phase unknown", exporter() | fleet(-1) | lost(30), 30, MEMBERS),
    Tile("thirty vanish, and nobody compared the copy", exporter() | fleet(2) | lost(30), 30, MEMBERS),
    Tile("thirty vanish, and two were never copied", WELL | lost(30) | copied(2), 32, MEMBERS),
    Tile("nobody compared the copy", exporter() | fleet(2), None, MEMBERS),
    Tile("nobody compared the copy, and the tile beside it", exporter() | fleet(2), None, MISSING),
    Tile("nothing mirrors yet", exporter() | fleet(1), -1, MISSING),
    Tile("nothing mirrors any more", exporter() | fleet(5), -1, MISSING),
    Tile("nobody knows whether anything mirrors", exporter() | fleet(-1), None, MISSING),
    Tile("one client is known not to mirror, of the other the phase is unknown",
         exporter() | fleet(5) | client("ha", "ha-tracker/", -1), None, MISSING),
    Tile("no exporter says whether anything mirrors", {}, None, MISSING),
    Tile("one of two installations mirrors", WELL | copied() | exporter(AWAY) | fleet(5, AWAY), 0, MISSING),
    Tile("every client is external", exporter() | fleet(0), -1, CLUSTERS),
    Tile("every client is external, and a member list was not read", exporter() | fleet(0) | PAGE_FAILED,
         None, CLUSTERS),
    Tile("the clients are external, and already gossip",
         exporter() | fleet(0) | {f"gossip_clusters{{{ONE}}}": "2" + LONG}, 2, CLUSTERS),
    Tile("no client is external, and no gossip was read", exporter() | fleet(2), None, CLUSTERS),
    Tile("no ring is in the gossip yet", exporter() | fleet(1), -1, HEARD, Uid.PROCESS),
    Tile("rings should be in the gossip, and no age is known", exporter() | fleet(2), None,
         HEARD, Uid.PROCESS),
    Tile("no ring is in the gossip yet, and a page of it failed", exporter() | fleet(1) | PAGE_FAILED, None,
         HEARD, Uid.PROCESS),
    Tile("no process gets a ping for its label", exporter(), -1, PROBES, Uid.GOSSIP),
    Tile("a process accepts a foreign label",
         exporter() | {f'label_probe_accepted{{{ONE},target="a",kind="own"}}': "1" + LONG,
                       f'label_probe_accepted{{{ONE},target="a",kind="foreign"}}': "1" + LONG},
         1, PROBES, Uid.GOSSIP),
    Tile("no exporter asks for labels", {}, None, PROBES, Uid.GOSSIP),
    Tile("no group is moved", exporter() | OTHER_GATE, -1, GATES, Uid.READ_WRITE),
    Tile("no gate is known", exporter(), None, GATES, Uid.READ_WRITE),
    Tile("nobody knows the phase", exporter() | fleet(-1), None, MEMBERS),
    Tile("no ring was read", exporter() | {name: v for name, v in fleet(5).items() if "shrunk" not in name},
         None, MEMBERS),
    Tile("of two installations one has not compared", WELL | exporter(AWAY) | fleet(2, AWAY), None, MEMBERS),
    Tile("of two installations one is lacking two members, and the other has not compared",
         WELL | copied(2) | exporter(AWAY) | fleet(2, AWAY), 2, MEMBERS),
    Tile("of two installations one has arrived", WELL | exporter(AWAY) | fleet(5, AWAY), 0, MEMBERS),
    Tile("one exporter of nobody knows how many", WELL, 1, "Exporters", Uid.EXPORTER),
    Tile("where there are no shards none is missing", WELL, None, "Exporters", Uid.EXPORTER, 1),
    Tile("one shard of four", WELL | ALONE, 3, "Exporters", Uid.EXPORTER, 1),
    Tile("four shards of four", WELL | SHARDS, 0, "Exporters", Uid.EXPORTER, 1),
    Tile("its clock is ahead", exporter(ended="3600+60" + LONG), 3600, "Age of the snapshot", Uid.EXPORTER),
)  # fmt: skip
ROWS = (
    Row("all is well", WELL, {"none, and the snapshot is recent": 0}),
    Row("it stands still with its clock ahead", WELL | exporter(ended="3600" + LONG), {}),
    Row(
        "another installation's exporter never ended a cycle",
        WELL | {f"build_info{{{AWAY}}}": "1" + LONG},
        {"exporters that never ended a cycle": 1},
    ),
    Row(
        "shards are missing, and a source of targets fails",
        WELL
        | {f"fleet:kvmigration_shards:complete{{{P}}}": "0" + LONG}
        | {f"discovery_failing_sources{{{ONE}}}": "1" + LONG},
        {"incomplete sets of shards": 1, "sources of targets that fail": 1},
    ),
)


def expression(title: str, uid: str, index: int = 0) -> str:
    (found,) = [
        query.concrete
        for query in queries()
        if (query.board["uid"], query.panel["title"], query.index) == (uid, title, index)
    ]
    return found


def series(shown: Shown) -> list[dict[str, str]]:
    """promtool's input; what has a colon is named in full."""
    return [
        {"series": name if ":" in name.split("{")[0] else f"kvmigration_{name}", "values": values}
        for name, values in shown.items()
    ]


def judged(where: Path, shown: Shown, asked: list[tuple[str, int, list[tuple[str, float]]]]) -> None:
    """What promtool says of expressions, minutes and the answers expected."""
    checks = [
        {
            "expr": expr,
            "eval_time": f"{at}m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in answers],
        }
        for expr, at, answers in asked
    ]
    test: dict[str, Any] = {"interval": "1m", "input_series": series(shown), "promql_expr_test": checks}
    path = where / "tests.yml"
    path.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: f"{tile.title}: {tile.name}")
def test_a_tile_says_what_is_known_and_no_more(tile: Tile, tmp_path: Path) -> None:
    answers = [] if tile.says is None else [("{}", tile.says)]
    judged(tmp_path, tile.series, [(expression(tile.title, tile.uid, tile.index), tile.at, answers)])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_table_lists_what_the_first_tile_counts(row: Row, tmp_path: Path) -> None:
    answers = [(f'{{problem="{fault}"}}', value) for fault, value in row.faults.items()]
    table = f"sum by (problem) ({expression('Faults found now', Uid.OVERVIEW)})"
    judged(tmp_path, row.series, [(table, AT, answers)])


def test_the_table_counts_each_installation_by_itself(tmp_path: Path) -> None:
    away = exporter(AWAY) | fleet(2, AWAY) | copied(3, AWAY)
    expr, fault = expression("Faults found now", Uid.OVERVIEW), "members missing in the secondary"
    told = [
        (f'{{cluster="{name}",namespace="mimir",job="kvmigration",problem="{fault}"}}', count)
        for name, count in (("p", 2.0), ("q", 3.0))
    ]
    judged(tmp_path, WELL | copied(2) | away, [(expr, AT, told)])


STEP_OF = {
    ("Checks of the next step", Uid.OVERVIEW): ("switch-primary", "keys-copied"),
    ("Checks of this migration", Uid.READ_WRITE): ("retire-microservices", "keys-copied"),
    ("Gate checks that name the HA tracker", Uid.HA_TRACKER): ("switch-primary", "ha-entries-copied"),
}
EACH_TABLE = pytest.mark.parametrize("table", STEP_OF, ids=lambda table: table[1])
NOT_KNOWN, HOLDS, FAILS = "NaN", "1", "0"


def check(table: tuple[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """What each exporter says of one check."""
    step, name = STEP_OF[table]
    return {
        f'gate_check{{{of},step="{step}",check="{name}"}}': f"{value} " * 20 for of, value in told.items()
    } | {f'next_step{{{of},step="{step}"}}': "1" + LONG for of in told}


@EACH_TABLE
@pytest.mark.parametrize("second", [NOT_KNOWN, FAILS, HOLDS])
@pytest.mark.parametrize("first", [NOT_KNOWN, FAILS, HOLDS])
def test_what_one_of_two_exporters_does_not_know_does_not_hold(
    table: tuple[str, str], first: str, second: str, tmp_path: Path
) -> None:
    expr, pair = expression(*table), {first, second}
    counted = {
        f"{expr} == 0": FAILS in pair,
        f"{expr} == 1": pair == {HOLDS},
        f"({expr}) != ({expr})": NOT_KNOWN in pair and FAILS not in pair,
    }
    asked = [(f"count({one})", AT, [("{}", 1.0)] if so else []) for one, so in counted.items()]
    judged(tmp_path, check(table, {ONE: first, OTHER: second}), asked)


@pytest.mark.parametrize("table", [*STEP_OF][1:], ids=lambda table: table[1])
def test_where_installations_share_a_row_the_worse_of_them_is_shown(
    table: tuple[str, str], tmp_path: Path
) -> None:
    expr = expression(*table)
    told = check(table, {ONE: HOLDS, AWAY: NOT_KNOWN})
    judged(tmp_path, told, [(f"count({expr})", AT, [("{}", 1.0)]), (f"count({expr} == 1)", AT, [])])


def test_missing_shards_are_red_and_the_count_of_exporters_is_neither_good_nor_bad() -> None:
    (tile,) = [panel for panel in panels(BOARDS[Uid.EXPORTER]) if panel["title"] == "Exporters"]
    legends = [target["legendFormat"] for target in tile["targets"]]
    count, missing = (settings(tile, legend) for legend in legends)
    assert shown(1.0, count).colour == colour("blue")
    assert [shown(value, missing).colour for value in (0.0, 1.0)] == [colour("green"), colour("red")]
