"""How the page is used: live, lost, paused, without script, in the dark, on a phone, by keyboard, by ear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from exporter.model.facts import Fleet, Snapshot
from exporter.model.findings import Rollback, Way
from exporter.model.gate import Check, Step, Verdict
from tests.expose import snapshots
from tests.page import big
from tests.page.conftest import Look
from tools.stage import Served

pytestmark = [pytest.mark.real, pytest.mark.slow]
PATHS = (
    "/", "/processes", "/events", "/gate/switch-primary", "/gate/preflight", "/key/collectors/ring",
    "/key/ha-tracker/", "/target/mimir-write-0", "/target/mimir-write-2", "/key/nope", "/nowhere",
)  # fmt: skip


FOCUSED = "(({tagName, attributes}) => `${tagName} ${attributes.href?.value ?? ''}`)(document.activeElement)"


def opened(snapshot: Snapshot) -> Snapshot:
    """The same with its next step open and nothing to warn of."""
    steps = tuple(
        replace(step, open=True, verdict=Verdict.PASSED, soaked_for=400.0, checks=step.checks[-1:])
        for step in snapshot.steps
    )
    fleet: Fleet = replace(snapshot.fleet, findings=(), uniform=True)
    return replace(snapshots.with_steps(snapshot, *steps), fleet=fleet)


@pytest.fixture
def served() -> Iterator[Served]:
    with Served(snapshots.rich(), now=snapshots.NOW + 1) as started:
        yield started


def word(page: Page) -> str:
    return page.locator("#answer .word").inner_text()


def test_a_new_snapshot_appears_without_a_reload_and_is_read_out(look: Look, served: Served) -> None:
    served.interval = 1
    page = look(served.url).open()
    page.evaluate("window.same = true")
    page.locator("#held summary").click()
    page.locator(".gates a").first.focus()
    assert word(page) == "STOP"
    served.now += 15
    served.snapshot = replace(opened(snapshots.rich()), at=served.now)
    expect(page.locator("#answer .word")).to_have_text("GO ON")
    expect(page.locator("#announcer")).to_contain_text("GO ON")
    assert page.title().startswith("GO ON")
    assert page.evaluate("window.same") is True
    assert page.locator("#held").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.closest('.gates') !== null")


@pytest.mark.parametrize(("verdict", "shown"), [(Verdict.FAILED, False), (Verdict.UNKNOWN, True)])
def test_unknown_checks_are_folded_below_failed_ones_and_shown_where_none_failed(
    look: Look, served: Served, verdict: Verdict, shown: bool
) -> None:
    rich = snapshots.rich()
    steps = tuple(replace(step, verdict=verdict, checks=_checks(step, verdict)) for step in rich.steps)
    served.snapshot = snapshots.with_steps(rich, *steps)
    page = look(served.url).open()
    assert page.locator("#unknown .check").first.is_visible() is shown
    page.locator("#unknown summary").click()
    assert page.locator("#unknown .check").first.is_visible() is not shown


def _checks(step: Step, first: Verdict) -> tuple[Check, ...]:
    verdicts = (first, *(Verdict.UNKNOWN for _ in step.checks[1:]))
    return tuple(replace(check, verdict=v) for check, v in zip(step.checks, verdicts, strict=True))


def test_when_the_connection_is_lost_it_says_so_and_nothing_stays_open(look: Look, served: Served) -> None:
    served.snapshot = opened(snapshots.rich())
    seen = look(served.url)
    seen.page.clock.install()
    page = seen.open()
    assert word(page) == "GO ON"
    page.context.set_offline(True)
    page.clock.run_for(30_000)
    expect(page.locator("#live")).to_contain_text("Connection lost")
    assert word(page) == "GO ON"
    page.clock.run_for(30_000)
    expect(page.locator("#old")).to_be_visible()
    assert word(page) == "UNKNOWN"
    assert page.locator("[data-judged]").count() == 0
    assert page.title().startswith("stale")
    page.context.set_offline(False)
    page.clock.run_for(6_000)
    expect(page.locator("#answer .word")).to_have_text("GO ON")
    expect(page.locator("#old")).to_be_hidden()


def test_it_rests_while_paused_or_hidden(look: Look, served: Served) -> None:
    seen = look(served.url)
    seen.page.clock.install()
    page = seen.open()
    page.get_by_role("button", name="Pause updates").click()
    before = len(seen.asked)
    page.clock.run_for(20_000)
    assert len(seen.asked) == before
    expect(page.locator("#live")).to_contain_text("Paused. Data")
    page.get_by_role("button", name="Go on updating").click()
    page.clock.run_for(20_000)
    assert len(seen.asked) > before
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.clock.run_for(6_000)
    before = len(seen.asked)
    page.clock.run_for(60_000)
    assert len(seen.asked) == before


@pytest.mark.parametrize("soaked", [100.0, 0.0])
def test_a_wait_does_not_run_out_while_the_connection_is_lost(
    look: Look, served: Served, soaked: float
) -> None:
    held = opened(snapshots.rich())
    steps = tuple(replace(step, open=False, soaked_for=soaked) for step in held.steps)
    served.snapshot = snapshots.with_steps(held, *steps)
    seen = look(served.url)
    seen.page.clock.install()
    page = seen.open()
    assert word(page) == "WAIT"
    page.context.set_offline(True)
    page.clock.run_for(60_000)
    assert word(page) == "UNKNOWN"
    assert page.locator("progress").count() == 0


@pytest.mark.parametrize("path", ["/", "/gate/switch-primary"])
def test_an_old_snapshot_is_called_old_and_opens_nothing(look: Look, served: Served, path: str) -> None:
    served.snapshot, served.now = opened(snapshots.rich()), snapshots.NOW + 100
    page = look(served.url, java_script_enabled=False).open(path)
    assert word(page) == "UNKNOWN"
    expect(page.locator("#old")).to_contain_text("100 s")
    assert page.locator("[data-judged]").count() == 0
    for told in page.locator(".gates li, .verdict, #answer").all_inner_texts():
        assert " open" not in told.lower().replace("do not", "")


def test_without_javascript_it_is_whole_and_reloads_itself(look: Look, served: Served) -> None:
    page = look(served.url, java_script_enabled=False).open()
    assert word(page) == "STOP"
    assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "15"
    expect(page.locator("#pause")).to_be_hidden()
    page.locator("#held summary").click()
    expect(page.locator("#held li").first).to_be_visible()


@pytest.mark.parametrize(("scheme", "paths"), [("light", PATHS), ("dark", ("/", "/key/collectors/ring"))])
def test_axe_finds_nothing_to_object_to(
    look: Look, served: Served, scheme: str, paths: tuple[str, ...]
) -> None:
    seen = look(served.url, color_scheme=scheme)
    found = {path: _violations(seen.open(path)) for path in paths}
    served.snapshot = opened(snapshots.rich())
    found["open"] = _violations(seen.open())
    served.now += 100
    found["old"] = _violations(seen.open())
    assert not any(found.values()), found


def _violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def test_dark_and_light_differ_in_colour_alone(look: Look, served: Served) -> None:
    light, dark = look(served.url).open(), look(served.url, color_scheme="dark").open()
    colour = "getComputedStyle(document.body).backgroundColor"
    assert light.evaluate(colour) == "rgb(244, 245, 247)"
    assert dark.evaluate(colour) == "rgb(18, 22, 27)"
    assert light.locator("main").inner_text() == dark.locator("main").inner_text()


@pytest.mark.parametrize("path", PATHS)
def test_on_a_phone_nothing_sticks_out(look: Look, served: Served, path: str) -> None:
    page = look(served.url, viewport={"width": 390, "height": 844}, is_mobile=True).open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_answer_is_the_first_thing_one_sees(look: Look, served: Served) -> None:
    served.snapshot = opened(snapshots.rich())
    page = look(served.url, viewport={"width": 390, "height": 844}, is_mobile=True).open()
    expect(page.locator("#answer")).to_be_in_viewport(ratio=1)


def test_everything_can_be_reached_and_opened_by_keyboard(look: Look, served: Served) -> None:
    page = look(served.url).open()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    assert {"SUMMARY ", "A ./key/collectors/ring", "A ./gate/switch-primary", "A ./events"} <= reached
    page.locator("#held summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#held li").first).to_be_visible()


def test_every_state_has_words_and_a_shape_beside_its_colour(look: Look, served: Served) -> None:
    page = look(served.url).open()
    for verdict in page.locator(".verdict").all():
        assert verdict.locator(".word").inner_text().strip()
        assert verdict.locator("svg").count() == 1
    heading = page.get_by_role("heading", level=1)
    assert heading.inner_text().startswith("STOP")


def test_the_largest_installation_stays_usable(look: Look) -> None:
    with Served(big.snapshot(), now=snapshots.NOW + 1) as served:
        seen = look(served.url)
        page = seen.open()
        assert len(page.content()) < 1_000_000
        expect(page.locator("#answer")).to_be_in_viewport(ratio=1)
        expect(page.locator(".culprits .rest").first).to_contain_text("and 490 more")
        process = "/target/mimir-prod-eu-distributor-0"
        for path in ("/key/collectors/ring", "/processes", "/gate/switch-primary", "/events", process):
            assert len(seen.open(path).content()) < 1_000_000, path
        page = seen.open("/key/collectors/ring?page=2")
        expect(page.locator(".side tbody tr")).to_have_count(100)
        page.get_by_role("link", name="Next").first.click()
        expect(page.locator(".pager span").first).to_have_text("page 3 of 20")


def test_before_the_first_cycle_nothing_is_claimed(look: Look) -> None:
    with Served(None, interval=1) as served:
        page = look(served.url).open()
        assert word(page) == "NO DATA YET"
        served.snapshot, served.now = snapshots.unknown(), snapshots.NOW
        expect(page.locator("#answer .word")).to_have_text("UNKNOWN")


@pytest.mark.parametrize("width", [1280, 1440, 1920])
def test_the_table_of_keys_is_shown_whole_on_a_desk(look: Look, served: Served, width: int) -> None:
    page = look(served.url, viewport={"width": width, "height": 900}).open()
    assert page.locator("#keys .scroll").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_a_long_table_keeps_its_names_in_view_on_a_phone(look: Look, served: Served) -> None:
    page = look(served.url, viewport={"width": 390, "height": 844}, is_mobile=True).open()
    name = page.locator("#keys tbody th").first
    before = name.bounding_box()
    page.locator("#keys .scroll").evaluate("box => { box.scrollLeft = 300 }")
    assert before is not None
    assert name.bounding_box() == before


@pytest.mark.parametrize(
    ("back", "summary"),
    [
        (Rollback(Way.SWITCHED, safe=True, text="make the store the primary."), "safe now"),
        (Rollback(Way.DETACHED, safe=False, text="mirror first."), "not safe now"),
        (Rollback(Way.MULTI, safe=None, text="roll back."), "unknown whether it is safe"),
    ],
    ids=["safe", "not safe", "unknown"],
)
def test_each_migration_under_way_shows_its_way_back(
    look: Look, served: Served, back: Rollback, summary: str
) -> None:
    rich = snapshots.rich()
    rings, store = rich.migrations
    served.snapshot = replace(rich, migrations=(replace(rings, rollback=back), store))
    page = look(served.url).open()
    (found,) = page.locator("#migrations details").all()
    expect(found.locator("summary")).to_have_text(f"Way back: {summary}")
    expect(found.locator("p")).to_be_hidden()
    found.locator("summary").click()
    expect(found.locator("p")).to_have_text(back.text)


def test_a_printed_page_has_no_buttons_and_cuts_nothing_off(look: Look, served: Served) -> None:
    page = look(served.url, viewport={"width": 1000, "height": 1400}).open()
    page.emulate_media(media="print")
    expect(page.locator("header button")).to_be_hidden()
    assert page.locator("#keys .scroll").evaluate("box => getComputedStyle(box).overflowX") == "visible"
    expect(page.locator("#answer .word")).to_be_visible()
