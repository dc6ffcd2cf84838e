"""Looks into PromQL: which series an expression reads, and which labels its result still has."""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as p

from alerts import shard_rules
from exporter.expose import catalogue, shard_catalogue
from exporter.expose.shard_catalogue import (
    ABSENT,
    COMPLETE,
    HELD,
    ORPHANED_MEMBERS,
    PRESENT,
    UNBROKEN,
    UNKNOWN_MEMBERS,
    UNMET,
)

SCRAPED = frozenset({"cluster", "namespace", "job", "instance"})
"""What Prometheus adds to every series of the exporter."""
RECORDED = {
    PRESENT: frozenset[str](),
    COMPLETE: frozenset[str](),
    UNKNOWN_MEMBERS: frozenset({"member"}),
    ABSENT: frozenset({"member"}),
    ORPHANED_MEMBERS: frozenset({"key", "ring", "member"}),
    UNMET: frozenset({"key"}),
    shard_rules.FAILING: frozenset({"check"}),
    shard_rules.OPEN_QUESTION: frozenset({"check"}),
    shard_rules.OPEN_OF_KEYS: frozenset({"migration", "check"}),
    shard_rules.LOWEST: frozenset({"migration", "step", "check"}),
    shard_rules.ELSEWHERE: frozenset({"migration", "check"}),
    UNBROKEN: frozenset({"migration", "step"}),
    HELD: frozenset({"migration", "step"}),
    shard_rules.OPEN_OF_KEYS: frozenset({"migration", "check"}),
    shard_rules.LOWEST: frozenset({"migration", "step", "check"}),
    shard_rules.MOVING: frozenset({"migration", "serves", "phase"}),
    shard_rules.EARLIEST: frozenset({"migration"}),
}
"""Labels of what the rules that join shards record for themselves, besides the fleet's."""
SET_OPERATORS = {"and", "unless"}
KEEPS = {"topk", "bottomk"}


def children(node: p.Expr) -> Iterator[p.Expr]:
    """What stands directly inside an expression."""
    for place in ("lhs", "rhs", "expr", "param", "vector_selector"):
        child = getattr(node, place, None)
        if child is not None:
            yield child
    yield from getattr(node, "args", None) or []


def walk(node: p.Expr) -> Iterator[p.Expr]:
    """The expression and all in it."""
    yield node
    for child in children(node):
        yield from walk(child)


def selectors(node: p.Expr) -> list[p.VectorSelector]:
    """Every selector of series in an expression."""
    return [found for found in walk(node) if isinstance(found, p.VectorSelector)]


def metric(selector: p.VectorSelector) -> str:
    """The metric's name, or the pattern that its name is selected by."""
    return selector.name or next(m.value for m in selector.matchers.matchers if m.name == "__name__")


def labels_of(name: str) -> frozenset[str]:
    """The labels of a metric as they arrive in Prometheus."""
    if name in RECORDED:
        return SCRAPED - {"instance"} | RECORDED[name]
    known = {**shard_catalogue.by_name, **catalogue.by_name}
    return SCRAPED | set(known[name].labels if name in known else ())


def surviving(node: p.Expr) -> frozenset[str]:
    """Labels that the result may have. Empty for a number."""
    if isinstance(node, p.VectorSelector):
        return labels_of(metric(node))
    if isinstance(node, p.AggregateExpr):
        return _aggregated(node)
    if isinstance(node, p.BinaryExpr):
        return _combined(node)
    if isinstance(node, p.Call) and str(node.func.name) in {"absent", "time"}:
        return frozenset()
    if isinstance(node, p.Call) and str(node.func.name) == "label_replace":
        expression, added, *_ = node.args
        return surviving(expression) | {added.val}
    return frozenset().union(*(surviving(child) for child in children(node)))


def _aggregated(node: p.AggregateExpr) -> frozenset[str]:
    if str(node.op) in KEEPS:
        return surviving(node.expr)
    assert node.modifier.type == p.AggModifierType.By, "by names what is left, without does not"
    kept = frozenset(node.modifier.labels) & surviving(node.expr)
    return kept | {node.param.val} if str(node.op) == "count_values" else kept


def _combined(node: p.BinaryExpr) -> frozenset[str]:
    left, right = surviving(node.lhs), surviving(node.rhs)
    if str(node.op) in SET_OPERATORS:
        return left
    if str(node.op) == "or":
        return left | right
    if not left or not right:
        return left or right
    if node.modifier and node.modifier.card == p.VectorMatchCardinality.ManyToOne:
        return left
    matching = node.modifier.matching if node.modifier else None
    return frozenset(matching.labels) if matching else left & right
