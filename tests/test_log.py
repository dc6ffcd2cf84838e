"""Logs: one line per event, fields by keyword, nothing that drives a terminal."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator

import pytest

from exporter import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    yield io.StringIO()
    root.handlers[:], level, logging.raiseExceptions = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_logfmt_is_as_prometheus_users_know_it(stream: io.StringIO) -> None:
    log.setup("info", "logfmt", stream)
    log.logger("exporter.polling.cycle").warning(
        "page failed", target="a:80", took=0.25, tries=2, last=None, ok=False
    )
    line = stream.getvalue()
    assert re.match(r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=warn component=polling.cycle ", line)
    assert line.endswith('msg="page failed" target=a:80 took=0.25 tries=2 last=null ok=false\n')


def test_json_has_the_same_fields(stream: io.StringIO) -> None:
    log.setup("debug", "json", stream)
    log.logger("exporter.polling.cycle").debug("page %s", "read", took=float("nan"), size=3)
    found = json.loads(stream.getvalue())
    del found["ts"]
    rest = {"msg": "page read", "took": "nan", "size": 3}
    assert found == {"level": "debug", "component": "polling.cycle", **rest}


HOSTILE = 'a"b\\c\nlevel=error msg=forged\r\x1b[2J\x07\x7f\x9b\u202e\u2028\ud800é'


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_a_hostile_value_stays_on_its_line_and_is_complete(stream: io.StringIO, style: log.Format) -> None:
    log.setup("info", style, stream)
    log.logger("x").info(HOSTILE, name=HOSTILE, extra={"fields": {"bad key\n": 1}})
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800]", text)
    text.encode()
    if style == "json":
        assert json.loads(text)["name"] == HOSTILE
        assert json.loads(text)["bad_key_"] == 1


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", '""'),
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ("é", '"é"'),
        ("plain-1.2/x", "plain-1.2/x"),
        (b"x", "\"b'x'\""),
    ],
)
def test_values_are_quoted_where_logfmt_needs_it(stream: io.StringIO, value: object, written: str) -> None:
    log.setup("info", "logfmt", stream)
    log.logger("x").info("m", v=value)
    assert stream.getvalue().endswith(f" v={written}\n")


def test_a_long_value_is_cut(stream: io.StringIO) -> None:
    log.setup("info", "logfmt", stream)
    log.logger("x").info("m", v="y" * 100_000)
    assert len(stream.getvalue()) < 10_000


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_an_exception_is_one_line_with_its_stack(stream: io.StringIO, style: log.Format) -> None:
    log.setup("info", style, stream)
    error = ValueError("no\nway")
    log.logger("x").error("cycle failed", cycle=3, exc_info=error)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert "ValueError: no\\nway" in text
    assert "stack" in text
    assert "cycle" in text


def test_levels_filter_and_other_libraries_speak_the_same_format(stream: io.StringIO) -> None:
    log.setup("warn", "logfmt", stream)
    log.logger("x").info("quiet")
    logging.getLogger("aiohttp.server").error("loud %d", 1)
    logging.getLogger("lib").error("bad %d", "arguments")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old habit", UserWarning, stacklevel=1)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].endswith('level=error component=aiohttp.server msg="loud 1"')
    assert 'msg="bad %d"' in lines[1]
    assert "old habit" in lines[2]


@pytest.mark.parametrize(
    ("level", "style"), [("trace", "logfmt"), ("info", "xml"), ("INFO", "json"), ("", "")]
)
def test_an_unknown_level_or_format_is_refused(level: str, style: str) -> None:
    with pytest.raises(ValueError, match=r"is not one of (debug, info, warn, error|logfmt, json)"):
        log.setup(level, style)  # type: ignore[arg-type]  # the point of the test
