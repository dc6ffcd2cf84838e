"""Pictures of the boards from a real Prometheus, drawn without a Grafana.

Not a Grafana: the layout, titles, series, colours, state lanes, tables, and above all the look of
missing data are those a Grafana would show; fonts and spacing are not.
"""
