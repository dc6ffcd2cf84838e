"""What the judgement is told of a configuration."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from exporter.config import Config, load_text
from exporter.wiring import pages_of, rules_of

INGESTER, COMPACTOR = "collectors/ring", "collectors/compactor"


def configured(**told: Any) -> Config:
    return load_text(yaml.safe_dump({"targets": [{"static": {"urls": ["http://a:80"]}}], **told}))


PAGES: list[tuple[str, dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = [
    ("a known page", {"path": "/ring"}, {}, [(INGESTER, "ingester")]),
    ("with another name", {"path": "/ring", "ring": "mine"}, {}, [(INGESTER, "mine")]),
    ("with its own key", {"path": "/ring", "key": "my/ring"}, {}, [("my/ring", "ring")]),
    (
        "one path, two keys",
        {"path": "/ruler/ring"},
        {},
        [("rulers/ring", "ruler"), ("rulers/rulers", "ruler")],
    ),
    ("one path, and the product", {"path": "/ruler/ring"}, {"product": "loki"}, [("rulers/rulers", "ruler")]),
    (
        "a page that the product has not got",
        {"path": "/store-gateway/ring"},
        {"product": "loki"},
        [("collectors/store-gateway", "store-gateway")],
    ),
]


@pytest.mark.parametrize(("spec", "more", "pages"), [c[1:] for c in PAGES], ids=[c[0] for c in PAGES])
def test_a_configured_page_has_its_key_and_its_timeout_though_only_the_path_is_given(
    spec: dict[str, Any], more: dict[str, Any], pages: list[tuple[str, str]]
) -> None:
    config = configured(rings=[spec | {"heartbeat_timeout": "2s"}, {"path": "/compactor/ring"}], **more)
    assert [(page.key, page.ring) for page in pages_of(config) or ()] == [*pages, (COMPACTOR, "compactor")]
    assert rules_of(config).heartbeat_timeouts == {key: 2.0 for key, _ in pages}


def test_without_a_list_the_known_pages_are_read() -> None:
    assert pages_of(configured()) is None
    assert rules_of(configured()).heartbeat_timeouts == {}
