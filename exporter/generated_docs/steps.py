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
the complete soak. This page says what a step does, what is lost where it is taken too early, and which checks
guard against that. `kvmigration check STEP` asks exactly these.

## What the soak counts

- The soak (`gate.soak`) counts time that was watched. It begins again after a failed cycle, a pause or cycle
  of more than three intervals, a sleep of the machine, a step of its clock, or other rules.
- A step also needs three cycles after the first one in which a check passes, unless the soak is 0.
- A check that fails begins anew. A check that is unknown for one cycle and passes in the next keeps its time.
  The step is not open while the check is unknown.
- Evidence is good for two cycles more. A check that is unknown only of processes that were not read in one
  or two cycles in a row keeps its time. Where they are at most one process in 10, it passes on what was read
  of them before, and says so. An open step stays open on that for two cycles, and for two minutes at most.
  Three things break the soak: a third failed read in a row, a reading older than two minutes, and a
  connection that is refused twice in a row. The process is down then.
- A process that is new to the list and started within two minutes only pauses what depends on it. One that
  ran before it was listed begins every soak anew: it was not watched. A process that left
  the list breaks nothing if no ring and no member list has it any more. Otherwise every soak begins anew.
- An HA cluster whose failover some distributors know and others do not yet is no difference, for one update.
- The line of a closed step says what broke its soak last, and how long ago.
- The answer of the last cycle is shown until it is three intervals old, and for at least 30 s. This is also
  true in the moment in which a paused exporter continues.
"""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *(line for rule in STEPS for line in _section(rule))])


def _section(rule: Rule) -> Iterator[str]:
    checks = {guard: guard(nothing_read()) for guard in rule.checks}
    where = f"In phase `{rule.phase.label}`." if rule.phase is not None else "In any phase."
    yield f"## {rule.name}\n\n{where} {rule.action}\n"
    yield "| what is lost | checks that guard against it |\n|---|---|"
    yield from (_row(harm, checks) for harm in rule.harms)
    yield ""


def _row(harm: Harm, checks: dict[CheckFunction, Check]) -> str:
    return f"| {harm.loss} | {', '.join(_link(checks[guard]) for guard in harm.guards)} |"


def _link(check: Check) -> str:
    return f"[`{check.id}`]({check.doc.removeprefix('docs/')})"
