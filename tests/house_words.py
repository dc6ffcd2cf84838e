"""The house rules of words, by the syntax tree of `exporter/`: no module reads another one's sentences, and
`derive/` makes none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house import modules

WRITERS = "exporter/expose/wording/"  # may read what it has written itself
PROSE = {"evidence", "headline", "sentence", "culprits", "remedy", "text", "broken", "warnings", "risks"}
PARSING = {
    "split", "rsplit", "splitlines", "partition", "rpartition", "startswith", "endswith", "removeprefix",
    "removesuffix", "find", "index", "count", "replace",
}  # fmt: skip
SENTENCE = 4  # words, from which on a string is one
# What a gate's registration says of itself: a check's sentence and remedy, a step's harms, advice. They are
# tables at the top of a module; what a function finds is data.
TABLES = "exporter/derive/gate/"
MATCHING = {"match", "fullmatch", "search", "sub", "findall", "finditer", "split"}


def no_module_reads_anothers_words(root: Path) -> Iterator[str]:
    """A field of facts that is made for people is shown, never searched: what has to be known of it is a
    field of its own.
    """
    for path in modules(root, "exporter"):
        where = path.relative_to(root).as_posix()
        if where.startswith(WRITERS):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lines = {line for scope in _scopes(tree) for line in _read(scope)}
        yield from (f"{where}:{line}: reads the words of another module" for line in sorted(lines))


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    """The module and every function: names mean something within one."""
    yield tree
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _read(scope: ast.AST) -> Iterator[int]:
    names = set(_bound(scope)) if not isinstance(scope, ast.Module) else set()
    for node in ast.walk(scope):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method, receiver = node.func.attr, node.func.value
            if method in PARSING and _is_prose(receiver, names):
                yield node.lineno
            if method in MATCHING and any(_is_prose(argument, names) for argument in node.args):
                yield node.lineno
        elif isinstance(node, ast.Compare):
            pairs = zip(node.ops, node.comparators, strict=True)
            if any(isinstance(op, ast.In | ast.NotIn) and _is_prose(right, names) for op, right in pairs):
                yield node.lineno


def _bound(scope: ast.AST) -> Iterator[str]:
    """Names that stand for prose: by assignment, or for one sentence of several in a loop."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and _is_prose(node.value, set()):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        if isinstance(node, ast.For | ast.comprehension) and _is_prose(node.iter, set()):
            yield from (name.id for name in ast.walk(node.target) if isinstance(name, ast.Name))


def _is_prose(node: ast.AST, names: set[str]) -> bool:
    """Tell whether an expression is such a field, a part of one, or a name that stands for it."""
    if isinstance(node, ast.Subscript):
        return _is_prose(node.value, names)
    if isinstance(node, ast.BoolOp):
        return any(_is_prose(value, names) for value in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"lower", "strip", "rstrip", "lstrip"} and _is_prose(node.func.value, names)
    if isinstance(node, ast.Name):
        return node.id in names
    return isinstance(node, ast.Attribute) and node.attr in PROSE


def derive_makes_no_sentences(root: Path) -> Iterator[str]:
    """What is concluded is data: `expose/wording` makes the sentences. Docstrings are none, and neither are
    the tables of the gate.
    """
    for path in modules(root, "exporter/derive"):
        where = path.relative_to(root).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        scopes: list[ast.AST] = [tree] if not where.startswith(TABLES) else _bodies(tree)
        lines = {line for scope in scopes for line in _sentences(scope)}
        yield from (f"{where}:{line}: makes a sentence" for line in sorted(lines))


def _bodies(tree: ast.Module) -> list[ast.AST]:
    """The statements of functions, those of functions within them by themselves: without decorators."""
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    statements = (statement for function in functions for statement in function.body)
    return [one for one in statements if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]


def _sentences(scope: ast.AST) -> Iterator[int]:
    """The lines of strings that are sentences; of a formatted one, all its own parts count."""
    skipped = {id(node.value) for node in ast.walk(scope) if isinstance(node, ast.Expr)}
    for node in ast.walk(scope):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            parts = [node.value]
        else:
            continue
        if len(re.findall(r"[A-Za-z]+(?=[\s.,:;)]|$)", " ".join(map(str, parts)))) >= SENTENCE:
            yield node.lineno
