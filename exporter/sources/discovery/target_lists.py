"""Prometheus's lists of targets: `[{"targets": ["host:port"], "labels": {"pod": "mimir-0"}}]`.

A list with a wrong shape is refused completely, as Prometheus does. A single impossible address is left out
and reported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from exporter.config.yaml_source import parse
from exporter.errors import DecodeError
from exporter.model.listed import few
from exporter.sources.discovery.target_source import MAX_FOUND, FoundTarget, Listing, from_address, labelled


def read_list(content: bytes, name: str, scheme: str) -> Listing:
    """A file's content, JSON or YAML by its name. Raises `DecodeError`."""
    text = _text(content)
    if not text.strip():
        raise DecodeError("empty; a list without targets is []")
    if PurePath(name).suffix == ".json":
        return read_groups(_json(text), scheme)
    document = parse(text)
    if document.problems:
        problem = document.problems[0]
        raise DecodeError(f"line {problem.line}: {problem.message}")
    return read_groups(document.value, scheme)


def read_json(content: bytes, scheme: str) -> Listing:
    """An http_sd answer. Raises `DecodeError`."""
    return read_groups(_json(_text(content)), scheme)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DecodeError("not UTF-8") from None


def _json(text: str) -> object:
    if text.count("[") + text.count("{") > 8 * MAX_FOUND:  # empty groups: a few bytes each become a hundred
        raise DecodeError("more lists and objects than any list of targets has")
    try:
        value: object = json.loads(text)
    except ValueError as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise DecodeError(f"not JSON{where}") from None
    except RecursionError:
        raise DecodeError("not JSON: nested too deep") from None
    return value


def read_groups(value: object, scheme: str) -> Listing:
    """The list as plain values to what it names."""
    if not isinstance(value, list | tuple):
        raise DecodeError("must be a list of groups with targets and labels")
    found: list[FoundTarget] = []
    refused: list[str] = []
    for number, group in enumerate(value):
        for item in _group(group, number, scheme):
            if isinstance(item, FoundTarget):
                found.append(item)
            else:
                refused.append(item)
        if len(found) > MAX_FOUND:
            raise DecodeError(f"more than {MAX_FOUND} targets")
    return Listing(tuple(found), _trouble(refused))


def _trouble(refused: list[str]) -> str:
    return f"{few(refused, 1)}: left out" if refused else ""


def _group(group: object, number: int, default_scheme: str) -> Iterator[FoundTarget | str]:
    if not isinstance(group, Mapping) or set(group) - {"targets", "labels"}:
        raise DecodeError(f"group {number} must have targets and labels and nothing else")
    targets = group.get("targets") or ()
    if not isinstance(targets, list | tuple):
        raise DecodeError(f"the targets of group {number} must be a list")
    labels = _labels(group.get("labels"), number)
    scheme = labels.get("__scheme__") or default_scheme
    for position, address in enumerate(targets):
        if not isinstance(address, str):
            raise DecodeError(f"target {position} of group {number} must be text")
        try:
            yield labelled(from_address(address, scheme), labels)
        except DecodeError as error:
            yield f"target {position} of group {number} is {error}"


def _labels(labels: object, number: int) -> dict[str, str]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        raise DecodeError(f"the labels of group {number} must be a mapping")
    texts = {str(name): getattr(value, "text", value) for name, value in labels.items()}
    found = {name: value for name, value in texts.items() if isinstance(value, str)}
    if len(found) < len(texts):
        raise DecodeError(f"the labels of group {number} must have text as values")
    return found
