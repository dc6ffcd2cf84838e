"""`kvmigration explain NAME`: what a phase, step, check, metric or alert means, and what to do.

All of it comes from the registrations and the runbooks; no cluster is read.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib import resources
from itertools import chain
from textwrap import fill
from typing import Any

import yaml

from exporter.cli.arguments import NewParser
from exporter.cli.source.docs_option import add_docs
from exporter.cli.terminal.safe_text import WIDTH, plain
from exporter.derive.gate.check_registration import Registered
from exporter.derive.gate.coverage import FROM_METRICS, RESTS_ON
from exporter.derive.gate.step_table import STEPS, Harm, Rule
from exporter.expose import catalogue, shard_catalogue
from exporter.expose.metric import PREFIX, Metric
from exporter.expose.wording.doc_addresses import addressed
from exporter.model.listed import grouped
from exporter.model.migration import HA_TRACKER, LABELS, READ_WRITE, RINGS, STORE
from exporter.model.pages import Phase

_ALERT = "KVMigration"
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
# What a KV client's own gauges show in each phase: DESIGN, "Migrations, phases, steps".
_PHASES = {
    Phase.EXTERNAL: "No multikv gauge; the client's store is consul, etcd or dynamodb.",
    Phase.MULTI: "The multikv gauges are there. The primary is the external store; mirroring is off.",
    Phase.MIRRORING: "The primary is the external store; every write is sent to memberlist too.",
    Phase.SWITCHED: "The primary is memberlist; every write is sent to the external store too.",
    Phase.DETACHED: "The primary is memberlist; mirroring is off. The external store is stale.",
    Phase.MEMBERLIST: "No multikv gauge; the client's store is memberlist.",
    Phase.UNKNOWN: "The process did not answer, or its metrics show no KV client of this kind.",
}
_MIGRATIONS = {
    RINGS: "The KV clients of the rings move from Consul or etcd to memberlist. Read docs/ring.md.",
    HA_TRACKER: "The HA tracker moves from Consul or etcd to memberlist. Read docs/ha-tracker.md.",
    LABELS: "Every process gets the same cluster label and verifies it. Read docs/labels.md.",
    READ_WRITE: "A Mimir changes from microservices to read-write mode, or back. Read docs/read-write.md.",
    STORE: "The external store ends when no migration needs it. Read docs/ring.md#step-6-decommission-store.",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that has a name and can be explained."""

    kind: str
    name: str
    text: Callable[[], str]


def add_explain(new: NewParser) -> None:
    parser = new(_explain, help="print what a phase, step, check, metric or alert means, and what to do")
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="default: list all names")
    add_docs(parser)


def _explain(args: argparse.Namespace) -> int:
    """Print the explanation of a name, or all names where none is given; 2 where there is no such name."""
    known = tuple(topics())
    if not args.name:
        sys.stdout.write(_listed(known))
        return 0
    found = [topic for topic in known if _key(topic.name) == _key(args.name)]
    if not found:
        sys.stderr.write(_unknown(args.name, known))
        return 2
    texts = (f"{topic.name} ({topic.kind})\n\n{topic.text().strip()}\n" for topic in found)
    sys.stdout.write(addressed("\n".join(texts), args.docs_base_url))
    return 0


def topics() -> Iterator[Topic]:
    """Everything that has a name, in the order in which it is listed."""
    yield from (Topic("phase", phase.label, partial(_phase, phase)) for phase in _PHASES)
    yield from (Topic("migration", name, partial(_paragraphs, text)) for name, text in _MIGRATIONS.items())
    yield from (Topic("step", rule.name, partial(_step, rule)) for rule in STEPS)
    guards = chain.from_iterable(_guards(harm).items() for rule in STEPS for harm in rule.harms)
    yield from (Topic("check", name, partial(_check, check)) for name, check in dict(guards).items())
    metrics = dict.fromkeys((*catalogue.ALL, *shard_catalogue.ALL))
    yield from (Topic("metric", metric.name, partial(_metric, metric)) for metric in metrics)
    yield from (Topic("alert", name, partial(_alert, name)) for name in _runbooks())


def _key(name: str) -> str:
    """A name as it is compared: without our prefixes, in lower case."""
    return name.casefold().removeprefix(PREFIX).removeprefix(_ALERT.casefold()).replace("_", "-")


