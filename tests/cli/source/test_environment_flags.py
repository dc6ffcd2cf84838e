"""Flags from the environment."""

from __future__ import annotations

import pytest

from exporter.cli import arguments
from exporter.cli.source.environment_flags import flagged, variable, with_environment

SERVER, FILE = {"KVMIGRATION_SERVER": "http://here:9895"}, {"KVMIGRATION_CONFIG_FILE": "my.yml"}
CASES = [
    ("nothing is set", ["status"], {}, []),
    ("a flag that is left out", ["status"], SERVER, ["--server=http://here:9895"]),
    ("a flag that was typed counts", ["status", "--server", "http://there"], SERVER, []),
    ("typed with an equals sign", ["status", "--server=http://there"], SERVER, []),
    ("what excludes it was typed", ["status", "--config.file=my.yml"], SERVER, []),
    ("a dot in its name", ["status"], FILE, ["--config.file=my.yml"]),
    ("a switch that is on", ["status"], {"KVMIGRATION_JSON": "true"}, ["--json"]),
    ("a switch that is off", ["status"], {"KVMIGRATION_JSON": "false"}, []),
    ("another command's flag", ["validate", "my.yml"], SERVER, []),
    ("an empty one is none", ["status"], {"KVMIGRATION_SERVER": ""}, []),
]  # fmt: skip


@pytest.mark.parametrize(("argv", "environment", "added"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_taken_from_the_environment(
    argv: list[str], environment: dict[str, str], added: list[str]
) -> None:
    command = arguments.command_of(arguments.parser(argv[0]), argv[0])
    assert sorted(with_environment(command, argv[1:], environment)) == sorted([*argv[1:], *added])


WORDS = [
    ("a file", ["status", "my.yml"], ["--config.file=my.yml"]),
    ("a file after a switch", ["doctor", "--log.level", "warn", "my.yml"],
     ["--log.level", "warn", "--config.file=my.yml"]),
    ("a URL", ["doctor", "http://a:1"], ["--url=http://a:1"]),
    ("a file beside its flag", ["status", "--config.file", "my.yml"], ["--config.file", "my.yml"]),
    ("a word that the command takes itself", ["check", "preflight"], ["preflight"]),
    ("a URL beside such a word", ["check", "preflight", "http://a:1"], ["preflight", "--url=http://a:1"]),
    ("a URL that the command takes itself", ["init", "http://a:1"], ["http://a:1"]),
    ("a command that looks at no cluster", ["explain", "lag"], ["lag"]),
    ("a word that is empty", ["status", ""], [""]),
]  # fmt: skip


@pytest.mark.parametrize(("argv", "flags"), [w[1:] for w in WORDS], ids=[w[0] for w in WORDS])
def test_a_word_by_itself_is_the_configuration_or_a_process_where_the_command_takes_no_words(
    argv: list[str], flags: list[str]
) -> None:
    assert flagged(arguments.command_of(arguments.parser(argv[0]), argv[0]), argv[1:]) == flags


@pytest.mark.parametrize("name", arguments.COMMANDS)
def test_every_flag_has_a_variable_that_its_help_names_and_no_two_have_the_same(name: str) -> None:
    command = arguments.command_of(arguments.parser(name), name)
    variables = [variable(action) for action in command._actions if variable(action)]
    assert len(set(variables)) == len(variables)
    assert all(each.isupper() and "." not in each for each in variables)


def test_a_switch_takes_true_or_false_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KVMIGRATION_JSON", "perhaps")
    with pytest.raises(SystemExit) as ended:
        arguments.run(["status", "--server", "http://127.0.0.1:1"])
    assert ended.value.code == 2
    assert 'KVMIGRATION_JSON is "perhaps"; write true or false' in capsys.readouterr().err


def test_a_command_runs_by_the_environment_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KVMIGRATION_SERVER", "http://127.0.0.1:1")
    assert arguments.run(["status"]) == 2
    assert "http://127.0.0.1:1/api/v1/status: no answer" in capsys.readouterr().err


def test_help_names_the_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments.run(["status", "--help"])
    assert "[$KVMIGRATION_SERVER]" in capsys.readouterr().out
