"""A file that was edited for a step: the product's YAML, Helm values, or the runtime configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exporter.config.yaml_source import Document, parse
from exporter.errors import UsageError
from exporter.products.kv_settings import KVSettings
from exporter.products.registry import TABLES

Tree = Mapping[str, Any]
SWITCH: Final = "multi_kv_config"
STATIC: Final = "the configuration file"
RUNTIME: Final = "the runtime configuration"
HELM: Final = "Helm values"
EMBEDDED: Final = "the configuration in it"
_NEXT: Final = re.compile(r"---\s*(#.*)?$")
# Some products have blocks of these names in their own configuration too.
_RUNTIME: Final = frozenset({"overrides", "configs"})
_STATIC: Final = frozenset({"server", "memberlist", "target", "ingester", "distributor"})


@dataclass(frozen=True, slots=True)
class Part:
    """One configuration in a file. `at` is the path to it in its document, () where that has nothing else.
    `before` is the number of lines of the file before its document.
    """

    tree: Tree
    document: Document
    at: tuple[str, ...] = ()
    before: int = 0

    def line(self, path: str) -> int:
        """The line of a dotted path, or of the nearest block around it; 0 where there is none."""
        found = self.document.line(self.at + tuple(path.split(".")))
        return found + self.before if found else 0


@dataclass(frozen=True, slots=True)
class EditedFile:
    """What a file has: the product's configuration, the runtime configuration, or both. `kind` names it."""

    static: Part | None
    runtime: Part | None
    kind: str


def read(path: Path, settings: KVSettings) -> EditedFile:
    """Read a file. Raises `UsageError` where it is no YAML, or none of the three."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'no text'}") from None
    documents = _documents(text)
    if len(documents) == 1:
        return _of_document(path, *documents[0], settings)
    parsed = [(before, _parsed(path, before, part)) for before, part in documents]
    found = [part for before, document in parsed for part in _embedded(path, before, document)]
    if not found:
        raise UsageError(
            f"{path} has {len(documents)} documents, and a process reads the first one only: check each in "
            "a file of its own"
        )
    return _joined(path, found)


def _documents(text: str) -> list[tuple[int, str]]:
    """The documents of a file, each with the number of lines before it. Empty documents are left out."""
    parts: list[tuple[int, list[str]]] = [(0, [])]
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if _NEXT.match(line):
            parts.append((number, []))
        else:
            parts[-1][1].append(line)
    known = [(before, "".join(lines)) for before, lines in parts if any(map(_is_comment, lines))]
    return known or [(0, text)]


def _is_comment(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _parsed(path: Path, before: int, text: str) -> Document:
    document = parse(text)
    if document.problems:
        problem = document.problems[0]
        raise UsageError(f"{path}:{problem.line + before}: {problem.message}")
    return document


def _of_document(path: Path, before: int, text: str, settings: KVSettings) -> EditedFile:
    document = _parsed(path, before, text)
    top = document.value
    if not isinstance(top, Mapping) or not top:
        raise UsageError(f"{path} is no configuration: expected keys and values at the top")
    chart = settings.helm
    values = _part(document, chart.config, before) if chart is not None else None
    switch = _part(document, chart.runtime, before) if chart is not None and chart.runtime else None
    if values is not None or switch is not None:
        return EditedFile(values, switch, HELM)
    if not _is_static(top) and not _is_runtime(top) and (found := _embedded(path, before, document)):
        return _joined(path, found)
    if not _is_runtime(top) and not _is_static(top) and not _blocks(settings) & set(top):
        raise UsageError(
            f"{path} has no setting of {settings.product.value}: expected its configuration file, "
            "Helm values, or the runtime configuration"
        )
    part = Part(top, document, before=before)
    return EditedFile(None, part, RUNTIME) if _is_runtime(top) else EditedFile(part, None, STATIC)


def _blocks(settings: KVSettings) -> set[str]:
    """The blocks at the top of the product's file in which a ring has its settings."""
    rings = (path for ring in TABLES[settings.product].rings for path in ring.blocks)
    return {path.partition(".")[0] for path in rings} | {settings.common.partition(".")[0]}


def _is_static(top: Tree) -> bool:
    return bool(_STATIC & set(top)) or any(stores(top))


def _is_runtime(top: Tree) -> bool:
    """Whether a file is a runtime configuration. A static one with such a block is none."""
    return not _is_static(top) and bool((_RUNTIME | {SWITCH}) & set(top))


def _part(document: Document, path: str, before: int) -> Part | None:
    found = at(document.value, path)
    return (
        Part(found, document, tuple(path.split(".")), before)
        if isinstance(found, Mapping) and found
        else None
    )


def _embedded(path: Path, before: int, document: Document) -> list[Part]:
    """The configurations that stand as text in a document, as in a ConfigMap or in Helm values."""
    found = []
    for where, text in _texts(document.value):
        if "kvstore" in text or SWITCH in text:
            first = before + document.line(where)
            if "{{" in text:
                raise UsageError(f"{path}:{first}: this is a template: check the output of helm template")
            inner = _parsed(path, first, text)
            if isinstance(inner.value, Mapping):
                found.append(Part(inner.value, inner, (), first))
    return found


def _texts(node: Any, where: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text of several lines, with the path to it."""
    if isinstance(node, str) and "\n" in node:
        yield where, node
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, tuple) else ()
    for name, inner in items:
        yield from _texts(inner, (*where, name))


def _joined(path: Path, parts: list[Part]) -> EditedFile:
    """One file of the configurations in it: at most one of each kind."""
    runtime = [part for part in parts if _is_runtime(part.tree)]
    static = [part for part in parts if part not in runtime]
    if len(runtime) > 1 or len(static) > 1:
        raise UsageError(f"{path} has {len(parts)} configurations: check each in a file of its own")
    return EditedFile(next(iter(static), None), next(iter(runtime), None), EMBEDDED)


def at(tree: Tree, path: str) -> Any:
    """What stands at a dotted path; `None` where nothing does."""
    node: Any = tree
    for name in path.split("."):
        if not isinstance(node, Mapping):
            return None
        node = node.get(name)
    return node


def scalar(tree: Tree, name: str) -> Any:
    """A single value; a list or a block stands for its text."""
    value = tree.get(name)
    return str(value) if isinstance(value, list | tuple | Mapping) else value


def stores(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """Every `kvstore` of a configuration, with the path of the block that it stands in."""
    found = ((path.rpartition(".")[0], inner) for path, inner in entries(tree, "kvstore"))
    return ((path, inner) for path, inner in found if isinstance(inner, Mapping))


def entries(tree: Tree, name: str, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every entry of this name, with its dotted path; none that stands in another one."""
    for key, inner in tree.items():
        if key == name:
            yield f"{above}{key}", inner
        elif isinstance(inner, Mapping):
            yield from entries(inner, name, f"{above}{key}.")
