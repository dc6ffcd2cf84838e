"""The block `stores` that the processes' configuration pages suggest, where none is configured."""

from __future__ import annotations

import json

from exporter.model.stores import NamedStore
from exporter.products.ring_pages import STORE_PREFIXES

MOST = 4  # stores that are suggested


def suggested_stores(named: tuple[NamedStore, ...]) -> tuple[str, ...]:
    """Lines of YAML with the addresses that the processes use. Secrets are left to fill in."""
    if not named:
        return ()
    readable = [store for store in named if store.addresses]
    others = [store.kind for store in named if not store.addresses]
    lines = [f"# {kind} cannot be read: docs/stores.md#dynamodb" for kind in others]
    lines += ["stores:"] if readable else []
    several = len(readable) > 1
    for number, store in enumerate(readable[:MOST], start=1):
        lines.append(f"  - name: {store.kind}-{number}" if several else f"  {store.kind}:")
        lines += [f"    {store.kind}:"] if several else []
        lines += [f"{'      ' if several else '    '}{line}" for line in _keys(store)]
    return tuple(lines)


def _keys(store: NamedStore) -> list[str]:
    addresses = [json.dumps(f"http://{address}") for address in store.addresses]
    if store.kind == "consul":
        lines = [f"url: {addresses[0]}", "# token_file: FILE, if needed"]
    else:
        lines = [f"urls: [{', '.join(addresses)}]", "# username: NAME and password_file: FILE, if needed"]
    if not set(store.prefixes) <= set(STORE_PREFIXES):
        lines.append(f"prefixes: [{', '.join(map(json.dumps, store.prefixes))}]")
    return lines
