"""`python -m bench.stores`: what a large external store costs.

20,000 HA entries and six rings of 8 MB are in a real etcd (`make setup` installs it), every answer half a
second late. A real `kvmigration serve` watches it at the default interval. Each ring is written anew
between two cycles with `--beat`, as its members' heartbeats do. Prints keys, memory and the share of a core.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from functools import cache
from pathlib import Path

from exporter.demo.pages.wire_format import stored
from exporter.demo.simulation.ring_values import Instance, Replica, Tokens

ENTRIES, RINGS, MEMBERS, TOKENS = 20_000, 6, 3_000, 512
TICKS = os.sysconf("SC_CLK_TCK")


def call(url: str, body: object = None) -> bytes:
    """One request to etcd or to the exporter."""
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=60) as answer:
        content: bytes = answer.read()
        return content


@cache
def tokens_of(ring: int) -> tuple[Tokens, ...]:
    """The tokens of a ring's members, which stay the same in every write."""
    draw = random.Random(ring)
    return tuple(Tokens(tuple(sorted(draw.sample(range(2**32), TOKENS)))) for _ in range(MEMBERS))


def ring(number: int, now: float) -> bytes:
    """A ring of 3,000 members with 512 tokens each: 8 MB as it is stored."""
    members = {
        f"member-{at}": Instance(
            id=f"member-{at}",
            addr=f"10.{number}.{at // 256}.{at % 256}:9095",
            timestamp=int(now),
            registered=1_800_000_000,
            tokens=tokens,
            zone="zone-a",
        )
        for at, tokens in enumerate(tokens_of(number))
    }
    return stored(members, with_id=True)


def text(raw: bytes) -> str:
    """Bytes as etcd's gateway takes them."""
    return b64encode(raw).decode()


def put(url: str, values: dict[str, bytes]) -> None:
    """Write the values, a hundred in one transaction."""
    pairs = [{"requestPut": {"key": text(k.encode()), "value": text(v)}} for k, v in values.items()]
    for start in range(0, len(pairs), 100):
        call(f"{url}/v3/kv/txn", {"success": pairs[start : start + 100]})


def fill(url: str) -> None:
    """Everything that the bench reads."""
    entry = stored(Replica("replica-0", int(time.time() * 1000)), with_id=True)
    put(url, {f"ha-tracker/t{n // 100}/c{n}": entry for n in range(ENTRIES)})
    beat(url)


def beat(url: str) -> None:
    """Every ring anew: each member has another heartbeat."""
    for number in range(RINGS):
        put(url, {f"collectors/ring-{number}": ring(number, time.time())})


def port() -> int:
    """A port without a listener now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        found: int = one.getsockname()[1]
        return found


async def late(listen: int, behind: int, seconds: float) -> None:
    """A proxy that passes each request on after some time."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wait: float) -> None:
        while data := await reader.read(1 << 20):
            await asyncio.sleep(wait)
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, answer = await asyncio.open_connection("127.0.0.1", behind)
        await asyncio.gather(pump(reader, answer, seconds), pump(there, writer, 0), return_exceptions=True)

    async with await asyncio.start_server(serve, "127.0.0.1", listen) as server:
        await server.serve_forever()


def used(process: int) -> tuple[float, float]:
    """CPU seconds of a process, and the most memory that it has had, MiB."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / TICKS, int(peak) / 1024


def watched(folder: Path, url: str, args: argparse.Namespace, straight: str) -> None:
    """Serve, read for some cycles, and print."""
    config = folder / "config.yml"
    config.write_text(
        f"targets: [{{static: {{urls: ['http://127.0.0.1:{port()}']}}}}]\n"
        f"stores: {{etcd: {{urls: ['{url}']}}}}\n"
    )
    listen = f"127.0.0.1:{port()}"
    command = [sys.executable, "-m", "exporter", "serve", f"--config.file={config}"]
    exporter = subprocess.Popen([*command, f"--web.listen-address={listen}"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(20)
        before, started = used(exporter.pid)[0], time.monotonic()
        for _ in range(args.cycles):
            if args.beat:
                beat(straight)
            time.sleep(15)
        cpu, peak = used(exporter.pid)
        page = call(f"http://{listen}/metrics").decode()
        share = (cpu - before) / (time.monotonic() - started)
        lines = [
            line
            for line in page.splitlines()
            if line.startswith(("kvmigration_store_up", "kvmigration_store_keys"))
        ]
        sys.stdout.write(f"{' '.join(lines)}\nmemory {peak:.0f} MiB at most, {100 * share:.1f} % of a core\n")
    finally:
        exporter.terminate()
        exporter.wait(20)


def main() -> int:
    """Run etcd, the proxy and the exporter."""
    parser = argparse.ArgumentParser(prog="python -m bench.stores", description=__doc__)
    parser.add_argument("--cycles", type=int, default=4)
    parser.add_argument("--latency", type=float, default=0.5, metavar="SECONDS")
    parser.add_argument("--beat", action="store_true", help="write every ring anew between two cycles")
    args = parser.parse_args()
    program = shutil.which("etcd")
    if program is None:
        sys.stderr.write("etcd is not installed: run make servers\n")
        return 2
    client, peer, proxied = port(), port(), port()
    straight, other = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    with tempfile.TemporaryDirectory() as name:
        flags = {"data-dir": f"{name}/data", "listen-client-urls": straight, "listen-peer-urls": other}
        flags |= {"advertise-client-urls": straight, "initial-advertise-peer-urls": other}
        flags |= {"initial-cluster": f"default={other}", "max-request-bytes": str(16 << 20)}
        command = [program, *(f"--{key}={value}" for key, value in flags.items())]
        etcd = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        call_late = f"asyncio.run(late({proxied}, {client}, {args.latency}))"
        code = f"import asyncio; from bench.stores import late; {call_late}"
        proxy = subprocess.Popen([sys.executable, "-c", code])
        try:
            time.sleep(3)
            fill(straight)
            watched(Path(name), f"http://127.0.0.1:{proxied}", args, straight)
        finally:
            for process in (proxy, etcd):
                process.terminate()
                process.wait(20)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
