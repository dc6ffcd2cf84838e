"""Pod logs through a stand-in for the Kubernetes API."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from exporter.config import Kubernetes, load_text
from exporter.label_evidence.rejections import WORD
from exporter.sources.discovery.kubernetes import KubernetesSource
from exporter.sources.logs import kubernetes_api
from exporter.sources.logs.kubernetes_api import Pod, PodLogSource, stamp_of
from exporter.wiring import one_cycle
from tests.sources.kubernetes_api import pod as pod_object
from tests.sources.serving import Clock, serving

pytest.importorskip("kubernetes_asyncio", reason="the extra kubernetes is not installed")
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
HIT = 'level=error msg="discarding stream with unacceptable label \\"{}\\": from=1.2.3.4:5"'
POD = Pod("mimir", "ingester-0", "mimir")


@dataclass
class Api:
    """Answers pods and their logs; a log's lines have a time, and `sinceSeconds` counts from `now`."""

    logs: dict[str, list[tuple[float, str]]] = field(default_factory=dict)  # seconds after NOW, line
    now: float = 0.0
    status: dict[str, int] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/log"):
            items = [pod_object(name, "127.0.0.1") for name in self.logs]
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})
        name = request.path.split("/")[-2]
        assert request.path == f"/api/v1/namespaces/mimir/pods/{name}/log"
        assert request.method == "GET"
        self.asked.append({"pod": name, **request.query})
        if name in self.status:
            return web.json_response({"kind": "Status"}, status=self.status[name])
        since = self.now - int(request.query["sinceSeconds"])
        assert request.query["timestamps"] in {"true", "True"}
        lines = [f"{stamp(at)} {line}\n" for at, line in self.logs[name] if at >= since]
        body = "".join(lines).encode()[: int(request.query["limitBytes"])]
        return web.Response(body=body, content_type="text/plain")


def stamp(seconds: float) -> str:
    """As Kubernetes writes it: trailing zeros of the fraction are left out."""
    at = NOW + timedelta(seconds=seconds)
    fraction = f".{at.microsecond:06d}".rstrip("0").rstrip(".")
    return at.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


class Looking:
    """A source, its clock and what it counted."""

    def __init__(self, api: Api, connects: KubernetesSource, pods: list[Pod]) -> None:
        self.api, self.clock, self.pods = api, Clock(), pods
        self.clock.now = NOW.timestamp()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.source = PodLogSource([connects.connected], lambda: self.pods, WORD, self._count, self.clock)

    def _count(self, page: str, outcome: str) -> None:
        self.counts[page, outcome] += 1

    async def look(self, seconds: float = 15.0) -> list[tuple[str, str]]:
        self.clock.now += seconds
        self.api.now += seconds
        found: list[tuple[str, str]] = []
        await self.source.look(
            lambda process, line: found.append((process, line.decode().split('\\"')[1])),
            asyncio.get_running_loop().time() + 20,
        )
        return found


def kubeconfig(folder: Path, url: str) -> str:
    path = folder / "kubeconfig"
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "geheim"}}],
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(told))
    return str(path)


@asynccontextmanager
async def looking(api: Api, folder: Path, *pods: Pod) -> AsyncIterator[Looking]:
    async with serving(api) as url:
        told: dict[str, Any] = {"namespace": "mimir", "kubeconfig": kubeconfig(folder, url)}
        yield Looking(api, KubernetesSource(Kubernetes.model_validate(told)), list(pods or (POD,)))


@pytest.mark.asyncio
async def test_lines_of_the_last_minutes_are_given_and_then_each_new_one_once(tmp_path: Path) -> None:
    api = Api({"ingester-0": [(-900, HIT.format("old")), (-60, HIT.format("a")), (-1, "something else")]})
    async with looking(api, tmp_path) as one:
        assert await one.look(0) == [("ingester-0", "a")]
        api.logs["ingester-0"] += [(2, HIT.format("b")), (2.5, HIT.format("c"))]
        assert await one.look() == [("ingester-0", "b"), ("ingester-0", "c")]
        assert await one.look() == []
        assert one.counts == {("pod logs", "ok"): 3}
        assert api.asked[0]["container"] == "mimir"


@pytest.mark.asyncio
async def test_a_log_longer_than_one_look_may_read_is_read_on_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_api, "MAX_BYTES", 1000)
    api = Api({"ingester-0": [(-60 + n, HIT.format(f"l{n}")) for n in range(30)]})
    async with looking(api, tmp_path) as one:
        found: list[tuple[str, str]] = []
        for _ in range(12):
            found += await one.look(0)
    assert [label for _, label in found] == [f"l{n}" for n in range(30)]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "outcome"), [(400, "absent"), (404, "absent"), (403, "failed"), (500, "failed")]
)
async def test_one_log_that_cannot_be_read_costs_itself_alone(
    tmp_path: Path, status: int, outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api({"ingester-0": [(-1, HIT.format("a"))], "broken": []}, status={"broken": status})
    async with looking(api, tmp_path, POD, Pod("mimir", "broken", "mimir")) as one:
        assert await one.look(0) == [("ingester-0", "a")]
        await one.look()
        assert one.counts["pod logs", "failed"] == (2 if outcome == "failed" else 0)
    assert caplog.text.count("cannot be read") == (1 if outcome == "failed" else 0)


@pytest.mark.asyncio
async def test_no_pod_is_absent_and_no_api_is_failed(tmp_path: Path) -> None:
    async with looking(Api(), tmp_path) as one:
        one.pods = []
        assert await one.look(0) == []
        assert one.counts == {("pod logs", "absent"): 1}
    one.pods = [POD]
    assert await one.look() == []
    assert one.counts["pod logs", "failed"] == 1


@pytest.mark.asyncio
async def test_pods_of_another_namespace_are_not_asked_for(tmp_path: Path) -> None:
    api = Api({"ingester-0": []})
    async with looking(api, tmp_path, Pod("loki", "ingester-0", "loki")) as one:
        await one.look(0)
    assert api.asked == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"2026-11-21T02:00:00Z x", "2026-11-21T02:00:00.000000000"),
        (b"2026-11-21T02:00:00.5Z x", "2026-11-21T02:00:00.500000000"),
        (b"2026-11-21T02:00:00.123456789Z x", "2026-11-21T02:00:00.123456789"),
        (b"no stamp", ""),
        (b"", ""),
    ],
)
def test_stamps_compare_as_text(line: bytes, found: str) -> None:
    assert stamp_of(line) == found


@pytest.mark.asyncio
async def test_a_configuration_reads_the_logs_of_the_pods_that_it_discovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_api, "LOOK_BACK", 10**9)  # the stand-in's clock is not the machine's
    api = Api({"ingester-0": [(-1, HIT.format("other"))]})
    async with serving(api) as url:
        entry = {"namespace": "mimir", "kubeconfig": kubeconfig(tmp_path, url)}
        told = {"targets": [{"kubernetes": entry}], "rejections": [{"kubernetes": {}}]}
        snapshot = await one_cycle(load_text(yaml.safe_dump(told)))
    (found,) = snapshot.rejections
    assert (found.target, found.label, found.source, found.count) == ("ingester-0", "other", "kubernetes", 1)
    assert snapshot.fetches["pod logs", "ok"] == 1
