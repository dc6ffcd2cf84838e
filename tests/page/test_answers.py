"""The page's paths as a program meets them: statuses, headers, links, what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from exporter.expose.server.routes import SECURITY_HEADERS
from exporter.model.facts import Snapshot
from exporter.model.gate import Check, Verdict
from tests.expose import snapshots
from tools.stage import Served

HTML = "text/html,*/*;q=0.8"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    text: str


def get(served: Served, path: str, **headers: str) -> Reply:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Request(served.url + path, headers=told), timeout=10) as answer:
            return Reply(answer.status, dict(answer.headers), answer.read().decode())
    except HTTPError as error:
        with error:
            return Reply(error.code, dict(error.headers), error.read().decode())


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(snapshots.rich(), now=snapshots.NOW + 4) as started:
        yield started


def test_every_page_carries_the_strict_headers_and_nothing_inline(served: Served) -> None:
    for path in (
        "/",
        "/events",
        "/processes",
        "/gate/preflight",
        "/key/collectors/ring",
        "/key/nope",
        "/docs/",
        "/static/page.js",
    ):
        answer = get(served, path)
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
        assert not re.search(r"<style|<script>|\son\w+=|\sstyle=", answer.text)


def _with_doc(doc: str) -> Snapshot:
    rich = snapshots.rich()
    check = Check("c", "It is so.", Verdict.FAILED, snapshots.seen("seen"), remedy="Do it.", doc=doc)
    return snapshots.with_steps(rich, *(replace(step, checks=(check,)) for step in rich.steps))


@pytest.mark.parametrize(
    ("doc", "shown"),
    [
        ("docs/ring.md#clocks", '<a href="../docs/ring#clocks" rel="noreferrer">docs/ring.md#clocks</a>'),
        ("docs/nothing.md#clocks", "<code>docs/nothing.md#clocks</code>"),
        ("https://d/ring.md#clocks", '<a href="https://d/ring.md#clocks" rel="noreferrer">'),
        ("javascript:alert(1)", "<code>javascript:alert(1)</code>"),
    ],
)
def test_a_check_links_to_the_docs_that_are_served_here_or_elsewhere(doc: str, shown: str) -> None:
    with Served(_with_doc(doc), now=snapshots.NOW + 4) as served:
        assert shown in get(served, "/gate/preflight").text


def test_a_page_is_not_sent_again_until_there_is_news(served: Served) -> None:
    first = get(served, "/")
    tag = first.headers["ETag"]
    again = get(served, "/", If_None_Match=tag)
    assert (again.status, again.text, again.headers["Snapshot-Age"]) == (304, "", "4.0")
    served.now += 100
    assert get(served, "/", If_None_Match=tag).status == 200
    assert "This is stale" in get(served, "/").text


def test_files_are_kept_for_ever_under_their_version_only(served: Served) -> None:
    (css,) = re.findall(r'href="\./(static/page\.css\?v=\w+)"', get(served, "/").text)
    assert "immutable" in get(served, f"/{css}").headers["Cache-Control"]
    assert get(served, "/static/page.css").headers["Cache-Control"] == "no-store"
    assert get(served, "/static/routes.py").status == get(served, "/static/..%2froutes.py").status == 404


@pytest.mark.parametrize("path", ["/key/nope", "/target/nope", "/gate/nope"])
def test_what_is_not_there_is_answered_with_what_is(served: Served, path: str) -> None:
    answer = get(served, path)
    kind = path.split("/")[1]
    known = {"key": "collectors/ring", "target": "mimir-write-0", "gate": "rings/switch-primary"}[kind]
    assert answer.status == 404
    assert "nope" in answer.text
    assert f'href="../{kind}/{known}"' in answer.text


def test_any_other_path_gets_a_page_for_people_and_plain_text_for_programs(served: Served) -> None:
    assert "<main" in get(served, "/nope", Accept=HTML).text
    assert "<main" not in get(served, "/nope").text
    assert get(served, "/api/v1/nope", Accept=HTML).headers["Content-Type"].startswith("application/json")
    assert get(served, "/nope", Accept=HTML).status == get(served, "/nope").status == 404


def test_no_page_shows_a_value_in_the_program_s_own_form(served: Served) -> None:
    plain = ("/", "/events", "/processes", "/plan", "/history", "/gate/switch-primary")
    paths = (*plain, "/key/collectors/ring", "/key/ha-tracker/", "/target/mimir-write-0")
    for path in paths:
        assert not re.search(r"\b[A-Z]\w+\([a-z_]+=|&lt;\w+\.[A-Z_]+: ", get(served, path).text), path
    assert "read from store" in get(served, "/key/collectors/ring").text


def test_links_are_relative_so_that_a_proxy_may_put_a_prefix_before_them(served: Served) -> None:
    for path, root in (
        ("/", "./"),
        ("/events", "./"),
        ("/gate/preflight", "../"),
        ("/key/collectors/ring", "../../"),
    ):
        links = re.findall(r'(?:href|src)="([^"?#][^"]*)"', get(served, path).text)
        assert links
        assert all(link.startswith(root) for link in links), links


def test_the_ha_tracker_is_found_with_and_without_its_slash(served: Served) -> None:
    assert get(served, "/key/ha-tracker/").status == get(served, "/key/ha-tracker").status == 200


DOCUMENTS = [
    ("/docs/", 200, "text/html; charset=utf-8"),
    ("/docs", 200, "text/html; charset=utf-8"),
    ("/docs/ring", 200, "text/html; charset=utf-8"),
    ("/docs/ring.md", 200, "text/html; charset=utf-8"),
    ("/docs/runbooks/KVMigrationGossipSplit.md", 200, "text/html; charset=utf-8"),
    ("/docs/nothing", 404, "text/html; charset=utf-8"),
    ("/docs/../pyproject.toml", 404, "text/html; charset=utf-8"),
    ("/docs/%2e%2e/%2e%2e/etc/passwd", 404, "text/html; charset=utf-8"),
    ("/docs/pictures/architecture.svg", 200, "image/svg+xml"),
    ("/docs/pictures/nothing.png", 404, "text/plain; charset=utf-8"),
]


@pytest.mark.parametrize(("path", "status", "kind"), DOCUMENTS, ids=[row[0] for row in DOCUMENTS])
def test_docs_and_runbooks_are_served_before_the_first_cycle_too(
    served: Served, path: str, status: int, kind: str
) -> None:
    served.snapshot = None
    answer = get(served, path)
    assert (answer.status, answer.headers["Content-Type"]) == (status, kind)


def test_before_the_first_cycle_it_is_not_ready(served: Served) -> None:
    served.snapshot = None
    answer = get(served, "/")
    assert answer.status == 503
    assert "NO DATA YET" in answer.text


def test_lists_are_cut_into_pages_and_odd_page_numbers_do_no_harm(served: Served) -> None:
    for odd in ("0", "-1", "99999999999", "x", "%C2%B2", "%00"):
        assert get(served, f"/processes?page={odd}").status == 200
        assert get(served, f"/key/collectors/ring?page={odd}&views={odd}").status == 200


def test_processes_and_events_can_be_narrowed_down(served: Served) -> None:
    assert "mimir-write-0" in get(served, "/processes?component=ingester").text
    assert "0 processes" in get(served, "/processes?component=querier").text
    assert "stopped answering" not in get(served, "/events?kind=phase").text
