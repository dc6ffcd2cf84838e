"""Colours, value mappings and thresholds: how our numbers are shown, on every board the same.

What is unknown is grey, always: the lowest threshold step is `UNKNOWN`, and null and NaN are mapped to a
text. Grafana would else paint a panel without series in the colour of its lowest step.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

from exporter.model.pages import Phase

Json = dict[str, Any]

UNKNOWN = "#8e8e8e"
GOOD = "green"
WARN = "orange"
BAD = "red"
PLAIN = "blue"
PHASE_COLOURS: Mapping[Phase, str] = {
    Phase.UNKNOWN: UNKNOWN,
    Phase.EXTERNAL: "#5794f2",
    Phase.MULTI: "#b877d9",
    Phase.MIRRORING: "#fade2a",
    Phase.SWITCHED: "#ff9830",
    Phase.DETACHED: "#37bbca",
    Phase.MEMBERLIST: "#56a64b",
}
GOSSIP_COLOURS = {"alive": "green", "suspect": "orange", "dead": "red", "left": UNKNOWN}
PAGE_OF_PROCESS = "target/${target}"  # of the exporter
IDLE = "nothing mirrors"
NO_GOSSIP = "no memberlist"
# the text of an empty panel of lines or rows: there is none of these, or it is unknown
NOT_MIRRORED = "No client mirrors"
NOT_COMPARED = "No key has a secondary to compare"
NO_MEMBERLIST = "No process has memberlist"
NOT_SCRAPED = "The processes' own metrics are not there"


def steps(*marks: tuple[float, str]) -> list[Json]:
    """Threshold steps; below the first one is unknown."""
    return [
        {"color": UNKNOWN, "value": None},
        *({"color": colour, "value": value} for value, colour in marks),
    ]


def absolute(marks: list[Json]) -> Json:
    """Steps as an override of one field takes them."""
    return {"mode": "absolute", "steps": marks}


def above(bad: float, warn: float | None = None, worst: str = BAD) -> list[Json]:
    """Good from 0; `warn` and `bad` are the first values that are not. An alert fires only above its limit,
    so at the limit exactly the board warns first.
    """
    middle = [] if warn is None else [(warn, WARN)]
    return steps((0, GOOD), *middle, (bad, worst))


def below(bad: float, warn: float) -> list[Json]:
    """Bad up to `bad`, a warning up to `warn`, good from there; for margins, which may be negative."""
    return steps((-1e9, BAD), (bad, WARN), (warn, GOOD))


def good_at_one(worst: str = BAD) -> list[Json]:
    """0 is `worst`, 1 is good."""
    return steps((0, worst), (1, GOOD))


def plain() -> list[Json]:
    """A number that is neither good nor bad."""
    return steps((-1e9, PLAIN))


def _value(texts: Mapping[int, tuple[str, str]]) -> Json:
    options = {
        str(number): {"text": text, "color": colour, "index": index}
        for index, (number, (text, colour)) in enumerate(texts.items())
    }
    return {"type": "value", "options": options}


def absent(text: str = "no data") -> Json:
    """What stands where there is no value."""
    result = {"text": text, "color": UNKNOWN, "index": 99}
    return {"type": "special", "options": {"match": "null+nan", "result": result}}


def mapped(texts: Mapping[int, tuple[str, str]], nothing: str = "no data") -> list[Json]:
    """Value mappings: number to (text, colour), and a text for no value."""
    return [_value(texts), absent(nothing)]


def phases() -> list[Json]:
    """The phases by their numbers."""
    return mapped({phase.value: (phase.label, PHASE_COLOURS[phase]) for phase in Phase})


def verdicts() -> list[Json]:
    """A gate check; NaN is a check without evidence, which keeps the gate closed."""
    return mapped({1: ("passed", GOOD), 0: ("failed", BAD)}, "unknown")


def yes_no(good: int = 1, yes: str = "yes", no: str = "no") -> list[Json]:
    """1 and 0 in words; `good` is the green value."""
    colours = (GOOD, BAD) if good else (BAD, GOOD)
    return mapped({1: (yes, colours[0]), 0: (no, colours[1])})


def present_missing() -> list[Json]:
    """1 where something is missing, in words."""
    return mapped({0: ("present", GOOD), 1: ("missing", BAD)})


def nothing_found(text: str = "none", nothing: str = "no data", unasked: str = "") -> list[Json]:
    """0 in a word, green; the thresholds colour the rest. `unasked`: where the question does not arise."""
    beside = {-1: (unasked, PLAIN)} if unasked else {}
    return mapped({0: (text, GOOD), **beside}, nothing)


def measured(unasked: str) -> list[Json]:
    """A number as it is; `unasked` where the question does not arise."""
    return mapped({-1: (unasked, PLAIN)})


def override(name: str, **properties: Any) -> Json:
    """A field override by the field's shown name; `custom__x` is the property `custom.x`."""
    listed = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": listed}


def coloured(name: str, **properties: Any) -> Json:
    """A table column with cells in the colour of their value."""
    return override(name, custom__cellOptions={"type": "color-background"}, **properties)


def shade(name: str, colour: str) -> Json:
    """A series with a colour of its own, the same on every board."""
    return override(name, color={"mode": "fixed", "fixedColor": colour})


def values(*headings: str) -> dict[str, str]:
    """Columns of a table for the values of its queries, in their order."""
    return {f"Value #{letter}": heading for letter, heading in zip(ascii_uppercase, headings, strict=False)}
