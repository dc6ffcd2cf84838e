"""The OpenAPI document of the JSON API, made from the types that the API answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp.typedefs import Handler

_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "key": {
        "description": "The KV key; slashes may stand as they are or as %2F.",
        "schema": {"type": "string", "minLength": 1},
        "example": "collectors/ring",
    },
    "migration": {"description": "A migration.", "schema": {"type": "string"}, "example": "rings"},
    "plan": {
        "description": "A migration, a step, or both with a slash between them.",
        "schema": {"type": "string", "minLength": 1},
        "example": "rings/switch-primary",
    },
    "step": {"description": "The step's name.", "schema": {"type": "string"}, "example": "switch-primary"},
}
_STRICT: Final[dict[str, Any]] = {
    "name": "strict",
    "in": "query",
    "description": "Answer by HTTP status: 200 open, 409 closed, 503 unknown.",
    "schema": {"type": "string", "enum": ["1", "true", "0", "false"]},
}
_REF: Final = "#/components/schemas/{name}"
_FAILURES: Final = {
    "400": "A parameter is wrong.",
    "404": "The named object does not exist.",
    "503": "No cycle has ended yet.",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One path below `/api/v1`: its handler, the type of its data, and its line in the document."""

    path: str
    handler: Handler
    shape: Any
    summary: str


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The complete document, OpenAPI 3.1."""
    types = [route.shape for route in routes]
    shapes, components = msgspec.json.schema_components(types, ref_template=_REF)
    paths = {
        f"/api/v1{route.path}": {"get": _operation(route.path, shape, route.summary)}
        for route, shape in zip(routes, shapes, strict=True)
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "kvmigration exporter", "version": version or "0"},
        "paths": paths,
        "components": {"schemas": {**components, "Failure": _failure()}},
    }


def _operation(path: str, shape: dict[str, Any], text: str) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, **described}
        for name, described in _PARAMETERS.items()
        if f"{{{name}}}" in path
    ]
    answers = {"200": _content("The answer.", _success(shape)), "503": _failed("503")}
    if parameters:
        answers["404"] = _failed("404")
    if path.endswith("/{step}"):
        parameters.append(_STRICT)
        closed = _content("Closed, with strict.", _success(shape))
        either = {"anyOf": [_success(shape), {"$ref": _REF.format(name="Failure")}]}
        unknown = _content("Unknown, with strict; or no cycle has ended yet.", either)
        answers |= {"400": _failed("400"), "409": closed, "503": unknown}
    name = path.strip("/").replace("/{", "_").replace("}", "")
    return {"operationId": name, "summary": text, "parameters": parameters, "responses": answers}


def _success(shape: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["status", "data", "at", "age_seconds", "stale"],
        "properties": {
            "status": {"const": "success"},
            "data": shape,
            "at": {"type": "number", "description": "When the cycle ended, unix seconds."},
            "age_seconds": {"type": "number", "minimum": 0, "description": "How long ago that was."},
            "stale": {"type": "boolean", "description": "Too long ago to judge by."},
        },
    }


def _failure() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["status", "errorType", "error"],
        "properties": {
            "status": {"const": "error"},
            "errorType": {"type": "string"},
            "error": {"type": "string"},
        },
    }


def _failed(status: str) -> dict[str, Any]:
    return _content(_FAILURES[status], {"$ref": _REF.format(name="Failure")})


def _content(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
