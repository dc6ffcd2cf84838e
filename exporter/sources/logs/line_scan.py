"""Finds the few lines of a log that contain a word, without parsing every line."""

from __future__ import annotations

from dataclasses import dataclass

AROUND = 4096  # bytes kept before and after the word; a line may be longer


@dataclass(frozen=True, slots=True)
class Scanned:
    """Lines without their line breaks, cut to `AROUND` before and after the word.

    `consumed` bytes are finished; what follows them must be in the next buffer. `within` is true if they end
    inside a line that has been returned already.
    """

    lines: tuple[bytes, ...]
    consumed: int
    within: bool = False


def scan(buffer: bytes, word: bytes, *, within: bool = False, last: bool = False) -> Scanned:
    """Scan one buffer. `within` is that of the previous buffer. `last` is true if nothing will follow, so
    that a line without a line break counts as it is. Each line is returned once, even if it contains the word
    several times.
    """
    at = 0
    if within:
        at = buffer.find(b"\n") + 1
        if not at:
            return Scanned((), len(buffer), within=True)
    lines: list[bytes] = []
    while (hit := buffer.find(word, at)) >= 0:
        low = max(at, hit - AROUND)
        start = max(low, buffer.rfind(b"\n", low, hit) + 1)
        most = hit + len(word) + AROUND
        end = buffer.find(b"\n", hit)
        if end < 0 and not last and len(buffer) <= most:
            return Scanned(tuple(lines), start)  # its rest is still to come
        lines.append(buffer[start : most if end < 0 else min(end, most)])
        if end < 0:
            return Scanned(tuple(lines), len(buffer), within=True)
        at = end + 1
    return Scanned(tuple(lines), _to_be_kept(buffer, at, len(word)))


def _to_be_kept(buffer: bytes, at: int, word: int) -> int:
    """Where the incomplete line begins, or as much of it as could still matter."""
    low = max(at, len(buffer) - AROUND - word)
    return max(low, buffer.rfind(b"\n", low) + 1)
