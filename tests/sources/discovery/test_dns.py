"""DNS discovery against a real dnsmasq, and against servers that fail."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import pytest

from exporter.config import Dns
from exporter.errors import FetchError
from exporter.model.pages import Reason
from exporter.sources.discovery import dns as discovery_dns
from exporter.sources.discovery.dns import DnsSource
from exporter.sources.discovery.target_source import Listing
from tests.real_servers import free_ports

DNSMASQ = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/usr/local/sbin")
real = [
    pytest.mark.real,
    pytest.mark.skipif(DNSMASQ is None, reason="dnsmasq is not installed"),
    pytest.mark.asyncio,
]


def _source(server: int, **keys: Any) -> DnsSource:
    given = {"name": "mimir.test", "resolver": f"127.0.0.1:{server}"} | keys
    return DnsSource(Dns.model_validate(given))


def _addresses(finding: Listing) -> list[str]:
    return [item.address for item in finding.found]


class _Dnsmasq:
    """A name server of our own; its names change with SIGHUP, as an operator's would."""

    def __init__(self, folder: Path, port: int) -> None:
        self.hosts = folder / "hosts"
        self.port = port
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *options: str) -> None:
        self.hosts.touch()
        for _ in range(10):  # the port may be another program's for the time of one query of its own
            if await self._started(*options):
                return
            await asyncio.sleep(0.3)
        pytest.fail("dnsmasq did not start")

    async def _started(self, *options: str) -> bool:
        assert DNSMASQ is not None
        self.process = await asyncio.create_subprocess_exec(
            *(DNSMASQ, "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null"),
            *("--pid-file=", "--user=", "--listen-address=127.0.0.1", "--bind-interfaces"),
            *(f"--port={self.port}", "--local=/test/", f"--addn-hosts={self.hosts}", *options),
            stderr=asyncio.subprocess.DEVNULL,
        )
        while self.process.returncode is None:
            if await self._answers():
                return True
            await asyncio.sleep(0.05)
        return False

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()


@asynccontextmanager
async def _dnsmasq(folder: Path, *options: str) -> AsyncIterator[_Dnsmasq]:
    server = _Dnsmasq(folder, free_ports(1)[0])
    try:
        await server.start(*options)
        yield server
    finally:
        await server.stop()


async def _with_hosts(server: _Dnsmasq, *lines: str) -> None:
    """Other names, by a restart: a reload is not acknowledged."""
    await server.stop()
    server.hosts.write_text("".join(f"{line}\n" for line in lines))
    await server.start()


class TestWithDnsmasq:
    pytestmark = real

    async def test_addresses_come_and_go(self, tmp_path: Path) -> None:
        async with _dnsmasq(tmp_path) as server:
            source = _source(server.port, type="A", port=8080)
            await _with_hosts(server, "10.0.0.2 mimir.test", "10.0.0.1 mimir.test", "fd00::1 mimir.test")
            assert _addresses(await source.find()) == ["10.0.0.1:8080", "10.0.0.2:8080"]
            await _with_hosts(server, "10.0.0.2 mimir.test", "10.0.0.3 mimir.test")
            assert _addresses(await source.find()) == ["10.0.0.2:8080", "10.0.0.3:8080"]

    async def test_aaaa(self, tmp_path: Path) -> None:
        async with _dnsmasq(tmp_path) as server:
            await _with_hosts(server, "10.0.0.1 mimir.test", "fd00::1 mimir.test")
            source = _source(server.port, type="AAAA", port=8080, scheme="https")
            (found,) = (await source.find()).found
        assert (found.address, found.scheme) == ("[fd00::1]:8080", "https")

    async def test_srv_records_carry_host_and_port(self, tmp_path: Path) -> None:
        records = (
            "--srv-host=_http._tcp.mimir.test,mimir-0.test,8080",
            "--srv-host=_http._tcp.mimir.test,mimir-1.test,8081",
        )
        async with _dnsmasq(tmp_path, *records) as server:
            source = _source(server.port, name="_http._tcp.mimir.test", type="SRV")
            assert _addresses(await source.find()) == ["mimir-0.test:8080", "mimir-1.test:8081"]

    async def test_a_hundred_addresses_that_need_tcp(self, tmp_path: Path) -> None:
        async with _dnsmasq(tmp_path) as server:
            await _with_hosts(server, *(f"10.0.1.{n} mimir.test" for n in range(1, 101)))
            assert len((await _source(server.port, type="A", port=80).find()).found) == 100

    async def test_a_name_that_is_gone_is_believed_after_three_refreshes(self, tmp_path: Path) -> None:
        async with _dnsmasq(tmp_path) as server:
            source = _source(server.port, type="A", port=80)
            await _with_hosts(server, "10.0.0.1 mimir.test")
            await source.find()
            await _with_hosts(server)
            for _ in range(3):
                finding = await source.find()
                assert _addresses(finding) == ["10.0.0.1:80"]
                assert "does not exist; its targets are kept" in finding.trouble
            assert await source.find() == Listing((), "the name does not exist")

    async def test_a_name_that_comes_back_starts_the_count_anew(self, tmp_path: Path) -> None:
        async with _dnsmasq(tmp_path) as server:
            source = _source(server.port, type="A", port=80)
            await _with_hosts(server, "10.0.0.1 mimir.test")
            await source.find()
            await _with_hosts(server)
            await source.find()
            await _with_hosts(server, "10.0.0.9 mimir.test")
            assert await source.find() == Listing((await source.find()).found)
            await _with_hosts(server, "fd00::1 mimir.test")
            finding = await source.find()
            assert _addresses(finding) == ["10.0.0.9:80"]
            assert "has no A records" in finding.trouble


@asynccontextmanager
async def _server(rcode: dns.rcode.Rcode | None, flags: int = 0) -> AsyncIterator[int]:
    """A name server that gives one code, or never answers. It takes no TCP."""

    class Protocol(asyncio.DatagramProtocol):
        transport: asyncio.DatagramTransport

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, addr: Any) -> None:
            if rcode is not None:
                answer = dns.message.make_response(dns.message.from_wire(data))
                answer.set_rcode(rcode)
                answer.flags |= flags
                self.transport.sendto(answer.to_wire(), addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Protocol, local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
@pytest.mark.asyncio
async def test_a_server_that_fails_says_nothing_about_the_name(rcode: dns.rcode.Rcode) -> None:
    async with _server(rcode) as port:
        for _ in range(5):
            with pytest.raises(FetchError, match="every DNS server failed") as caught:
                await _source(port, type="A", port=80).find()
    assert caught.value.reason is Reason.DNS


@pytest.mark.asyncio
async def test_a_server_that_is_silent_costs_the_lifetime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery_dns, "LIFETIME", 0.2)
    async with _server(None) as port:
        with pytest.raises(FetchError) as caught:
            await _source(port, type="A", port=80).find()
    assert caught.value.reason is Reason.TIMEOUT


@pytest.mark.asyncio
async def test_a_truncated_answer_whose_rest_cannot_be_had_is_no_shorter_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery_dns, "LIFETIME", 0.5)
    async with _server(dns.rcode.NOERROR, dns.flags.TC) as port:
        with pytest.raises(FetchError):
            await _source(port, type="A", port=80).find()
