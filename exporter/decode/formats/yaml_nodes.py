"""A YAML page as Go prints it, read by path: only the blocks that are requested are parsed.

The page is cut at its top-level keys before YAML parses it, and YAML builds nodes, not objects: no merge
keys, no tags, no types. A check of the bytes refuses whatever could make the parser slow or deep, because the
C library follows nesting on its stack.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import cast

import yaml

from exporter.errors import DecodeError

MAX_PAGE = 8 * 1024 * 1024
MAX_EXCERPT = 512 * 1024  # bytes of the blocks that are parsed; a complete page of Loki has 0.11 MB
MAX_FLOW = 2_000  # brackets; Go prints them for empty lists and maps only

_TOP_KEY = re.compile(rb"^([A-Za-z_][A-Za-z0-9_]{0,63}):(?=[ \t\r\n]|$)", re.MULTILINE)
_NESTED_LINE = re.compile(rb"(?:[-?:][ \t]+){20}")


class Block:
    """One node of the page, with the path to it for messages. Missing and null are both absent."""

    __slots__ = ("_below", "_entries", "_parent", "node", "path")

    def __init__(
        self, path: str, node: yaml.Node | None, parent: Block | None = None, below: Block | None = None
    ) -> None:
        self.path = path
        self._parent = parent
        self._below = below
        self.node = None if node is None or _is_null(node) else node
        self._entries: dict[str, yaml.Node] | None = None

    def __bool__(self) -> bool:
        return self.node is not None

    def at(self, path: str) -> Block:
        """The block at a dotted path below this one."""
        block = self
        for name in path.split("."):
            block = block._child(name)
        return block

    def over(self, below: Block) -> Block:
        """Lay this block over another one, which stands in, at every depth, for what this one lacks."""
        return Block(self.path, self.node, self._parent, below) if below else self

    def beside(self, name: str) -> Block:
        """The block of this name next to this one."""
        return self._parent.at(name) if self._parent else Block(name, None)

    def _child(self, name: str) -> Block:
        path = f"{self.path}.{name}" if self.path else name
        below = self._below._child(name) if self._below else None
        child = Block(path, self._mapping().get(name), self, below)
        return below if below and child.node is None else child

    def _mapping(self) -> dict[str, yaml.Node]:
        if self._entries is None:
            pairs = self.node.value if isinstance(self.node, yaml.MappingNode) else []
            self._entries = {key.value: value for key, value in pairs if isinstance(key, yaml.ScalarNode)}
        return self._entries

    def scalar(self) -> str | None:
        """The text of a scalar, `None` where there is none. Raises `DecodeError` for a list or map."""
        if self.node is None:
            return None
        if not isinstance(self.node, yaml.ScalarNode):
            raise DecodeError(f"config: {self.path}: expected a single value")
        return cast(str, self.node.value)

    def scalars(self) -> list[str] | None:
        """A list of texts; a single text is one that Go prints comma-separated."""
        if isinstance(self.node, yaml.SequenceNode):
            return [item.value for item in self.node.value if isinstance(item, yaml.ScalarNode)]
        value = self.scalar()
        return None if value is None else [part.strip() for part in value.split(",") if part.strip()]


def read_blocks(body: bytes, wanted: Collection[str]) -> Block:
    """The page's top-level keys among `wanted`, parsed. Raises `DecodeError`."""
    if len(body) > MAX_PAGE:
        raise DecodeError(f"config: {len(body)} bytes, expected at most {MAX_PAGE}")
    excerpt = _excerpt(body, wanted)
    if not excerpt:
        raise DecodeError("config: no top-level key of a product; expected a YAML configuration")
    _check(excerpt)
    try:
        return Block("", yaml.compose(excerpt.decode("utf-8"), Loader=yaml.CBaseLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        first = str(err).split("\n", 1)[0][:120]
        raise DecodeError(f"config: {first}, expected YAML") from None


def _excerpt(body: bytes, wanted: Collection[str]) -> bytes:
    """The requested blocks, each from its key at the line's beginning up to the next such key."""
    names = {name.encode() for name in wanted}
    keys = list(_TOP_KEY.finditer(body))
    ends = [key.start() for key in keys[1:]] + [len(body)]
    parts = [body[key.start() : end] for key, end in zip(keys, ends, strict=False) if key[1] in names]
    return b"\n".join(parts)


def _check(excerpt: bytes) -> None:
    if len(excerpt) > MAX_EXCERPT:
        raise DecodeError(f"config: {len(excerpt)} bytes to parse, expected at most {MAX_EXCERPT}")
    if excerpt.count(b"[") + excerpt.count(b"{") > MAX_FLOW or _NESTED_LINE.search(excerpt):
        raise DecodeError("config: nested too deeply")


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in {"", "~", "null"}
