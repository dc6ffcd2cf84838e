"""`kvmigration demo`: the simulated cluster, with the exporter watching it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from exporter.cli.demo_options import add_arguments, run_demo, soak_of
from exporter.cli.serve import add_web
from exporter.config import load
from exporter.demo import Demo
from exporter.errors import AddressTakenError, UsageError
from exporter.expose.server.listen import DEFAULT_ADDRESS, refuse_taken
from exporter.expose.server.state import DemoPanel, PlayableFault
from exporter.service import Service

OTHER_PORT = 'make run ARGS="--web.listen-address :9896"'
Commands = Any  # argparse keeps the type of its sub-parsers to itself


def add_demo(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "demo",
        parents=[common],
        help="a simulated cluster that migrates, and the exporter watching it",
        allow_abbrev=False,
        description="Run a simulated cluster on loopback that goes through the migration, and the exporter "
        "watching it.",
    )
    add_arguments(parser)
    add_web(parser)
    parser.add_argument("--no-exporter", action="store_true", help="only the cluster; watch it yourself")
    parser.set_defaults(run=demo_command)


def demo_command(args: argparse.Namespace) -> int:
    """Run until interrupted."""
    return asyncio.run(_demo(args))


async def _demo(args: argparse.Namespace) -> int:
    if args.no_exporter:
        return await run_demo(args)
    await _refuse_taken(args.listen or [DEFAULT_ADDRESS])
    services: list[asyncio.Task[int]] = []
    stop = asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="kvmigration-demo-") as folder:

        async def started(demo: Demo) -> None:
            file = Path(folder) / "kvmigration.yml"
            config = demo.config(named=not args.hostile) | {"gate": {"soak": soak_of(demo.settings)}}
            file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
            args.config_file = file
            service = Service(args, load(file), panel=panel_of(demo))
            task = asyncio.create_task(service.run(_write))
            task.add_done_callback(lambda _: stop.set())
            services.append(task)

        status = await run_demo(args, stop=stop, started=started)
        for task in services:
            status = await task or status
    return status


async def _refuse_taken(addresses: Sequence[str]) -> None:
    """Refuse an address that is wrong or taken before anything is started."""
    try:
        await refuse_taken(addresses)
    except AddressTakenError as error:
        raise UsageError(f"{error}. With make: {OTHER_PORT}") from None


def panel_of(demo: Demo) -> DemoPanel:
    """The faults and the stages of a simulated cluster, for its page."""
    cluster = demo.cluster

    def faults() -> tuple[PlayableFault, ...]:
        return tuple(
            PlayableFault(name, about, name in cluster.faults, cluster.victims.get(name, ""))
            for name, about in demo.settings.known_faults.items()
        )

    async def switch(name: str, on: bool) -> None:
        cluster.set_fault(name, on=on)
        await demo.sync()

    async def next_step() -> None:
        cluster.next_step()
        await demo.sync()

    def walk() -> str:
        return ", ".join(f"{name} {stage}" for name, stage in cluster.walk().items())

    return DemoPanel(faults, walk, switch, next_step)


async def _write(addresses: tuple[str, ...]) -> None:
    shown = [address.replace("[::]", "127.0.0.1").replace("0.0.0.0", "127.0.0.1") for address in addresses]
    for address in shown:
        sys.stdout.write(f"\nOpen http://{address}/ — metrics on http://{address}/metrics\n\n")
    sys.stdout.flush()
