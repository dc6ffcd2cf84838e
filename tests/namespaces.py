"""A network namespace of our own with one or more links to it, each of which can be cut.

::

    with namespaces.linked(2) as (one, other):
        one.place        # for a server of `real_servers` that runs inside
        one.cut()        # nothing that leaves the namespace over this link arrives any more
        one.mend()
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.real_servers import Place

_NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True)
class Link:
    """One link into a namespace: the address inside it, and the network that leads back."""

    namespace: str
    device: str
    host: str
    network: str

    @property
    def place(self) -> Place:
        """Inside, at this link's address."""
        return Place(self.host, ("ip", "netns", "exec", self.namespace))

    def cut(self) -> None:
        """Drop what goes back: connections hang, as behind a firewall that drops packets."""
        _ip("-n", self.namespace, "route", "del", self.network, "dev", self.device)

    def mend(self) -> None:
        """Let it through again."""
        _ip("-n", self.namespace, "route", "add", self.network, "dev", self.device)


@contextlib.contextmanager
def linked(count: int = 1) -> Iterator[tuple[Link, ...]]:
    """A namespace with links; skips the test where none can be made."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root and iproute2")
    name = f"kv{os.getpid()}n{next(_NUMBERS)}"
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here: {error.stderr}")
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield tuple(_link(name, number) for number in range(count))
    finally:
        _ip("netns", "del", name)


def _link(namespace: str, number: int) -> Link:
    """A pair of devices, of which one is inside. The third part of the address is unlikely to be used."""
    here, there = f"{namespace}h{number}"[-15:], f"{namespace}t{number}"[-15:]
    network = f"10.213.{(os.getpid() + 16 * next(_NUMBERS)) % 256}"
    _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", namespace)
    _ip("addr", "add", f"{network}.1/24", "dev", here)
    _ip("link", "set", here, "up")
    _ip("-n", namespace, "addr", "add", f"{network}.2/24", "dev", there)
    _ip("-n", namespace, "link", "set", there, "up")
    return Link(namespace, there, f"{network}.2", f"{network}.0/24")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
