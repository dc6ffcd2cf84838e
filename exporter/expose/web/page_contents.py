"""The contents of each path: its template and values, or the names that exist in place of an unknown one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.expose.lag_history import LagHistory
from exporter.expose.plan.shapes import PlanOut
from exporter.expose.report.history_and_report import history_out
from exporter.expose.web import documents
from exporter.expose.web.go_no_go import GoNoGo, answer_to, check_rows, step_of, task, withheld
from exporter.expose.web.key_page import key_page
from exporter.expose.web.key_rows import key_row
from exporter.expose.web.overview import overview, step_links
from exporter.expose.web.target_page import target_list, target_page
from exporter.expose.web.words import first, page_of, path
from exporter.expose.wording.check_evidence import oldest_views
from exporter.expose.wording.planning.migration_report import TRACKS, clock, lasted
from exporter.expose.wording.planning.plan_restarts import together
from exporter.model.facts import Event, Snapshot
from exporter.model.planning.timeline import Timeline

EVENTS: Final = 100
CULPRITS: Final = 200
SPANS: Final = 201
NAMED: Final = 40


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request: its path and query, and the facts to answer it from."""

    snapshot: Snapshot | None
    history: LagHistory
    interval: float
    match: Mapping[str, str]
    query: Mapping[str, str]
    root: str
    plans: Callable[[str], tuple[PlanOut, ...]] = lambda _: ()
    timeline: Timeline = field(default_factory=Timeline)
    boards: str = ""  # Grafana's address

    @property
    def known(self) -> Snapshot:
        """The snapshot; only for pages that are made once there is one."""
        assert self.snapshot is not None  # noqa: S101 - `nothing_yet` is shown instead
        return self.snapshot

    def page(self, name: str = "page") -> int:
        """A page number of the query; 1 where it is none."""
        text = self.query.get(name, "")
        return int(text) if text.isdecimal() and len(text) < 7 else 1


@dataclass(frozen=True, slots=True)
class Content:
    """What to render. A screen reader reads `announcement` out when it changes."""

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    announcement: str = ""


class NotThere(Exception):  # noqa: N818 - an answer, not a mistake
    """There is nothing of this name; `content` is the page for that, with some of the names that exist."""

    def __init__(self, what: str, wanted: str, known: Iterable[str]) -> None:
        values = {"what": what, "wanted": wanted, "names": first(sorted(known), NAMED)}
        self.content = Content("not_there.html", f"No such {what}", values)
        super().__init__()


def nothing_yet(_: PageRequest) -> Content:
    """Before the first cycle has ended."""
    return Content("nothing_yet.html", "No data yet", announcement="There is no data yet.")


def first_page(view: PageRequest) -> Content:
    """`/`."""
    contents = overview(view.known, view.history, view.interval)
    answer: GoNoGo = contents["answer"]
    return Content(
        "overview.html",
        f"{answer.word} · {view.known.fleet.next_step or 'no next step'}",
        contents,
        f"{answer.word}: {answer.sentence}",
    )


def key(view: PageRequest) -> Content:
    """`/key/KEY`."""
    wanted = path(view.match["key"])
    found = {path(key.key): key for key in reversed(view.known.keys)}
    facts = found.get(wanted) or found.get(f"{wanted}/")
    if facts is None:
        raise NotThere("key", view.match["key"], [key.key for key in view.known.keys])
    row = key_row(facts, view.known, view.history, view.interval)
    return Content("key.html", f"Key {facts.key}", key_page(row, view.page(), view.page("views")))


def target(view: PageRequest) -> Content:
    """`/target/NAME`."""
    wanted = path(view.match["name"])
    facts = next((target for target in view.known.targets if path(target.name) == wanted), None)
    if facts is None:
        raise NotThere("target", view.match["name"], [t.name for t in view.known.targets])
    return Content("target.html", f"Process {facts.name}", target_page(view.known, facts))


def processes(view: PageRequest) -> Content:
    """`/processes`, with `?component=`."""
    component = view.query.get("component", "")
    rows = target_list(view.known, component, view.page())
    return Content("processes.html", "Processes", {"rows": rows, "component": component})


def gate(view: PageRequest) -> Content:
    """`/gate/[MIGRATION/]STEP`."""
    step = step_of(view.known, view.match["step"])
    if step is None:
        raise NotThere("gate", view.match["step"], [step.title for step in view.known.steps])
    part = view.known.part is not None
    answer = withheld(view.known) if view.known.is_withheld else answer_to(view.known, step)
    bad, passed = check_rows(step, CULPRITS, part=part)
    views = oldest_views(check.covered for check in step.checks)
    values = {"step": step, "answer": answer, "bad": bad, "held": passed, "task": task(step.name),
              "views": views, "steps": step_links(view.known)}  # fmt: skip
    return Content("gate.html", f"{answer.word} · {step.title}", values, f"{answer.word}: {answer.sentence}")


def events(view: PageRequest) -> Content:
    """`/events`, newest first, with `?kind=`."""
    kind = view.query.get("kind", "")
    wanted: list[Event] = [e for e in reversed(view.known.events) if not kind or e.kind == kind]
    kinds = sorted({event.kind for event in view.known.events})
    values = {"events": page_of(wanted, view.page(), EVENTS), "kind": kind, "kinds": kinds}
    return Content("events.html", "Events", values)


def plan(view: PageRequest) -> Content:
    """`/plan`, `/plan/[MIGRATION/]STEP`: the next step in full, with lines to copy."""
    wanted = view.match.get("plan", "")
    plans = view.plans(wanted)
    if wanted and not plans:
        raise NotThere("plan", wanted, [step.title for step in view.known.steps])
    return Content("plan.html", "Plan", {"plans": plans, "together": together(plans)})


def history(view: PageRequest) -> Content:
    """`/history`: the timeline of the migration, and the report for download."""
    spans = history_out(view.timeline).spans
    tracks = [(heading, [one for one in spans if one.track == track]) for track, heading in TRACKS.items()]
    values = {
        "tracks": [(h, some[:-SPANS:-1]) for h, some in tracks if some],
        "lasted": lasted,
        "told": clock,
    }
    return Content("history.html", "History", values)


def document(view: PageRequest) -> Content:
    """`/docs/{name}`: one of our docs or runbooks, with or without a snapshot."""
    name = documents.name_of(view.match["name"])
    found = documents.documents().get(name)
    if found is None:
        raise NotThere("document", name, documents.documents())
    values = {"text": documents.body(found, view.root), "name": name}
    return Content("document.html", found.title, values)


def nowhere(view: PageRequest) -> Content:
    """Any other path."""
    return Content("not_there.html", "Not here", {"wanted": ""})


PATHS: Final[Mapping[str, Callable[[PageRequest], Content]]] = {
    "/": first_page,
    "/events": events,
    "/processes": processes,
    "/history": history,
    "/plan": plan,
    "/plan/{plan:.+}": plan,
    "/gate/{step:.+}": gate,
    "/docs/{name:.*}": document,
    "/target/{name:.+}": target,
    "/key/{key:.+}": key,
}
