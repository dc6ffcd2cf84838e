"""Kubernetes discovery against a stand-in of the API."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import Kubernetes, load_text
from exporter.errors import FetchError
from exporter.sources.discovery import kubernetes as module
from exporter.sources.discovery.kubernetes import KubernetesSource
from exporter.sources.discovery.pods import found_in, not_running
from exporter.sources.discovery.targets import Discovery
from tests.sources.certificates import Authority
from tests.sources.kubernetes_api import KubernetesApi, pod
from tests.sources.serving import serving

pytest.importorskip("kubernetes_asyncio", reason="the extra kubernetes is not installed")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.05)


def _kubeconfig(folder: Path, url: str, **user: str) -> Path:
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [
            {"name": "main", "context": {"cluster": "c", "user": "u", "namespace": "from-context"}},
            {"name": "other", "context": {"cluster": "c", "user": "u", "namespace": "other-namespace"}},
        ],
    }
    path.write_text(yaml.safe_dump(content))
    return path


@asynccontextmanager
async def _source(api: KubernetesApi, folder: Path, **keys: Any) -> AsyncIterator[KubernetesSource]:
    async with serving(api) as url:
        given = {"namespace": "mimir", "kubeconfig": str(_kubeconfig(folder, url, token="hunter2"))} | keys
        source = KubernetesSource(Kubernetes.model_validate(given))
        try:
            yield source
        finally:
            await source.close()


async def _names(source: KubernetesSource) -> list[str]:
    return [found.name for found in (await source.find()).found]


async def _until(source: KubernetesSource, *names: str) -> None:
    """Until the source knows exactly these pods."""
    async with asyncio.timeout(20):
        while True:
            try:
                if await _names(source) == list(names):
                    return
            except FetchError:
                pass
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_pods_are_listed_with_name_component_and_place(tmp_path: Path) -> None:
    labels = {"app.kubernetes.io/component": "ingester"}
    api = KubernetesApi(pod("mimir-0", "10.0.0.1", **labels), pod("mimir-1", "fd00::1", name="querier"))
    async with _source(api, tmp_path, selector="app=mimir") as source:
        first, second = (await source.find()).found
    assert (first.name, first.address, first.component) == ("mimir-0", "10.0.0.1:8080", "ingester")
    assert dict(first.labels) == {"namespace": "mimir", "pod": "mimir-0", "container": "mimir"}
    assert (second.address, second.component) == ("[fd00::1]:8080", "querier")
    request = api.requests[0]
    assert request.path == "/api/v1/namespaces/mimir/pods"
    assert request.query["labelSelector"] == "app=mimir"
    assert request.headers["Authorization"] == "Bearer hunter2"


@pytest.mark.asyncio
async def test_a_long_list_comes_in_pages(tmp_path: Path) -> None:
    api = KubernetesApi(*(pod(f"mimir-{n}", f"10.0.0.{n}") for n in range(1, 8)), page=3)
    async with _source(api, tmp_path) as source:
        assert len(await _names(source)) == 7
    assert api.lists == 3


@pytest.mark.asyncio
async def test_pods_come_change_and_go(tmp_path: Path) -> None:
    api = KubernetesApi(pod("mimir-0", "10.0.0.1"))
    async with _source(api, tmp_path) as source:
        assert await _names(source) == ["mimir-0"]
        api.send("ADDED", pod("mimir-1"))  # no address yet
        api.send("MODIFIED", pod("mimir-1", "10.0.0.2"))
        await _until(source, "mimir-0", "mimir-1")
        api.send("MODIFIED", pod("mimir-0", "10.0.0.1", phase="Succeeded"))
        await _until(source, "mimir-1")
        api.send("DELETED", pod("mimir-1", "10.0.0.2"))
        await _until(source)
    assert api.lists == 1


@pytest.mark.asyncio
async def test_a_watch_that_ends_goes_on_where_it_was(tmp_path: Path) -> None:
    api = KubernetesApi(pod("mimir-0", "10.0.0.1"))
    async with _source(api, tmp_path) as source:
        await source.find()
        api.send("BOOKMARK", {"kind": "Pod"})
        api.end()
        api.send("ADDED", pod("mimir-1", "10.0.0.2"))
        await _until(source, "mimir-0", "mimir-1")
    watches = [request.query["resourceVersion"] for request in api.requests if "watch" in request.query]
    assert watches == ["100", "101"]
    assert api.lists == 1


@pytest.mark.parametrize("in_stream", [True, False], ids=["in the stream", "as a status"])
@pytest.mark.asyncio
async def test_410_lists_again_and_what_went_meanwhile_is_gone(tmp_path: Path, in_stream: bool) -> None:
    api = KubernetesApi(pod("mimir-0", "10.0.0.1"), pod("mimir-1", "10.0.0.2"))
    async with _source(api, tmp_path) as source:
        assert await _names(source) == ["mimir-0", "mimir-1"]
        async with asyncio.timeout(20):
            while not api.watches:
                await asyncio.sleep(0.01)
        api.pods.pop(0)
        if in_stream:
            api.send("ERROR", {"kind": "Status", "code": 410})
        else:
            api.failing.append(410)
        api.end()
        await _until(source, "mimir-1")
    assert api.lists == 2


@pytest.mark.asyncio
async def test_an_api_that_fails_keeps_the_pods_and_is_said_until_it_is_back(tmp_path: Path) -> None:
    api = KubernetesApi(pod("mimir-0", "10.0.0.1"))
    async with serving(api) as url:
        path = _kubeconfig(tmp_path, url)
        config = load_text(f"targets: [{{kubernetes: {{namespace: mimir, kubeconfig: {path}}}}}]\n")
        discovery = Discovery(config)
        await discovery.refresh()
        api.failing = [503] * 4
        api.pods.append(pod("mimir-1", "10.0.0.2"))
        api.end()
        async with asyncio.timeout(20):
            while discovery.slots[0].ok:
                await asyncio.sleep(0.01)
                await discovery.refresh()
        assert "Kubernetes API, status: status 503" in discovery.slots[0].detail
        assert [target.name for target in discovery.targets()] == ["mimir-0"]
        async with asyncio.timeout(20):
            while len(discovery.targets()) < 2:
                await asyncio.sleep(0.01)
                await discovery.refresh()
        assert discovery.slots[0].ok is True
        await discovery.stop()


@pytest.mark.parametrize(
    "line",
    [b"not json\n", b"[]\n", b'{"type": "ADDED"}\n', b'{"type": "ADDED", "object": {"metadata": {}}}\n'],
)
@pytest.mark.asyncio
async def test_rubbish_in_the_watch_starts_it_anew(tmp_path: Path, line: bytes) -> None:
    api = KubernetesApi(pod("mimir-0", "10.0.0.1"))
    async with _source(api, tmp_path) as source:
        await source.find()
        api.pods.append(pod("mimir-1", "10.0.0.2"))
        api.raw(line)
        await _until(source, "mimir-0", "mimir-1")
    assert api.lists >= 2


@pytest.mark.asyncio
async def test_forbidden_is_said_as_such(tmp_path: Path) -> None:
    api = KubernetesApi()
    api.failing = [403] * 100
    async with _source(api, tmp_path) as source:
        with pytest.raises(FetchError, match="Kubernetes API, denied: status 403"):
            await source.find()


@pytest.mark.parametrize(
    ("keys", "namespace"),
    [({"namespace": ""}, "from-context"), ({"namespace": "", "context": "other"}, "other-namespace")],
)
@pytest.mark.asyncio
async def test_without_a_namespace_the_contexts_is_meant(
    tmp_path: Path, keys: dict[str, str], namespace: str
) -> None:
    api = KubernetesApi()
    async with _source(api, tmp_path, **keys) as source:
        await source.find()
    assert api.requests[0].path == f"/api/v1/namespaces/{namespace}/pods"


@pytest.mark.asyncio
async def test_in_a_pod_the_service_account_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, api = Authority(tmp_path), KubernetesApi(pod("mimir-0", "10.0.0.1"))
    (tmp_path / "ca.crt").write_bytes(authority.file.read_bytes())
    (tmp_path / "token").write_text("hunter2")
    (tmp_path / "namespace").write_text("own-namespace\n")
    async with serving(api, authority.server_context(authority.sign("server"))) as url:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", url.rpartition(":")[2])
        source = KubernetesSource(Kubernetes(), account=tmp_path)
        try:
            assert await _names(source) == ["mimir-0"]
        finally:
            await source.close()
    assert api.requests[0].path == "/api/v1/namespaces/own-namespace/pods"
    assert api.requests[0].headers["Authorization"] == "Bearer hunter2"


@pytest.mark.asyncio
async def test_outside_of_a_pod_and_without_a_kubeconfig_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    source = KubernetesSource(Kubernetes(), account=tmp_path)
    with pytest.raises(FetchError, match="the pod's service account cannot be used"):
        await source.find()
    await source.close()


@pytest.mark.parametrize("content", ["", "[]", "{", "clusters: 3", "current-context: x"])
@pytest.mark.asyncio
async def test_a_broken_kubeconfig_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    source = KubernetesSource(Kubernetes(kubeconfig=str(path)))
    with pytest.raises(FetchError, match="the kubeconfig cannot be used"):
        await source.find()
    await source.close()


@pytest.mark.asyncio
async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes_asyncio.client", None)
    source = KubernetesSource(Kubernetes())
    with pytest.raises(FetchError, match="install the extra `kubernetes`"):
        await source.find()
    await source.close()


@pytest.mark.parametrize(
    ("port", "address"),
    [("http-metrics", "10.0.0.1:8080"), ("8080", "10.0.0.1:8080"), ("9095", "10.0.0.1:9095"), ("grpc", None)],
)
def test_a_port_by_name_or_number(port: str, address: str | None) -> None:
    found = found_in(pod("a", "10.0.0.1"), Kubernetes(port=port))
    assert (found and found.address) == address


@pytest.mark.parametrize(
    "thing",
    [
        {},
        {"metadata": 3, "status": [], "spec": ""},
        pod("a", ""),
        pod("a", "10.0.0.1", phase="Failed"),
        pod("a", "evil/../x"),
        {"status": {"podIP": 5}, "spec": {"containers": 7}},
        {"status": {"podIP": "10.0.0.1"}, "spec": {"containers": [{"ports": [{"containerPort": "x"}]}]}},
    ],
)
def test_what_is_no_target(thing: dict[str, Any]) -> None:
    assert found_in(thing, Kubernetes()) is None


def _state(thing: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**thing, "status": {**thing["status"], **more}}


def _of(thing: dict[str, Any], kind: str) -> dict[str, Any]:
    owner = {"kind": kind, "name": "x", "controller": True}
    return {**thing, "metadata": {**thing["metadata"], "ownerReferences": [owner]}}


UNPLACED = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}
PULLING = {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
EVICTED = {"reason": "Evicted"}
PENDING, FAILED = pod("ingester-2", phase="Pending"), pod("ingester-2", phase="Failed")
PODS: list[tuple[str, dict[str, Any], str]] = [
    ("it runs", pod("ingester-2", "10.0.0.2"), ""),
    ("it waits", PENDING, "ingester-2 is Pending"),
    ("no node has room", _state(PENDING, **UNPLACED), "ingester-2 is Pending (Unschedulable)"),
    ("its image is not there", _state(PENDING, **PULLING), "ingester-2 is Pending (ImagePullBackOff)"),
    ("it failed", FAILED, "ingester-2 is Failed"),
    ("it was evicted", _state(FAILED, **EVICTED), "ingester-2 is Failed (Evicted)"),
    ("of a StatefulSet", _of(_state(FAILED, **EVICTED), "StatefulSet"), "ingester-2 is Failed (Evicted)"),
    ("it has an address, so it is a target", pod("ingester-2", "10.0.0.2", phase="Pending"), ""),
    ("a ReplicaSet has replaced it", _of(_state(FAILED, **EVICTED), "ReplicaSet"), ""),
    ("a ReplicaSet waits for it", _of(PENDING, "ReplicaSet"), "ingester-2 is Pending"),
    ("a job at its end", _of(FAILED, "Job"), ""),
    ("a job that waits", _of(PENDING, "Job"), ""),
    ("it is being deleted", {**PENDING, "metadata": {**PENDING["metadata"], "deletionTimestamp": "x"}}, ""),
    ("it has no such port", {**PENDING, "spec": {"containers": [{"name": "cache"}]}}, ""),
    ("rubbish", {"status": {"phase": "Pending", "conditions": [3]}, "spec": {"containers": 7}}, ""),
    (
        "a name that hurts",
        _state({**PENDING, "metadata": {"name": "\x1b[2J"}}, reason="\n"),
        "a pod is Pending",
    ),
]


@pytest.mark.parametrize(("_", "thing", "said"), PODS, ids=[case[0] for case in PODS])
def test_a_pod_that_should_run_and_does_not_is_named(_: str, thing: dict[str, Any], said: str) -> None:
    assert not_running(thing, Kubernetes()) == said


@pytest.mark.asyncio
async def test_pods_that_do_not_run_are_told_until_they_do(tmp_path: Path) -> None:
    api = KubernetesApi(pod("mimir-0", "10.0.0.1"), pod("mimir-1", phase="Pending"))
    async with _source(api, tmp_path) as source:
        found = await source.find()
        assert ([one.name for one in found.found], found.not_running) == (
            ["mimir-0"],
            ("mimir-1 is Pending",),
        )
        api.send("MODIFIED", pod("mimir-1", "10.0.0.2"))
        await _until(source, "mimir-0", "mimir-1")
        assert (await source.find()).not_running == ()
