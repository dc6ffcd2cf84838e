"""The JSON API below `/api/v1`: the newest snapshot, wrapped as Prometheus wraps its answers.

::

    {"status": "success", "at": 1780000000.0, "age_seconds": 4.0, "stale": false, "data": …}
    {"status": "error", "errorType": "not_found", "error": "no ring has the key …"}

`stale` is true when the last cycle ended more than three intervals, and at least 30 s, ago;
a stale gate is never open.
What a path shows of a snapshot is encoded once, in a thread, and kept until the next snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Generic, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.expose.api import answers, openapi, shapes
from exporter.expose.api.chosen_steps import chosen, worst
from exporter.expose.api.openapi import Route
from exporter.expose.plan.answers import plans_out
from exporter.expose.plan.shapes import PlanOut
from exporter.expose.report.history_and_report import history_out, report_out
from exporter.expose.report.shapes import HistoryOut, ReportOut
from exporter.expose.server.state import STATE
from exporter.expose.staleness import Aged
from exporter.model.facts import Snapshot

PREFIX: Final = "/api/v1"
_PACK_FROM: Final = 4096  # bytes
_TYPES: Final = {400: "bad_data", 404: "not_found", 405: "method_not_allowed", 503: "unavailable"}
_STRICT: Final = {"1": True, "true": True, "0": False, "false": False}
T = TypeVar("T")


class Success(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Every good answer."""

    status: str = "success"
    at: shapes.Unix
    age_seconds: float
    stale: bool
    data: T


class Failure(msgspec.Struct, frozen=True, kw_only=True, rename={"kind": "errorType"}):
    """Every other answer, with Prometheus's names."""

    status: str = "error"
    kind: str
    error: str


class _Encoded:
    """What was encoded of the newest snapshot, by path."""

    def __init__(self) -> None:
        self._of: Snapshot | None = None
        self._bodies: dict[str, bytes] = {}

    async def get(self, snapshot: Snapshot, path: str, make: Callable[[], object]) -> bytes:
        if self._of is not snapshot:
            self._of, self._bodies = snapshot, {}
        bodies = self._bodies
        if path not in bodies:
            bodies[path] = await asyncio.to_thread(lambda: encode(make()))
        return bodies[path]


_ENCODED: Final = web.AppKey("encoded", _Encoded)


def add_api(app: web.Application) -> None:
    """Add the API's paths and its form of errors to an application that has a `STATE`."""
    app[_ENCODED] = _Encoded()
    app.middlewares.append(_errors)
    for route in ROUTES:
        path = route.path.replace("{key}", "{key:.+}").replace("{plan}", "{plan:.+}")
        app.router.add_get(PREFIX + path, route.handler)
    app.router.add_get(f"{PREFIX}/openapi.json", _openapi)


