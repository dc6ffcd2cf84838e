"""One runbook for each alert, and nothing in it that does not exist: commands, flags, paths, metrics."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import promql_parser
import pytest

from alerts.inhibitions import kept
from alerts.registry import ALERTS, GROUPS, NAMES
from alerts.shard_rules import SHARD_RECORDS
from exporter.cli import arguments
from exporter.derive.gate import coverage, step_table, step_verdicts
from exporter.expose import catalogue, shard_catalogue
from exporter.expose.api import openapi
from exporter.expose.api.handlers import ROUTES
from tests.alerts import promql

RUNBOOKS = Path(__file__).parents[2] / "alerts" / "runbooks"
SECTIONS = ["What it means", "Impact", "Confirm", "Mend", "Do not", "When it resolves", "Source"]
COMPONENTS = {
    "memberlist_client_messages_to_broadcast_dropped_total",
    "memberlist_client_received_broadcasts_invalid_total",
    "memberlist_tcp_transport_packets_sent_errors_total",
    "memberlist_tcp_transport_unknown_connections_total",
    "kv_request_duration_seconds_count",
}
"""Metrics of the components themselves, behind any prefix or none; seen in the recordings."""
KNOWN = {
    *catalogue.by_name, *shard_catalogue.by_name, *(record.name for record in SHARD_RECORDS),
}  # fmt: skip
CHECKS = {check.id for step in step_table.NAMES for check in step_verdicts.blank(step).checks} | set(
    coverage.RESTS_ON
)
SERVER = "http://127.0.0.1:9895"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text_of(name)) if kind == language]


def test_every_alert_has_its_runbook_and_no_runbook_is_without_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(NAMES)
    assert len(NAMES) >= 26


@pytest.mark.parametrize("name", NAMES)
def test_runbook_says_what_it_must(name: str) -> None:
    text = text_of(name)
    assert re.findall(r"^# (\w+)$", text, re.MULTILINE) == [name]
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    for severity in {str(alert.severity) for alert in ALERTS if alert.name == name}:
        assert severity in text.split("## ", maxsplit=1)[0]


@pytest.mark.parametrize("name", NAMES)
def test_links_of_a_runbook_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", text_of(name)):
        assert (RUNBOOKS / target.partition("#")[0]).is_file(), target


@pytest.mark.parametrize("name", NAMES)
def test_every_section_of_a_runbook_says_something_and_its_source_is_right(name: str) -> None:
    sections = r"^## ([^\n]+)\n(.+?)(?=\n\n## |\n*\Z)"
    said = dict(re.findall(sections, text_of(name), re.MULTILINE | re.DOTALL))
    assert list(said) == SECTIONS
    assert said["When it resolves"].startswith("The alert resolves ")
    groups = [group.name for group in GROUPS if name in {alert.name for alert in group.alerts}]
    assert f"Rule: group `{groups[0]}` in" in said["Source"]
    for line, names in (("Checks", CHECKS), ("Metrics", KNOWN)):
        for found in re.findall(rf"^- {line}: (.+) in ", said["Source"], re.MULTILINE):
            assert set(re.findall(r"`([^`]+)`", found)) <= names, found


@pytest.mark.parametrize("name", NAMES)
def test_when_a_runbook_resolves_is_when_its_rule_does(name: str) -> None:
    keeps = {wait.seconds if (wait := kept(alert)) else 0 for alert in ALERTS if alert.name == name}
    said = [
        f"The alert resolves {s / 60:g} minutes after" if s else "The alert resolves as soon as"
        for s in keeps
    ]
    assert [words in text_of(name).split("## When it resolves", 1)[1] for words in said] == [True]


@pytest.mark.parametrize("name", NAMES)
def test_checks_in_the_words_of_a_runbook_exist(name: str) -> None:
    assert set(re.findall(r"[Tt]he check `([^`]+)`", text_of(name))) <= CHECKS


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_a_runbook_exist(name: str) -> None:
    lines = [line for block in blocks(name, "sh") for line in block.splitlines()]
    assert lines
    for line in lines:
        words = shlex.split(line)
        assert words[0] in {"kvmigration", "curl"}, line
        if words[0] == "kvmigration":
            accept(words[1:])
        else:
            assert words[1] == "-s" and reachable(words[2]), line


def accept(words: list[str]) -> None:
    """The real parser takes it, and a step that is named is one."""
    said: argparse.Namespace = arguments.parser().parse_args(words)
    if words[0] == "check":
        assert said.step in {rule.name for rule in step_table.STEPS}, words


def reachable(url: str) -> bool:
    """The path is one that the exporter serves."""
    path = url.removeprefix(SERVER)
    patterns = [re.sub(r"\{\w+\}", "[a-z/-]+", known) for known in openapi.document(ROUTES, "1")["paths"]]
    return path in {"/-/ready", "/-/healthy", "/metrics"} or any(
        re.fullmatch(pattern, path) for pattern in patterns
    )


@pytest.mark.parametrize("name", NAMES)
def test_queries_of_a_runbook_can_be_asked(name: str) -> None:
    queries = blocks(name, "promql")
    assert queries or name == "KVMigrationExporterReloadFailed"
    for query in queries:
        named = [promql.metric(found) for found in promql.selectors(promql_parser.parse(query))]
        assert named, query
        for metric in named:
            assert known(metric), f"{metric} in {query}"


@pytest.mark.parametrize("name", NAMES)
def test_metrics_in_the_words_of_a_runbook_exist(name: str) -> None:
    for word in re.findall(r"[\w:]*kvmigration_\w+(?::\w+)?", text_of(name)):
        assert word in KNOWN or word == "kvmigration_", word


def known(metric: str) -> bool:
    return (
        metric in KNOWN
        or metric in {f"(.+_)?{name}" for name in COMPONENTS}
        or metric in {"up", "process_start_time_seconds", "process_resident_memory_bytes", "kvmigration_.+"}
    )
