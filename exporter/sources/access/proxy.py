"""Which requests go through the proxy: `no_proxy` as Go, and so Prometheus, reads it."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import unquote, urlsplit, urlunsplit

Rule = Callable[[str, int], bool]
_DEFAULT_PORTS = {"http": 80, "https": 443}


def basic_header(user: str, password: str) -> str:
    """A user name and a password as an Authorization header carries them."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


class Proxy:
    """A proxy's URL without credentials, and the header that carries them."""

    def __init__(self, url: str, no_proxy: str) -> None:
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self.authorization = ""
        if parts.username is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            self.authorization = basic_header(user, password)
        self._is_exempt = exemptions(no_proxy)

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"

    def serves(self, url: str) -> bool:
        """Whether a request for this URL goes through the proxy."""
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        return not self._is_exempt(parts.hostname or "", port)


@lru_cache(maxsize=64)
def exemptions(no_proxy: str) -> Rule:
    """A predicate over host and port from `10.0.0.0/8,.svc.local,example.com:8080` or `*`.

    As in Go, a name also stands for its subdomains, and a name with a leading dot only for them. With any
    exception, loopback is never proxied.
    """
    words = [word.strip().lower() for word in no_proxy.split(",") if word.strip()]
    rules = [_rule(word) for word in words]
    if rules:
        rules.append(_is_loopback)
    return lambda host, port: any(rule(host.lower().rstrip("."), port) for rule in rules)


def _rule(word: str) -> Rule:
    if word == "*":
        return lambda _host, _port: True
    network = _network(word)
    if network is not None:
        return lambda host, _port: (address := _address(host)) is not None and address in network
    name, port = _split_port(word)
    single = _address(name.strip("[]"))
    if single is not None:
        return lambda host, there: _address(host) == single and port in {0, there}
    suffix = "." + name.lstrip("*").lstrip(".")
    exact = "" if name.startswith((".", "*.")) else name
    return lambda host, there: (host == exact or host.endswith(suffix)) and port in {0, there}


def _split_port(word: str) -> tuple[str, int]:
    if _address(word.strip("[]")) is not None:
        return word, 0
    name, colon, port = word.rpartition(":")
    return (name, int(port)) if colon and port.isascii() and port.isdigit() else (word, 0)


def _network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(word, strict=False) if "/" in word else None
    except ValueError:
        return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str, _port: int) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