def encode(value: object) -> bytes:
    """JSON without NaN or infinity, which become null. Half a surrogate pair becomes `?`."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(value)))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(inner) for inner in value]
    return value


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if not request.path.startswith(f"{PREFIX}/") or error.status < 400:
            raise
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        kind = _TYPES.get(error.status, "internal" if error.status >= 500 else "bad_data")
        known = (
            error.text if isinstance(error, _Refusal) else f"{error.reason}: {request.method} {request.path}"
        )
        return _json(encode(Failure(kind=kind, error=known or error.reason)), error.status, headers)


class _Refusal(web.HTTPException):
    """An error of our own; its text is the message."""

    def __init__(self, status: int, text: str) -> None:
        self.status_code = status
        super().__init__(text=text)


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(body=body, status=status, headers=headers, content_type="application/json")
    if len(body) >= _PACK_FROM:
        response.enable_compression()
        response.headers["Vary"] = "Accept-Encoding"
    return response


def _newest(request: web.Request) -> tuple[Snapshot, Aged]:
    """The newest snapshot as it may be shown. Raises 503 before the first one."""
    aged = request.app[STATE].newest.aged()
    if aged.snapshot is None:
        raise _Refusal(503, "the first cycle has not ended yet; repeat the request")
    return aged.snapshot, aged


def _wrapped(snapshot: Snapshot, aged: Aged, data: bytes, status: int = 200) -> web.Response:
    age = aged.age or 0.0  # always there with a snapshot
    answer = Success(at=snapshot.at, age_seconds=age, stale=aged.is_stale, data=msgspec.Raw(data))
    return _json(encode(answer), status)


async def _shown(request: web.Request, make: Callable[[Snapshot], object]) -> web.Response:
    snapshot, aged = _newest(request)
    data = await request.app[_ENCODED].get(snapshot, request.path, lambda: make(snapshot))
    return _wrapped(snapshot, aged, data)


_targets: Final[Handler] = partial(_shown, make=answers.targets_out)
_rings: Final[Handler] = partial(_shown, make=answers.rings_out)
_gossip: Final[Handler] = partial(_shown, make=answers.gossip_out)
_events: Final[Handler] = partial(_shown, make=answers.events_out)


async def _status(request: web.Request) -> web.Response:
    version = request.app[STATE].version
    return await _shown(request, lambda snapshot: answers.status_out(snapshot, version))


async def _history(request: web.Request) -> web.Response:
    timeline = request.app[STATE].timeline()
    return await _shown(request, lambda _: history_out(timeline))


async def _report(request: web.Request) -> web.Response:
    state = request.app[STATE]
    timeline, config = state.timeline(), state.config_text()
    return await _shown(request, lambda snapshot: report_out(snapshot, timeline, state.version, config))


async def _ring(request: web.Request) -> web.Response:
    wanted = request.match_info["key"]
    snapshot, _ = _newest(request)
    found = {key.key: key for key in snapshot.keys}
    key = found.get(wanted) or found.get(f"{wanted}/")
    if key is None:
        raise _Refusal(404, f"no ring has the key {wanted[:200]}; the keys are: {', '.join(found) or 'none'}")
    return await _shown(request, lambda _: answers.ring_out(key))


async def _plan(request: web.Request) -> web.Response:
    """Of every next step, or of the migration or step that is named."""
    _only(request)
    wanted, state = request.match_info.get("plan", ""), request.app[STATE]

    def make(snapshot: Snapshot) -> object:
        made = plans_out(state.plans(snapshot, wanted), state.docs())
        if wanted and not made:
            raise _Refusal(404, f"there is no migration or step {wanted[:200]}")
        return made

    return await _shown(request, make)


async def _gate(request: web.Request) -> web.Response:
    _only(request)
    snapshot, aged = _newest(request)
    return _wrapped(snapshot, aged, encode(tuple(map(answers.step_out, snapshot.steps))))


async def _step(request: web.Request) -> web.Response:
    """With `strict`, the HTTP status is the answer: 200 open, 409 closed, 503 unknown. Without a migration,
    of several that have it as their next step the worst answer is given.
    """
    _only(request, "strict")
    strict = _flag(request, "strict")
    snapshot, aged = _newest(request)
    answer = _step_or_404(request, snapshot)
    status = {"open": 200, "closed": 409, "unknown": 503}[answer.answer] if strict else 200
    return _wrapped(snapshot, aged, encode(answer), status)


def _step_or_404(request: web.Request, snapshot: Snapshot) -> shapes.StepOut:
    wanted, migration = request.match_info["step"], request.match_info.get("migration", "")
    found = chosen(map(answers.step_out, snapshot.steps), migration, wanted)
    if not found:
        listed = ", ".join(f"{step.migration}/{step.name}" for step in snapshot.steps)
        raise _Refusal(404, f"there is no step {wanted[:200]}; the steps are: {listed or 'none'}")
    return worst(found)


def _only(request: web.Request, *known: str) -> None:
    """Refuse any other parameter: a misspelt `strict` would answer 200 for a closed gate."""
    for name in request.query.keys() - set(known):
        of = "; strict is for one step: /api/v1/gate/STEP?strict=1" if name.lower() == "strict" else ""
        raise _Refusal(400, f"there is no parameter {name[:200]} here{of}")


def _flag(request: web.Request, name: str) -> bool:
    values = request.query.getall(name, ["0"])
    if len(values) != 1 or values[0] not in _STRICT:
        raise _Refusal(400, f"{name} must be one of {', '.join(_STRICT)}")
    return _STRICT[values[0]]


async def _openapi(request: web.Request) -> web.Response:
    return _json(encode(openapi.document(ROUTES, request.app[STATE].version)))


ROUTES: Final = (
    Route("/status", _status, shapes.StatusOut, "The state of the migration."),
    Route(
        "/targets", _targets, tuple[shapes.TargetOut, ...], "Every process: its pages, KV clients and gossip."
    ),
    Route("/rings", _rings, tuple[shapes.RingOut, ...], "Every key: its health and its secondary."),
    Route("/rings/{key}", _ring, shapes.RingDetailOut, "One key with members, views and differences."),
    Route(
        "/gossip",
        _gossip,
        shapes.GossipOut | None,
        "The gossip of all processes; null if no process has memberlist.",
    ),
    Route("/gate", _gate, tuple[shapes.StepOut, ...], "Every step's gate."),
    Route(
        "/gate/{step}", _step, shapes.StepOut, "One step's gate; with strict the HTTP status is the answer."
    ),
    Route("/gate/{migration}/{step}", _step, shapes.StepOut, "The same, of the migration that is named."),
    Route("/plan", _plan, tuple[PlanOut, ...], "The next steps in full: lines, restarts, the way back."),
    Route("/plan/{plan}", _plan, tuple[PlanOut, ...], "The same, of one migration or step."),
    Route("/history", _history, HistoryOut, "Phases, steps, gates, checks and deviations over time."),
    Route("/report", _report, ReportOut, "Everything that a report shows."),
    Route("/events", _events, tuple[shapes.EventOut, ...], "What changed lately, oldest first."),
)
