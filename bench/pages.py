"""Page sets of a given size, as the processes of a Mimir cluster that is mirroring would show them.

Three variants of every page are made, as of now and one and two seconds ago. So the processes differ as in
a real cluster: a fifth of the heartbeats for each second. `beat` writes all that moves anew, every counter of
/metrics too: with a page that stood still, caches would seem faster than they are.
"""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from exporter.demo.pages.site import Site
from exporter.demo.pages.wire_format import stored
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.demo_settings import DemoSettings
from exporter.demo.simulation.process import Process
from exporter.demo.simulation.ring_values import Instance, Tokens
from exporter.model.pages import Phase

VARIANTS = 3
PERIOD = 5.0  # seconds between a member's heartbeats
GRPC_PORT, GOSSIP_PORT = 9095, 7946
RING, SMALL = "collectors/ring", "collectors/distributor"
EDGES = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
TEMPLATE = "mimir-ingester-zone-a-0"
LABEL = "bench.mimir"


@dataclass(frozen=True, slots=True)
class Size:
    """One page set: processes, members of the ingester ring, tokens of each, bytes of /metrics."""

    targets: int
    members: int
    tokens: int = 512
    metrics_bytes: int = 300_000


def address(number: int) -> str:
    """A loopback address of its own for each process."""
    return f"127.1.{number // 200}.{number % 200 + 1}"


def name_of(number: int) -> str:
    """A process's name, which is also its id in the rings."""
    return f"mimir-ingester-zone-{'abc'[number % 3]}-{number // 3}"


