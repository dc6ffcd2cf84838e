"""Which of the keys that a process lists in its gossip are read: a process may list any number of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporter.model import GossipKey, Outcome, Page, Product, Reason
from exporter.rings import ha_entry, known_keys

MORE_KEYS = 50  # beside those that the product has
NOT_READ: Page[Any] = Page(
    "/memberlist?downloadKey",
    Outcome.FAILED,
    reason=Reason.TOO_LARGE,
    detail=f"one of more than {MORE_KEYS} keys that this product does not have; the rest were not read",
)


def rings_listed(listed: Mapping[str, GossipKey], product: Product) -> tuple[list[str], list[str]]:
    """The keys of rings to read: those that the product has, then a few others, the likeliest first. Beside
    them one of those that are left out, to be told as not read, where there are any.
    """
    known = known_keys(product)
    tails = {key.rsplit("/", 1)[-1] for key in known}
    rings = [key for key, what in listed.items() if _is_ring(key, what, tails)]
    others = sorted(set(rings) - known, key=lambda key: (key.rsplit("/", 1)[-1] not in tails, key))
    return [*(key for key in rings if key in known), *others[:MORE_KEYS]], others[MORE_KEYS : MORE_KEYS + 1]


def _is_ring(key: str, what: GossipKey, tails: set[str]) -> bool:
    if what.deleted or ha_entry(key):
        return False
    return "ring" in what.codec.lower() or not what.codec or key.rsplit("/", 1)[-1] in tails
