"""Bytes to model: pure, one file per kind of page.

Every decoder answers a model, `None` where its docstring says so ("no such thing here"), or raises
`exporter.errors.DecodeError` that names the place and what was expected there. Nothing else comes
out of it, whatever went in, and time and memory are bounded by the size of what went in.
"""
