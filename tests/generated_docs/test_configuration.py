"""docs/configuration.md is what the models say."""

import re

from exporter.cli.arguments import parser
from exporter.generated_docs import configuration


def test_every_key_has_a_meaning() -> None:
    rows = [line for line in configuration.page().splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert [row for row in rows if row.rstrip("| ").endswith(("|", "||"))] == []
    assert all(len(row.replace("\\|", "").split("|")) == 7 for row in rows)


def test_commands_have_the_options_that_the_page_names() -> None:
    named = {
        (command, option)
        for cell in re.findall(r"\| ([^|]*`kvmigration [^|]*)", configuration.page())
        for command in re.findall(r"`kvmigration ([a-z]+)", cell)
        for option in re.findall(r"--[a-z.]+[a-z]", cell)
    }
    assert {("check", "--for"), ("check", "--config.file")} <= named
    assert [each for each in named if each[1] not in _options(each[0])] == []


def _options(command: str) -> set[str]:
    (commands,) = (action.choices for action in parser()._actions if isinstance(action.choices, dict))
    return set(commands[command]._option_string_actions)


def test_a_link_leads_to_a_heading() -> None:
    page = configuration.page()
    headings = {line[3:].lower() for line in page.splitlines() if line.startswith("## ")}
    anchors = {"".join(char for char in heading if char.isalnum() or char == "_") for heading in headings}
    links = {part.split(")")[0] for part in page.split("[keys](#")[1:]}
    assert links <= anchors
