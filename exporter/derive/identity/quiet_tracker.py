"""An HA tracker that has written nothing yet: its metrics do not show it, and its configuration does."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.derive import kv_clients
from exporter.model.facts import ClientFacts
from exporter.model.pages import Observation, Phase, ProcessConfig
from exporter.model.settings import ring_config_of
from exporter.products.components import RUNS_DISTRIBUTOR, TRACKER_CLIENT, is_tracker
from exporter.products.ring_pages import HA_KEY


def quiet_tracker(observation: Observation, clients: Iterable[ClientFacts]) -> tuple[ClientFacts, ...]:
    """The client of a tracker that is switched on, with only the external store. Without `multi` the metrics
    show a client after its first write, and a distributor without HA samples writes nothing. A client with
    `multi` has gauges from its start. A client with only memberlist has nothing left to move.
    """
    config = observation.config.value
    if observation.metrics.value is None or config is None or not runs_tracker(config):
        return ()
    ring = ring_config_of(HA_KEY, config.rings)
    if ring is None or ring.store not in kv_clients.EXTERNAL_STORES:
        return ()
    if any(client.key == HA_KEY or is_tracker(client.name) for client in clients):
        return ()
    return (ClientFacts(observation.target.name, TRACKER_CLIENT, HA_KEY, Phase.EXTERNAL, writes=True),)


def runs_tracker(config: ProcessConfig) -> bool:
    """Whether an HA tracker runs there. A configuration that all processes share switches it on for each of
    them, and only the distributor runs it.
    """
    parts = set(config.target.split(",")) if config.target else RUNS_DISTRIBUTOR
    return bool(config.ha_tracker and parts & RUNS_DISTRIBUTOR)
