"""Alerting and recording rules, generated: `python -m alerts [--check]`."""
