"""The picture of the rooms: drawn from the imports, current, and without a circle."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests import house
from tools import draw_architecture
from tools.draw_architecture import Plan, drawing, floors, inside_derive, needed, program

TEXT = "{http://www.w3.org/2000/svg}text"


def plan(*arrows: tuple[str, str]) -> Plan:
    rooms = {room: 1 for arrow in arrows for room in arrow}
    return Plan(rooms, {}, frozenset(arrows))


def test_the_committed_picture_is_current() -> None:
    assert draw_architecture.run(["--check"]) == 0


def test_every_room_is_drawn_once() -> None:
    drawn = ET.fromstring(draw_architecture.DRAWING.read_text())  # our own file
    named = [(text.text or "") for text in drawn.iter(TEXT) if text.get("class") == "r"]
    assert sorted(named) == sorted([*program().rooms, *inside_derive().rooms])
    assert inside_derive().rooms.keys() == set(house.DERIVE_FLOORS)


def test_an_arrow_leads_to_a_lower_floor() -> None:
    for rooms in (program(), inside_derive()):
        found = floors(rooms)
        assert all(found[one] > found[other] for one, other in rooms.arrows)


def test_an_arrow_that_follows_from_two_others_is_left_out() -> None:
    arrows = frozenset({("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")})
    assert needed(arrows) == arrows - {("a", "c")}


def test_rooms_that_import_one_another_are_named() -> None:
    with pytest.raises(ValueError, match="a circle among b, c"):
        floors(plan(("b", "c"), ("c", "b"), ("b", "a")))


def test_another_import_is_another_picture(tmp_path: Path) -> None:
    for name, text in {"limits": "", "ring": "import exporter.derive.judging_rules", "store": ""}.items():
        path = tmp_path / "exporter" / "derive" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    before = drawing([("derive", inside_derive(tmp_path))])
    (tmp_path / "exporter" / "derive" / "store.py").write_text("from exporter.derive import ring")
    assert drawing([("derive", inside_derive(tmp_path))]) != before
