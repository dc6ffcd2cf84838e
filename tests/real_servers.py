"""Start and stop real servers for tests: etcd, Consul, Prometheus, Alertmanager.

::

    @pytest.mark.real
    def test_x(tmp_path):
        with real_servers.etcd(tmp_path) as server:
            server.url            # http://127.0.0.1:PORT, ready to answer

A server that is not installed skips the test with the reason, or fails it where
`KVMIGRATION_REQUIRE_REAL=1` is set, as the pipeline does.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

STARTUP = 60.0  # seconds; the machine is shared and small
MASTER_TOKEN = "5b5c7d4e-0f2e-4b0c-8a44-0e6e3c2f9a01"
BINARIES = {
    "etcd": ("etcd",),
    "consul": ("consul",),
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
}


@dataclass(slots=True)
class Server:
    """A running server. `stop` ends it, `freeze` keeps it from answering, `thaw` lets it go on."""

    url: str
    process: subprocess.Popen[bytes] = field(repr=False)
    log: Path = field(repr=False)

    def freeze(self) -> None:
        """Stop all its threads. One of them has to run once to take the signal, which on a busy machine comes
        late: until then the others answer.
        """
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        self.thaw()
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs: the address that it listens at, and what its command begins with."""

    host: str = "127.0.0.1"
    within: tuple[str, ...] = ()


HERE = Place()


