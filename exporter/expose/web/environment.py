"""Jinja2, set up so that a template cannot forget to escape or to clean what it shows."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from exporter.expose.web import go_no_go, words
from exporter.expose.web.documents import place
from exporter.expose.wording.headlines import answer_of
from exporter.expose.wording.readings import origin_text

HERE: Final = Path(__file__).parent


def _final(value: object) -> object:
    """Every value that is put out: cleaned and bounded, unless it is markup of ours."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return words.shown(value)


@functools.cache
def environment() -> Environment:
    """The one environment, with the filters that templates use."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for filtered in (
        words.name,
        words.span,
        words.ago,
        words.clock,
        words.number,
        words.path,
        words.query,
        place,
        origin_text,
    ):
        made.filters[filtered.__name__] = filtered
    made.globals.update(count=words.count, task=go_no_go.task, why=why)
    return made


def why(answer: str, headline: str) -> str:
    """A headline without its answer, for a place behind the answer."""
    _, _, rest = answer_of(answer, headline).partition(": ")
    return rest


def render(template: str, **values: Any) -> str:
    """A template's text; what cannot be encoded never gets here."""
    return environment().get_template(template).render(**values)
