"""Lines with a word found in chunks, wherever the chunks are cut."""

from __future__ import annotations

import random

import pytest

from exporter.sources.logs.line_scan import AROUND, scan

WORD = b"needle"


def in_pieces(body: bytes, cuts: list[int], *, last: bool = True) -> list[bytes]:
    """Scan a body that becomes visible up to each cut, as a growing file does."""
    found: list[bytes] = []
    at, within = 0, False
    for end in [*cuts, len(body)]:
        result = scan(body[at:end], WORD, within=within, last=last and end == len(body))
        found += result.lines
        at, within = at + result.consumed, result.within
    return found


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"a\nb\n", []),
        (b"a needle b\n", [b"a needle b"]),
        (b"x\na needle b\ny\n", [b"a needle b"]),
        (b"needle\nneedle\n", [b"needle", b"needle"]),
        (b"needle and needle\nneedle\n", [b"needle and needle", b"needle"]),
        (b"need\nle\n", []),
        (b"needle", [b"needle"]),
    ],
)
def test_lines_with_the_word_are_given(body: bytes, lines: list[bytes]) -> None:
    assert in_pieces(body, []) == lines


def test_a_line_is_given_once_wherever_it_is_cut() -> None:
    body = b"one\ntwo needle two needle\nthree\nfour needle\n"
    for first in range(len(body)):
        assert in_pieces(body, [first]) == [b"two needle two needle", b"four needle"], first


def test_random_logs_give_the_same_lines_in_random_pieces() -> None:
    chance = random.Random(4)
    for _ in range(300):
        words = [
            chance.choice([b"needle", b"\n", b"x" * chance.randrange(50), b"need", b"le"]) for _ in range(40)
        ]
        body = b" ".join(words) + b"\n"
        expected = [line for line in body.split(b"\n") if WORD in line]
        cuts = sorted(chance.randrange(len(body)) for _ in range(5))
        assert in_pieces(body, cuts) == expected


@pytest.mark.parametrize("where", [0, 500_000, 999_000])
def test_a_line_of_a_megabyte_is_given_once_and_cut(where: int) -> None:
    body = b"x" * where + WORD + b"x" * (1_000_000 - where) + b"\nneedle\n"
    (first, second) = in_pieces(body, list(range(4096, len(body), 4096)))
    assert WORD in first
    assert len(first) <= 2 * AROUND + len(WORD)
    assert second == b"needle"


def test_a_long_line_without_the_word_is_not_kept() -> None:
    result = scan(b"x" * 1_000_000, WORD)
    assert result.lines == ()
    assert result.consumed >= 1_000_000 - AROUND - len(WORD)
