"""A plan in the shape of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from exporter.expose.plan.shapes import (
    ChangeOut,
    GossipNowOut,
    PlanOut,
    ReachedOut,
    RingNowOut,
    SectionOut,
    SnippetOut,
    WaveOut,
)
from exporter.expose.plan.snippets import file_snippets, runtime_snippets
from exporter.expose.wording.doc_addresses import addressed
from exporter.expose.wording.planning import plan_restarts
from exporter.expose.wording.planning import plans as wording
from exporter.model.planning.plan import Plan

_SNIPPETS: Final[Mapping[str, Callable[[Plan], tuple[SnippetOut, ...]]]] = {
    "runtime": runtime_snippets,
    "file": file_snippets,
}
_WORDS: Final[Mapping[str, Callable[[Plan], list[str]]]] = {
    "now": wording.now,
    "runtime": wording.runtime,
    "file": wording.file,
    "restart": plan_restarts.restart,
    "watch": plan_restarts.watch,
    "time": plan_restarts.time,
    "shortcut": wording.shortcut,
    "back": wording.back,
    "lasting": wording.lasting,
    "guide": wording.guide,
}


def plans_out(plans: Iterable[Plan], docs: str = "") -> tuple[PlanOut, ...]:
    """All of them; what they name of the docs is at `docs`, where that is not ""."""
    return tuple(plan_out(plan, docs) for plan in plans)


def plan_out(plan: Plan, docs: str = "") -> PlanOut:
    """`/api/v1/plan`."""
    return PlanOut(
        migration=plan.migration,
        step=plan.step,
        product=plan.product.value,
        versions=plan.versions,
        phase=plan.phase.label,  # type: ignore[arg-type] # one of the names
        into=plan.into.label,  # type: ignore[arg-type] # one of the names
        gate=plan.gate,  # type: ignore[arg-type] # one of three words
        headline=plan.headline,
        refused=addressed(wording.refusal(plan), docs),
        runtime=dict(plan.runtime),
        runtime_due=plan.runtime_due,
        changes=tuple(
            ChangeOut(c.block, c.ring, dict(c.settings), c.targets, c.components, c.clients)
            for c in plan.changes
        ),
        reached=tuple(
            ReachedOut(r.ring, r.key, r.clients, r.route.value, len(r.targets), r.done, r.observed)
            for r in plan.reached
        ),
        waves=tuple(WaveOut(w.component, w.zone, w.targets, w.together) for w in plan.waves),
        unread=plan.unread,
        external=plan.external,
        rings=tuple(
            RingNowOut(r.ring, r.blocks, r.route.value, r.phase.label, r.primary, r.prefixes)  # type: ignore[arg-type] # one of the names
            for r in plan.rings
        ),
        gossip=GossipNowOut(plan.gossip.labels, plan.gossip.verifies, plan.gossip.seeded),
        at_once=plan.at_once,
        restarts=plan.restarts,
        together_safe=plan.together_safe,
        sections=() if plan.refused is not None else tuple(_sections(plan, docs)),
        others=plan.others,
    )


def _sections(plan: Plan, docs: str) -> list[SectionOut]:
    found = []
    for name, words in _WORDS.items():
        sentences = tuple(addressed(sentence, docs) for sentence in words(plan))
        if sentences:
            snippets = _SNIPPETS[name](plan) if name in _SNIPPETS else ()
            found.append(SectionOut(name, wording.HEADINGS[name], sentences, snippets))
    return found
