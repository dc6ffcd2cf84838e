"""`kvmigration validate`."""

import io
import json
from pathlib import Path

from exporter.cli_validate import validate

HERE = Path(__file__).parent


def _run(path: Path | None, as_schema: bool = False) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return validate(path, as_schema=as_schema, out=out, err=err), out.getvalue(), err.getvalue()


def test_a_good_file_is_ok() -> None:
    path = HERE / "good" / "minimal.yml"
    assert _run(path) == (0, f"{path}: ok\n", "")


def test_a_bad_file_has_its_problems_on_stderr() -> None:
    path = HERE / "bad" / "unknown_key.yml"
    assert _run(path) == (1, "", f'{path}:3: intervall: this key is not known (did you mean "interval"?)\n')


def test_files_that_are_not_there_are_a_warning() -> None:
    status, _, err = _run(HERE / "good" / "everything.yml")
    assert status == 0
    assert f"warning: {HERE}/good/secrets/consul cannot be read here" in err
    assert "hunter2" not in err


def test_the_schema_is_printed_without_a_file() -> None:
    status, out, _ = _run(None, as_schema=True)
    assert status == 0
    assert json.loads(out)["required"] == ["targets"]


def test_no_file_is_a_problem() -> None:
    assert _run(None)[0] == 1