@dataclass
class PageSet:
    """The files of one size in `root`, as nginx serves them."""

    size: Size
    root: Path
    tokens: list[Tokens] = field(default_factory=list)
    bytes_of: dict[str, int] = field(default_factory=dict)
    phase: Phase = Phase.MIRRORING
    _started: float = 0.0
    _cluster: Cluster = field(init=False)
    _site: tuple[Site, Process] = field(init=False)

    def write(self, now: float) -> None:
        """Write everything once."""
        chance = random.Random(1)  # the same set every time
        space = range(1 << 32)
        self.tokens = [
            Tokens(tuple(chance.sample(space, self.size.tokens))) for _ in range(self.size.members)
        ]
        self._started = now
        self._cluster, process = _template(now, self.phase)
        self._site = site, _ = Site(self._cluster), process
        config = site.get(process, "/config", {}, "").body.decode()
        (self.root / "config").mkdir(parents=True, exist_ok=True)
        for number in range(self.size.targets):
            text = config.replace(TEMPLATE, name_of(number)).replace("127.0.0.1", address(number))
            (self.root / "config" / address(number)).write_text(text)
        self.beat(now)

    @property
    def packed_share(self) -> float:
        """How many bytes of /metrics are left on the wire for each."""
        return (self.root / "metrics.0.gz").stat().st_size / (self.root / "metrics.0").stat().st_size

    def _write_metrics(self, now: float) -> None:
        site, process = self._site
        self._cluster.step(max(0.0, now - self._cluster.now))
        body = site.get(process, "/metrics", {}, "").body
        for variant in range(VARIANTS):
            page = _padded(body, self.size.metrics_bytes, variant, int(now - self._started))
            (self.root / f"metrics.{variant}").write_bytes(page)
            (self.root / f"metrics.{variant}.gz").write_bytes(gzip.compress(page, 5))
            self.bytes_of["/metrics"] = len(page)

    def beat(self, now: float) -> None:
        """Write all pages that move as of `now` (unix seconds)."""
        self._write_metrics(now)
        for variant in range(VARIANTS):
            at = now - variant
            ring = [self._member(number, at) for number in range(self.size.members)]
            few = [self._member(n, at, one_token=True) for n in range(max(3, self.size.members // 20))]
            self._put(f"ring.{variant}", ring_page(ring, at))
            self._put(f"table.{variant}", ring_table(ring, at))
            self._put(f"distributor.{variant}", ring_page(few, at))
            self._put(f"ring.pb.{variant}", stored({m.id: m for m in ring}, True))
            self._put(f"distributor.pb.{variant}", stored({m.id: m for m in few}, True))
            self._put(f"view.{variant}", _view(ring))
            self._put(f"memberlist.{variant}", self._memberlist(at))

    def _put(self, name: str, body: bytes) -> None:
        (self.root / name).write_bytes(body)
        self.bytes_of[name.rpartition(".")[0]] = len(body)

    def _member(self, number: int, at: float, *, one_token: bool = False) -> Instance:
        offset = number % PERIOD
        beat = int((at - offset) // PERIOD * PERIOD + offset)
        tokens = Tokens(self.tokens[number].values[:1]) if one_token else self.tokens[number]
        zone = f"zone-{'abc'[number % 3]}"
        registered = int(self._started) - 86_400 - number % 7
        return Instance(name_of(number), f"{address(number)}:{GRPC_PORT}", beat, registered, 0, zone, tokens)

    def _memberlist(self, at: float) -> bytes:
        listed = sorted(range(max(self.size.targets, self.size.members)), key=name_of)
        key = {"Version": int(at), "CodecID": "ringDesc", "Deleted": False, "UpdateTime": _time(0)}
        page = {
            "Now": _time(at),
            "Memberlist": {},
            "SortedMembers": [
                {"Name": f"{name_of(n)}-{n:08x}", "Addr": address(n), "Port": GOSSIP_PORT, "Meta": None}
                | {"State": 0, "PMin": 1, "PMax": 5, "PCur": 2, "DMin": 0, "DMax": 0, "DCur": 0}
                for n in listed
            ],
            "Store": {SMALL: key, RING: key},
            "SentMessages": None,
            "ReceivedMessages": None,
        }
        return json.dumps(page, separators=(",", ":")).encode()


def _template(now: float, phase: Phase) -> tuple[Cluster, Process]:
    settings = DemoSettings(
        product="mimir", size=2, tokens=4, label=LABEL, start_phase=phase, hold=True,
        start_time=now - 600,
    )  # fmt: skip
    cluster = Cluster(settings)
    cluster.step(600)
    return cluster, cluster.process(TEMPLATE)


def _padded(body: bytes, size: int, variant: int, seconds: int) -> bytes:
    """The page filled up with histograms such as a process of the field has by the hundred. Their counts
    move and are as hard to pack as a real page's: it shrinks to a tenth.
    """
    lines: list[bytes] = []
    have, number = len(body), variant * 1000
    while have < size:
        head = f"cortex_ingester_bench_{number % 40}_duration_seconds"
        text = f"# HELP {head}_{number} Time spent.\n# TYPE {head}_{number} histogram\n" + "".join(
            f'{head}_{number}_bucket{{method="/cortex.Ingester/Push",status_code="2xx",le="{edge}"}} '
            f"{(number + 1) * (at + 1) * 7919 % 99_991 + seconds * (at + 1)}\n"
            for at, edge in enumerate(EDGES)
        )
        lines.append(text.encode())
        have += len(text)
        number += 1
    return b"".join((*lines[::2], body, *lines[1::2]))


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def ring_page(ring: list[Instance], at: float) -> bytes:
    shards = ",".join(
        f'{{"id":"{m.id}","state":"ACTIVE","address":"{m.addr}","timestamp":"{_time(m.timestamp)}",'
        f'"registered_timestamp":"{_time(m.registered)}","read_only":false,'
        f'"read_only_updated_timestamp":"{_time(0)}","zone":"{m.zone}","tokens":{m.tokens.json}}}'
        for m in ring
    )
    return f'{{"shards":[{shards}],"now":"{_time(at)}"}}'.encode()


def ring_table(ring: list[Instance], at: float) -> bytes:
    """The same page in HTML, which has no tokens but their number, as dskit writes it."""
    now = datetime.fromtimestamp(at, UTC)
    rows = "".join(
        f"<tr><td>{m.id}</td><td>{m.zone}</td><td>ACTIVE</td><td>{m.addr}</td><td>{_time(m.registered)}</td>"
        f"<td>false</td><td></td><td>{int(at - m.timestamp)}s ago "
        f"({datetime.fromtimestamp(m.timestamp, UTC):%H:%M:%S})</td>"
        f"<td>{len(m.tokens.values)}</td><td>0.1%</td>"
        f'<td><button name="forget" value="{m.id}" type="submit">Forget</button></td></tr>\n'
        for m in ring
    )
    names = ("Instance ID", "Availability Zone", "State", "Address", "Registered At", "Read-Only",
             "Read-Only Updated", "Last Heartbeat", "Tokens", "Ownership", "Actions")  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in names)
    clock = f"<p>Current time: {now:%Y-%m-%d %H:%M:%S.%f} +0000 UTC m=+25.1</p>"
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<!DOCTYPE html><html><body><h1>Ring Status</h1>{clock}{table}</body></html>".encode()


def _view(ring: list[Instance]) -> bytes:
    """What `viewKey` shows: the reference script reads it, the exporter does not."""
    members = ",".join(
        f'"{m.id}":{{"addr":"{m.addr}","timestamp":{m.timestamp},"tokens":{m.tokens.json},"zone":"{m.zone}"}}'
        for m in ring
    )
    return f'{{"ingesters":{{{members}}}}}'.encode()
