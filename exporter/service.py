"""One running exporter: the web server, the cycles, signals and reloads."""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from exporter import __version__
from exporter.change_log import Narrator
from exporter.config import Config, load
from exporter.config.overrides import Shard, documented, sharded
from exporter.derive.planning.plan import plans_of
from exporter.errors import ConfigError, KVMigrationError, UsageError
from exporter.expose.exposition import Renderer, SelfFacts
from exporter.expose.server.access import WebConfigFile
from exporter.expose.server.connections import Seldom
from exporter.expose.server.listen import DEFAULT_ADDRESS, listening
from exporter.expose.server.probe_endpoint import Prober
from exporter.expose.server.routes import build
from exporter.expose.server.state import DemoPanel, ServerState
from exporter.expose.staleness import Newest
from exporter.interpreter import Growth
from exporter.log import logger
from exporter.model.facts import Snapshot
from exporter.polling.timeline_keeper import TimelineKeeper, keeping, storage_of
from exporter.wiring import Watch, cancelled, look_once, rules_of, target_rows

log = logger("kvmigration")


@dataclass(slots=True)
class Service:
    """One running exporter."""

    args: argparse.Namespace
    config: Config
    config_successful: bool = True
    config_loaded_at: float = 0.0
    shard: Shard | None = None  # of the command line, for every reload
    panel: DemoPanel | None = None  # of the demo's page
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _growth: Growth = field(default_factory=Growth)
    _narrator: Narrator = field(default_factory=Narrator)
    _timeline: TimelineKeeper = field(init=False)
    _reloading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.config = self._documented(self.config)
        self._timeline = TimelineKeeper(storage_of(getattr(self.args, "storage_path", None), self.config))

    async def run(self, ready: Callable[[tuple[str, ...]], Awaitable[None]] | None = None) -> int:
        """Serve until a signal or `stop()`; `ready` gets the addresses."""
        web_config = WebConfigFile(self.args.web_config) if self.args.web_config else None
        asyncio.get_running_loop().set_exception_handler(Seldom())
        async with Watch(self.config, keeps=True) as watch, keeping(self._timeline):
            self.config_loaded_at = watch.poller.now()
            watch.poller.on_snapshot = self._concluded
            app = build(
                self._state(watch),
                telemetry_path=self._telemetry_path(),
                web_config=web_config,
                prober=prober_of(self.args, watch),
            )
            self._signals(watch)
            async with listening(app, self.args.listen or [DEFAULT_ADDRESS], web_config) as addresses:
                log.info("started", version=__version__, targets=len(watch.targets()))
                _warn_of_needless(self.config)
                if ready is not None:
                    await ready(addresses)
                await self._poll_until_stopped(watch)
        log.info("stopped")
        return 0

    def stop(self) -> None:
        """Stop as a SIGTERM does."""
        self._stop.set()

    async def _poll_until_stopped(self, watch: Watch) -> None:
        polling = asyncio.create_task(watch.poller.run())
        try:
            await self._stop.wait()
        finally:
            await cancelled(polling)

    def _telemetry_path(self) -> str:
        path = str(self.args.telemetry_path)
        if path == "/" or not path.startswith("/"):
            raise UsageError(f'--web.telemetry-path "{path}" is not a path such as /metrics')
        return path

    def _concluded(self, snapshot: Snapshot) -> None:
        self._growth.check()
        self._narrator.write(snapshot)
        self._timeline.take(snapshot)

    def _state(self, watch: Watch) -> ServerState:
        newest = Newest(lambda: watch.poller.snapshot, lambda: watch.config.interval, watch.poller.now)
        renderer = Renderer(newest, lambda: self._self_facts(watch.config))

        def config_text() -> str:  # of the configuration at that time
            return watch.config.shown()

        return ServerState(
            newest=newest,
            config_text=config_text,
            targets=lambda: target_rows(watch),
            metrics=renderer,
            version=__version__,
            reload=partial(self.reload, watch) if self.args.lifecycle else None,
            plans=plans_of,
            timeline=lambda: self._timeline.timeline,
            interval=lambda: watch.config.interval,
            docs=lambda: rules_of(watch.config).docs_url,
            boards=getattr(self.args, "boards_base_url", ""),
            panel=self.panel,
        )

    def _documented(self, config: Config) -> Config:
        return documented(config, getattr(self.args, "docs_base_url", ""))

    def _self_facts(self, config: Config) -> SelfFacts:
        return SelfFacts(__version__, self.config_successful, self.config_loaded_at, config.scale.max_series)

    def _signals(self, watch: Watch) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        tasks: set[asyncio.Task[None]] = set()

        def hang_up() -> None:
            task = asyncio.create_task(self._reload_quietly(watch))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        loop.add_signal_handler(signal.SIGHUP, hang_up)

    async def _reload_quietly(self, watch: Watch) -> None:
        try:
            await self.reload(watch)
        except ConfigError as error:
            for problem in error.problems:
                log.warning("reload refused, the former configuration stays", problem=problem)
        except (KVMigrationError, OSError) as error:
            log.warning("reload refused, the former configuration stays", problem=str(error))

    async def reload(self, watch: Watch) -> None:
        """Take the file as it is now, completely or not at all. Raises `ConfigError`."""
        async with self._reloading:
            try:
                config = sharded(await asyncio.to_thread(load, self.args.config_file), self.shard)
                await watch.replace(self._documented(config))
            except (KVMigrationError, OSError):
                self.config_successful = False
                raise
            self.config_successful, self.config_loaded_at = True, watch.poller.now()
            log.info("configuration reloaded", file=str(self.args.config_file))
            _warn_of_needless(config)


def prober_of(args: argparse.Namespace, watch: Watch) -> Prober | None:
    """The prober of the flags, `None` where `/probe` is off. Raises `UsageError`."""
    given: list[str] = args.probe_allow or []
    if not args.probe:
        if given:
            raise UsageError("--web.probe-allow has no effect without --web.enable-probe")
        return None
    if not given:
        log.warning("/probe refuses every address: no --web.probe-allow is given")
    return Prober(partial(look_once, watch), tuple(_pattern(text) for text in given))


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f'--web.probe-allow "{text}" is no regular expression: {error}') from None


def _warn_of_needless(config: Config) -> None:
    for why in config.needless():
        log.warning("a setting is not needed any more", why=why)
