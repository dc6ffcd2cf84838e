"""docs/metrics.md comes from the catalogue and from nothing else."""

from __future__ import annotations

import re

from exporter.expose.catalogue import ALL, ESTIMATE_LETTERS
from exporter.expose.shard_catalogue import ESTIMATE_LETTERS as SHARDS_LETTERS
from exporter.expose.shard_catalogue import JOINED, JUDGED_ANEW, OWN
from exporter.generated_docs import metrics


def test_every_metric_has_one_row_with_its_labels_and_meaning() -> None:
    rows = [line for line in metrics.page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(ALL) + len(OWN)
    for metric, row in zip((*ALL, *OWN), rows, strict=True):
        name, labels, *_ = (cell.strip() for cell in row.strip("|").split(" | "))
        assert name == f"`{metric.name}`"
        assert labels == ", ".join(f"`{label}`" for label in metric.labels)


def test_families_that_a_shard_shows_under_another_name_or_not_at_all_are_named() -> None:
    _, _, text = metrics.page().partition("## One shard of several")
    told = set(re.findall(r"`([a-z_]+)`", text.partition("| metric")[0]))
    assert told == {metric.name.removeprefix("kvmigration_") for metric in JOINED} | {
        m.name for m in JUDGED_ANEW
    }


def test_every_letter_of_an_estimate_is_explained() -> None:
    letters = {letter for m in (*ALL, *OWN) for letter in re.findall(r"\b[A-Z]\b", m.estimate)}
    assert letters == ESTIMATE_LETTERS.keys() | SHARDS_LETTERS.keys()
    for letter in letters:
        assert f"\n- {letter}: " in metrics.page()
