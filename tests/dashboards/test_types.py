"""TypeScript holds every board against Grafana's own types, and refuses one with a wrong field."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping

import pytest

from dashboards.fields import Json
from tests.dashboards.every import BOARDS
from tools.setup_types import INSTALLED, SOURCE, is_current

pytestmark = [pytest.mark.real, pytest.mark.slow]
ERROR = re.compile(r"^([\w-]+)\.ts\(\d+,\d+\): (error .+)$", re.MULTILINE)
Break = Callable[[Json], None]


def first(board: Json, kind: str) -> Json:
    found: Json = next(panel for panel in board["panels"] if panel["type"] == kind)
    return found


def defaults(board: Json, kind: str) -> Json:
    found: Json = first(board, kind)["fieldConfig"]["defaults"]
    return found


# each makes one mistake in an overview that is right but for it
MISTAKES: Mapping[str, Break] = {
    "unknown-board-field": lambda b: b.update(sharedCrosshair=True),
    "unknown-cursor": lambda b: b.update(graphTooltip=3),
    "no-schema-version": lambda b: b.pop("schemaVersion"),
    "unknown-variable-type": lambda b: b["templating"]["list"][0].update(type="querry"),
    "unknown-annotation-field": lambda b: b["annotations"]["list"][1].update(query="up"),
    "unknown-link-type": lambda b: b["links"][0].update(type="board"),
    "unknown-panel-type": lambda b: first(b, "stat").update(type="singlestat"),
    "unknown-panel-field": lambda b: first(b, "stat").update(span=4),
    "place-as-text": lambda b: first(b, "stat")["gridPos"].update(w="4"),
    "unknown-option": lambda b: first(b, "table")["options"].update(footer={"show": False}),
    "unknown-option-value": lambda b: first(b, "stat")["options"].update(colorMode="panel"),
    "option-of-another-panel": lambda b: first(b, "stat")["options"].update(rowHeight=0.9),
    "unknown-query-field": lambda b: first(b, "stat")["targets"][0].update(step="15s"),
    "unknown-query-format": lambda b: first(b, "stat")["targets"][0].update(format="series"),
    "unknown-field-setting": lambda b: defaults(b, "stat").update(units="s"),
    "unknown-threshold-mode": lambda b: defaults(b, "stat")["thresholds"].update(mode="percent"),
    "unknown-mapping": lambda b: defaults(b, "stat")["mappings"][-1]["options"].update(match="none"),
    "unknown-line-setting": lambda b: defaults(b, "timeseries")["custom"].update(nullPointMode="null"),
    "unknown-override": lambda b: first(b, "table")["fieldConfig"]["overrides"].append(
        {"matcher": {"id": "byName", "options": "x"}, "properties": [{"id": "units", "value": "s"}]}
    ),
    "unknown-transformation": lambda b: first(b, "table")["transformations"][0].update(id="organise"),
}


def source_of(board: Json) -> str:
    """The board and each of its panels as literals, each held against the type of its kind."""
    alone = json.dumps({**board, "panels": []})
    lines = ["import type { Board, Panels } from './boards';", f"({alone}) satisfies Board;"]
    lines += [f"({json.dumps(p)}) satisfies Panels[{json.dumps(p['type'])}];" for p in board["panels"]]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def refused(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, list[str]]:
    """What the compiler says of each board and of each mistake, by name; one run, since it takes seconds."""
    node = program("node")
    if not is_current(SOURCE, INSTALLED):
        program("Grafana's types (.tools/board-types)")
    where = tmp_path_factory.mktemp("types")
    (where / "node_modules").symlink_to(INSTALLED / "node_modules")
    for name in ("boards.ts", "tsconfig.json"):
        shutil.copyfile(SOURCE / name, where / name)
    for uid, board in BOARDS.items():
        (where / f"{uid}.ts").write_text(source_of(board), encoding="utf-8")
    for name, mistake in MISTAKES.items():
        broken = copy.deepcopy(BOARDS["kvmigration-overview"])
        mistake(broken)
        (where / f"{name}.ts").write_text(source_of(broken), encoding="utf-8")
    command = [node, "node_modules/typescript/bin/tsc", "--pretty", "false", "--project", "."]
    told = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, timeout=300)
    found: dict[str, list[str]] = defaultdict(list)
    for file, error in ERROR.findall(told.stdout):
        found[file].append(error)
    assert found, told.stdout + told.stderr  # the mistakes at least
    return found


@pytest.mark.parametrize("uid", [*BOARDS, "boards"])
def test_every_board_is_what_grafanas_types_allow(uid: str, refused: Mapping[str, list[str]]) -> None:
    assert refused.get(uid, []) == []


@pytest.mark.parametrize("name", MISTAKES)
def test_a_board_with_one_mistake_is_refused_for_it_alone(
    name: str, refused: Mapping[str, list[str]]
) -> None:
    assert len(refused.get(name, [])) == 1
