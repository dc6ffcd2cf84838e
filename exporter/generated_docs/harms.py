"""`docs/harms.md`, from the table of the steps."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.derive.gate.check_registration import CheckFunction
from exporter.derive.gate.step_table import STEPS, Harm, Rule
from exporter.derive.gate.step_verdicts import nothing_read
from exporter.model.gate import Check

_HEAD = """# What each step can lose

<!-- Made by `python -m exporter.generated_docs` from exporter/derive/gate/step_table.py. Do not edit. -->

Each step of the migration has a gate. The gate opens when every check of the step has passed for the
complete soak time. For each step, this page lists what the step does, what you lose if you take it too early,
and which checks prevent the loss. `kvmigration check STEP` runs exactly the checks of the step.

## What the soak counts

- The soak (`gate.soak`) counts only time in which the exporter watched the processes.
- The soak begins again after a failed cycle, and after a pause or a cycle of more than three intervals. It
  also begins again if the machine was suspended, if its clock was set, or if the rules have changed.
- Before a step opens, each check must pass in one cycle and then in three more cycles, unless the soak is 0.
- If a check fails, its soak time begins again. If a check is unknown for one cycle and passes in the next
  cycle, it keeps its soak time. While a check is unknown, the step is not open.
- The evidence of a process stays valid for two more cycles. If a check is unknown only because processes were
  not read in one or two cycles in a row, the check keeps its soak time. If at most one process in 10 was not
  read, the check passes on the earlier evidence of these processes, and names them.
- An open step stays open on earlier evidence for two cycles, and for two minutes at most.
- Three events restart the soak: a third failed read in a row, a reading of more than two minutes ago, and a
  connection that was refused twice in a row. After two refused connections, the process counts as down.
- If a process is new in the list and started less than two minutes ago, it only pauses the checks that depend
  on it. If a new process ran before it was listed, every soak begins again, because the process was not
  watched.
- If a process left the list of targets, its ring entries decide. If no ring and no member list has the
  process, no soak begins again. If a ring or a member list still has it, every soak begins again.
- After a failover, some distributors have the new replica earlier than other distributors. For one update
  of the HA cluster, the exporter ignores this difference.
- If a step is closed, its line names the event that restarted its soak last, and the age of this event.
- The exporter shows the answer of the last cycle until the answer is three intervals old, and for at least
  30 s. After a pause of the exporter, the same limit applies.
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
