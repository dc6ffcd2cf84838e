"""Each key's name in the stores: as its process's configuration names it, else by its content.

A ring's default key comes from the products' tables; the prefix before it can be any. A process with an
unread configuration still shows ring pages: a stored or gossiped key with the same members is the same ring.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from exporter.derive.identity.key_product import tail
from exporter.model.entry import Member
from exporter.model.pages import Observation, Outcome, PartitionRing, ProcessConfig, Product, Ring, Value
from exporter.model.stores import StoreContent
from exporter.products.ha_keys import RING_KEYS, HaKeys, ha_keys
from exporter.products.ring_pages import HA_KEY, RingPage, pages_of

PAGES_COMPARED = 8  # of each ring: most processes show the same
Content = Mapping[str, str]  # what identifies a ring's entries: member ids with their tokens


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one cycle's keys. `aliases` are stored keys by default key, for processes without that
    ring in their configuration; `ha` recognises the HA tracker's entries.
    """

    ha: HaKeys = field(default_factory=HaKeys)
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def stored(self, key: str, config: ProcessConfig | None) -> str:
        """A default key as it stands in the stores of a process with this configuration."""
        if not key or key == HA_KEY:
            return key
        rings = config.rings if config else {}
        if key in rings and rings[key].default_key == key:
            return key  # nearly always
        actual = config.by_default.get(key) if config else None
        return actual[0] if actual else self.aliases.get(key, key)

    def default(self, key: str) -> str:
        """The default key of a stored one that was recognised by its content; else the key itself."""
        return next((name for name, actual in self.aliases.items() if actual == key), key)


def names_of(
    observed: tuple[Observation, ...], stores: tuple[StoreContent, ...], product: Product, before: Names
) -> Names:
    """Name one cycle's keys. `product` is the configured product. The names of the cycle `before` stay where
    this one has no evidence against them.
    """
    stores = tuple(store for store in stores if store.outcome is Outcome.OK)
    configs = [observation.config.value for observation in observed if observation.config.value is not None]
    values = tuple(values_in(observed, stores))
    tracked, shown = _tracked(observed), _shown(observed, product)
    ha = ha_keys(configs, before.ha.learned(), values, tracked)
    rings = ((key, value) for key, value in values if not ha.entry(key))
    aliases = dict(before.aliases)
    if shown:
        aliases |= _by_configs(shown, configs)
        aliases |= _by_content(shown, dict(rings))
    return Names(ha, MappingProxyType(aliases))


def values_in(observed: Iterable[Observation], stores: Iterable[StoreContent]) -> Iterator[tuple[str, Value]]:
    """Everything that was read of gossip copies and stores, by key."""
    for observation in observed:
        yield from (
            (key, page.value) for key, page in observation.gossip.values.items() if page.value is not None
        )
    for store in stores:
        yield from store.values.items()


def _tracked(observed: Iterable[Observation]) -> frozenset[str]:
    pages = [
        observation.tracker.value
        for observation in observed
        if observation.tracker is not None and observation.tracker.value
    ]
    return frozenset(f"{entry.user}/{entry.cluster}" for page in pages for entry in page.entries)


def _shown(observed: Iterable[Observation], product: Product) -> Mapping[str, list[Content]]:
    """The pages' content of rings without a name in their process's configuration, by default key."""
    found: dict[str, list[Content]] = defaultdict(list)
    for observation in observed:
        defaults = observation.config.value.by_default if observation.config.value else {}
        shows = observation.metrics.value.product if observation.metrics.value else Product.UNKNOWN
        shows = shows if shows is not Product.UNKNOWN else product
        if not (observation.rings or observation.partitions) or _keys_shown(shows) <= defaults.keys():
            continue  # nearly always
        for page in pages_of(shows):
            if page.key in defaults or len(found[page.key]) == PAGES_COMPARED:
                continue
            if content := _page(observation, page):
                found[page.key].append(content)
    return {key: contents for key, contents in found.items() if contents}


@lru_cache(maxsize=16)
def _keys_shown(product: Product) -> frozenset[str]:
    return frozenset(page.key for page in pages_of(product))


def _page(observation: Observation, ring_page: RingPage) -> Content:
    page = observation.ring_page(ring_page.path)
    return _content(page.value) if page is not None and page.value is not None else {}


def _content(value: Value) -> Content:
    if isinstance(value, Ring):
        return {name: _tokens(member) for name, member in value.without_tombstones().items()}
    if isinstance(value, PartitionRing):
        return {f"{p.id} {owner}": "" for p in value.partitions.values() for owner in p.owners}
    return {}


def _tokens(member: Member) -> str:
    return member.tokens.digest.hex() if member.tokens.digest is not None else ""


def _by_configs(shown: Iterable[str], configs: Iterable[ProcessConfig]) -> Mapping[str, str]:
    """The name that all configurations that were read give to a ring, where they agree."""
    names: dict[str, set[str]] = defaultdict(set)
    for config in configs:
        for key, found in config.by_default.items():
            names[key].update(found)
    return {key: next(iter(names[key])) for key in shown if len(names.get(key, ())) == 1}


def _by_content(shown: Mapping[str, list[Content]], values: Mapping[str, Value]) -> Mapping[str, str]:
    """The key with the same members as most pages of a ring."""
    contents = {key: _content(value) for key, value in values.items()}
    found: dict[str, str] = {}
    for key, pages in shown.items():
        votes = Counter(name for page in pages if (name := _same(key, page, contents)))
        if votes:
            found[key] = votes.most_common(1)[0][0]
    return found


def _same(key: str, page: Content, contents: Mapping[str, Content]) -> str:
    """The key that contains at least half of a page's members, by their tokens. Else (several rings of one
    process have the same ids) by the part of its name that no prefix changes; "" where none does. A key with
    another ring's name is never this one.
    """
    ranked = []
    for name, content in contents.items():
        both = page.keys() & content.keys()
        alike = sum(1 for item in both if page[item] == content[item] != "")
        differ = sum(1 for item in both if page[item] and content[item] and page[item] != content[item])
        if 2 * (len(both) - differ) >= len(page) and (alike or tail(name) == tail(key)):
            ranked.append((alike, name == key, name.endswith(f"/{key}"), name))
    return max((one for one in ranked if _default_of(one[3]) in ("", key)), default=("",))[-1]


@lru_cache(maxsize=4096)
def _default_of(name: str) -> str:
    """The key of the products' tables that a name is or ends in, behind a prefix; "" for other names."""
    matching = (key for key in RING_KEYS if name == key or name.endswith(f"/{key}"))
    return max(matching, key=len, default="")
