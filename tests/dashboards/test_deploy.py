"""The provisioning files are what Grafana reads, and fit the boards."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from dashboards.__main__ import _arguments
from tests.dashboards.every import BOARDS

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"


def test_the_provider_takes_files_and_keeps_edits_out() -> None:
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/kvmigration.yaml").read_text())[
        "providers"
    ]
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
    assert provider["options"]["path"].startswith("/")


def test_the_data_source_is_of_the_type_that_the_boards_choose_from() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    for board in BOARDS.values():
        assert board["templating"]["list"][0]["query"] == source["type"]
    assert source["jsonData"]["timeInterval"] == "15s"


def test_every_option_that_the_page_names_exists() -> None:
    text = (GRAFANA / "README.md").read_text()
    options = set(
        re.findall(r"(--(?:cluster|namespace|pod|read|selector|datasource|runbooks|check)[\w-]*)", text)
    )
    assert len(options) >= 7
    for option in options:
        _arguments([option] if option == "--check" else [option, "x"])
