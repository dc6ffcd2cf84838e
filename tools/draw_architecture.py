"""`python -m tools.draw_architecture`: docs/pictures/architecture.svg, drawn from the imports.

Above: the rooms of the program. Below: the rooms inside derive/. A room stands above all that it imports; an
arrow that follows from two more arrows is left out. What must not be imported is in tests/house.py.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from exporter.generated_docs.write_or_compare import write_or_compare
from tests import house

ROOT = Path(__file__).resolve().parent.parent
DRAWING = ROOT / "docs" / "pictures" / "architecture.svg"
COMMAND = "python -m tools.draw_architecture"
# The modules at the top of exporter/, by what they are together.
TOP = {
    "__init__": "errors, log",
    "errors": "errors, log",
    "log": "errors, log",
    "__main__": "cli",
    "service": "service",
    "change_log": "service",
    "interpreter": "service",
    "wiring": "wiring",
}
WIDTH, MARGIN, BOX_WIDTH, BOX_HEIGHT, FLOOR = 1240, 20, 190, 84, 128
PURE, EDGE, OTHER = "#e3f2e1", "#fdebd3", "#eef1f6"
Arrow = tuple[str, str]
Arrows = frozenset[Arrow]


@dataclass(frozen=True, slots=True)
class Plan:
    """Rooms with the number of modules and the first sentence of each; and which imports which."""

    rooms: Mapping[str, int]
    texts: Mapping[str, str]
    arrows: Arrows


def program(root: Path = ROOT) -> Plan:
    """The rooms of the program."""
    texts = {
        "service": "One running exporter: server, cycles, signals and reloads.",
        "wiring": "A configuration at work: the parts put together.",
        "errors, log": "What is raised on purpose, and structured logs.",
    }
    return _plan(root, ("exporter", "alerts", "dashboards"), _room, texts)


def _room(parts: tuple[str, ...]) -> str:
    if parts[0] != "exporter" or len(parts) == 1:
        return parts[0] if parts[0] != "exporter" else "errors, log"
    return TOP.get(parts[1], parts[1])


def inside_derive(root: Path = ROOT) -> Plan:
    """The rooms of derive/."""
    return _plan(root, ("exporter/derive",), house.derive_floor, {})


def _plan(
    root: Path, folders: tuple[str, ...], room_of: Callable[[tuple[str, ...]], str], texts: Mapping[str, str]
) -> Plan:
    rooms: dict[str, int] = {}
    labels, arrows = dict(texts), set[Arrow]()
    for path in house.modules(root, *folders):
        where = path.relative_to(root).with_suffix("").parts
        room = room_of(where)
        if not room:
            continue
        rooms[room] = rooms.get(room, 0) + (path.stem != "__init__")
        if path.stem == "__init__" or (where[-1] == room and room not in labels):
            labels.setdefault(room, _sentence(path))
        names = (tuple(name.split(".")) for _, name in house.imports(root, path))
        others = {room_of(name) for name in names if name[0] in ("exporter", "alerts", "dashboards")}
        arrows |= {(room, other) for other in others - {room, ""}}
    return Plan(rooms, labels, frozenset((one, other) for one, other in arrows if other in rooms))


def _sentence(path: Path) -> str:
    text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())
    return text.partition(". ")[0].partition(": `")[0].replace("`", "")


def floors(plan: Plan) -> dict[str, int]:
    """The floor of each room, 0 the ground. Raises `ValueError` for rooms that import one another."""
    found: dict[str, int] = {}
    while len(found) < len(plan.rooms):
        ready = {
            room
            for room in plan.rooms.keys() - found
            if all(other in found for one, other in plan.arrows if one == room)
        }
        if not ready:
            raise ValueError(f"a circle among {', '.join(sorted(plan.rooms.keys() - found))}")
        for room in ready:
            found[room] = 1 + max((found[other] for one, other in plan.arrows if one == room), default=-1)
    return found


def needed(arrows: Arrows) -> Arrows:
    """The arrows less those that follow from two or more of the rest."""

    def reach(room: str) -> set[str]:
        direct = {other for one, other in arrows if one == room}
        return direct | {far for other in direct for far in reach(other)}

    return frozenset(
        (one, other)
        for one, other in arrows
        if not any(other in reach(via) for start, via in arrows if start == one and via != other)
    )


def _places(plan: Plan, top: int) -> dict[str, tuple[float, float]]:
    """The middle of each room's upper edge: floors from above, each room near those that import it."""
    floor_of = floors(plan)
    highest = max(floor_of.values())
    places: dict[str, tuple[float, float]] = {}
    for floor in range(highest, -1, -1):
        row = sorted(room for room in plan.rooms if floor_of[room] == floor)
        above = {
            room: [places[one][0] for one, other in needed(plan.arrows) if other == room and one in places]
            for room in row
        }
        row.sort(key=lambda room: (sum(above[room]) / len(above[room]) if above[room] else WIDTH / 2, room))
        step = min((WIDTH - 2 * MARGIN) / len(row), BOX_WIDTH + 90)
        left = WIDTH / 2 - step * (len(row) - 1) / 2
        for number, room in enumerate(row):
            places[room] = (left + step * number, top + (highest - floor) * FLOOR)
    return places


