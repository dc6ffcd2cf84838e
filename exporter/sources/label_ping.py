"""The label ping: tests over a member's gossip port whether it accepts a label.

It is the only message that this program sends to a gossip port. `ping` builds every byte of it: the stream
type, the label's header, and a ping without a name, which joins nothing and changes no state. The result of
`ping` is sent in one write; `ask` takes a label and not bytes, so nothing else can be sent.

::

    02  f4 05 "other"  00  82 a5 "SeqNo" 01  a4 "Node" a0
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

MAX_LABEL = 255  # bytes: the header has one for the length
SECONDS = 3.0  # a member answers within its stream timeout of 2 s
_STREAM = b"\x02"  # dskit: a stream follows, not a packet
_LABELLED = b"\xf4"  # memberlist: a label's header
_PING = b"\x00\x82\xa5SeqNo\x01\xa4Node\xa0"  # memberlist: message type 0, and {SeqNo: 1, Node: ""}
_ACK, _COMPRESSED = 0x02, 0x09


def ping(label: str) -> bytes:
    """The bytes of a ping with this label, "" for none. Raises `ValueError` for a label over 255 bytes."""
    encoded = label.encode()
    if len(encoded) > MAX_LABEL:
        raise ValueError(f"a label has at most {MAX_LABEL} bytes")
    header = _LABELLED + bytes([len(encoded)]) + encoded if encoded else b""
    return _STREAM + header + _PING


@dataclass(frozen=True, slots=True)
class MemberPort:
    """A member's gossip port. `tls`: `False` without encryption, `True` for the system's certificates."""

    host: str
    port: int
    tls: ssl.SSLContext | bool = False
    server_name: str | None = None


async def ask(
    door: MemberPort, label: str, *, seconds: float = SECONDS, from_: Callable[[str], None] = lambda _: None
) -> bool | None:
    """Test whether a member accepts a label: `True` if it answers the ping, `False` if it closes without a
    byte. `None` if neither happened: no connection, no answer in time, or different bytes.

    `from_` gets our own address of the connection, as in the member's log. Never raises.
    """
    message = ping(label)
    try:
        async with asyncio.timeout(seconds):
            return await _exchange(door, message, from_)
    except (OSError, TimeoutError, ValueError):
        return None


async def _exchange(door: MemberPort, message: bytes, from_: Callable[[str], None]) -> bool | None:
    server_name = (door.server_name or door.host) if door.tls else None
    reader, writer = await asyncio.open_connection(
        door.host, door.port, ssl=door.tls or None, server_hostname=server_name, limit=64
    )
    try:
        from_(_address(writer.get_extra_info("sockname")))
        writer.write(message)
        first = b""
        # A reset is how a connection ends that was closed before everything in it was read.
        with suppress(ConnectionResetError, BrokenPipeError):
            await writer.drain()
            first = await reader.read(1)
        return _meaning(first)
    finally:
        writer.transport.abort()


def _meaning(first: bytes) -> bool | None:
    if not first:
        return False
    return True if first[0] in (_ACK, _COMPRESSED) else None


def _address(name: object) -> str:
    match name:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return ""
