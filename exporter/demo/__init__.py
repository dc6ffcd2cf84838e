"""A simulated cluster on loopback that migrates, and plays faults on command.

    async with Demo(DemoSettings(product="cortex")) as demo:
        print(demo.urls, demo.consul_url, demo.control_url)

It imports nothing of `exporter.decode`, so that the two cannot share a mistake.
"""

from exporter.demo.server import Demo
from exporter.demo.simulation.cluster import Cluster
from exporter.demo.simulation.demo_settings import (
    COURSES,
    FAULTS,
    MIGRATIONS,
    PRODUCTS,
    READ_WRITE_FAULTS,
    DemoSettings,
)

__all__ = [
    "COURSES",
    "FAULTS",
    "MIGRATIONS",
    "PRODUCTS",
    "READ_WRITE_FAULTS",
    "Cluster",
    "Demo",
    "DemoSettings",
]
