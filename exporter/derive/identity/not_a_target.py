"""Why a target may be none: another server, a login page, a redirect, a wrong path prefix."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.model.facts import PageFacts, TargetFacts
from exporter.model.pages import Outcome, Product, Reason

_METRICS = "/metrics"
_HTML = ("<!doctype", "<html", "<head", "<body")
_SHOWN = 3


def why_none(target: TargetFacts) -> str:
    """Which pages were requested, the answers, and the likely reason. "" for a process of one of the
    products, or if the failure explains itself (refused, timeout).
    """
    others = [page for page in target.pages if page.name != _METRICS]
    if any(page.outcome is Outcome.OK for page in others):
        return ""
    return _of_another(target, others) if target.up else _of_none(target.pages)


def _of_another(target: TargetFacts, others: list[PageFacts]) -> str:
    """A server that shows metrics, but no product's, and no other page: a Prometheus, for example."""
    if target.product is not Product.UNKNOWN or target.clients or not others:
        return ""
    if any(page.outcome is not Outcome.ABSENT and page.reason is not Reason.REDIRECT for page in others):
        return ""
    return (
        f"{_METRICS} shows no product and no KV client, and {_names(others, ' and ')} answer 404 or a "
        "redirect: probably another server"
    )


def _of_none(pages: tuple[PageFacts, ...]) -> str:
    absent = [page for page in pages if page.outcome is Outcome.ABSENT]
    if absent and len(absent) == len(pages):
        return (
            f"404 for {_names(absent, ' and ')}: probably another server, or the path prefix is missing or "
            "wrong (in the target's URL, or http_client.path_prefix)"
        )
    by_reason: dict[Reason | None, list[PageFacts]] = {}
    for page in pages:
        by_reason.setdefault(page.reason, []).append(page)
    if moved := by_reason.get(Reason.REDIRECT):
        return f"a redirect for {_names(moved, ' and ')}: probably a login page, or it needs https"
    if html := [page for page in by_reason.get(Reason.DECODE, ()) if _is_html(page)]:
        return f"HTML for {_names(html, ' and ')}: probably a login page or another server"
    if refused := by_reason.get(Reason.DENIED):
        return (
            f"401 or 403 for {_names(refused, ' and ')}: probably credentials under http_client are missing"
        )
    return ""


def _is_html(page: PageFacts) -> bool:
    return any(mark in page.detail.lower() for mark in _HTML)


def _names(pages: Iterable[PageFacts], last: str) -> str:
    """A few pages by name: "/metrics, /memberlist and 7 more"."""
    names = list(dict.fromkeys(page.name for page in pages))
    rest = len(names) - _SHOWN
    if rest > 0:
        return f"{', '.join(names[:_SHOWN])} and {rest} more"
    return last.join(filter(None, (", ".join(names[:-1]), names[-1])))
