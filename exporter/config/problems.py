"""What pydantic found, as lines that name the place and the remedy.

One line per problem: `FILE:LINE: path.to.key[0]: what is wrong (did you mean "x"?)`.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from exporter.config.stores import translated
from exporter.config.yaml_source import Document, Path, Problem

_MAPPINGS = frozenset({"dict_type", "model_type", "model_attributes_type"})
_KINDS = {
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "tuple_type": "must be a list",
    **dict.fromkeys(_MAPPINGS, "must be a mapping"),
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "missing": "this key is missing",
    "finite_number": "must be a finite number",
}
_BOUNDS = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must have at most {max_length} characters",
}
_QUOTED = re.compile(r"'([^']*)'")


def line_of(name: str, problem: Problem) -> str:
    """The problem as the operator reads it."""
    place = f"{name}:{problem.line}" if problem.line else name
    path = written(problem.path)
    return f"{place}: {path}: {problem.message}" if path else f"{place}: {problem.message}"


def written(path: Path) -> str:
    """`("targets", 0, "static")` as `targets[0].static`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_safe(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def _safe(part: str) -> str:
    return part if part.isprintable() else repr(part)


def found(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Problem]:
    """All that pydantic objects to, in the order of the file."""
    problems = []
    for entry in error.errors(include_url=False):
        path = _in_document(entry["loc"], document.value)
        if entry["type"] == "too_short" and entry["input"]:
            continue  # not empty: its items were refused, and are listed
        path = (*path, *entry.get("ctx", {}).get("at", ()))
        problems.append(Problem(document.line(path), path, _message(dict(entry), path, model)))
    return sorted(set(problems), key=lambda problem: (problem.line, str(problem.path)))


def _in_document(location: tuple[int | str, ...], value: Any) -> Path:
    """Pydantic's location without the names of the alternatives it tried."""
    path: list[int | str] = []
    last = len(location) - 1
    for position, part in enumerate(location):
        if isinstance(value, dict) and isinstance(part, str) and (part in value or position == last):
            value = value.get(part)
        elif isinstance(value, tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            continue
        path.append(part)
    return tuple(part for part in path if part != "[key]")


def _message(entry: dict[str, Any], path: Path, model: type[BaseModel]) -> str:
    kind, context = entry["type"], entry.get("ctx", {})
    if kind == "extra_forbidden":
        known = translated(model_at(path[:-1], model), str(path[-1]), entry["input"])
        return f"this is a product's own key: {known}" if known else _unknown(path, model)
    if kind == "literal_error":
        return _choice(entry["input"], _QUOTED.findall(context["expected"]))
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**{name: _number(value) for name, value in context.items()})
    message = _KINDS.get(kind, str(entry["msg"])) + _keys_of(kind, path, model)
    return f"has no value; it {message}" if entry["input"] is None and kind in _KINDS else message


def _keys_of(kind: str, path: Path, model: type[BaseModel]) -> str:
    wanted = model_at(path, model) if kind in _MAPPINGS else None
    return f" of the keys {', '.join(wanted.model_fields)}" if wanted else ""


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _choice(value: object, choices: list[str]) -> str:
    allowed = f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    if not isinstance(value, str):
        return f"must be {allowed}"
    return f'"{value[:40]}" is not {allowed}{_hint(value, choices)}'


def _unknown(path: Path, model: type[BaseModel]) -> str:
    name = str(path[-1])
    around = model_at(path[:-1], model)
    near = _hint(name, list(around.model_fields)) if around else ""
    if near:
        return f"this key is unknown{near}"
    elsewhere = [written((*at, name)) for at in _homes(name, model)]
    if elsewhere:
        return f"this key is unknown here (it belongs at {' or '.join(elsewhere[:2])})"
    if not around:
        return "this key is unknown"
    return f"this key is unknown; the keys here are: {', '.join(around.model_fields) or 'none'}"


def _hint(name: str, known: list[str]) -> str:
    folded = {item.lower(): item for item in reversed(known)}
    near = difflib.get_close_matches(name.lower()[:80], folded, n=1, cutoff=0.6)
    return f' (did you mean "{folded[near[0]]}"?)' if near else ""


def model_at(path: Path, model: type[BaseModel]) -> type[BaseModel] | None:
    """The type of settings that a path leads to, if it leads to one."""
    current: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int):
            continue
        if current is None or part not in current.model_fields:
            return None
        current = settings_in(current.model_fields[part].annotation)
    return current


def settings_in(annotation: Any) -> type[BaseModel] | None:
    """The settings inside `X | None`, `tuple[X, …]` or `Annotated[X, …]`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((inner for arg in typing.get_args(annotation) if (inner := settings_in(arg))), None)


def _is_list(annotation: Any) -> bool:
    return typing.get_origin(annotation) is tuple


def _homes(name: str, model: type[BaseModel], at: Path = ()) -> Iterator[Path]:
    """Where a key of this name exists, nearest to the top first; lists are written as `targets[]`."""
    if len(at) > 2:
        return
    inner = [
        (f"{field}[]" if _is_list(info.annotation) else field, settings_in(info.annotation))
        for field, info in model.model_fields.items()
    ]
    yield from ((*at, field) for field, below in inner if below and name in below.model_fields)
    for field, below in inner:
        if below:
            yield from _homes(name, below, (*at, field))
