"""The bytes of a scrape: negotiation, one rendering per snapshot, fresh figures of our own."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.expose.exposition import Renderer, SelfFacts
from exporter.model.facts import Snapshot, TargetFacts
from tests.expose import snapshots

OPENMETRICS = "application/openmetrics-text"
parse: Callable[[str], Iterable[Family]] = text_string_to_metric_families
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@dataclass
class World:
    snapshot: Snapshot | None = None
    facts: SelfFacts = field(default_factory=lambda: SelfFacts("1.2.3"))

    def renderer(self) -> Renderer:
        return Renderer(lambda: self.snapshot, lambda: self.facts)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html,application/xhtml+xml", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", "text/plain; version=0.0.4; charset=utf-8"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (PROMETHEUS_3, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("application/openmetrics-text;version=abc", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=9.9.9",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        (",;=,,;;version", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
async def test_the_accept_header_chooses_the_format(accept: str, content_type: str) -> None:
    answer = await World(snapshots.rich()).renderer().render(accept)
    assert answer.content_type == content_type
    assert answer.body.endswith(b"# EOF\n") == content_type.startswith("application/openmetrics")
    assert answer.body.count(b"# EOF") <= 1


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
@pytest.mark.parametrize("scrape", [1, 2, 3])
async def test_gzip_holds_the_same_families_at_every_scrape(accept: str, scrape: int) -> None:
    renderer = World(snapshots.rich()).renderer()
    plain = await renderer.render(accept)
    for _ in range(scrape):
        packed = await renderer.render(accept, "br, gzip;q=1.0")
    assert packed.encoding == "gzip"
    assert _families(gzip.decompress(packed.body)) == _families(plain.body)
    assert len(packed.body) < len(plain.body) / 3


@pytest.mark.parametrize(
    ("encoding", "answer"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip;q=0", ""),
        ("gzip ; q=0.00", ""),
        ("gzip;q=0.5", "gzip"),
        ("GZIP", "gzip"),
    ],
)
async def test_gzip_is_sent_only_where_it_is_accepted(encoding: str, answer: str) -> None:
    assert (await World().renderer().render("", encoding)).encoding == answer


def _families(body: bytes) -> list[bytes]:
    return [line for line in body.splitlines() if line.startswith(b"# ")]


async def test_process_and_python_metrics_are_there_in_both_formats() -> None:
    renderer = World(snapshots.rich()).renderer()
    for accept in ("", OPENMETRICS):
        body = (await renderer.render(accept)).body
        for name in (b"process_resident_memory_bytes", b"python_info", b"python_gc_objects_collected_total"):
            assert b"\n" + name in body
    names = [family.name for family in parse(body.decode())]
    assert len(names) == len(set(names))


async def test_before_the_first_cycle_only_the_exporter_itself_is_there() -> None:
    body = (await World().renderer().render()).body.decode()
    assert 'kvmigration_build_info{python_version="' in body
    assert "kvmigration_config_last_reload_successful 1.0" in body
    assert "kvmigration_phase" not in body
    assert "kvmigration_config_last_reload_success_timestamp_seconds" not in body


class Counted(tuple[TargetFacts, ...]):
    """Targets that count how often they are walked."""

    walks = 0

    def __iter__(self) -> Iterator[TargetFacts]:
        type(self).walks += 1
        return super().__iter__()


async def test_a_snapshot_is_rendered_once_per_format_however_many_scrape() -> None:
    world = World(replace(snapshots.rich(), targets=Counted(snapshots.rich().targets)))
    await world.renderer().render()
    once, Counted.walks = Counted.walks, 0
    renderer = world.renderer()
    await asyncio.gather(*(renderer.render(accept, "gzip") for accept in ("", OPENMETRICS) * 5))
    assert Counted.walks == 2 * once
    world.snapshot = snapshots.unknown()
    assert b'kvmigration_phase{migration="rings",phase="unknown"} 1.0' in (await renderer.render()).body


async def test_a_failed_reload_shows_without_a_new_cycle() -> None:
    world = World(snapshots.rich(), SelfFacts("1", config_loaded_at=12.0))
    renderer = world.renderer()
    assert b"kvmigration_config_last_reload_successful 1.0" in (await renderer.render()).body
    world.facts = SelfFacts("1", config_successful=False, config_loaded_at=12.0)
    body = (await renderer.render()).body
    assert b"kvmigration_config_last_reload_successful 0.0" in body
    assert b"kvmigration_config_last_reload_success_timestamp_seconds 12.0" in body


async def test_a_new_cap_applies_without_a_new_cycle() -> None:
    world = World(snapshots.rich(), SelfFacts("1"))
    renderer = world.renderer()
    assert b"kvmigration_series_dropped 0.0" in (await renderer.render()).body
    world.facts = SelfFacts("1", max_series=100)
    assert b"kvmigration_series_dropped 0.0" not in (await renderer.render()).body


pytestmark = pytest.mark.asyncio
