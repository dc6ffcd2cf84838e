"""Label values fit for an exposition: printable, bounded, and still different where they were different."""

from __future__ import annotations

import functools
import hashlib
import re

MAX_LENGTH = 256
REPLACEMENT = "\ufffd"

# Control characters, line and paragraph separators, direction marks, invisible characters, and lone
# surrogates. A lone surrogate cannot be encoded; the rest breaks terminals and deceives readers.
_BAD = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000e0000-\U000e0fff]"
)


@functools.lru_cache(maxsize=65536)
def clean(value: str) -> str:
    """A label value for `value`. A changed value carries a digest of the original, so two hostile names that
    differ only in what is cleaned away stay two series.
    """
    if len(value) <= MAX_LENGTH and not _BAD.search(value):
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    readable = _BAD.sub(REPLACEMENT, value[:MAX_LENGTH])
    return f"{readable[: MAX_LENGTH - 9]}~{digest}"
