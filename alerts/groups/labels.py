"""Gossip labels: configured alike, verified, and refusing every foreign label."""

from __future__ import annotations

from alerts import thresholds as t
from alerts.groups.gossip import by_phase
from alerts.promql import Queries
from alerts.rule import COUNT, Alert, Group, Names, Severity
from exporter.expose import catalogue as c


def rejections(q: Queries) -> str:
    """Rejected packets and streams by label, lately."""
    increase = f"increase({q.series(c.FOREIGN_LABEL_REJECTIONS_TOTAL)}[{q.span(t.REJECTED_WINDOW)}])"
    return f"sum {q.by('label')} (max {q.by('target', 'label', 'source')} ({increase})) > 0"


def holes(q: Queries) -> str:
    """Members that answered a ping with a foreign label or none, but not where verification is off.

    A member with an empty label rightly answers a ping without a label.
    """
    foreign, none = (
        q.most(c.LABEL_PROBE_ACCEPTED, "target", "kind", matchers=f'kind="{kind}"') + " == 1"
        for kind in ("foreign", "no")
    )
    empty = q.most(c.GOSSIP_LABEL_TARGETS, matchers='label=""') + " > 0"
    off = f"{q.most(c.GOSSIP_LABEL_VERIFIED, 'target')} == 0"
    return f"(\n{foreign}\nor\n{none} unless {q.on()} ({empty})\n)\nunless {q.on('target')} ({off})"


def refused(q: Queries) -> str:
    """Members that refuse the label they should accept, unless they accepted any exporter's ping."""
    return q.most(c.LABEL_PROBE_ACCEPTED, "target", matchers='kind="own"') + " == 0"


def labels(q: Queries) -> str:
    """Labels in use."""
    return f"{q.most(c.GOSSIP_LABEL_TARGETS, 'label')} > 0"


def _disagree(q: Queries) -> str:
    """Two labels do no harm while no member verifies: that is how a label is rolled out."""
    return f"count {q.by()} ({labels(q)}) > 1\nand {q.on()} ({q.most(c.GOSSIP_LABEL_VERIFIED)} == 1)"


def unverified(q: Queries) -> str:
    """Processes that verify no label."""
    return f"{q.most(c.GOSSIP_LABEL_VERIFIED, 'target')} == 0"


DISAGREE = Alert(
    "KVMigrationLabelsDisagree",
    Severity.CRITICAL,
    t.LABELS_DISAGREE,
    _disagree,
    "Processes have different gossip labels while labels are verified",
    (
        "The processes of <fleet> are configured with {{ $value }} gossip labels and some "
        "verify them: <names>. They drop one another's packets."
    ),
    "Processes have different labels and some verify them: the gossip is splitting.",
    names=Names(labels, ("label",), value='printf "%.0f processes"', quoted=True),
    about=("labels-split",),
)

GROUP = Group(
    "labels",
    "Gossip labels",
    board="gossip",
    alerts=(
        Alert(
            "KVMigrationForeignLabelRejected",
            Severity.WARNING,
            t.REJECTED,
            Names(rejections, ("label",), value=COUNT, quoted=True, total="sum"),
            "A process with another gossip label keeps sending",
            (
                'Members of <fleet> rejected about {{ $value | printf "%.0f" }} packets or streams for '
                "their label in <REJECTED_WINDOW>, by label: <names>. They were kept out. Find out which "
                "processes send them."
            ),
            "Processes still receive, and reject, packets or streams with a foreign label.",
            memory=t.REJECTED_WINDOW,
        ),
        Alert(
            "KVMigrationForeignLabelAccepted",
            Severity.WARNING,
            t.ACCEPTED,
            Names(holes, ("target", "kind")),
            "Members accept a gossip label that is not their own",
            (
                "{{ $value }} member(s) of <fleet> answered a ping without or with another label: "
                "<names>. Another cluster could join."
            ),
            "A probe with a foreign label, or with none, was answered.",
        ),
        Alert(
            "KVMigrationOwnLabelRefused",
            Severity.WARNING,
            t.OWN_REFUSED,
            Names(refused, ("target",)),
            "Members refuse the fleet's own gossip label",
            (
                "{{ $value }} member(s) of <fleet> refuse a ping with the label that they should have: "
                "<names>. The other members cannot reach them."
            ),
            "A member refuses the label of its own fleet.",
        ),
        *by_phase(DISAGREE),
        Alert(
            "KVMigrationLabelVerificationOff",
            Severity.INFO,
            t.VERIFICATION_OFF,
            Names(unverified, ("target",)),
            "Gossip labels are not verified",
            (
                "{{ $value }} process(es) of <fleet> have not verified gossip labels for a day: "
                "<names>. Another cluster can join the gossip."
            ),
            "Verification of gossip labels was not switched on again after a label rollout.",
        ),
    ),
)
