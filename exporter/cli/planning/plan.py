"""`kvmigration plan [MIGRATION[/STEP]]`: what exactly is the next step?

Exit status as that of `check`: 0 the gate is open, 1 closed, 2 unknown or refused; of several the worst.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from exporter.cli.arguments import NewParser
from exporter.cli.planning.edited_file_reader import read
from exporter.cli.planning.file_check import faults, unreached
from exporter.cli.source.docs_option import add_docs
from exporter.cli.source.snapshot_source import add_source, look_from
from exporter.cli.terminal.safe_text import WIDTH, plain, wrapped
from exporter.errors import UsageError
from exporter.expose.api.chosen_steps import STATUS
from exporter.expose.plan.shapes import PlanOut, SectionOut
from exporter.expose.plan.snippets import FORMATS
from exporter.expose.wording import headlines
from exporter.expose.wording.doc_addresses import addressed
from exporter.expose.wording.planning.edited_files import by_restart
from exporter.expose.wording.planning.plan_restarts import together
from exporter.model.pages import Product
from exporter.products.kv_settings import SETTINGS

COMMENT: Final = "# "
_DOCUMENTS: Final = frozenset({"yaml", "helm"})


def add_plan(new: NewParser) -> None:
    parser = new(
        _plan,
        help="what exactly is the next step?",
        description=(
            "Print the next step in full: the lines to change, the processes that restart, what to watch, "
            "and the way back. Exit status as that of check: 0 open, 1 closed, 2 unknown."
        ),
    )
    plan_help = "a migration, a step, or both; default: the next step of each migration that is under way"
    parser.add_argument("step", nargs="?", default="", metavar="MIGRATION[/STEP]", help=plan_help)
    add_source(parser)
    add_docs(parser)
    parser.add_argument(
        "--format",
        choices=(*FORMATS, "json"),
        default="yaml",
        help="how the lines are written (default: %(default)s)",
    )
    parser.add_argument(
        "--check",
        type=Path,
        metavar="FILE",
        help="compare your edited file with the plan: the product's YAML, Helm values, or the runtime "
        "configuration. Exit status 0 right, 1 wrong, 2 unknown",
    )


async def _plan(args: argparse.Namespace) -> int:
    async with look_from(args) as look:
        plans = await look.plans(args.step)
    if not plans:
        raise UsageError(f"this cluster shows no migration or step called {args.step or 'next'}")
    if args.check is not None:
        return _check(args.check, plans, look.stale, args.docs_base_url)
    sys.stdout.write(addressed(_shown(plans, args.format), args.docs_base_url))
    if look.stale:
        sys.stderr.write(f"kvmigration: {look.stale}\n")
        return STATUS["unknown"]
    return max(2 if plan.refused else STATUS[plan.gate] for plan in plans)


def _check(path: Path, plans: tuple[PlanOut, ...], stale: str, docs: str) -> int:
    """Print what is wrong with a file, line by line."""
    refused = next((plan for plan in plans if plan.refused), None)
    if stale or refused is not None:
        why = stale or (refused.refused if refused else "")
        sys.stderr.write(f"kvmigration: {addressed(plain(why), docs)}\n")
        return STATUS["unknown"]
    edited = read(path, SETTINGS[Product(plans[0].product)])
    found = faults(edited, plans)
    for fault in found:
        where = f"{path}:{fault.line}" if fault.line else str(path)
        sys.stdout.write(plain(f"{where}: {fault.text}") + "\n")
    if not found:
        titles = " and ".join(plan.title for plan in plans)
        sys.stdout.write(plain(f"{path}: ok for {titles}, read as {edited.kind}") + "\n")
        if rings := unreached(edited, plans):
            sys.stdout.write(plain(f"{path}: {by_restart(rings)}") + "\n")
    return 1 if found else 0


def _shown(plans: tuple[PlanOut, ...], form: str) -> str:
    if form == "json":
        return msgspec.json.encode(plans).decode() + "\n"
    texts = (text_of(plan, form, first=not number) for number, plan in enumerate(plans))
    return "#\n".join(texts) + others_of(plans, together(plans))


def text_of(plan: PlanOut, form: str, *, first: bool = True) -> str:
    """One plan in one format. After the first one, a plan in YAML begins a document of its own."""
    lines = _comment(headlines.answered(plan.title, plan.gate, plan.headline or f"gate {plan.gate}."))
    if not plan.refused:
        into = f" to {plan.into}" if plan.into != "unknown" else ""
        where = f", {plan.phase}{into}" if plan.phase != "unknown" else ""
        lines += _comment(f"{plan.product}{where}.")
    else:
        lines += _comment(plan.refused)
    parts = "".join(f"{line}\n" for line in lines)
    copied = not first
    for section in plan.sections:
        text = _snippet(section, form)
        parts += "#\n" + "".join(f"{line}\n" for line in _section(section, form))
        if text:
            parts += f"---\n{text}" if copied and form in _DOCUMENTS else text
            copied = True
    return parts


def others_of(plans: Iterable[PlanOut], shared: str) -> str:
    """Sentences that concern several plans together, and the next steps of other migrations."""
    lines = [shared] if shared else []
    also = dict.fromkeys(name for plan in plans for name in plan.others)
    if also:
        lines.append(f"Next in other migrations: {', '.join(also)}. Print one with kvmigration plan NAME.")
    return "".join(f"{line}\n" for text in lines for line in ["#", *_comment(text)])


def _section(section: SectionOut, form: str) -> list[str]:
    lines = [f"{COMMENT}{plain(section.heading)}"]
    for sentence in section.sentences:
        lines += _wrapped(sentence)
    for snippet in section.snippets:
        if snippet.format == form and snippet.why_none:
            lines += _wrapped(snippet.why_none)
    return lines


def _wrapped(text: str) -> list[str]:
    """A sentence as a comment; the names of clients are not cut at their hyphens."""
    return textwrap.wrap(
        plain(text), WIDTH, initial_indent="#   ", subsequent_indent="#     ", break_on_hyphens=False
    )


def _snippet(section: SectionOut, form: str) -> str:
    found = next((one.text for one in section.snippets if one.format == form), "")
    return "".join(f"{plain(line)}\n" for line in found.splitlines())


def _comment(text: str) -> list[str]:
    return wrapped(text, COMMENT, "#   ", WIDTH)
