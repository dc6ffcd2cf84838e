"""A plan's lines to copy, in each format. What is unknown for a release is refused, with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from exporter.expose.plan.shapes import SnippetOut
from exporter.model.pages import Product
from exporter.model.planning.plan import BlockChange, Plan, Setting
from exporter.products.kv_settings import SETTINGS, Library, flags_of, ring_of_block

FORMATS: Final = ("yaml", "helm", "jsonnet", "flags")
FILL_IN: Final = "FILL-IN"
UNKNOWN: Final = "Unknown for this release: {what}."
_GOSSIP_FLAGS: Final[Mapping[str, str]] = {
    "memberlist.join_members": "memberlist.join",
    "memberlist.rejoin_interval": "memberlist.rejoin-interval",
    "memberlist.cluster_label": "memberlist.cluster-label",
    "memberlist.cluster_label_verification_disabled": "memberlist.cluster-label-verification-disabled",
    "memberlist.abort_if_cluster_join_fails": "memberlist.abort-if-join-fails",
}
Tree = dict[str, Any]


def file_snippets(plan: Plan) -> tuple[SnippetOut, ...]:
    """The lines of the configuration file, in every format."""
    if not plan.changes:
        return ()
    trees = [_tree(changes) for changes in plan.rounds]
    settings = SETTINGS[plan.product]
    return (
        SnippetOut("yaml", "---\n".join(map(_yaml, trees))),
        _helm(settings.helm.config if settings.helm else "", *trees),
        _jsonnet(plan),
        _flags(plan),
    )


def runtime_snippets(plan: Plan) -> tuple[SnippetOut, ...]:
    """The block of the runtime configuration, in every format."""
    settings = SETTINGS[plan.product]
    switch = settings.runtime
    if switch is None or not plan.runtime or not plan.runtime_due:
        return ()
    block, library = {switch.block: dict(plan.runtime)}, settings.jsonnet
    return (
        SnippetOut("yaml", _yaml(block)),
        _helm(settings.helm.runtime if settings.helm else "", block),
        SnippetOut("jsonnet", _config(_switches(library, plan))) if library else _no_library(plan),
        SnippetOut("flags", "", "The runtime configuration is a file; it has no flags. Use --format yaml."),
    )


def _tree(changes: Iterable[BlockChange]) -> Tree:
    """The changes as one document; where two processes differ in one setting, both need it."""
    tree: Tree = {}
    for change in changes:
        for path, value in change.settings.items():
            _put(tree, path, _shown(value))
    return tree


def _put(tree: Tree, path: str, value: Any) -> None:
    *above, name = path.split(".")
    for part in above:
        tree = tree.setdefault(part, {})
    tree[name] = value


def _shown(value: Setting) -> Any:
    if isinstance(value, bool):
        return value
    return (list(value) or [FILL_IN]) if isinstance(value, tuple) else value or FILL_IN


def _yaml(tree: Tree) -> str:
    return yaml.safe_dump(tree, sort_keys=False, default_flow_style=False, allow_unicode=True, width=110)


def _helm(path: str, *trees: Tree) -> SnippetOut:
    """The trees as values of the chart below a path, "" where there is no chart."""
    if not path:
        return SnippetOut("helm", "", UNKNOWN.format(what="a value of the Helm chart"))
    values: list[Tree] = [{} for _ in trees]
    for value, tree in zip(values, trees, strict=True):
        _put(value, path, tree)
    return SnippetOut("helm", "---\n".join(map(_yaml, values)))


def _no_library(plan: Plan) -> SnippetOut:
    what = f"a Jsonnet library of {plan.product.value} with switches"
    return SnippetOut("jsonnet", "", UNKNOWN.format(what=what))


def _jsonnet(plan: Plan) -> SnippetOut:
    library = SETTINGS[plan.product].jsonnet
    if library is None:
        return _no_library(plan)
    parts: list[str] = []
    if switches := _switches(library, plan):
        parts.append(_config(switches))
    others = [one for one in plan.changes if _needs_arguments(library, one, plan)]
    for change in others:
        field, lines = _arguments(library, change, plan), _flag_lines(plan, change)
        if not field or lines is None:
            return SnippetOut("jsonnet", "", UNKNOWN.format(what=f"a Jsonnet switch for {change.block}"))
        body = "".join(f"    {json.dumps(name)}: {json.dumps(value)},\n" for name, value in lines)
        parts.append(f"{{\n  {field}+:: {{\n{body}  }},\n}}\n")
    return SnippetOut("jsonnet", "+ ".join(parts))


def _switches(library: Library, plan: Plan) -> dict[str, Setting]:
    """The fields of `_config` that the step sets; none where its changes are outside their reach."""
    found: dict[str, Setting] = {}
    rings = [one for one in plan.reached if one.ring in library.rings]
    of_rings = [one for one in plan.changes if one.ring and not _needs_arguments(library, one, plan)]
    if rings and (of_rings or plan.runtime_due):
        found |= library.steps.get(plan.step, {})
    if plan.step == "preflight" and found and plan.external != "consul":
        found[library.primary] = plan.external
    for change in plan.changes:
        for path, value in change.settings.items():
            if path == "memberlist.cluster_label":
                found[library.label] = value or FILL_IN
            elif path == "memberlist.cluster_label_verification_disabled":
                found[library.verification] = value
    return found


def _needs_arguments(library: Library, change: BlockChange, plan: Plan) -> bool:
    """Whether no switch of the library makes this change: it is for another ring, or the switch only changes
    the runtime configuration. The library's own lists of seeds need no argument.
    """
    if change.block == "memberlist":
        return False
    is_rollout = plan.step in ("preflight", "remove-multi")
    covered = change.ring in library.rings or change.block == SETTINGS[plan.product].common
    return not (covered and is_rollout)


def _arguments(library: Library, change: BlockChange, plan: Plan) -> str:
    """Where the library has the flags of a change."""
    wait = SETTINGS[plan.product].wait
    if wait is not None and wait.path in change.settings:
        return wait.arguments
    return library.arguments.get(change.ring, "")


def _config(switches: Mapping[str, Setting]) -> str:
    body = "".join(f"    {name}: {json.dumps(value)},\n" for name, value in switches.items())
    return f"{{\n  _config+:: {{\n{body}  }},\n}}\n"


def _flags(plan: Plan) -> SnippetOut:
    """The flags, for each block under the components that need them."""
    parts: list[str] = []
    for change in plan.changes:
        lines = _flag_lines(plan, change)
        if lines is None:
            return SnippetOut("flags", "", UNKNOWN.format(what=f"the flags of {change.block}"))
        flags = "".join(f"-{name}={_value(value)}\n" for name, value in lines)
        parts.append(f"# {', '.join(change.components) or 'every process'}\n{flags}")
    return SnippetOut("flags", "".join(parts))


def _value(value: Setting) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ",".join(value)


def _flag_lines(plan: Plan, change: BlockChange) -> list[tuple[str, Setting]] | None:
    """The flags of a change, `None` where one of them is unknown for a release that runs."""
    found: list[tuple[str, Setting]] = []
    for path, value in change.settings.items():
        name = _flag(plan.product, change, path, plan.versions or ("",))
        if not name:
            return None
        found.append((name, _shown(value) if isinstance(value, bool) else value or FILL_IN))
    return found


def _flag(product: Product, change: BlockChange, path: str, versions: Iterable[str]) -> str:
    settings = SETTINGS[product]
    if change.block == "memberlist":
        return _GOSSIP_FLAGS.get(path, "") if settings.flags else ""
    if settings.wait is not None and path == settings.wait.path:
        return settings.wait.flag
    ring = ring_of_block(product, change.block, change.ring)
    rows = [flags_of(product, ring, version) for version in versions]
    setting = path.removeprefix(f"{change.block}.kvstore.")
    names = {row.flag(setting) if row is not None else "" for row in rows}
    return names.pop() if len(names) == 1 else ""
