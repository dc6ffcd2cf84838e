"""YAML text to plain values, with the line of each of them.

Stricter than PyYAML, so that a hostile file costs nothing. It has YAML 1.2's booleans and numbers only (a
country `no` stays text), no custom tags, and no key twice. Size, depth and what aliases unfold to are
bounded. The configuration's keys are not in here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from exporter.config.scalars import Fraction, Number

MAX_BYTES: Final = 1024**2
MAX_DEPTH: Final = 40
MAX_VALUES: Final = 200_000
Path = tuple[str | int, ...]

_KINDS = ("null", "bool", "int", "float", "str", "seq", "map", "timestamp", "merge", "value")
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]{0,17})(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in _KINDS)
_MERGE = "<<"
# Where the library quotes a name out of the file, which may be a password that begins with * & or !
_NAMED = re.compile(r"\b(alias|anchor|handle) .*?(?=; first|$)")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a line (from 1; 0 where no line is to blame) and a path of keys."""

    line: int
    path: Path
    message: str


@dataclass(slots=True)
class Document:
    """A YAML document as plain values; `lines` has the line of every path in it."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of this path, or of the nearest block around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def parse(text: str) -> Document:
    """Read one YAML document. What is wrong with it is in `problems`; then `value` is incomplete."""
    if len(text) > MAX_BYTES:
        return _failed(0, f"the file is larger than {MAX_BYTES // 1024**2}MiB")
    try:
        too_deep = _too_deep(text)
        if too_deep:
            return _failed(too_deep, f"nested deeper than {MAX_DEPTH} levels")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        return _syntax(error)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return _failed(line, f"not YAML: the character U+{error.character:04X} is not allowed")
    return Document() if node is None else _Reader().read(node)


def _too_deep(text: str) -> int:
    """The line where the nesting gets too deep, 0 if it does not: found before any recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            return event.start_mark.line + 1 if event.start_mark else 1
    return 0


def _failed(line: int, message: str) -> Document:
    return Document(problems=[Problem(line, (), message)])


def _syntax(error: yaml.MarkedYAMLError) -> Document:
    mark = error.problem_mark or error.context_mark
    what = _one_line(error.problem or error.context or "syntax error")
    if what.startswith("but ") and error.context:
        what = f"{_one_line(error.context)}, {what}"
    what = _NAMED.sub(r"\1; put a value that begins with * & or ! into quotes", what)
    if mark is None:
        return _failed(0, f"not YAML: {what}")
    return _failed(mark.line + 1, f"not YAML: {what} (column {mark.column + 1})")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


class _Reader:
    """Visits the composed nodes once; aliases are visited at each use and counted."""

    def __init__(self) -> None:
        self.document = Document()
        self.values = 0
        self.characters = 0
        self.above: set[int] = set()

    def read(self, node: Node) -> Document:
        self.document.lines[()] = node.start_mark.line + 1
        self.document.value = self._value(node, ())
        return self.document

    def _wrong(self, node: Node, path: Path, message: str) -> None:
        self.document.problems.append(Problem(node.start_mark.line + 1, path, message))

    def _value(self, node: Node, path: Path) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            if self.values == MAX_VALUES + 1:
                self._wrong(node, path, "too large once its aliases are unfolded")
            return None
        if id(node) in self.above or len(path) > MAX_DEPTH:
            self._wrong(node, path, "an alias that contains itself")
            return None
        if node.tag not in _TAGS:
            self._wrong(node, path, "this tag is unknown; put a value that begins with ! into quotes")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self.above.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return self._sequence(node, path)
            return self._mapping(node, path) if isinstance(node, MappingNode) else None
        finally:
            self.above.discard(id(node))

    def _sequence(self, node: SequenceNode, path: Path) -> tuple[Any, ...]:
        values = []
        for index, child in enumerate(node.value):
            self.document.lines[(*path, index)] = child.start_mark.line + 1
            values.append(self._value(child, (*path, index)))
        return tuple(values)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[Node] = []
        for key_node, child in node.value:
            key = self._key(key_node, path)
            if key == _MERGE and key_node.style is None:
                merged.append(child)
            elif key is not None:
                self._add(values, key, key_node, child, path)
        for child in merged:
            for extra in child.value if isinstance(child, SequenceNode) else [child]:
                self._merge(values, extra, path)
        return values

    def _add(self, values: dict[str, Any], key: str, key_node: Node, child: Node, path: Path) -> None:
        at = (*path, key)
        if key in values:
            self._wrong(key_node, at, f"this key is there twice, first in line {self.document.lines[at]}")
            return
        self.document.lines[at] = key_node.start_mark.line + 1
        values[key] = self._value(child, at)

    def _merge(self, values: dict[str, Any], node: Node, path: Path) -> None:
        if not isinstance(node, MappingNode):
            self._wrong(node, path, "<< must stand before a mapping")
            return
        own = dict(self.document.lines)
        extra = self._value(node, path)
        self.document.lines |= {at: own[at] for at in own.keys() & self.document.lines.keys()}
        for key, value in (extra or {}).items():
            values.setdefault(key, value)

    def _key(self, node: Node, path: Path) -> str | None:
        if isinstance(node, ScalarNode):
            if len(node.value) <= 200:
                return str(node.value)
            self._wrong(node, path, "a key longer than 200 characters")
        else:
            self._wrong(node, path, "a key must be plain text")
        return None

    def _scalar(self, node: ScalarNode) -> Any:
        text: str = node.value
        self.characters += len(text)
        if self.characters > MAX_BYTES:
            self.values = max(self.values, MAX_VALUES)
        if node.style is not None or (node.tag.endswith(":str") and _never_text(text)):
            return text
        return _resolved(text)


def _never_text(text: str) -> bool:
    """Whether PyYAML takes this text for text only because of a tag `!!str`."""
    return any(pattern.fullmatch(text) for pattern in (_NULL, _BOOL, _INT))


def _resolved(text: str) -> Any:
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    if _INT.fullmatch(text):
        number = Number(text)
        number.text = text
        return number
    if _FLOAT.fullmatch(text):
        fraction = Fraction(text)
        fraction.text = text
        return fraction
    return text
