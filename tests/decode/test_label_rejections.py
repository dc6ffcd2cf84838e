"""Log lines of rejected packets and streams, as memberlist writes them and runtimes wrap them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.label_rejections import MAX_LABEL, OTHER, rejected_label

TIME = "2026-11-21T01:49:29.5Z"
labels = st.text(st.characters(codec="utf-8"), max_size=60)


def go_quoted(value: str) -> str:
    """As %q: what cannot be printed is escaped."""
    out = []
    for char in value:
        if char in '"\\':
            out.append("\\" + char)
        elif char in "\n\t\r":
            out.append({"\n": r"\n", "\t": r"\t", "\r": r"\r"}[char])
        elif char.isprintable():
            out.append(char)
        else:
            number = ord(char)
            out.append(
                f"\\x{number:02x}"
                if number < 0x80
                else f"\\u{number:04x}"
                if number < 0x10000
                else f"\\U{number:08x}"
            )
    return '"' + "".join(out) + '"'


def message(label: str, kind: str = "stream") -> str:
    return f"discarding {kind} with unacceptable label {go_quoted(label)}: from=10.0.0.7:42396"


def logfmt(text: str) -> str:
    return f"ts={TIME} caller=log.go:244 level=error msg={go_quoted(text)}"


def as_json(text: str) -> str:
    return json.dumps({"ts": TIME, "caller": "log.go:244", "level": "error", "msg": text}, ensure_ascii=False)


WRITERS = {"logfmt": logfmt, "JSON": as_json}
WRAPPINGS = {
    "plain": lambda line: line,
    "CRI": lambda line: f"2026-11-21T01:49:30.123456789Z stderr F {line}",
    "Docker": lambda line: json.dumps(
        {"log": line + "\n", "stream": "stderr", "time": TIME}, ensure_ascii=False
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("wrapping", WRAPPINGS)
@given(label=labels)
def test_any_label_comes_out_as_it_was_sent(writer: str, wrapping: str, label: str) -> None:
    line = WRAPPINGS[wrapping](WRITERS[writer](message(label)))
    expected = label if len(label.encode()) <= MAX_LABEL else OTHER
    assert rejected_label(line.encode()) == expected


@pytest.mark.parametrize("kind", ["packet", "stream"])
def test_packets_and_streams_are_rejected(kind: str) -> None:
    assert rejected_label(logfmt(message("other", kind)).encode()) == "other"


def test_a_line_of_the_go_library_inside_a_container_runtimes_is_read() -> None:
    line = f"2026-11-21T01:49:29.5Z stderr F 2026/11/21 [ERR] memberlist: {message('a')}"
    assert rejected_label(line.encode()) == "a"


def test_a_line_without_a_time_or_a_source_still_counts() -> None:
    line = b'[ERR] memberlist: discarding packet with unacceptable label "x"'
    assert rejected_label(line) == "x"


@pytest.mark.parametrize(
    "behind",
    [
        b"",
        b'"',
        b"x",
        b'"never closed',
        b'\\\\"a\\\\"',
        b'"' + b"a" * 256 + b'": from=1.2.3.4:5',
        b'"\xff\xfe',
        b"\\" * 4000,
    ],
)
def test_a_label_that_does_not_read_counts_as_other(behind: bytes) -> None:
    line = b'level=error msg="discarding stream with unacceptable label ' + behind
    assert rejected_label(line) == OTHER


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"level=info msg=started",
        b'level=error msg="unacceptable label"',
        b'msg="accepting stream with unacceptable label \\"a\\""',
        b"x" * 1_000_000,
        b"\xff\x00" * 100,
    ],
)
def test_every_other_line_is_none(line: bytes) -> None:
    assert rejected_label(line) is None


def test_a_line_of_a_megabyte_is_read_near_the_words_only() -> None:
    line = (
        b"x" * 1_000_000
        + b' discarding stream with unacceptable label "a": from=1.2.3.4:5'
        + b" y" * 1_000_000
    )
    assert rejected_label(line) == "a"


def test_the_recorded_logs_have_seven_other_one_empty_and_one_nope(shared: Path) -> None:
    found: dict[str, list[str]] = {}
    for path in sorted((shared / "recordings" / "logs").glob("*.log")):
        read = map(rejected_label, path.read_bytes().splitlines())
        found[path.name] = [label for label in read if label is not None]
    assert found == {"cortex-1-excerpt.log": ["other"] * 7, "loki-1-excerpt.log": ["", "nope"]}
