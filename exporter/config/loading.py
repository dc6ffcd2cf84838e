"""From a file to a `Config`, or to the list of all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from exporter.config.models import Config
from exporter.config.problems import found, line_of
from exporter.config.units import DURATION_PATTERN, SIZE_PATTERN, format_duration, format_size
from exporter.config.yaml_source import MAX_BYTES, Document, Problem, parse
from exporter.errors import ConfigError

_WRITERS: dict[str, Callable[[Any], str]] = {DURATION_PATTERN: format_duration, SIZE_PATTERN: format_size}


Model = TypeVar("Model", bound=BaseModel)


def load(path: Path) -> Config:
    """Read and check a file. Raises `ConfigError`, one line per problem, each with file and line.

    Files that the configuration names are relative to its own directory.
    """
    return load_as(path, Config)


def load_as(path: Path, model: type[Model]) -> Model:
    """As `load`, of a file that has only a part of a configuration."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        init = model is Config and isinstance(error, FileNotFoundError)
        remedy = "; kvmigration init URL writes one" if init else ""
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"{path}: cannot be read: {why}{remedy}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8: byte 0x{content[error.start]:02x}") from None
    return _checked(text, str(path), path.parent, model)


def load_text(text: str, name: str = "config", base: Path | None = None) -> Config:
    """As `load`, from a text. Without `base` the names of files stay as they are."""
    return _checked(text, name, base, Config)


def _checked(text: str, name: str, base: Path | None, model: type[Model]) -> Model:
    document = parse(text)
    _check_shape(document, model)
    if document.problems:
        raise ConfigError(*(line_of(name, problem) for problem in document.problems))
    try:
        return model.model_validate(document.value or {}, context={"base": base})
    except ValidationError as error:
        problems = found(error, document, model)
    raise ConfigError(*(line_of(name, problem) for problem in problems))


def _check_shape(document: Document, model: type[Model]) -> None:
    if document.problems or isinstance(document.value, dict):
        return
    if document.value is None:
        if not any(field.is_required() for field in model.model_fields.values()):
            return
        message = "the file is empty; at least targets is needed"
    else:
        message = "must be a mapping of keys to values"
    document.problems.append(Problem(document.line(()), (), message))


def schema() -> dict[str, Any]:
    """The JSON schema of the file, for editors and for `kvmigration validate --schema`."""
    written: dict[str, Any] = _as_written(Config.model_json_schema(mode="validation"))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | written


def _as_written(node: Any) -> Any:
    """Defaults as one would write them in the file: `15s` for 15 seconds."""
    if isinstance(node, list):
        return [_as_written(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("pattern") in _WRITERS and isinstance(node.get("default"), int | float):
        return node | {"default": _WRITERS[node["pattern"]](node["default"])}
    return {name: _as_written(item) for name, item in node.items() if not _of_settings(name, node)}


def _of_settings(name: str, node: dict[str, Any]) -> bool:
    return name == "default" and "$ref" in node  # its keys have the same defaults
