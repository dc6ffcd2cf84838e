"""`kvmigration demo`: a simulated cluster on loopback that goes through the migration, with the exporter
watching it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import yaml

from exporter.cli.arguments import NewParser
from exporter.cli.serve import add_web
from exporter.cli.source.snapshot_source import duration
from exporter.cli.terminal.safe_text import plain
from exporter.config import load
from exporter.config.units import format_duration
from exporter.demo import COURSES, FAULTS, MIGRATIONS, PRODUCTS, READ_WRITE_FAULTS, Demo, DemoSettings
from exporter.errors import AddressTakenError, UsageError
from exporter.expose.server.listen import DEFAULT_ADDRESS, refuse_taken
from exporter.expose.server.state import DemoPanel, PlayableFault
from exporter.model.migration import LABELS, READ_WRITE
from exporter.model.pages import Phase
from exporter.service import Service

OTHER_PORT = 'make run ARGS="--web.listen-address :9896"'
_LOOK = 0.2
_SHOWN = 12
SHARE_OF_PHASE = 2
MAX_SOAK = 15.0  # seconds; for a real cluster it is 300
Started = Callable[[Demo], Awaitable[None]]


def add_demo(new: NewParser) -> None:
    parser = new(
        _demo,
        help="a simulated cluster that migrates, and the exporter watching it",
        description="Run a simulated cluster on loopback that goes through the migration, and the exporter "
        "watching it.",
    )
    add_arguments(parser)
    add_web(parser)
    parser.add_argument("--no-exporter", action="store_true", help="only the cluster; watch it yourself")


def phase(text: str) -> Phase:
    """A phase by its name."""
    known = {found.label: found for found in Phase if found is not Phase.UNKNOWN}
    if text not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(known)}")
    return known[text]


_BASE_PORT = (
    "first port of the processes; the store has this port + 900, the control address + 990, the gossip "
    "+ 1000; 0 takes free ports (default: %(default)s)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `kvmigration demo`."""
    add = parser.add_argument
    add(
        "--product",
        choices=PRODUCTS,
        default="",
        help="what the cluster runs (default: cortex; mimir where only Mimir has the migration)",
    )
    add(
        "--migration",
        choices=MIGRATIONS,
        default="",
        help="what moves (default: every KV client): "
        + "; ".join(f"{name}: {COURSES[name].about}" for name in MIGRATIONS),
    )
    add("--size", type=int, default=6, help="processes (default: %(default)s)")
    add("--tokens", type=int, default=128, help="tokens per member (default: %(default)s)")
    add("--seed", type=int, default=1, help="the same seed gives the same cluster (default: %(default)s)")
    _add_pace(parser)
    add(
        "--fault",
        dest="faults",
        action="append",
        default=[],
        choices=(*FAULTS, *READ_WRITE_FAULTS),
        metavar="NAME",
        help=_fault_help(),
    )
    add("--hostile", action="store_true", help="names, zones and labels full of markup and quotes")
    add("--base-port", type=int, default=0, help=_BASE_PORT)
    add(
        "--log-dir",
        type=Path,
        default=None,
        help="where the processes' logs go (default: a directory of its own)",
    )


def _add_pace(parser: argparse.ArgumentParser) -> None:
    """The stage at which the migration begins, and how fast it is."""
    add = parser.add_argument
    add(
        "--phase-duration",
        type=duration,
        default=30.0,
        metavar="TIME",
        help="time in each phase (default: 30s)",
    )
    add(
        "--restart-every",
        type=duration,
        default=0.0,
        metavar="TIME",
        help="time between two restarts of a rollout (default: as the phase lasts)",
    )
    add(
        "--start-phase",
        type=phase,
        default=Phase.EXTERNAL,
        metavar="PHASE",
        help="phase to start in (default: external)",
    )
    add(
        "--without-runtime-config",
        dest="runtime_config",
        action="store_false",
        help="no runtime configuration file: each phase needs restarts, and the primary is switched in one "
        "ring after another",
    )
    add("--hold", action="store_true", help="take no step until POST /next on the control address")
    add("--speed", type=float, default=1.0, help="its seconds in a real one (default: %(default)s)")


def _fault_help() -> str:
    faults = "; ".join(f"{k}: {v}" for k, v in FAULTS.items())
    more = "; ".join(f"{k}: {v}" for k, v in READ_WRITE_FAULTS.items())
    return f"play a fault from the start, may be repeated: {faults}; of the read-write migration: {more}"


def settings_of(args: argparse.Namespace) -> DemoSettings:
    """The settings of the arguments, which have the names of the fields. Raises `ValueError` with a sentence
    where they contradict each other.
    """
    named = {name: value for name, value in vars(args).items() if name in DemoSettings.__dataclass_fields__}
    product = args.product or ("mimir" if COURSES[args.migration].is_mimirs else "cortex")
    return DemoSettings(**named | {"product": product, "faults": tuple(args.faults)})


