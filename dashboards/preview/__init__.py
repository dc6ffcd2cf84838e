"""Pictures of the boards from a real Prometheus, drawn without a Grafana.

Layout, titles, series, colours, state lanes, tables, and above all missing data are as in Grafana; fonts and
spacing are not.
"""
