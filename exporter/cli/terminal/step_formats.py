"""A step of the gate as `check` prints it: text, JSON, YAML or JUnit's XML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from xml.etree import ElementTree

import msgspec
import yaml

from exporter.cli.terminal.safe_text import plain, wrapped
from exporter.expose.api.shapes import CheckOut, StepOut
from exporter.expose.wording import checks as wording
from exporter.expose.wording import headlines
from exporter.expose.wording.check_evidence import oldest_views
from exporter.expose.wording.lists import first

SHOWN: Final = 10
# As a person reads the API's verdicts; in this order.
WORDS: Final[Mapping[str, str]] = {"fails": "failed", "unknown": "unknown", "holds": "passed"}


def text_of(step: StepOut, *, verbose: bool = True) -> str:
    """The step for 80 columns, without colour: what failed first, then what is unknown. What passed is
    counted, and shown with its evidence where `verbose`.
    """
    views = oldest_views(check.covered for check in step.checks)
    lines = [*wrapped(headlines.answered(step.title, step.answer, step.headline)), ""]
    lines += [*wrapped(views), ""] if views else []
    order = list(WORDS)
    ordered = sorted(step.checks, key=lambda check: order.index(check.verdict))
    bad = [check for check in ordered if check.verdict != "holds"]
    remedies = wording.remedies((check.id, check.remedy) for check in bad)
    for check, remedy in zip(bad, remedies, strict=True):
        lines += _failed_lines(check, remedy)
    for check in ordered[len(bad) :] if verbose else ():
        lines += [*_named(check), *wrapped(f"{check.evidence} {_coverage(check)}".rstrip(), " " * 10)]
    passed = len(ordered) - len(bad)
    how = "" if verbose or not passed else " -v shows them."
    return "\n".join([*lines, f"{passed} of {len(step.checks)} checks passed.{how}"]) + "\n"


def json_of(step: StepOut) -> str:
    """One line of JSON, as the API has it."""
    return msgspec.json.encode(step).decode() + "\n"


def yaml_of(step: StepOut) -> str:
    """One document of YAML, with the API's names."""
    return yaml.safe_dump(
        msgspec.to_builtins(step), explicit_start=True, sort_keys=False, allow_unicode=True, width=110
    )


def junit_of(step: StepOut) -> str:
    """One test suite of JUnit's XML, a test case for each check: unknown is an error, failed a failure."""
    counts = {word: sum(check.verdict == word for check in step.checks) for word in WORDS}
    suite = ElementTree.Element(
        "testsuite",
        name=plain(step.title),
        tests=str(len(step.checks)),
        failures=str(counts["fails"]),
        errors=str(counts["unknown"]),
    )
    for check in step.checks:
        case = ElementTree.SubElement(suite, "testcase", classname=plain(step.title), name=plain(check.id))
        if check.verdict != "holds":
            kind = "failure" if check.verdict == "fails" else "error"
            wrong = ElementTree.SubElement(case, kind, message=plain(check.sentence))
            wrong.text = "\n".join(map(plain, (*check.culprits, check.remedy)))
    return ElementTree.tostring(suite, encoding="unicode") + "\n"


FORMATS: Final[Mapping[str, Callable[[StepOut], str]]] = {
    "text": text_of,
    "json": json_of,
    "yaml": yaml_of,
    "junit": junit_of,
}


def _named(check: CheckOut) -> list[str]:
    return wrapped(f"{check.id}: {check.sentence}", f"{WORDS[check.verdict]:<8}", " " * 8)


def _failed_lines(check: CheckOut, remedy: str) -> list[str]:
    """A check that failed or is unknown, with its first culprits and what to do."""
    lines = _named(check)
    if check.culprits and not wording.adds_nothing(check.evidence, check.culprits):
        lines += wrapped(check.evidence, " " * 10)
    shown, more = first(check.culprits or (check.evidence,), SHOWN)
    for name in (*shown, *([more] if more else [])):
        lines += wrapped(name, "        - ", " " * 10)
    return [*lines, *wrapped(remedy, "        > ", " " * 10), f"          {check.doc}"]


def _coverage(check: CheckOut) -> str:
    """How much a check has read: `Looked at 3 of 3 /metrics and 12 of 12 gossip copies.`"""
    parts = [f"{part.looked} of {part.of} {part.source}" for part in check.covered if part.of]
    return f"Read: {', '.join(parts)}." if parts else ""
