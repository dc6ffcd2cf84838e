"""The boards as the tests walk them: panels, queries, and the selectors inside the queries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser

from dashboards.build import boards
from dashboards.fields import Json
from dashboards.installation_settings import Options
from dashboards.preview.prometheus_client import filled, values_of

BOARDS: Mapping[str, Json] = boards(Options())


@dataclass(frozen=True)
class Query:
    """One query and where it stands; annotations have no panel of their own."""

    board: Json
    panel: Json
    index: int
    expr: str
    instant: bool = False

    @property
    def place(self) -> str:
        return f"{self.board['title']}: {self.panel['title']} {self.index}"

    @property
    def concrete(self) -> str:
        return filled(self.expr, values_of(self.board, {}), "1m")


@dataclass(frozen=True)
class Selector:
    """A vector selector: its matchers, and the functions and ranges it stands in, outermost first."""

    matchers: Mapping[str, str]
    name: str
    inside: tuple[Any, ...]


def panels(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(of: Mapping[str, Json] = BOARDS) -> list[Query]:
    found = []
    for board in of.values():
        for panel in panels(board):
            for index, target in enumerate(panel["targets"]):
                found.append(Query(board, panel, index, target["expr"], target["instant"]))
        for annotation in board["annotations"]["list"]:
            if "expr" in annotation:
                panel = {"title": f"annotation {annotation['name']}", "type": "annotation"}
                found.append(Query(board, panel, 0, annotation["expr"]))
    return found


def nodes(node: Any, inside: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every node of a parsed query, with its parents."""
    yield node, inside
    for name in ("lhs", "rhs", "expr", "vector_selector", "param"):
        child = getattr(node, name, None)
        if child is not None and not isinstance(child, str):
            yield from nodes(child, (*inside, node))
    for child in getattr(node, "args", None) or ():
        yield from nodes(child, (*inside, node))


def selectors(expr: str) -> list[Selector]:
    """The vector selectors of a query whose variables are filled in."""
    found = []
    for node, inside in nodes(promql_parser.parse(expr)):
        if isinstance(node, promql_parser.VectorSelector):
            matchers = {one.name: one.value for one in node.matchers.matchers}
            found.append(Selector(matchers, node.name or "", inside))
    return found


def used_variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval", "__url_time_range", "__all_variables"}