async def _demo(args: argparse.Namespace) -> int:
    """Run until interrupted."""
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
            task = asyncio.create_task(service.run(_write_addresses))
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


async def _write_addresses(addresses: tuple[str, ...]) -> None:
    shown = [address.replace("[::]", "127.0.0.1").replace("0.0.0.0", "127.0.0.1") for address in addresses]
    for address in shown:
        _write(f"\nOpen http://{address}/ — metrics on http://{address}/metrics\n\n")


async def run_demo(
    args: argparse.Namespace, *, stop: asyncio.Event | None = None, started: Started | None = None
) -> int:
    """Serve a cluster until `stop` is set, or SIGINT or SIGTERM; the exit status. `started` is called once
    all ports listen.
    """
    try:
        settings = settings_of(args)
    except ValueError as error:
        sys.stderr.write(f"kvmigration demo: {error}\n")
        return 2
    end = stop or asyncio.Event()
    with _signals(end, own=stop is None):
        try:
            async with Demo(settings) as demo:
                _write(addresses(demo))
                began = _going_to(demo)
                if started is not None:
                    await started(demo)
                await _until(end, demo, began)
        except OSError as error:
            remedy = "; choose other ports with --base-port" if error.errno == errno.EADDRINUSE else ""
            sys.stderr.write(f"kvmigration demo: {error.strerror or error}{remedy}\n")
            return 1
    return 0


@contextlib.contextmanager
def _signals(end: asyncio.Event, *, own: bool) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    caught = (signal.SIGINT, signal.SIGTERM) if own else ()
    for number in caught:
        loop.add_signal_handler(number, end.set)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


def addresses(demo: Demo) -> str:
    """The addresses of the demo, for people."""
    cluster, product = demo.cluster, demo.settings.product
    count, store = len(demo.urls), demo.settings.store
    lines = [f"A simulated {product} cluster of {count} processes, phase {cluster.phase.label}."]
    shown = list(zip(cluster.processes, demo.urls, demo.log_paths, strict=True))[:_SHOWN]
    width = max(len(_plain(process.name)) for process, _, _ in shown)
    lines += [f"  {_plain(process.name):<{width}}  {url}  log {path}" for process, url, path in shown]
    if count > _SHOWN:
        lines.append(f"  and {count - _SHOWN} more; the control address lists them")
    lines += [
        f"  {store:<{width}}  {demo.store_url}",
        f"  {'control':<{width}}  {demo.control_url}/state",
        _pace(demo.settings),
        f"  next step:  curl -X POST {demo.control_url}/next",
        f"  go to:      curl -X POST {demo.control_url}/phase/NAME",
        f"  play:       curl -X POST -d on {demo.control_url}/fault/NAME",
    ]
    return "\n".join(lines) + "\n"


def _pace(settings: DemoSettings) -> str:
    """What will happen, and when."""
    if settings.hold:
        return "The cluster stays in this phase until you take the next step."
    seconds = format_duration(max(1, round(settings.walk_pause / settings.speed)))
    first = settings.course.legs[0]
    phases = _PHASES if settings.runtime_config else _BY_RESTARTS
    return (
        f"Every {seconds} {_NEXT.get(first, phases)} A gate opens about {soak_of(settings)} after each step."
    )


_PHASES = "it goes to the next phase, up to memberlist."
_BY_RESTARTS = (
    "it restarts its processes into the next phase, up to memberlist; the switch of the primary takes two "
    "minutes for each ring."
)
_NEXT: dict[tuple[str, ...], str] = {
    (LABELS,): "it begins the next of three rollouts: verification off, the label, verification on.",
    (READ_WRITE,): "it takes the next of seven steps: the read path, the backend, the write path come up, "
    "the old read path and then each zone of the old write path go.",
}


def soak_of(settings: DemoSettings) -> str:
    """A soak that ends within a phase: with that of a real cluster no gate of the demo would ever open."""
    within = settings.phase_duration / settings.speed / SHARE_OF_PHASE
    return f"{max(1, int(min(MAX_SOAK, within)))}s"


def _plain(name: str) -> str:
    """A name fit for a terminal: without controls, and short."""
    return plain(name)[:32]


async def _until(end: asyncio.Event, demo: Demo, before: str) -> None:
    while not end.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), _LOOK)
        if (now := _going_to(demo)) != before:
            before = now
            _write(f"now going to {now}\n")


def _going_to(demo: Demo) -> str:
    """The next stages of the demo, by their names: of KV clients the phase."""
    moved = demo.cluster.walk()
    stages = [f"phase {demo.cluster.phase.label}"] if demo.cluster.moving() else []
    return ", ".join(stages + [f"{moved[name]} ({name})" for name in (LABELS, READ_WRITE) if name in moved])


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
