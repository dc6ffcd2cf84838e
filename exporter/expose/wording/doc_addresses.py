"""The places in the docs that a text names, as addresses where the docs are served elsewhere."""

from __future__ import annotations

import re
from typing import Final

_PLACE: Final = re.compile(r"(?<![\w/.-])docs/(?=[a-z-]+\.md\b)")


def addressed(text: str, base: str) -> str:
    """The text with `base` in place of `docs` in every place that it names; unchanged without a `base`."""
    return _PLACE.sub(lambda _: f"{base}/", text) if base else text
