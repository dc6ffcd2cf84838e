"""docs/metrics.md comes from the catalogue and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import metrics_docs
from exporter.expose.catalogue import ALL


def test_every_metric_has_one_row_with_its_labels_and_meaning() -> None:
    rows = [line for line in metrics_docs.page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(ALL)
    for metric, row in zip(ALL, rows, strict=True):
        name, labels, *_ = (cell.strip() for cell in row.strip("|").split(" | "))
        assert name == f"`{metric.name}`"
        assert labels == ", ".join(f"`{label}`" for label in metric.labels)


def test_check_tells_a_stale_page_from_a_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics_docs, "FILE", tmp_path / "docs" / "metrics.md")
    assert metrics_docs.run(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert metrics_docs.run([]) == 0
    assert metrics_docs.run(["--check"]) == 0
    metrics_docs.FILE.write_text(metrics_docs.FILE.read_text() + "more\n")
    assert metrics_docs.run(["--check"]) == 1
