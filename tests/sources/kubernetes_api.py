"""A stand-in for the Kubernetes API: pods, pages, watches, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web


def pod(name: str, ip: str = "", /, uid: str = "", phase: str = "Running", **labels: str) -> dict[str, Any]:
    """A pod with the port http-metrics 8080 and the gossip port."""
    ports = [{"name": "memberlist", "containerPort": 7946}, {"name": "http-metrics", "containerPort": 8080}]
    return {
        "metadata": {"name": name, "namespace": "mimir", "uid": uid or f"uid-{name}", "labels": labels},
        "spec": {"containers": [{"name": "sidecar"}, {"name": "mimir", "ports": ports}]},
        "status": {"phase": phase, **({"podIP": ip} if ip else {})},
    }


class KubernetesApi:
    """Answers lists from `pods`; a watch sends what `send` is given until `end`.

    `failing` is a list of statuses for the next requests. `page` cuts lists into pages.
    """

    def __init__(self, *pods: dict[str, Any], page: int = 0) -> None:
        self.pods = list(pods)
        self.page = page
        self.version = 100
        self.failing: list[int] = []
        self.requests: list[web.Request] = []
        self.watches = 0
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.failing:
            return web.json_response({"kind": "Status"}, status=self.failing.pop(0))
        if request.query.get("watch", "").lower() == "true":
            return await self._watch(request)
        start = int(request.query.get("continue", 0))
        end = start + self.page if self.page else len(self.pods)
        metadata = {"resourceVersion": str(self.version)}
        if end < len(self.pods):
            metadata["continue"] = str(end)
        return web.json_response({"metadata": metadata, "items": self.pods[start:end]})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/json"
        await response.prepare(request)
        self.watches += 1
        while (event := await self._events.get()) is not None:
            await response.write(event)
        return response

    def send(self, kind: str, thing: dict[str, Any]) -> None:
        self.version += 1
        thing.setdefault("metadata", {})["resourceVersion"] = str(self.version)
        self.raw(json.dumps({"type": kind, "object": thing}).encode() + b"\n")

    def raw(self, content: bytes) -> None:
        self._events.put_nowait(content)

    def end(self) -> None:
        """The API ends the watch, as it does every few minutes."""
        self._events.put_nowait(None)

    @property
    def lists(self) -> int:
        return sum("watch" not in request.query for request in self.requests)
