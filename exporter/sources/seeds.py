"""Whether the names in `join_members` resolve, as far as this exporter's own resolver can tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

import dns.asyncresolver
import dns.exception

LOOK_UP_AGAIN = 120.0  # seconds
MAX_SEEDS = 200
TIMEOUT = 3.0
SRV = ("dnssrv+", "dnssrvnoa+")


class Seeds:
    """Looks seeds up, each at most every two minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[str, tuple[float, str]] = {}

    async def look_up(self, seeds: Iterable[str]) -> Mapping[str, str]:
        """Look up whatever is due; gives what went wrong by seed, "" where nothing did. Never raises."""
        wanted = sorted(set(seeds))[:MAX_SEEDS]
        now = self._clock()
        due = [s for s in wanted if s not in self._found or now - self._found[s][0] > LOOK_UP_AGAIN]
        texts = await asyncio.gather(*(_look_up(seed) for seed in due))
        kept = {seed: self._found[seed] for seed in wanted if seed in self._found}
        self._found = kept | {seed: (now, text) for seed, text in zip(due, texts, strict=True)}
        return {seed: text for seed, (_, text) in self._found.items()}


async def _look_up(seed: str) -> str:
    """Look one seed up as the products do: `host:port`, `dns+host:port`, `dnssrv+name`."""
    kind, name = next(((p, seed[len(p) :]) for p in (*SRV, "dns+") if seed.startswith(p)), ("", seed))
    try:
        async with asyncio.timeout(TIMEOUT):
            if kind in SRV:
                await dns.asyncresolver.resolve(name, "SRV")
            else:
                host, _, port = name.rpartition(":")
                await asyncio.get_running_loop().getaddrinfo((host or name).strip("[]"), port or None)
    except TimeoutError:
        return f"no answer within {TIMEOUT:g} s"
    except (OSError, dns.exception.DNSException, UnicodeError) as error:
        return f"does not resolve ({type(error).__name__})"
    return ""
