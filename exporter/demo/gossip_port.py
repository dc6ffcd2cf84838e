"""What a member answers on its gossip port: acks to pings that carry its label, else nothing."""

from __future__ import annotations

import asyncio

from exporter.demo.pages.wire_format import PING, ack, read_label
from exporter.demo.simulation import faults
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.process import Process

STREAM_TIMEOUT = 2.0
_STREAM, _PACKET = 2, 1  # dskit's transport: the first byte of a connection is the kind of what follows
_SEQUENCE = b"\xa5SeqNo"
_PING_LENGTH = 14  # 00, {SeqNo: 1, Node: ""}
_MOST = 4096


class GossipPort:
    """The stream side of one member. It reads no push/pull and joins nothing."""

    def __init__(self, cluster: Cluster, process: Process) -> None:
        self._cluster = cluster
        self._process = process

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: read a message, answer or close without a byte."""
        message = await _read(reader)
        peer = writer.get_extra_info("peername")
        answer = self.answer(message, f"{peer[0]}:{peer[1]}" if peer else "unknown")
        if answer:
            writer.write(answer)
            await writer.drain()

    def answer(self, message: bytes, source: str) -> bytes:
        """The bytes sent back; a refused label leaves one log line and nothing else."""
        process = self._process
        if message and message[0] not in (_STREAM, _PACKET):
            return self._unknown(source)
        found = read_label(message[1:])
        if found is None or message[0] == _PACKET:
            return b""
        label, body = found
        if process.verified and label != process.label:
            faults.reject(self._cluster, process, label, source)
            return b""
        if not body or body[0] != PING or _SEQUENCE not in body:
            return self._unknown(source)
        at = body.index(_SEQUENCE) + len(_SEQUENCE)
        sequence = body[at] if at < len(body) else 0
        # Compression is on by default, so the usual answer begins with 09; half of them stay plain.
        return ack(sequence, compressed=process.number % 2 == 0)

    def _unknown(self, source: str) -> bytes:
        self._process.unknown_connections += 1
        self._cluster.log(self._process, "warn", f"unknown message type, from={source}")
        return b""


async def _read(reader: asyncio.StreamReader) -> bytes:
    """What arrives until a complete ping is there, the peer ends, or the stream timeout passes."""
    message = b""
    try:
        async with asyncio.timeout(STREAM_TIMEOUT):
            while not _complete(message) and len(message) < _MOST:
                more = await reader.read(_MOST)
                if not more:
                    break
                message += more
    except TimeoutError:
        pass
    return message


def _complete(message: bytes) -> bool:
    if message and message[0] != _STREAM:
        return True
    found = read_label(message[1:])
    return found is not None and len(found[1]) >= 1 and (found[1][0] != PING or len(found[1]) >= _PING_LENGTH)