def _box(name: str, count: int, text: str, at: tuple[float, float]) -> Iterator[str]:
    x, y = at
    fill = PURE if name in (*house.PURE, *house.DERIVE_FLOORS) else EDGE if name in house.EDGES else OTHER
    yield f'<g><rect x="{x - BOX_WIDTH / 2:.0f}" y="{y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
    yield f'rx="7" fill="{fill}" stroke="#6b7686"/>'
    counted = f'<tspan class="n"> {count}</tspan>' if count > 1 else ""
    yield f'<text x="{x:.0f}" y="{y + 20:.0f}" class="r">{escape(name)}{counted}</text>'
    for number, line in enumerate(textwrap.wrap(text, 33)[:4]):
        yield f'<text x="{x:.0f}" y="{y + 35 + 13 * number:.0f}" class="t">{escape(line)}</text>'
    yield "</g>\n"


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    if y == to_y:  # beside one another: from side to side
        offset = BOX_WIDTH / 2 if to_x > x else -BOX_WIDTH / 2
        x, y, to_x, to_y = x + offset, y + BOX_HEIGHT / 2, to_x - offset, to_y + BOX_HEIGHT / 2
    else:
        y += BOX_HEIGHT
    middle = (y + to_y) / 2
    path = f"M{x:.0f} {y:.0f}C{x:.0f} {middle:.0f} {to_x:.0f} {middle:.0f} {to_x:.0f} {to_y:.0f}"
    return f'<path d="{path}" class="a" marker-end="url(#a)"/>\n'


def _panel(plan: Plan, title: str, top: int) -> tuple[str, int]:
    places = _places(plan, top + 40)
    lines = [_line(places[one], places[other]) for one, other in sorted(needed(plan.arrows))]
    boxes = [_box(room, plan.rooms[room], plan.texts.get(room, ""), places[room]) for room in sorted(places)]
    head = f'<text x="{MARGIN}" y="{top + 18}" class="h">{escape(title)}</text>\n'
    bottom = int(max(y for _, y in places.values())) + BOX_HEIGHT
    return "".join((head, *lines, *(part for box in boxes for part in box))), bottom


def drawing(panels: Iterable[tuple[str, Plan]]) -> str:
    """The picture as SVG."""
    drawn, height = list[str](), MARGIN
    for title, plan in panels:
        text, bottom = _panel(plan, title, height)
        drawn.append(text)
        height = bottom + 50
    return _HEAD.format(width=WIDTH, height=height - 20) + "".join(drawn) + "</svg>\n"


_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">
<!-- Drawn by `python -m tools.draw_architecture` from the imports. Do not edit. -->
<style>.r{{font-size:15px;font-weight:bold;text-anchor:middle}}
.n{{font-size:11px;font-weight:normal;fill:#55606e}}.h{{font-size:16px;font-weight:bold}}
.t{{font-size:10.5px;text-anchor:middle;fill:#333}}.a{{fill:none;stroke:#7b8796;stroke-width:1.4}}
</style>
<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0L8 4L0 8z" fill="#7b8796"/></marker></defs>
<rect width="{width}" height="{height}" fill="#fff"/>
"""


def run(arguments: list[str]) -> int:
    """Draw; with `--check` give 1 where the committed picture differs from the imports."""
    text = drawing(
        (
            ("The rooms of exporter/: each stands above all that it imports", program()),
            ("Inside derive/: each room stands above all that it imports", inside_derive()),
        )
    )
    return write_or_compare({DRAWING: text}, COMMAND, only_compare="--check" in arguments)


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
