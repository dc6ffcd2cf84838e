"""`kvmigration serve`: the exporter; and `healthcheck`, which asks it how it is."""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter import __version__, logs
from exporter.cli_shard import Shard, add_shard, sharded
from exporter.config import Config, load
from exporter.errors import ConfigError, KVMigrationError, UsageError
from exporter.expose.access import WebConfigFile
from exporter.expose.application import build
from exporter.expose.listen import DEFAULT_ADDRESS, listening
from exporter.expose.render import Renderer, SelfFacts
from exporter.expose.state import ServerState
from exporter.facts import Snapshot
from exporter.narrate import Narrator
from exporter.probe_once import add_probe_flags, prober_of
from exporter.watch import Watch, cancelled, one_cycle, target_rows

log = logs.get("kvmigration")
Commands = Any  # argparse keeps the type of its sub-parsers to itself


def add_config(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add `--config.file`."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        required=required,
        metavar="FILE",
        help="configuration",
    )


def add_serve(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `serve` to the command line."""
    parser = commands.add_parser(
        "serve",
        parents=[common],
        help="run the exporter",
        allow_abbrev=False,
        description="Run the exporter.",
    )
    add_config(parser)
    add_web(parser)
    add_shard(parser)
    parser.add_argument(
        "--once", action="store_true", help="run one cycle, print the metrics on standard output and exit"
    )
    parser.set_defaults(run=serve_command)


def add_web(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the web server, as exporters of the Prometheus family have them."""
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        metavar="ADDRESS",
        help=f"may be given more than once; default: {DEFAULT_ADDRESS}",
    )
    parser.add_argument(
        "--web.config.file", dest="web_config", type=Path, metavar="FILE", help="TLS and users"
    )
    parser.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        default="/metrics",
        metavar="PATH",
        help="default: /metrics",
    )
    parser.add_argument(
        "--web.enable-lifecycle", dest="lifecycle", action="store_true", help="allow POST /-/reload"
    )
    add_probe_flags(parser)


def serve_command(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; with `--once` run one cycle."""
    config = sharded(load(args.config_file), args.shard)
    _raise_file_limit()
    if args.once:
        return asyncio.run(_once(config))
    return asyncio.run(Service(args, config, shard=args.shard).run())


def _raise_file_limit() -> None:
    """Every process keeps a few connections open: take all the descriptors we are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _once(config: Config) -> int:
    snapshot = await one_cycle(config)
    Narrator().tell(snapshot)
    renderer = Renderer(lambda: snapshot, lambda: SelfFacts(__version__, max_series=config.scale.max_series))
    exposition = await renderer.render()
    sys.stdout.buffer.write(exposition.body)
    return 0 if any(target.up for target in snapshot.targets) else 1


@dataclass(slots=True)
class Service:
    """One running exporter."""

    args: argparse.Namespace
    config: Config
    config_successful: bool = True
    config_loaded_at: float = 0.0
    shard: Shard | None = None  # of the command line, for every reload
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _narrator: Narrator = field(default_factory=Narrator)
    _reloading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, ready: Callable[[tuple[str, ...]], Awaitable[None]] | None = None) -> int:
        """Serve until a signal or `stop()`; `ready` is told the addresses."""
        web_config = WebConfigFile(self.args.web_config) if self.args.web_config else None
        async with Watch(self.config) as watch:
            self.config_loaded_at = watch.poller.now()
            watch.poller.on_snapshot = self._narrator.tell
            app = build(
                self._state(watch),
                telemetry_path=self._telemetry_path(),
                web_config=web_config,
                prober=prober_of(self.args, watch),
            )
            self._signals(watch)
            async with listening(app, self.args.listen or [DEFAULT_ADDRESS], web_config) as addresses:
                log.info("started", version=__version__, targets=len(watch.targets()))
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

    def _state(self, watch: Watch) -> ServerState:
        renderer = Renderer(lambda: watch.poller.snapshot, lambda: self._self_facts(watch.config))

        def snapshot() -> Snapshot | None:
            return watch.poller.snapshot

        def config_text() -> str:
            return watch.config.shown()

        async def reload() -> None:
            await self.reload(watch)

        return ServerState(
            snapshot=snapshot,
            config_text=config_text,
            targets=lambda: target_rows(watch),
            metrics=renderer,
            version=__version__,
            reload=reload if self.args.lifecycle else None,
            interval=lambda: watch.config.interval,
        )

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
                log.warning("reload refused, the old configuration stays", problem=problem)
        except (KVMigrationError, OSError) as error:
            log.warning("reload refused, the old configuration stays", problem=str(error))

    async def reload(self, watch: Watch) -> None:
        """Take the file as it is now, whole or not at all. Raises `ConfigError`."""
        async with self._reloading:
            try:
                config = sharded(await asyncio.to_thread(load, self.args.config_file), self.shard)
                await watch.replace(config)
            except (KVMigrationError, OSError):
                self.config_successful = False
                raise
            self.config_successful, self.config_loaded_at = True, watch.poller.now()
            log.info("configuration reloaded", file=str(self.args.config_file))


def add_healthcheck(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `healthcheck`, for container images without a shell."""
    parser = commands.add_parser(
        "healthcheck",
        parents=[common],
        help="ask a running exporter whether it is healthy",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--server", default="http://127.0.0.1:9895", metavar="URL", help="default: %(default)s"
    )
    parser.set_defaults(run=healthcheck_command)


def healthcheck_command(args: argparse.Namespace) -> int:
    """Give 0 if `/-/healthy` answers 200."""
    if not args.server.startswith(("http://", "https://")):
        raise UsageError(f'--server "{args.server}" is not a URL such as http://127.0.0.1:9895')
    try:
        with urllib.request.urlopen(f"{args.server.rstrip('/')}/-/healthy", timeout=3) as answer:  # noqa: S310 - checked above
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError) as error:
        raise UsageError(f"{args.server} does not answer: {error}") from None
