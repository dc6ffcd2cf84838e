"""A file that was edited for a step: the product's YAML, Helm values, or the runtime configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exporter.config.yaml_source import Document, parse
from exporter.errors import UsageError
from exporter.products.kv_settings import KVSettings

Tree = Mapping[str, Any]
# Some products have blocks of these names in their own configuration too.
_RUNTIME: Final = frozenset({"overrides", "configs"})
_STATIC: Final = frozenset({"server", "memberlist", "target", "ingester", "distributor"})


@dataclass(frozen=True, slots=True)
class Part:
    """One configuration in a file. `at` is the path to it, () where the file has nothing else."""

    tree: Tree
    at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EditedFile:
    """What a file has: the product's configuration, the runtime configuration, or both in Helm values."""

    document: Document
    static: Part | None
    runtime: Part | None

    def line(self, part: Part | None, path: str) -> int:
        """The line of a dotted path, or of the nearest block around it; 0 where there is none."""
        return self.document.line((part.at if part else ()) + tuple(path.split(".")))


def read(path: Path, settings: KVSettings) -> EditedFile:
    """Read a file. Raises `UsageError` where it is no YAML, or none of the three."""
    try:
        document = parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'no text'}") from None
    if document.problems:
        problem = document.problems[0]
        raise UsageError(f"{path}:{problem.line}: {problem.message}")
    if not isinstance(document.value, Mapping):
        raise UsageError(f"{path} is no configuration: expected keys and values at the top")
    return _parts(document, document.value, settings)


def _parts(document: Document, top: Tree, settings: KVSettings) -> EditedFile:
    chart = settings.helm
    values = _part(top, chart.config) if chart is not None else None
    switch = _part(top, chart.runtime) if chart is not None and chart.runtime else None
    if values is not None or switch is not None:
        return EditedFile(document, values, switch)
    whole = Part(top, ())
    is_static = bool(_STATIC & set(top)) or any(stores(top))
    if "multi_kv_config" in top or (_RUNTIME & set(top) and not is_static):
        return EditedFile(document, None, whole)
    return EditedFile(document, whole, None)


def _part(top: Tree, path: str) -> Part | None:
    found = at(top, path)
    return Part(found, tuple(path.split("."))) if isinstance(found, Mapping) and found else None


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


def stores(tree: Tree, path: str = "") -> Iterator[tuple[str, Tree]]:
    """Every `kvstore` of a configuration, with the path of the block that it stands in."""
    for name, inner in tree.items():
        here = f"{path}.{name}" if path else str(name)
        if name == "kvstore" and isinstance(inner, Mapping):
            yield path, inner
        elif isinstance(inner, Mapping):
            yield from stores(inner, here)
