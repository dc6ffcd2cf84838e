"""`kvmigration serve`: the exporter; and `healthcheck`, which requests its health."""

from __future__ import annotations

import argparse
import resource
import sys
import urllib.request
from collections.abc import Coroutine
from http.client import HTTPException
from pathlib import Path
from typing import Any

from exporter import __version__
from exporter.change_log import Narrator
from exporter.cli.arguments import NewParser
from exporter.cli.source.docs_option import add_docs
from exporter.cli.source.server_api import checked_server
from exporter.cli.source.shard_option import add_shard
from exporter.config import Config, load, shown_url
from exporter.config.overrides import sharded
from exporter.errors import UsageError
from exporter.expose.exposition import Renderer, SelfFacts
from exporter.expose.server.listen import DEFAULT_ADDRESS
from exporter.interpreter import keep_loop_free
from exporter.wiring import one_cycle


def add_serve(new: NewParser) -> None:
    parser = new(_serve, help="run the exporter", description="Run the exporter.")
    parser.add_argument(
        "--config.file", dest="config_file", type=Path, required=True, metavar="FILE", help="configuration"
    )
    add_web(parser)
    add_shard(parser)
    parser.add_argument(
        "--once", action="store_true", help="run one cycle, print the metrics on standard output and exit"
    )


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
    parser.add_argument(
        "--storage.path",
        dest="storage_path",
        type=Path,
        metavar="FILE",
        help="keep the history of the migration in this file; without it, in memory only",
    )
    _add_probe(parser)
    add_docs(parser)
    add_docs(parser, "boards")


def _serve(args: argparse.Namespace) -> Coroutine[Any, Any, int]:
    """Run until SIGTERM or SIGINT; with `--once` run one cycle."""
    config = sharded(load(args.config_file), args.shard)
    _raise_file_limit()
    if args.once:
        return _once(config)
    from exporter.service import Service  # noqa: PLC0415 - the web server, which one cycle does not need

    keep_loop_free()
    return Service(args, config, shard=args.shard).run()


def _raise_file_limit() -> None:
    """Every process keeps a few connections open: take all the descriptors that the limit permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _once(config: Config) -> int:
    snapshot = await one_cycle(config)
    Narrator().write(snapshot)
    renderer = Renderer(lambda: snapshot, lambda: SelfFacts(__version__, max_series=config.scale.max_series))
    exposition = await renderer.render()
    sys.stdout.buffer.write(exposition.body)
    return 0 if any(target.up for target in snapshot.targets) else 1


def add_healthcheck(new: NewParser) -> None:
    """Add `healthcheck`, for container images without a shell."""
    parser = new(_healthcheck, help="check whether a running exporter is healthy")
    parser.add_argument(
        "--server", default="http://127.0.0.1:9895", metavar="URL", help="default: %(default)s"
    )


class _Direct(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would lead to another server than the exporter."""

    def redirect_request(self, *_: object) -> None:
        return None


def _healthcheck(args: argparse.Namespace) -> int:
    """Exit status 0 if `/-/healthy` answers 200."""
    url = checked_server(args.server)
    opener = urllib.request.build_opener(_Direct)
    try:
        with opener.open(f"{url}/-/healthy", timeout=3) as answer:
            return 0 if answer.status == 200 else 1
    except (OSError, ValueError, HTTPException) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        raise UsageError(f"{shown_url(url)} does not answer: {why}") from None


def _add_probe(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `/probe`."""
    parser.add_argument(
        "--web.enable-probe", dest="probe", action="store_true", help="serve /probe?target=HOST:PORT"
    )
    parser.add_argument(
        "--web.probe-allow",
        dest="probe_allow",
        action="append",
        metavar="REGEX",
        help=(
            "which addresses /probe may read: matches a complete host:port; may be given more than once; "
            "default: none"
        ),
    )
