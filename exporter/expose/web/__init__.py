"""The page: a complete migration on one screen, and one page for each key, process and step.

It shows a `Snapshot` and nothing else. Rendered here with Jinja2, updated by a small script of our own,
complete without it.
"""

from exporter.expose.web.routes import add_page

__all__ = ["add_page"]
