"""Bytes to model: pure, one file per kind of page.

Every decoder returns a model, or `None` where its docstring allows it (the page does not exist here).
Otherwise it raises `exporter.errors.DecodeError`, which names the place and what was expected there. No input
causes another error, and the input's size bounds time and memory.
"""
