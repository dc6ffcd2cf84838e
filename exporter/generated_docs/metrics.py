"""`docs/metrics.md`, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from exporter.expose import shard_catalogue as shards
from exporter.expose.catalogue import ALL, ESTIMATE_LETTERS
from exporter.expose.metric import PREFIX, Metric
from exporter.sources.http.allow_list import PAGES

_HEAD = """# Metrics

<!-- Made by `python -m exporter.generated_docs` from exporter/expose/catalogue.py. Do not edit. -->

This page lists every metric on `/metrics` of the exporter. Metrics with names that end in `_total` are
counters. All other metrics are gauges.

- The values are from the last finished cycle. `kvmigration_snapshot_timestamp_seconds` has the time of this
  cycle. A scrape sends no request to a process and does not wait for a cycle.
- An unknown value has no series. If a metric shows `NaN`, `-1` or the phase `unknown` instead, its HELP
  describes this. A target that stopped answering keeps `kvmigration_target_up` 0 and loses its other series.
- The label `target` is the process: `host:port`, or the pod's name if discovery lists the pod.
- The label `kv_name` has the name of a KV client, as the process names it.
- The label `key` is the KV key (`collectors/ring`). The label `ring` is the short name of this key
  (`ingester`).
- The label `view` is `ring` (the process's ring page) or `gossip` (the process's memberlist copy).
- All entries of the HA tracker count together under the key `ha-tracker/`.
"""
_TABLE = "| metric | labels | meaning | series |\n|---|---|---|---|"
_SHARDS = f"""A shard is one of several exporters that share the targets. This section lists the metrics that
only a shard has. [shards.md](shards.md) explains how the rules join the shards. A shard reads a part
of the fleet. So its metrics about the complete fleet have names with `{shards.SHARD}…` in place of
`{PREFIX}…`, and the same labels:
{{parts}}.
No shard by itself exports these metrics, because they need the data of all shards: {{judged_anew}}.
"""


_ASKED = """The exporter sends GET requests to these paths of a process, below its path prefix, and to the
ring pages that the configuration names. It requests no other path. The label `page` has the path: `/config`
for each configuration page, and `/memberlist?downloadKey` for the values of the gossip."""


def page() -> str:
    """The complete page as Markdown."""
    return "\n".join([_HEAD, *_sections(), *_one_of_several(), *_pages(), *_letters()])


def _sections() -> Iterator[str]:
    for heading, metrics in groupby(ALL, key=lambda metric: metric.group):
        yield f"## {heading}\n\n{_TABLE}"
        yield from map(_row, metrics)
        yield ""


def _one_of_several() -> Iterator[str]:
    parts = ", ".join(f"`{metric.name.removeprefix(PREFIX)}`" for metric in shards.JOINED)
    judged_anew = ", ".join(sorted(f"`{metric.name}`" for metric in shards.JUDGED_ANEW))
    yield f"## {shards.GROUP}\n\n{_SHARDS.format(parts=parts, judged_anew=judged_anew)}\n{_TABLE}"
    yield from map(_row, shards.OWN)
    yield ""


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    meaning = metric.help.replace("|", "\\|").replace("<", "&lt;")
    return f"| `{metric.name}` | {labels} | {meaning} | {metric.estimate} |"


def _pages() -> Iterator[str]:
    yield f"## Pages\n\n{_ASKED}\n"
    yield from (f"- `{path}`" for path in sorted(PAGES))
    yield ""


def _letters() -> Iterator[str]:
    yield "## How many series\n\nThe column *series* shows how many series a metric can have at most.\n"
    letters = ESTIMATE_LETTERS | shards.ESTIMATE_LETTERS
    yield from (f"- {letter}: {meaning}" for letter, meaning in letters.items())
    yield ""
