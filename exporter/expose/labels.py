"""Label values fit for an exposition: printable, bounded, and still different where they were different."""

from __future__ import annotations

import functools
import hashlib
import re

MAX_LENGTH = 256
REPLACEMENT = "\ufffd"

# Control characters, line and paragraph separators, direction overrides and lone surrogates: the
# last cannot be encoded, the others break terminals and deceive readers.
_BAD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


@functools.lru_cache(maxsize=65536)
def clean(value: str) -> str:
    """A label value for `value`. One that had to be changed carries a digest of what it was.

    So two hostile names that differ only in what is cleaned away stay two series.
    """
    if len(value) <= MAX_LENGTH and not _BAD.search(value):
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    readable = _BAD.sub(REPLACEMENT, value[:MAX_LENGTH])
    return f"{readable[: MAX_LENGTH - 9]}~{digest}"
