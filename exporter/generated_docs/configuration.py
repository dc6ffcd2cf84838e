"""`docs/configuration.md`, from the models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from exporter.config import schema
from exporter.config.units import DURATION_PATTERN, SIZE_PATTERN

Schema = dict[str, Any]

_HEAD = """# Configuration

<!-- Made by `python -m exporter.generated_docs` from exporter/config. Do not edit. -->

The exporter reads one YAML file, given with `--config.file`. Only `targets` is required. This is the
smallest file:

```yaml
targets:
  - static: {urls: ["http://mimir-0:8080"]}
```

- `kvmigration validate FILE` checks a file and lists every error with its line.
- `kvmigration validate --schema` prints the JSON schema for editors.
- The exporter refuses a file with an unknown key. A key without a value counts as left out.
- Write a duration as in Prometheus: `15s`, `1m30s`, `500ms`, `1h`, `2d`.
- Write a size with its unit: `64MiB`, `1GB`, `512KB` (a KB is 1024 bytes).
- The exporter refuses a duration or a size without a unit. Only `0` needs no unit.
- A file name in the configuration is relative to the configuration file.
- When a file with credentials or a certificate changes, the exporter reads this file again.
- `/config`, logs and error messages never show secrets, credentials in a proxy's URL, or header values. They
  show only the header value of `X-Scope-OrgID`.
- A reload applies the complete new file. If the new file has an error, the exporter keeps the former
  configuration.
"""
_TYPES = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "mapping of text",
}


def page() -> str:
    """The complete page as Markdown."""
    return "\n".join([_HEAD, *_Page(schema()).sections()])


class _Page:
    """The sections of the page: each group of keys once, where it first comes up."""

    def __init__(self, schema: Schema) -> None:
        self.definitions: dict[str, Schema] = schema["$defs"]
        self.places = dict(self._walk("", schema, set()))
        self.schema = schema

    def sections(self) -> Iterator[str]:
        yield self._section("", self.schema)
        for reference, path in self.places.items():
            yield self._section(path, self.definitions[reference])

    def _walk(self, path: str, model: Schema, visited: set[str]) -> Iterator[tuple[str, str]]:
        fields = model.get("properties", {}).items()
        here = [
            (name, field, ref) for name, field in fields if (ref := _reference(field)) not in {"", *visited}
        ]
        visited.update(reference for _, _, reference in here)
        for name, field, reference in here:
            place = f"{path}.{name}{'[]' if _is_list(field) else ''}".removeprefix(".")
            yield reference, place
            yield from self._walk(place, self.definitions[reference], visited)

    def _section(self, path: str, model: Schema) -> str:
        title = f"`{path}`" if path else "The file"
        lines = [f"## {title}", "", " ".join(model.get("description", "").split()), ""]
        if model.get("properties"):
            lines += ["| key | value | default | example | meaning |", "|---|---|---|---|---|"]
            required = model.get("required", ())
            lines += [self._row(name, field, name in required) for name, field in model["properties"].items()]
            lines.append("")
        return "\n".join(lines)

    def _row(self, name: str, field: Schema, required: bool) -> str:
        examples = field.get("examples")
        example = f"`{_yaml(examples[0])}`" if examples else ""
        default = "**required**" if required else _default(field)
        reference = _reference(field)
        meaning = field.get("description") or self.definitions[reference]["description"]
        kind = _kind(field, self._link(reference))
        cells = (f"`{name}`", kind, default, example, " ".join(meaning.split()))
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    def _link(self, reference: str) -> str:
        anchor = re.sub(r"[^a-z0-9_]", "", self.places.get(reference, "").lower())
        return f"[keys](#{anchor})"


def _default(field: Schema) -> str:
    default = field.get("default")
    if default == "":
        return "empty"
    return "none" if default is None or default in ([], {}) else f"`{_yaml(default)}`"


def _reference(field: Schema) -> str:
    """The name of the settings in a field, one or a list of them."""
    for place in (field, field.get("items", {}), *field.get("anyOf", ()), *field.get("oneOf", ())):
        if "$ref" in place:
            return str(place["$ref"]).rpartition("/")[2]
        if "$ref" in place.get("items", {}):
            return str(place["items"]["$ref"]).rpartition("/")[2]
    return ""


def _is_list(field: Schema) -> bool:
    return any("items" in place for place in (field, *field.get("oneOf", ())))


def _kind(field: Schema, keys: str) -> str:
    choices = [
        choice for choice in (field.get("anyOf") or field.get("oneOf") or ()) if choice.get("type") != "null"
    ]
    if choices:
        return " or ".join(_kind(choice, keys) for choice in choices)
    if "const" in field or "enum" in field:
        values = field["enum"] if "enum" in field else [field["const"]]
        return ", ".join(f"`{value}`" for value in values)
    if "$ref" in field:
        return keys
    if "items" in field:
        return f"list of {_kind(field['items'], keys)}"
    named = {DURATION_PATTERN: "duration", SIZE_PATTERN: "size"}.get(field.get("pattern", ""))
    return named or ("secret" if field.get("format") == "password" else _TYPES[field["type"]])


def _yaml(value: object) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
