"""A plan as `kvmigration plan` prints it: sentences are comments, so all of it is a file of its format."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final

from exporter.cli.terminal.safe_text import WIDTH, plain, wrapped
from exporter.expose.plan.shapes import PlanOut, SectionOut
from exporter.expose.wording import headlines

COMMENT: Final = "# "
_DOCUMENTS: Final = frozenset({"yaml", "helm"})


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
