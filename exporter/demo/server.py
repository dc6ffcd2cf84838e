"""The demo on loopback: one port per process, one for its gossip, the store, the control address."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import shutil
import tempfile
import time
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from exporter.demo.closable_port import Handler, HttpDoor, ReservedPort, StreamDoor
from exporter.demo.control import Control
from exporter.demo.gossip_port import GossipPort
from exporter.demo.log_files import LogFiles
from exporter.demo.pages.answer import JSON, Reply
from exporter.demo.pages.site import Site
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.demo_settings import MICROSERVICES, READ_WRITE, DemoSettings
from exporter.demo.simulation.process import Addresses, Process
from exporter.demo.simulation.products import processes_of
from exporter.demo.stores_http import StorePages
from exporter.demo.target_file import TargetFile

TICK = 0.1
BACK = [
    {"name": READ_WRITE, "match": "^mimir-(write|read|backend)-", "leaves": True},
    {"name": MICROSERVICES, "match": ".*"},
]
_HANG_LOOK = 0.05
RUBBISH = (
    Reply(b"\x00\xff\xfe<html><table><tr><td>", "text/html"),
    Reply(b'{"shards": 7, "now": [], "Store": "x", "SortedMembers": {}}', JSON),
    Reply(b'{"shards":[' + b"[" * 4000, JSON),
    Reply(b'} 1 1 1\ncortex_multikv_mirror_enabled{kv_name="\\', "text/plain; version=0.0.4"),
    Reply(b"\x1f\x8bnot gzip at all", JSON, 200, {"Content-Encoding": "gzip"}),
    Reply(b"<html>502 Bad Gateway</html>", "text/html", 502),
)


class Demo:
    """A served cluster. Use it as `async with Demo(settings) as demo:`.

    `urls` are the processes' addresses, `store_url` the store's, `control_url` the demo's own. Of
    `consul_url` and `etcd_url` one is the store's and one is "". `log_paths` are the processes' log files,
    `cluster` is the model behind it all.
    """

    def __init__(self, settings: DemoSettings | None = None) -> None:
        self.settings = settings or DemoSettings()
        self._own_logs = self.settings.log_dir is None
        self._log_dir: Path | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        doors: list[ReservedPort] = []
        try:
            self._build(doors)
            await self.sync()
            await self._control_door.open()
        except BaseException:
            await self._give_back(doors)
            raise
        if not self.settings.manual:
            self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._give_back(self._doors)

    async def _give_back(self, doors: list[ReservedPort]) -> None:
        await asyncio.gather(*(door.release() for door in doors))
        if self._own_logs and self._log_dir is not None:
            await asyncio.to_thread(shutil.rmtree, self._log_dir, ignore_errors=True)

    def _build(self, doors: list[ReservedPort]) -> None:
        settings = self.settings
        count = len(processes_of(settings))
        self._http = [self._door(doors, n, partial(self._ask, n)) for n in range(count)]
        self._gossip = [self._gossip_door(doors, n) for n in range(count)]
        self._store_door = self._door(doors, 900, self._ask_store)
        self._control_door = self._door(doors, 990, self._ask_control)
        self._doors = doors
        places = [
            Addresses(settings.host, http.port, 19601 + n, gossip.port)
            for n, (http, gossip) in enumerate(zip(self._http, self._gossip, strict=True))
        ]
        start = time.time() if settings.start_time is None else settings.start_time
        self.cluster = Cluster(replace(settings, start_time=start), places)
        self.cluster.store_port = self._store_door.port
        self._ports = [GossipPort(self.cluster, process) for process in self.cluster.processes]
        self._site = Site(self.cluster)
        self._store = StorePages(self.cluster)
        self._control = Control(self)
        directory = settings.log_dir or Path(tempfile.mkdtemp(prefix="kvmigration-demo-"))
        self._log_dir = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._logs = LogFiles(self.cluster, directory)
        self._targets = TargetFile(self.cluster, self.urls, directory / "targets.json")

    def _port(self, offset: int) -> int:
        return self.settings.base_port + offset if self.settings.base_port else 0

    def _door(self, doors: list[ReservedPort], offset: int, handler: Handler) -> HttpDoor:
        door = HttpDoor(self.settings.host, self._port(offset), handler)
        doors.append(door)
        return door

    def _gossip_door(self, doors: list[ReservedPort], number: int) -> StreamDoor:
        door = StreamDoor(self.settings.host, self._port(1000 + number), partial(self._talk, number))
        doors.append(door)
        return door

    async def _talk(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._ports[number].talk(reader, writer)
        self._logs.flush()

    # Addresses.

    @property
    def urls(self) -> tuple[str, ...]:
        """The processes' addresses, in order."""
        return tuple(_url(door) for door in self._http)

    @property
    def store_url(self) -> str:
        """The store's address."""
        return _url(self._store_door)

    @property
    def consul_url(self) -> str:
        """The store's address if it is Consul, else ""."""
        return self.store_url if self.settings.store == "consul" else ""

    @property
    def etcd_url(self) -> str:
        """The store's address if it is etcd, else ""."""
        return self.store_url if self.settings.store == "etcd" else ""

    @property
    def control_url(self) -> str:
        """The demo's own address: faults, phases, state, the clock."""
        return _url(self._control_door)

    @property
    def target_file(self) -> Path:
        """The list of the processes that are not scaled to 0, as file_sd has it."""
        return self._targets.path

    @property
    def log_paths(self) -> tuple[Path, ...]:
        """The processes' log files, in order."""
        return self._logs.paths

    def config(self, *, named: bool = False) -> dict[str, object]:
        """An exporter configuration that watches this cluster, as the YAML file has it: by addresses, or by
        the processes' names.
        """
        by_component: dict[str, dict[str, str]] = {}
        for process, url in zip(self.cluster.processes, self.urls, strict=True):
            by_component.setdefault(process.spec.role.component, {})[process.name] = url
        store = (
            {"consul": {"url": self.consul_url}} if self.consul_url else {"etcd": {"urls": [self.etcd_url]}}
        )
        return {
            "interval": "5s",
            "product": "auto",
            "targets": [
                {
                    "static": ({"processes": targets} if named else {"urls": [*targets.values()]})
                    | _of(component)
                }
                for component, targets in by_component.items()
            ],
            "stores": store,
            "gossip": {} if self.settings.is_label_to_come else {"label": self.settings.gossip_label},
            "rejections": [{"file": {"paths": [str(path) for path in self.log_paths]}}],
        } | self._modes()

    def _modes(self) -> dict[str, object]:
        """What else is configured where processes come and go: their list, and the group that leaves."""
        if not self.settings.moves(READ_WRITE):
            return {}
        found: dict[str, object] = {
            "targets": [{"file": {"paths": [str(self.target_file)], "refresh": "1s"}}]
        }
        return found | ({"groups": BACK} if self.settings.course.back else {})

    # The clock.

    async def _run(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            await self.advance((now - before) * self.settings.speed)
            before = now

    async def advance(self, seconds: float) -> None:
        """Move the cluster's clock on, then open and close ports as processes start and stop."""
        self.cluster.step(seconds)
        await self.sync()

    async def sync(self) -> None:
        """Let the ports and log files follow the model."""
        async with self._lock:
            for process, http, gossip in zip(self.cluster.processes, self._http, self._gossip, strict=True):
                await _follow(http, process.up)
                await _follow(gossip, process.up and process.has_gossip)
            await _follow(self._store_door, not self.cluster.store.down)
            self._logs.flush()
            self._targets.write()

    # Answers.

    async def _ask(self, number: int, request: web.BaseRequest) -> web.StreamResponse:
        process = self.cluster.processes[number]
        await self._hang(process)
        if process.rubbish:
            return self._answer(RUBBISH[zlib.crc32(request.path.encode()) % len(RUBBISH)], process)
        if request.method not in ("GET", "HEAD"):
            return self._answer(self._site.danger(process, request.method, request.path), process)
        reply = self._site.get(process, request.path, request.query, request.headers.get("Accept", ""))
        return self._answer(reply, process)

    async def _hang(self, process: Process) -> None:
        while process.hangs:  # noqa: ASYNC110 - the model has no loop that could set an event
            await asyncio.sleep(_HANG_LOOK)

    async def _ask_store(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.settings.store == "consul":
            return self._answer(self._store.consul(request.method, request.path, request.query))
        return self._answer(self._store.etcd(request.method, request.path, await request.read()))

    async def _ask_control(self, request: web.BaseRequest) -> web.StreamResponse:
        return self._answer(await self._control.answer(request))

    def _answer(self, reply: Reply, process: Process | None = None) -> web.Response:
        clock = self.cluster.clock(process) if process else self.cluster.now
        headers = {
            **reply.headers,
            "Content-Type": reply.content_type,
            "Date": email.utils.formatdate(clock, usegmt=True),
        }
        return web.Response(body=reply.body, status=reply.status, headers=headers)


def _url(door: ReservedPort) -> str:
    host = f"[{door.host}]" if ":" in door.host else door.host
    return f"http://{host}:{door.port}"


async def _follow(door: ReservedPort, wanted: bool) -> None:
    if wanted and not door.is_open:
        await door.open()
    elif not wanted and door.is_open:
        await door.close()


def _of(component: str) -> dict[str, str]:
    return {} if component == "all" else {"component": component}
