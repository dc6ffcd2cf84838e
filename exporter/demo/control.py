"""The demo's own address: its state, and the commands that it takes while it runs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from aiohttp import web

from exporter.demo.pages.answer import JSON, Reply
from exporter.model.pages import Phase

if TYPE_CHECKING:
    from exporter.demo.server import Demo

_ON, _OFF = ("on", "true", "1", ""), ("off", "false", "0")
PATHS = (
    "GET /state, POST /fault/NAME, POST /next, POST /next/MIGRATION, POST /phase/NAME, POST /advance?seconds="
)
LONGEST_ADVANCE = 86400.0


class Control:
    """The handlers of `PATHS`."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo

    async def answer(self, request: web.BaseRequest) -> Reply:
        """One request; mistakes get 400 with a sentence, unknown paths 404."""
        head, _, name = request.path.strip("/").partition("/")
        if request.method == "GET" and head in ("", "state"):
            return _json(self.state())
        if request.method != "POST":
            return _problem(404, PATHS)
        try:
            await self._do(head, name, (await request.text()).strip(), dict(request.query))
        except LookupError as error:
            return _problem(404, f"unknown: {error}")
        except ValueError as error:
            return _problem(400, str(error))
        await self._demo.sync()
        return _json(self.state())

    async def _do(self, head: str, name: str, body: str, query: dict[str, str]) -> None:
        if head == "fault":
            on, process = _switch(body, query)
            self._demo.cluster.set_fault(name, on=on, process=process)
        elif head == "next":
            self._demo.cluster.next_step(name)
        elif head == "phase":
            self._demo.cluster.set_phase(_phase(name))
        elif head == "advance":
            await self._demo.advance(_seconds(query.get("seconds", body)))
        else:
            raise LookupError(head)

    def state(self) -> dict[str, object]:
        """The demo's complete state, for people and tests."""
        cluster = self._demo.cluster
        return {
            "now": cluster.now,
            "elapsed": round(cluster.now - cluster.began, 3),
            "product": cluster.settings.product,
            "phase": cluster.phase.label,
            "walk": cluster.walk(),
            "faults": {name: cluster.victims.get(name, "") for name in sorted(cluster.faults)},
            "known_faults": dict(cluster.settings.known_faults),
            "dangers": list(cluster.dangers),
            "targets": str(self._demo.target_file),
            "label": "" if cluster.settings.is_label_to_come else cluster.settings.gossip_label,
            "store": {"url": self._demo.store_url, "keys": sorted(cluster.store.entries)},
            "processes": [
                {
                    "name": process.name,
                    "component": process.spec.role.component,
                    "url": url,
                    "gossip": f"{process.at.host}:{process.at.gossip}",
                    "up": process.up,
                    "deployed": process.name in cluster.deployed,
                    "mode": process.mode,
                    "log": str(path),
                }
                for process, url, path in zip(
                    cluster.processes, self._demo.urls, self._demo.log_paths, strict=True
                )
            ],
        }


def _switch(body: str, query: dict[str, str]) -> tuple[bool, str]:
    """On or off, and the victim: plain `on`/`off`, or JSON `{"on": true, "process": "…"}`."""
    process = query.get("process", "")
    word = body.lower() or query.get("on", "")
    if body.startswith("{"):
        asked = json.loads(body)
        word, process = str(asked.get("on", True)).lower(), str(asked.get("process", process))
    if word in _ON or word in _OFF:
        return word in _ON, process
    raise ValueError(f"send on or off, not {word[:40]!r}")


def _phase(name: str) -> Phase:
    found = next((phase for phase in Phase if phase.label == name and phase is not Phase.UNKNOWN), None)
    if found is None:
        raise LookupError(name)
    return found


def _seconds(text: str) -> float:
    seconds = float(text or "nan")
    if not math.isfinite(seconds) or not 0 <= seconds <= LONGEST_ADVANCE:
        raise ValueError(f"seconds must be from 0 to {LONGEST_ADVANCE:.0f}")
    return seconds


def _json(tree: object) -> Reply:
    return Reply((json.dumps(tree, indent=2) + "\n").encode(), JSON)


def _problem(status: int, why: str) -> Reply:
    return Reply((json.dumps({"error": why}) + "\n").encode(), JSON, status)
