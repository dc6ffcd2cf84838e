"""`/runtime_config`: what a process has loaded of its runtime configuration."""

from __future__ import annotations

from exporter.demo.pages import go_format
from exporter.demo.pages.answer import NOT_FOUND, Reply, text
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.phase_changes import block_shown
from exporter.demo.simulation.process import Process


def reply(cluster: Cluster, process: Process, *, diff: bool) -> Reply:
    """`/runtime_config`: what the process has loaded of it, whether or not its clients follow."""
    if cluster.settings.product == "loki" or not cluster.settings.runtime_config:
        return NOT_FOUND
    product = cluster.settings.product
    block = block_shown(cluster, process)
    primary, mirror = block if block is not None else ("", None)
    indent, dashes = (4, 4) if product == "mimir" else (2, 0)
    if diff:
        overrides: dict[str, go_format.YamlValue] = {
            "multi_kv_config": {"mirror_enabled": mirror, "primary": primary}
        }
        return text(go_format.yaml(overrides, indent, dashes) if block is not None else "{}\n")
    page: dict[str, go_format.YamlValue] = {
        "overrides": {},
        "multi_kv_config": {"primary": primary, "mirror_enabled": mirror},
        "ingester_stream_chunks_when_using_blocks": None,
        "ingester_limits": None,
        **({"distributor_limits": None} if product == "mimir" else {}),
    }
    return text(go_format.yaml(page, indent, dashes))
