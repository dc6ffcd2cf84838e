"""A plan in the shape of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from exporter.expose.api.answers import as_shape
from exporter.expose.plan import shapes
from exporter.expose.plan.snippets import file_snippets, runtime_snippets
from exporter.expose.wording.doc_addresses import addressed
from exporter.expose.wording.planning import plans as wording
from exporter.model.planning.plan import Plan

_SNIPPETS: Final[Mapping[str, Callable[[Plan], tuple[shapes.SnippetOut, ...]]]] = {
    "runtime": runtime_snippets,
    "file": file_snippets,
}


def plans_out(plans: Iterable[Plan], docs: str = "") -> tuple[shapes.PlanOut, ...]:
    """All of them; what they name of the docs is at `docs`, where that is not ""."""
    return tuple(plan_out(plan, docs) for plan in plans)


def plan_out(plan: Plan, docs: str = "") -> shapes.PlanOut:
    """`/api/v1/plan`."""
    return as_shape(
        shapes.PlanOut,
        plan,
        refused=addressed(wording.refusal(plan), docs),
        changes=tuple(as_shape(shapes.ChangeOut, one, kv_clients=one.clients) for one in plan.changes),
        reached=tuple(
            as_shape(shapes.ReachedOut, one, kv_clients=one.clients, targets=len(one.targets))
            for one in plan.reached
        ),
        waves=tuple(as_shape(shapes.WaveOut, one) for one in plan.waves),
        rings=tuple(as_shape(shapes.RingNowOut, one) for one in plan.rings),
        gossip=as_shape(shapes.GossipNowOut, plan.gossip),
        sections=() if plan.refused is not None else tuple(_sections(plan, docs)),
    )


def _sections(plan: Plan, docs: str) -> list[shapes.SectionOut]:
    found = []
    for name, (heading, words) in wording.SECTIONS.items():
        sentences = tuple(addressed(sentence, docs) for sentence in words(plan))
        if sentences:
            snippets = _SNIPPETS[name](plan) if name in _SNIPPETS else ()
            found.append(shapes.SectionOut(name, heading, sentences, snippets))
    return found
