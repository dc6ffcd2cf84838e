"""Other names in place of names and addresses. A name has the same replacement everywhere in a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from exporter.expose.report.shapes import ReportOut, SpanOut
from exporter.expose.wording.planning.migration_report import REDACTED
from exporter.model.planning.timeline import Track

_V4: Final = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)"
_V6: Final = r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}(?![\w:])"
_ADDRESS: Final = re.compile(f"{_V4}|{_V6}")


def redacted(report: ReportOut) -> ReportOut:
    """The same report with other names. The configuration and the texts of deviations that ended are left
    out: they have names that are on no list any more.
    """
    names = report.names
    spans = tuple(
        msgspec.structs.replace(span, value=REDACTED) if _is_past(span) else span
        for span in report.history.spans
    )
    report = msgspec.structs.replace(report, history=msgspec.structs.replace(report.history, spans=spans))
    others = {
        **_numbered("label", names.labels),
        **_numbered("host", names.hosts),
        **_numbered("member", names.members),
        **_numbered("process", names.processes),
    }
    replaced = _replaced(msgspec.to_builtins(report), others, _pattern(others))
    made = msgspec.convert(replaced, ReportOut)
    return msgspec.structs.replace(made, config=REDACTED)


def _is_past(span: SpanOut) -> bool:
    return span.track == Track.DEVIATION and span.ended_at is not None


def _numbered(kind: str, names: Iterable[str]) -> dict[str, str]:
    return {name: f"{kind}-{number}" for number, name in enumerate(names, start=1)}


def _pattern(others: Mapping[str, str]) -> re.Pattern[str] | None:
    """Complete names only, the longest first: `ingester-1` is no part of `ingester-10`."""
    if not others:
        return None
    names = "|".join(map(re.escape, sorted(others, key=len, reverse=True)))
    return re.compile(rf"(?<![\w-])(?:{names})(?![\w-])")


def _replaced(value: Any, others: dict[str, str], pattern: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        text = pattern.sub(lambda found: others[found[0]], value) if pattern else value
        return _ADDRESS.sub(lambda found: others.setdefault(found[0], f"address-{len(others)}"), text)
    if isinstance(value, dict):
        return {_replaced(k, others, pattern): _replaced(v, others, pattern) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(inner, others, pattern) for inner in value]
    return value
