"""Which of the keys that a process lists in its gossip are read: a process may list any number of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporter.model.pages import GossipKey, Outcome, Page, Product, Reason
from exporter.products.ha_keys import HaKeys, by_codec
from exporter.products.ring_pages import ring_keys

MORE_KEYS = 50  # beside those that the product has
NOT_READ: Page[Any] = Page(
    "/memberlist?downloadKey",
    Outcome.FAILED,
    reason=Reason.TOO_LARGE,
    detail=f"one of more than {MORE_KEYS} keys that this product does not have; the rest were not read",
)


def is_elected(what: GossipKey, ha: HaKeys) -> bool:
    """Whether a listed key has an elected replica of the HA tracker, by its prefix or by its codec."""
    return not what.deleted and (bool(ha.entry(what.key)) or by_codec(what.key, what.codec))


def rings_listed(
    listed: Mapping[str, GossipKey], product: Product, ha: HaKeys
) -> tuple[list[str], list[str]]:
    """The keys of rings to read: the product's, then a few further keys, the likeliest first. Also one of
    those that are left out, to be reported as not read, if there are any.
    """
    known = ring_keys(product)
    tails = {key.rsplit("/", 1)[-1] for key in known}
    rings = [what.key for what in listed.values() if _is_ring(what, tails) and not is_elected(what, ha)]
    others = sorted(set(rings) - known, key=lambda key: (key.rsplit("/", 1)[-1] not in tails, key))
    return [*(key for key in rings if key in known), *others[:MORE_KEYS]], others[MORE_KEYS : MORE_KEYS + 1]


def _is_ring(what: GossipKey, tails: set[str]) -> bool:
    if what.deleted:
        return False
    return "ring" in what.codec.lower() or not what.codec or what.key.rsplit("/", 1)[-1] in tails
