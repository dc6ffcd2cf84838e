"""The shape of a product's table in `tables/`. Every row names its place in the public source."""

from __future__ import annotations

from msgspec import Struct

from exporter.model.pages import Product

HA_KEY = "ha-tracker/"


class Ring(Struct, frozen=True, forbid_unknown_fields=True):
    """One ring, or one partition ring if `partitions` is true.

    `name` is its everyday name and `key` its key with the default prefix. `clients` are the names of its KV
    clients without the part that shows their use (`-lifecycler`, `-ring`). `blocks` are the places of its
    settings in the configuration, one for each form that releases have had. `chosen_by` is the setting that
    names the key. `formerly` are the keys of earlier releases. `inherits` is what Loki's `common` block
    passes on to it besides the store. `page_on_members` is true where only its members have its page, and the
    processes that watch the ring have none.
    """

    name: str
    key: str
    source: str
    pages: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    chosen_by: str = ""
    formerly: tuple[str, ...] = ()
    partitions: bool = False
    inherits: frozenset[str] = frozenset()
    page_on_members: bool = False

    @property
    def prefix(self) -> str:
        """The default prefix, slash included."""
        return self.key[: self.key.rindex("/") + 1]


class HATracker(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the HA tracker's settings stand, and the names of its KV clients."""

    block: str
    clients: tuple[str, ...]
    source: str
    key: str = HA_KEY


class Routes(Struct, frozen=True, forbid_unknown_fields=True):
    """Routes of requests that users cause, as a pattern of the `route` label of the product's
    `…_request_duration_seconds`. The label is the path's template with "_" for all but letters and digits.
    """

    pattern: str
    source: str


class ProductTable(Struct, frozen=True, forbid_unknown_fields=True):
    """All of one product. `other_keys` are in its gossip or store and are no rings: key, then source.
    `traffic` are the routes by which its users push and query.
    """

    product: Product
    rings: tuple[Ring, ...]
    config_page: str
    build_page: str
    tracker: HATracker | None = None
    other_keys: tuple[tuple[str, str], ...] = ()
    traffic: tuple[Routes, ...] = ()