def _listed(matching: Iterable[Topic]) -> str:
    kinds = grouped((topic.kind, topic.name) for topic in matching)
    parts = (f"{kind}s:\n" + "".join(f"  {name}\n" for name in names) for kind, names in kinds.items())
    return "\n".join(parts)


def _unknown(name: str, matching: Iterable[Topic]) -> str:
    names = {_key(topic.name): topic.name for topic in matching}
    near = [names[key] for key in get_close_matches(_key(name), names, 3)]
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    return f'kvmigration: nothing is called "{plain(name)}". {hint}"kvmigration explain" lists all names.\n'


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(fill(text, WIDTH) if "\n" not in text else text for text in texts if text)


def _phase(phase: Phase) -> str:
    steps = [rule.name for rule in STEPS if rule.phase is phase]
    following = f"The next step is {steps[0]}: kvmigration explain {steps[0]}" if steps else ""
    return _paragraphs(_PHASES[phase], following)


def _step(rule: Rule) -> str:
    losses = [line for harm in rule.harms for line in (_item(harm.loss), _more(", ".join(_guards(harm))))]
    where = f"It is taken in phase {rule.phase.label}." if rule.phase is not None else "In any phase."
    lost = "What is lost where it is taken too early, and the checks that prevent it:"
    asked = f"Judge it: kvmigration check {rule.name}\nIn full: kvmigration plan {rule.name}"
    return _paragraphs(f"{rule.action} {where}", "\n".join([lost, *losses]), asked)


def _check(check: Registered) -> str:
    asked = [_item(f"{rule.name}: {h.loss}") for rule in STEPS for h in rule.harms if check.id in _guards(h)]
    sources = ", ".join(source.value for source in RESTS_ON.get(check.id, FROM_METRICS))
    return _paragraphs(
        f"It passes where this is so: {check.sentence}",
        f"If it fails: {check.remedy}",
        f"If it is unknown: {check.known_by}",
        f"It rests on: {sources}.",
        "\n".join(["These steps need it, against these losses:", *asked]),
        f"More: {check.doc}",
    )


def _guards(harm: Harm) -> dict[str, Registered]:
    return {guard.id: guard for guard in harm.guards if isinstance(guard, Registered)}


def _item(text: str) -> str:
    return fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ")


def _more(text: str) -> str:
    return fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _metric(metric: Metric) -> str:
    labels = f"Labels: {', '.join(metric.labels)}." if metric.labels else "No labels."
    return _paragraphs(metric.help, f"A {metric.kind}. {labels}", "More: docs/metrics.md")


def _alert(name: str) -> str:
    rules = [rule for rule in _rules() if rule["alert"] == name]
    firing = [
        f"- {rule['labels']['severity']}, after {rule.get('for', 'no wait')}:\n"
        + "\n".join(f"    {line}" for line in rule["expr"].splitlines())
        for rule in rules
    ]
    return _for_a_terminal(_runbooks()[name]()) + "\n## Fires when\n" + "\n".join(firing)


def _for_a_terminal(markdown: str) -> str:
    """Wrap prose and list items, keep what can be pasted, and print a link to another file by its place."""
    lines, pasted = list[str](), False
    for line in _COMMENT.sub("", markdown).splitlines():
        pasted ^= line.startswith("```")
        if pasted or not line or line.startswith(("```", "#", "|", "  ")):
            lines.append(line)
        else:
            lines.append(
                fill(_LINK.sub(_linked, line), WIDTH, subsequent_indent="  " * line.startswith("- "))
            )
    return "\n".join(lines) + "\n"


def _linked(match: re.Match[str]) -> str:
    text, place = match[1], match[2].removeprefix("../../")
    return text if place == f"{text}.md" else f"{text} ({place})"


def _runbooks() -> dict[str, Callable[[], str]]:
    folder = resources.files("alerts") / "runbooks"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".md")), key=lambda f: f.name)
    return {file.name.removesuffix(".md"): partial(file.read_text, "utf-8") for file in files}


def _rules() -> list[dict[str, Any]]:
    built = resources.files("alerts") / "built"
    texts = ((built / name).read_text("utf-8") for name in ("kvmigration-alerts.yaml", "loki-rules.yaml"))
    groups = (group for text in texts for group in yaml.load(text, yaml.CSafeLoader)["groups"])
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]
