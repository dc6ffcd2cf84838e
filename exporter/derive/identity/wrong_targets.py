"""Why a target may be none: another server, a login page, a redirect, a wrong path prefix."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import PageFacts, TargetFacts
from exporter.model.pages import Outcome, Product, Reason

_METRICS = "/metrics"
_HTML = ("<!doctype", "<html", "<head", "<body")


def why_none(target: TargetFacts) -> Culprit | None:
    """Which pages were requested, the answers, and the likely reason. `None` for a process of one of the
    products, or if the failure explains itself (refused, timeout).
    """
    pages = [page for page in target.pages if page.name != _METRICS]
    if any(page.outcome is Outcome.OK for page in pages):
        return None
    return _of_another(target, pages) if target.up else _of_none(target.pages)


def _of_another(target: TargetFacts, pages: list[PageFacts]) -> Culprit | None:
    """A server that shows metrics, but no product's, and no other page: a Prometheus, for example."""
    if target.product is not Product.UNKNOWN or target.clients or not pages:
        return None
    if any(page.outcome is not Outcome.ABSENT and page.reason is not Reason.REDIRECT for page in pages):
        return None
    return _of(Kind.OTHER_SERVER, pages)


def _of_none(pages: tuple[PageFacts, ...]) -> Culprit | None:
    found = {
        Kind.PAGES_REDIRECTED: [page for page in pages if page.reason is Reason.REDIRECT],
        Kind.PAGES_HTML: [page for page in pages if page.reason is Reason.DECODE and _is_html(page)],
        Kind.PAGES_DENIED: [page for page in pages if page.reason is Reason.DENIED],
    }
    if pages and all(page.outcome is Outcome.ABSENT for page in pages):
        return _of(Kind.PAGES_NOT_FOUND, pages)
    return next((_of(kind, some) for kind, some in found.items() if some), None)


def _is_html(page: PageFacts) -> bool:
    return any(mark in page.detail.lower() for mark in _HTML)


def _of(kind: Kind, pages: Iterable[PageFacts]) -> Culprit:
    return Culprit(kind, names=tuple(dict.fromkeys(page.name for page in pages)))


def silence(target: TargetFacts, *, detail: bool = True) -> Culprit:
    """Blame a process that does not answer, with the reason where there is one."""
    failed = next((page for page in target.pages if page.outcome is Outcome.FAILED and page.reason), None)
    reasons = [failed.reason.value] if failed is not None and failed.reason is not None else []
    reasons += [failed.detail] if detail and failed is not None and failed.detail else []
    return Culprit(Kind.PROCESS_NOT_RESPONDING, target.name, what=": ".join(reasons), why=target.why_none)
