"""Which shard watches which process.

A process belongs to the shard that a jump consistent hash of its name gives (as in kube-state-metrics: one
more shard moves only 1/n of the processes). A few processes are common to all shards: one of each component,
so that every shard reads every ring and reaches every process's gossip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from exporter.model.pages import Target
from exporter.model.shard import Share

COMMON = 3  # at least: one of them may be down or restarting
MOST_COMMON = 32
_MULTIPLIER, _MASK = 2862933555777941757, (1 << 64) - 1
_DIGEST_BITS = 48  # a Prometheus sample represents 53 exactly


def share_out(targets: Iterable[Target], shard: int, shards: int) -> tuple[tuple[Target, ...], Share]:
    """The processes that this shard watches, and how they are shared."""
    all_targets = tuple(targets)
    common = _common(all_targets)
    mine = {t.name for t in all_targets if shard_of(t.name, shards) == shard}
    share = Share(
        shard=shard,
        shards=shards,
        digest=digest_of(f"{t.name} {t.component}" for t in all_targets),
        common=common,
        borrowed=common - mine,
        crowded=frozenset(t.host for t in all_targets if t.name not in mine | common),
    )
    return tuple(t for t in all_targets if t.name in mine | common), share


def shard_of(name: str, shards: int) -> int:
    """The shard a name belongs to (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash")."""
    key, at, jump = _hash(name), -1, 0
    while jump < shards:
        at = jump
        key = (key * _MULTIPLIER + 1) & _MASK
        jump = int((at + 1) * (1 << 31) / ((key >> 33) + 1))
    return at


def digest_of(names: Iterable[str]) -> int:
    """A digest of a set of names that a sample's value represents exactly."""
    body = "\n".join(sorted(names)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest()) >> (64 - _DIGEST_BITS)


def _common(targets: tuple[Target, ...]) -> frozenset[str]:
    """Choose by hash only: all shards choose alike, and no process moves when another comes or goes. Where
    discovery has no components, more are taken, to include most of them.
    """
    ranked = sorted(targets, key=lambda target: (_hash(target.name), target.name))
    first: dict[str, str] = {}
    for target in ranked:
        first.setdefault(target.component, target.name)
    chosen = dict.fromkeys(list(first.values())[:MOST_COMMON])
    wanted = COMMON if "" not in first else MOST_COMMON // 2
    for target in ranked:
        if len(chosen) >= wanted:
            break
        chosen[target.name] = None
    return frozenset(chosen)


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest())
