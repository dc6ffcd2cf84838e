"""Grafana dashboards, generated: `python -m dashboards [--check]`."""
