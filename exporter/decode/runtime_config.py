"""`/runtime_config`: what a process has loaded of its runtime configuration. Mimir and Cortex.

It contains the tenants' overrides: only `multi_kv_config` is taken out of it and kept.

Sources: Mimir `pkg/mimir/runtime_config.go`, Cortex `pkg/cortex/runtime_config.go`; `MultiRuntimeConfig` of
dskit's and Cortex's `kv/multi.go`, which was `mirroring: enabled` before Cortex 1.1; recordings of both.
"""

from __future__ import annotations

import re

import yaml

from exporter.decode.formats.bounds import text
from exporter.decode.formats.yaml_nodes import Block, read_blocks
from exporter.errors import DecodeError
from exporter.model.settings import RuntimeConfig

BLOCK = "multi_kv_config"
_NO_FILE = b"runtime config file doesn't exist"
_OTHERS = re.compile(rb"^(?:[a-z_]{1,64}:|\{\}\s*$)", re.MULTILINE)
_ON = frozenset({"true", "enable", "enabled"})
_SPELLINGS = ("mirror_enabled", "mirroring")


def decode_runtime_config(body: bytes, _clock: float | None = None) -> RuntimeConfig:
    """The switch of the KV clients; nothing set where the page has none. Raises `DecodeError`."""
    if body.strip() == _NO_FILE:
        return RuntimeConfig()
    if not re.search(rb"^multi_kv_config:", body, re.MULTILINE):
        if _OTHERS.match(body) is None:
            raise DecodeError("runtime configuration: no YAML")
        return RuntimeConfig()
    block = read_blocks(body, {BLOCK}).at(BLOCK)
    if block and not isinstance(block.node, yaml.MappingNode):
        raise DecodeError(f"runtime configuration: {BLOCK} is no block")
    return RuntimeConfig(_text_of(block.at("primary")), _mirroring(block))


def _text_of(block: Block) -> str:
    return text(block.scalar(), f"runtime configuration: {block.path}")


def _mirroring(block: Block) -> bool | None:
    found = next((switch for name in _SPELLINGS if (switch := _text_of(block.at(name)))), "")
    return found in _ON if found else None
