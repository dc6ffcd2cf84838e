"""`kvmigration explain`: every name is explained by its registration."""

from __future__ import annotations

import re

import pytest

from exporter.cli.explain import WIDTH, Topic, topics
from tests.cli.conftest import said_here

TOPICS = tuple(topics())
FOUND = [
    ("mirroring", "mirroring (phase)", "The next step is switch-primary"),
    ("switch-primary", "switch-primary (step)", "keys-copied"),
    ("views-agree", "views-agree (check)", "These steps need it"),
    ("kvmigration_ring_views", "kvmigration_ring_views (metric)", "Labels: key, ring, view."),
    ("ring_views", "kvmigration_ring_views (metric)", "A gauge."),
    ("KVMigrationGossipSplit", "KVMigrationGossipSplit (alert)", "## Fires when"),
    ("gossipsplit", "KVMigrationGossipSplit (alert)", "kvmigration_gossip_clusters"),
    ("KVMigrationForeignLabelRejected", "KVMigrationForeignLabelRejected (alert)", "## Fires when"),
]


@pytest.mark.parametrize(("name", "title", "text"), FOUND, ids=[row[0] for row in FOUND])
def test_a_name_is_explained_with_or_without_its_prefix(name: str, title: str, text: str) -> None:
    said = said_here("explain", name)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"{title}\n\n")
    assert text in said.out


@pytest.mark.parametrize("topic", TOPICS, ids=[f"{topic.kind} {topic.name}" for topic in TOPICS])
def test_everything_that_is_listed_is_explained(topic: Topic) -> None:
    assert f"  {topic.name}\n" in said_here("explain").out
    text = topic.text()
    assert len(text.split()) > 5
    prose = re.sub(r"^```.*?^```$", "", text.partition("## Fires when")[0], flags=re.DOTALL | re.MULTILINE)
    assert [line for line in prose.splitlines() if len(line) > WIDTH and not line.startswith("|")] == []
    assert "](" not in prose


UNKNOWN = [
    ("swich-primary", 'nothing is called "swich-primary". Did you mean switch-primary?'),
    ("RingShrank", "Did you mean KVMigrationRingShrunk"),
    ("\x1b[31mx", 'nothing is called "?[31mx". "kvmigration explain" lists all names.'),
]


@pytest.mark.parametrize(("name", "message"), UNKNOWN)
def test_a_name_that_nothing_has_is_refused_with_those_that_are_near(name: str, message: str) -> None:
    said = said_here("explain", name)
    assert (said.status, said.out) == (2, "")
    assert message in said.err
