"""The pictures: what they say of a value, how they fill in and refuse, and that each board is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dashboards.preview.__main__ import run
from dashboards.preview.draw import asked
from dashboards.preview.prometheus_client import (
    Prometheus,
    QueryError,
    Series,
    Window,
    filled,
    legend,
    seconds,
    values_of,
)
from dashboards.preview.tables import table
from dashboards.preview.value_display import measured
from tests.dashboards.conftest import Running
from tests.dashboards.every import BOARDS, panels

RINGS = BOARDS["kvmigration-rings"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"), (0.012, "s", "12 ms"), (90, "s", "1.5 min"), (7200, "dtdurations", "2 h"),
        (0.05, "percentunit", "5%"), (2048, "bytes", "2 KiB"), (1200, "short", "1.2 K"), (3, "none", "3"),
        (0.5, "wps", "0.5 wr/s"), (float("nan"), "short", "no data"),
    ],
)  # fmt: skip
def test_a_number_is_shown_with_its_unit(value: float, unit: str, text: str) -> None:
    assert measured(value, unit) == text


def test_variables_are_filled_in_all_unless_chosen() -> None:
    values = values_of(RINGS, {"key": "collectors/ring"})
    query = 'x{job=~"$job", key=~"${key}", a="${__unknown}"}[$__rate_interval]'
    assert filled(query, values, "60s") == 'x{job=~".+", key=~"collectors/ring", a="${__unknown}"}[60s]'


def test_a_variable_that_the_board_lacks_is_refused() -> None:
    with pytest.raises(
        QueryError, match="no variable zone; the board has cluster, datasource, exporter, job, key"
    ):
        values_of(RINGS, {"zone": "a"})


def test_the_rate_interval_is_four_scrapes_at_least() -> None:
    assert Window(0, 3600, 15).rate_interval == "60s"
    assert Window(0, 400 * 100, 15).rate_interval == "115s"


@pytest.mark.parametrize("text", ["1x", "", "h"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="is not a duration"):
        seconds(text)


def test_a_series_without_a_legend_is_named_by_its_labels() -> None:
    assert legend("", {"b": "2", "a": "1"}) == '{a="1", b="2"}'
    assert legend("{{ring}} lag", {"ring": "ingester"}) == "ingester lag"


def test_answers_of_a_table_are_merged_on_their_labels_and_arranged() -> None:
    panel = next(panel for panel in panels(BOARDS["kvmigration-exporter"]) if panel["title"] == "Processes")
    answers = {
        "A": [Series({"target": "t", "component": "ingester"}, [(0, 1)])],
        "B": [Series({"target": "t", "component": "ingester", "product": "mimir", "version": "3"}, [(0, 0)])],
        "C": [Series({"target": "t"}, [(0, 2)])],
    }
    made = table(panel, answers)
    assert list(made.headings) == ["process", "component", "product", "version", "answers", "phase"]
    assert made.rows == [["t", "ingester", "mimir", "3", 1, 2]]


def test_a_prometheus_that_is_not_there_is_an_error_in_the_panel_and_an_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = Prometheus("http://127.0.0.1:9")
    assert "127.0.0.1:9" in asked(panels(RINGS)[0], nobody, Window(0, 60), values_of(RINGS, {})).error
    out = str(tmp_path / "x.png")
    assert run(["--prometheus", "http://127.0.0.1:9", "--board", "rings", "--out", out]) == 2
    assert run(["--prometheus", "http://127.0.0.1:9", "--board", "nothing", "--out", out]) == 2
    assert "no board kvmigration-nothing; there are kvmigration-overview" in capsys.readouterr().err
    with pytest.raises(QueryError, match="is not an HTTP address"):
        Prometheus("file:///etc/passwd").instant("up", 0)


@pytest.mark.real
def test_every_board_is_drawn(history: Running, tmp_path: Path) -> None:
    arguments = ["--prometheus", history.prometheus.url, "--out", str(tmp_path), "--at", str(history.end)]
    assert run(arguments) == 0
    assert {path.stem for path in tmp_path.iterdir()} == set(BOARDS)
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            assert image.width == 1928
            assert image.height > 1000


@pytest.mark.real
def test_the_verdict_is_painted_green_when_all_is_well_and_grey_when_nobody_knows(
    history: Running, tmp_path: Path
) -> None:
    painted = []
    for at in (history.start + 900, history.end):
        out = tmp_path / f"{at}.png"
        arguments = ["--prometheus", history.prometheus.url, "--board", "overview", "--at", str(at)]
        assert run([*arguments, "--out", str(out), "--range", "10m"]) == 0
        with Image.open(out) as image:
            painted.append(image.convert("RGB").getpixel((40, 220)))
    assert painted == [(0x73, 0xBF, 0x69), (0x8E, 0x8E, 0x8E)]
