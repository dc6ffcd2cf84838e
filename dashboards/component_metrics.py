"""Metrics that the boards take from the components themselves, and from Prometheus.

The prefix of a component's metric is not fixed, not even inside one process (`loki_memberlist_client_…`
beside `memberlist_client_…`). So a pattern on the name selects them. Names were read on running processes:
FACTS of the design.
"""

from __future__ import annotations

ANY_PREFIX = (
    "memberlist_client_messages_in_broadcast_queue",
    "memberlist_client_messages_to_broadcast_dropped_total",
    "memberlist_client_received_broadcasts_total",
    "memberlist_client_received_broadcasts_invalid_total",
    "memberlist_client_received_broadcasts_dropped_total",
    "memberlist_client_cas_failure_total",
    "memberlist_tcp_transport_packets_sent_errors_total",
    "memberlist_tcp_transport_packets_received_errors_total",
    "memberlist_tcp_transport_unknown_connections_total",
    "ha_tracker_elected_replica_changes_total",
    "ha_tracker_elected_replica_change_propagation_time_seconds_bucket",
)
"""Behind any prefix or none."""

EXACT = ("cortex_request_duration_seconds_count", "cortex_query_frontend_queries_total")
"""As the read-write guide names them."""

PROMETHEUS = (
    "ALERTS",
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
)
"""What Prometheus and its client libraries add to every scrape."""


def pattern(name: str) -> str:
    """The matcher on `__name__` for a metric that stands behind any prefix."""
    if name not in ANY_PREFIX:
        raise KeyError(name)
    return f'__name__=~"(.+_)?{name}"'