def binary(kind: str) -> str:
    """The server's program; skips or fails the test where there is none."""
    found = next((path for name in BINARIES[kind] if (path := shutil.which(name))), None)
    if found is None:
        reason = f"{kind} is not installed: run make servers"
        if os.environ.get("KVMIGRATION_REQUIRE_REAL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free now, for TCP and UDP. They lie below the range from which the kernel
    gives out port 0: no connection of another test can take one before its server starts, or starts again.
    """
    found: set[int] = set()
    while len(found) < count:
        if is_free(port := random.randrange(11_000, 32_000)):
            found.add(port)
    return list(found)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of loopback now."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind is socket.SOCK_STREAM))
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


@contextlib.contextmanager
def etcd(
    folder: Path, *flags: str, context: ssl.SSLContext | None = None, place: Place = HERE
) -> Iterator[Server]:
    """etcd with one member, its data below `folder`. Over TLS it is asked with `context`; `flags` then name
    the server's own files.
    """
    program = binary("etcd")
    scheme = "https" if context else "http"

    def ready(url: str) -> bool:
        return _etcd_ready(url, context)

    def command(ports: list[int]) -> list[str]:
        client, peer = f"{scheme}://{place.host}:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
        names = {"listen-client-urls": client, "advertise-client-urls": client, "listen-peer-urls": peer}
        names |= {"initial-advertise-peer-urls": peer, "initial-cluster": f"default={peer}"}
        options = [f"--{name}={value}" for name, value in names.items()]
        return [*place.within, program, f"--data-dir={folder / 'etcd'}", *options, *flags]

    with _running("etcd", folder, command, 2, ready, f"{scheme}://{place.host}") as server:
        yield server


@contextlib.contextmanager
def etcd_cluster(folder: Path, members: Sequence[tuple[Place, str]]) -> Iterator[tuple[Server, ...]]:
    """One etcd of several members: where each is asked, and at which address the others reach it."""
    program, ports = binary("etcd"), free_ports(2 * len(members))
    peers = [f"http://{host}:{port}" for (_, host), port in zip(members, ports, strict=False)]
    names = ",".join(f"m{number}={peer}" for number, peer in enumerate(peers))
    servers = []
    try:
        for number, (place, _) in enumerate(members):
            client, peer = f"http://{place.host}:{ports[len(members) + number]}", peers[number]
            told = {"name": f"m{number}", "data-dir": f"{folder}/m{number}", "initial-cluster": names}
            told |= {"listen-client-urls": client, "advertise-client-urls": client}
            told |= {"listen-peer-urls": peer, "initial-advertise-peer-urls": peer}
            words = [*place.within, program, *(f"--{name}={value}" for name, value in told.items())]
            servers.append(_started(folder / f"m{number}.log", words, client))
        for server in servers:
            if not is_whole(server):
                pytest.fail(f"etcd does not start:\n{server.log.read_text('utf-8', 'replace')[-3000:]}")
        yield tuple(servers)
    finally:
        for server in servers:
            server.stop()


def is_whole(server: Server) -> bool:
    """Wait until a member of etcd has a leader."""
    return becomes_ready(server, _etcd_ready)


def demand_login(url: str, context: ssl.SSLContext | None = None) -> None:
    """Give an etcd the users `root` and `reader`, who may read collectors/ only; then authentication on."""
    begin, end = (base64.b64encode(text).decode() for text in (b"collectors/", b"collectors0"))
    permission = {"permType": "READ", "key": begin, "range_end": end}
    for path, body in (
        ("user/add", {"name": "root", "password": "rootpass"}),
        ("role/add", {"name": "root"}),
        ("user/grant", {"user": "root", "role": "root"}),
        ("user/add", {"name": "reader", "password": "s3cret"}),
        ("role/add", {"name": "rings"}),
        ("role/grant", {"name": "rings", "perm": permission}),
        ("user/grant", {"user": "reader", "role": "rings"}),
        ("enable", {}),
    ):
        call("POST", f"{url}/v3/auth/{path}", body, context=context)


@contextlib.contextmanager
def consul(
    folder: Path, *, acl: bool = False, more: dict[str, object] | None = None, place: Place = HERE
) -> Iterator[Server]:
    """Consul in development mode; with `acl` nothing may be seen without a token, `MASTER_TOKEN` all.
    `more` is further configuration.
    """
    program = binary("consul")

    def command(ports: list[int]) -> list[str]:
        names = ("http", "server", "serf_lan", "serf_wan")
        off = {"dns": -1, "grpc": -1, "https": -1}
        config: dict[str, object] = {"ports": dict(zip(names, ports, strict=True)) | off}
        config |= {"bind_addr": "127.0.0.1", "client_addr": place.host, "disable_update_check": True}
        if acl:
            tokens = {"master": MASTER_TOKEN, "agent": MASTER_TOKEN}
            config["acl"] = {"enabled": True, "default_policy": "deny", "tokens": tokens}
        config |= more or {}
        path = folder / "consul.json"
        path.write_text(json.dumps(config), "utf-8")
        return [*place.within, program, "agent", "-dev", f"-config-file={path}"]

    ready = _guarded_consul_ready if acl else _consul_ready
    with _running("consul", folder, command, 4, ready, f"http://{place.host}") as server:
        yield server


@contextlib.contextmanager
def prometheus(folder: Path, config: Path, *flags: str) -> Iterator[Server]:
    """Prometheus with this configuration file and an empty database."""
    program = binary("prometheus")

    def command(ports: list[int]) -> list[str]:
        options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'prometheus'}"]
        return [program, *options, f"--web.listen-address=127.0.0.1:{ports[0]}", *flags]

    with _running("prometheus", folder, command, 1, _answers("/-/ready")) as server:
        yield server


@contextlib.contextmanager
def alertmanager(folder: Path, config: Path, *flags: str) -> Iterator[Server]:
    """Alertmanager, alone, with this configuration file."""
    program = binary("alertmanager")

    def command(ports: list[int]) -> list[str]:
        options = [f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}"]
        options += [f"--web.listen-address=127.0.0.1:{ports[0]}", "--cluster.listen-address="]
        return [program, *options, *flags]

    with _running("alertmanager", folder, command, 1, _answers("/-/ready")) as server:
        yield server


def call(
    method: str,
    url: str,
    body: object = None,
    headers: dict[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> bytes:
    """One request to a server, for filling it; raises for any status but 2xx."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {}, method=method)
    with urllib.request.urlopen(request, timeout=20, context=context) as answer:
        content: bytes = answer.read()
        return content


@contextlib.contextmanager
def _running(
    name: str,
    folder: Path,
    command: Callable[[list[int]], Sequence[str]],
    ports: int,
    ready: Callable[[str], bool],
    at: str = "http://127.0.0.1",
) -> Iterator[Server]:
    """Start it, once more where somebody took its port meanwhile, and stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    server = _start(log, command, free_ports(ports), at)
    try:
        if not becomes_ready(server, ready):
            server.stop()
            server = _start(log, command, free_ports(ports), at)
            if not becomes_ready(server, ready):
                pytest.fail(f"{name} does not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")
        yield server
    finally:
        server.stop()


def _start(log: Path, command: Callable[[list[int]], Sequence[str]], ports: list[int], at: str) -> Server:
    return _started(log, command(ports), f"{at}:{ports[0]}")


def _started(log: Path, words: Sequence[str], url: str) -> Server:
    with log.open("ab") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, cwd=log.parent)
    return Server(url, process, log)


def becomes_ready(server: Server, ready: Callable[[str], bool]) -> bool:
    """Ask until it answers; false where it ended or takes too long."""
    end = time.monotonic() + STARTUP
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            if ready(server.url):
                return True
        try:
            server.process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        return False
    return False


def _answers(path: str) -> Callable[[str], bool]:
    def ready(url: str) -> bool:
        call("GET", url + path)
        return True

    return ready


def _etcd_ready(url: str, context: ssl.SSLContext | None = None) -> bool:
    return bool(json.loads(call("GET", f"{url}/health", context=context)).get("health") == "true")


def _consul_ready(url: str) -> bool:
    return len(call("GET", f"{url}/v1/status/leader").strip()) > 2


def _guarded_consul_ready(url: str) -> bool:
    """The leader makes the first token a moment after it was elected; until then it is refused."""
    call("GET", f"{url}/v1/acl/token/self", headers={"X-Consul-Token": MASTER_TOKEN})
    return _consul_ready(url)
