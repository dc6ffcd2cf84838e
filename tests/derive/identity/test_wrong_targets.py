"""A target that is no process of a product says what was asked, what came back, and the likely reason."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from exporter.derive.gate.step_verdicts import nothing_read
from exporter.derive.identity.wrong_targets import silence, why_none
from exporter.derive.migration import findings
from exporter.expose.wording import culprits
from exporter.expose.wording.findings import text
from exporter.model.facts import ClientFacts, PageFacts, TargetFacts
from exporter.model.pages import Outcome, Phase, Product, Reason

PATHS = ("/metrics", "/memberlist", "/config", "/ring", "/ingester/ring")
HTML = "metrics: begins with b'<!DOCTYPE html><html>', expected Prometheus text"


def target(*, up: bool = False, outcome: Outcome = Outcome.ABSENT, **pages: PageFacts) -> TargetFacts:
    """A target whose pages all end alike, but for those that are named without their slash."""
    own = {f"/{name}": page for name, page in pages.items()}
    listed = tuple(own.get(path, PageFacts(path, outcome)) for path in PATHS)
    return TargetFacts("10.0.0.1:80", "http://10.0.0.1:80", "", up, pages=listed)


def failed(path: str, reason: Reason, detail: str = "") -> PageFacts:
    return PageFacts(path, Outcome.FAILED, reason, detail)


def ok(path: str) -> PageFacts:
    return PageFacts(path, Outcome.OK)


LOGIN = "it redirects to a path that is not on the allow-list: /login"
NONE = [
    ("404 for everything", target(), "404 for /metrics, /memberlist, /config and 2 more: .*path prefix"),
    (
        "a login page",
        target(metrics=failed("/metrics", Reason.DECODE, HTML)),
        "HTML for /metrics: .*login page",
    ),
    ("a redirect", target(metrics=failed("/metrics", Reason.REDIRECT, LOGIN)), "a redirect for /metrics: "),
    (
        "401",
        target(metrics=failed("/metrics", Reason.DENIED, "status 401")),
        "401 or 403 for /metrics: .*cred",
    ),
    ("another server's metrics", target(up=True, metrics=ok("/metrics")), "no product and no KV client"),
]
CLIENT = ClientFacts("10.0.0.1:80", "ring", "collectors/ring", Phase.EXTERNAL, writes=True)
ONE = [
    ("a process", target(up=True, metrics=ok("/metrics"), ring=ok("/ring"))),
    ("a querier without a ring page", replace(NONE[4][1], product=Product.MIMIR)),
    ("a build without a name that has clients", replace(NONE[4][1], clients=(CLIENT,))),
    ("a process whose other pages were refused", target(
        up=True, outcome=Outcome.FAILED, metrics=ok("/metrics"))),
    ("nobody listens", target(outcome=Outcome.FAILED, metrics=failed("/metrics", Reason.REFUSED))),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "said"), [row[1:] for row in NONE], ids=[row[0] for row in NONE])
def test_a_target_that_is_none_says_why(seen: TargetFacts, said: str) -> None:
    found = replace(seen, why_none=why_none(seen))
    assert found.why_none is not None
    why = culprits.name(found.why_none)
    assert re.search(said, why)
    assert culprits.detail(silence(found)).endswith(f"{why})")
    told = findings.of_all(replace(nothing_read().now, targets=(found,)))
    assert any(why in text(finding) for finding in told)


@pytest.mark.parametrize("seen", [row[1] for row in ONE], ids=[row[0] for row in ONE])
def test_a_process_and_one_that_is_merely_down_say_nothing_of_the_kind(seen: TargetFacts) -> None:
    assert why_none(seen) is None
