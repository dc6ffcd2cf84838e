"""Targets by a DNS name: A, AAAA and SRV records."""

from __future__ import annotations

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from exporter.config import Dns
from exporter.errors import DecodeError, FetchError
from exporter.model.pages import Reason
from exporter.sources.discovery.target_source import MAX_FOUND, FoundTarget, Listing, Source, from_address

GRACE = 3  # refreshes for which a name may be missing before its targets are removed
LIFETIME = 5.0  # seconds for one question, all servers and tries together


class DnsSource(Source):
    """Reads the name's records. A failing server keeps the targets; a missing name removes them slowly.

    A headless service without ready pods answers NXDOMAIN for a moment in every rollout.
    """

    def __init__(self, config: Dns) -> None:
        self._config = config
        self._last: tuple[FoundTarget, ...] = ()
        self._empty_answers = 0
        self.refresh = config.refresh

    async def find(self) -> Listing:
        """Query once. Raises `FetchError` where no server gave an answer."""
        try:
            answer = await self._resolver().resolve(
                self._config.name, self._config.type, search=True, lifetime=LIFETIME
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
            return self._without(isinstance(error, dns.resolver.NXDOMAIN))
        except dns.resolver.LifetimeTimeout:
            raise FetchError(Reason.TIMEOUT, f"no DNS server answered within {LIFETIME:g}s") from None
        except dns.resolver.NoNameservers:
            raise FetchError(Reason.DNS, "every DNS server failed (SERVFAIL, REFUSED)") from None
        except (dns.exception.DNSException, OSError) as error:
            raise FetchError(Reason.DNS, f"DNS failed: {type(error).__name__}") from None
        self._empty_answers = 0
        return self._take(answer)

    def _resolver(self) -> dns.asyncresolver.Resolver:
        """Made for each query, so that a new /etc/resolv.conf takes effect."""
        if self._config.resolver is None:
            return dns.asyncresolver.Resolver()
        host, _, port = self._config.resolver.rpartition(":")
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [host.strip("[]")]
        resolver.port = int(port)
        return resolver

    def _without(self, nxdomain: bool) -> Listing:
        self._empty_answers += 1
        what = "the name does not exist" if nxdomain else f"the name has no {self._config.type} records"
        if self._empty_answers <= GRACE and self._last:
            return Listing(self._last, f"{what}; its targets are kept for {GRACE} refreshes")
        self._last = ()
        return Listing((), what)

    def _take(self, answer: dns.resolver.Answer) -> Listing:
        found: dict[str, FoundTarget] = {}
        refused = 0
        for record in list(answer)[:MAX_FOUND]:
            try:
                item = self._record(record)
            except DecodeError:
                refused += 1
            else:
                found[item.address] = item
        self._last = tuple(found[address] for address in sorted(found))
        return Listing(self._last, f"{refused} records without a usable host: left out" if refused else "")

    def _record(self, record: object) -> FoundTarget:
        if self._config.type == "SRV":
            host, port = str(getattr(record, "target", "")).rstrip("."), getattr(record, "port", 0)
        else:
            host, port = str(getattr(record, "address", "")), self._config.port or 0
        return from_address(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", self._config.scheme)
