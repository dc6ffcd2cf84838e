"""`docs/harms.md`, from the table of the steps."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.derive.gate.check import CheckFunction
from exporter.derive.gate.harms import STEPS, Harm, Rule
from exporter.derive.gate.steps import nothing_read
from exporter.model.gate import Check

_HEAD = """# What each step can lose

<!-- Made by `python -m exporter.generated_docs` from exporter/derive/gate/harms.py. Do not edit. -->

Each step of the migration has a gate. The gate opens when every check of the step passes and has passed for
the complete soak. This page has what a step does, what is lost if it is taken too early, and which checks
prevent that. `kvmigration check STEP` runs exactly these.

## What the soak counts

- The soak (`gate.soak`) counts time that was watched. It begins again after a failed cycle, a pause or cycle
  of more than three intervals, a suspended machine, a step of its clock, or other rules.
- A check must pass in one cycle and then in three more before its step opens, unless the soak is 0.
- A check that fails begins again. A check that is unknown for one cycle and passes in the next keeps its
  time. The step is not open while the check is unknown.
- Evidence stays valid for two more cycles. If a check is unknown only because processes were not read in one
  or two cycles in a row, the check keeps its time. If these are at most one process in 10, the check passes
  on their earlier evidence, and names them. An open step stays open on earlier evidence for two cycles, and
  for two minutes at most. Three events restart the soak: a third failed read in a row, a reading of more than
  two minutes ago, and a connection refused twice in a row. After two refusals the process counts as down.
- A process that is new in the list and started within two minutes only pauses the checks that depend on it.
  If a new process ran before it was listed, every soak begins again: the process was not watched.
- A process that left the list of targets changes nothing if no ring and no member list has it either.
  Otherwise every soak begins again.
- After a failover, some distributors have the new replica earlier than other distributors. For one update
  of the HA cluster this is no difference.
- The line of a closed step names what broke its soak last, and how long ago.
- The answer of the last cycle is shown until it is three intervals old, and for at least 30 s. This is also
  true at the moment at which a paused exporter continues.
"""


def page() -> str:
    """The complete page as Markdown."""
    return "\n".join([_HEAD, *(line for rule in STEPS for line in _section(rule))])


def _section(rule: Rule) -> Iterator[str]:
    checks = {guard: guard(nothing_read()) for guard in rule.checks}
    where = f"In phase `{rule.phase.label}`." if rule.phase is not None else "In any phase."
    yield f"## {rule.name}\n\n{where} {rule.action}\n"
    yield "| what is lost | checks that prevent it |\n|---|---|"
    yield from (_row(harm, checks) for harm in rule.harms)
    yield ""


def _row(harm: Harm, checks: dict[CheckFunction, Check]) -> str:
    return f"| {harm.loss} | {', '.join(_link(checks[guard]) for guard in harm.guards)} |"


def _link(check: Check) -> str:
    return f"[`{check.id}`]({check.doc.removeprefix('docs/')})"
