"""The guides name only commands, steps, checks, metrics and headings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.registry import NAMES as NAMES_OF_ALERTS
from exporter.cli.arguments import parser
from exporter.derive.gate.step_table import NAMES
from exporter.expose import catalogue, shard_catalogue
from exporter.expose.wording.planning import plans
from exporter.model.migration import FIXED
from exporter.model.pages import Phase
from tests.derive.test_checks import anchors, checks

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = (
    "guides.md", "ring.md", "ha-tracker.md", "labels.md", "read-write.md", "first-gossip-ring.md",
    "shards.md",
)  # fmt: skip
# A page for each migration, with its steps.
FOLLOWED = ("ring.md", "ha-tracker.md", "labels.md", "read-write.md")
PARTS = ["Before you start", "Do", "Watch", "Go on when", "Way back"]
UNGATED = {("labels.md", "verification off")}  # a rollout that no gate stands before
FIRST_CELL = re.compile(r"^`([a-z-]+)`(?:, `([a-z-]+)`)*\. ", re.MULTILINE)


@pytest.fixture(params=GUIDES)
def guide(request: pytest.FixtureRequest) -> str:
    """One guide's text."""
    return (DOCS / str(request.param)).read_text()


def test_commands_and_steps_exist(guide: str) -> None:
    usage = parser().format_help()
    for command, word in re.findall(r"kvmigration ([a-z]+)(?: (?:[a-z-]+/)?([a-z-]+))?", guide):
        assert re.search(rf"^    {command} ", usage, re.MULTILINE), command
        assert command != "check" or word in NAMES, word


def test_metrics_exist(guide: str) -> None:
    known = {made.name for made in vars(catalogue).values() if isinstance(made, catalogue.Metric)}
    named = set(re.findall(r"kvmigration_[a-z_]+", guide))
    assert named <= known | shard_catalogue.by_name.keys() | {shard_catalogue.SHARD}


def test_alerts_exist(guide: str) -> None:
    assert set(re.findall(r"KVMigration[A-Za-z]+", guide)) <= set(NAMES_OF_ALERTS)


def test_every_family_of_a_shards_own_is_in_its_guide() -> None:
    told = set(re.findall(r"`(kvmigration_[a-z_]+)`", (DOCS / "shards.md").read_text()))
    assert {metric.name for metric in shard_catalogue.OWN} <= told


def test_checks_that_open_a_paragraph_exist(guide: str) -> None:
    known = {check.id for check in checks()}
    opening = [word for line in FIRST_CELL.finditer(guide) for word in re.findall(r"`([a-z-]+)`", line[0])]
    assert set(opening) <= known


def test_links_to_headings_lead_there(guide: str) -> None:
    for file, anchor in re.findall(r"\]\(([a-z-]+\.md)?#([a-z0-9-]+)\)", guide):
        heads = anchors(DOCS / file) if file else anchors_of(guide)
        assert anchor in heads, (file, anchor)


def anchors_of(text: str) -> set[str]:
    """The anchors of a text's own headings."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}


# A Cortex, B HA tracker, C the migration of 2022, D read-write, E two processes.
LINES = {
    *(f"A{n}" for n in range(1, 7)),
    *(f"B{n}" for n in range(8)),
    *(f"C{n}" for n in range(1, 9)),
    *(f"D{n}" for n in range(1, 10)),
    *(f"E{n}" for n in range(1, 6)),
}


def rows_of_the_table() -> list[list[str]]:
    """The cells of each row of docs/guides.md."""
    lines = re.findall(r"^\| ([A-E]\d .*)\|$", (DOCS / "guides.md").read_text(), re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def test_every_line_of_the_published_guides_stands_in_the_table_once() -> None:
    names = [row[0] for row in rows_of_the_table()]
    assert sorted(names) == sorted(LINES)


def test_each_line_says_what_covers_it_or_that_nothing_does() -> None:
    known = {check.id for check in checks()} | {*NAMES, *FIXED, *(phase.label for phase in Phase)}
    known |= {made.name for made in vars(catalogue).values() if isinstance(made, catalogue.Metric)}
    for name, _, covered, missing in rows_of_the_table():
        assert covered or missing, name
        assert set(re.findall(r"`([a-z_-]+)`", covered)) <= known, name


def test_each_place_that_a_plan_names_is_there() -> None:
    places = (*plans.GUIDES.values(), *plans.TRACKER_GUIDES.values())
    named = [re.match(r"docs/([a-z-]+\.md)#([a-z0-9-]+)", place) for place in places]
    assert all(found and found[2] in anchors(DOCS / found[1]) for found in named)


def steps_of(page: str) -> list[tuple[int, str, list[str]]]:
    """The steps of a page: number, name, headings of the parts."""
    sections = re.findall(r"^## Step (\d+): (.+?)$(.*?)(?=^## |\Z)", (DOCS / page).read_text(), re.M | re.S)
    return [(int(number), name, re.findall(r"^### (.+)$", text, re.M)) for number, name, text in sections]


@pytest.mark.parametrize("page", FOLLOWED)
def test_each_step_of_a_migration_has_the_same_parts_in_the_same_order(page: str) -> None:
    steps = steps_of(page)
    assert [number for number, _, _ in steps] == list(range(1, len(steps) + 1)) != []
    for _, name, parts in steps:
        assert parts[:5] == PARTS or (page, name) == ("ha-tracker.md", "decommission-store"), name
        assert name in NAMES or (page, name) in UNGATED, name


def test_a_page_names_its_steps_in_the_order_in_which_they_are_taken() -> None:
    for page in FOLLOWED:
        named = [name for _, name, _ in steps_of(page) if name in NAMES]
        assert named == sorted(named, key=NAMES.index)
