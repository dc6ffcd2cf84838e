"""What a source of targets finds, before the sources are merged: addresses with their attributes."""

from __future__ import annotations

import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from exporter.errors import DecodeError
from exporter.model.pages import EMPTY

MAX_FOUND = 20_000  # of one source: more is a mistake or an attack
MAX_LABELS = 64
MAX_LABEL_VALUE = 1024
COMPONENT_LABELS = (
    "component",
    "app.kubernetes.io/component",
    "app_kubernetes_io_component",
    "__meta_kubernetes_pod_label_app_kubernetes_io_component",
    "__meta_kubernetes_pod_label_component",
)
NAME_LABELS = ("pod", "__meta_kubernetes_pod_name", "instance")
# Of Alibaba, Azure, Oracle and AWS (IPv6); all further addresses are link-local.
_METADATA = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"))
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")
_NAME = re.compile(r"[!-~]{1,253}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,127}")


@dataclass(frozen=True, slots=True)
class FoundTarget:
    """One process. `prefix` None: as in the HTTP settings. `name` "": it has none."""

    host: str
    port: int
    scheme: str = "http"
    prefix: str | None = None
    name: str = ""
    component: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    @property
    def address(self) -> str:
        """`host:port`, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Listing:
    """The result of one reading. `trouble` describes the unusable part; the rest is good. `not_running` are
    processes that should run and have no address, as sentences.
    """

    found: tuple[FoundTarget, ...]
    trouble: str = ""
    not_running: tuple[str, ...] = ()


class Source(ABC):
    """One source. `find` raises `KVMigrationError` or `OSError` where it has no result."""

    refresh: float  # seconds between two readings

    @abstractmethod
    async def find(self) -> Listing:
        """Read once."""

    async def close(self) -> None:  # noqa: B027 (most keep nothing)
        """Let go of connections, where any are kept."""


def from_url(url: str) -> FoundTarget:
    """A process by its URL; a path in it is the path prefix. Raises `DecodeError` without quoting it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise DecodeError("not a URL") from None
    if parts.scheme not in _DEFAULT_PORTS or parts.query or parts.fragment or "@" in parts.netloc:
        raise DecodeError("not a plain http or https URL")
    host = _host(parts.hostname or "")
    prefix = parts.path.rstrip("/")
    if port == 0 or _PREFIX.fullmatch(prefix) is None:
        raise DecodeError("a port or path that cannot be")
    return FoundTarget(host, port or _DEFAULT_PORTS[parts.scheme], parts.scheme, prefix or None)


def from_address(address: str, scheme: str = "http") -> FoundTarget:
    """A process by `host:port`, `host` or a complete URL, as in Prometheus's lists of targets."""
    return from_url(address if "://" in address else f"{scheme}://{address}")


def labelled(target: FoundTarget, labels: Mapping[str, str]) -> FoundTarget:
    """With Prometheus's labels applied: name, component, scheme, path; `__…` labels are used up."""
    kept = {
        name: value[:MAX_LABEL_VALUE]
        for name, value in list(labels.items())[:MAX_LABELS]
        if _LABEL.fullmatch(name) and not name.startswith("__") and value.isprintable()
    }
    name = next((labels[label] for label in NAME_LABELS if labels.get(label)), "")
    component = next((labels[label] for label in COMPONENT_LABELS if labels.get(label)), "")
    prefix = _prefix(labels) if target.prefix is None else target.prefix
    return replace(target, prefix=prefix, name=plain_name(name), component=plain_name(component), labels=kept)


def is_no_process(host: str) -> bool:
    """Whether no process of a cluster can be at this address: link-local, unspecified, multicast, reserved,
    and the metadata services of clouds elsewhere. False for a name.
    """
    found = _address(host)
    return found is not None and (
        found in _METADATA
        or found.is_link_local
        or found.is_unspecified
        or found.is_multicast
        or (found.is_reserved and found.version == 4)
    )


def is_loopback(host: str) -> bool:
    """Whether this is the exporter's own machine."""
    found = _address(host)
    return host == "localhost" or (found is not None and found.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def plain_name(name: str) -> str:
    """A name fit for a metric label and a page, or none at all."""
    return name if _NAME.fullmatch(name) else ""


def _prefix(labels: Mapping[str, str]) -> str | None:
    """`__path_prefix__`, or what stands before /metrics in `__metrics_path__`."""
    prefix = labels.get("__path_prefix__")
    if prefix is None and labels.get("__metrics_path__", "").endswith("/metrics"):
        prefix = labels["__metrics_path__"].removesuffix("/metrics") or None
    if prefix is None:
        return None
    if _PREFIX.fullmatch(prefix.rstrip("/")) is None:
        raise DecodeError("a path prefix that cannot be")
    return prefix.rstrip("/")


def _host(host: str) -> str:
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise DecodeError("not an IPv6 address") from None
        if address.scope_id is not None:
            raise DecodeError("an IPv6 address with a zone")
        return str(address)
    if _HOST.fullmatch(host) is None:
        raise DecodeError("not a host name")
    return host.lower()
