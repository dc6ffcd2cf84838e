"""Gossip labels."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case

REJECTED, ACCEPTED, REFUSED, DISAGREE, OFF = (
    "KVMigrationForeignLabelRejected",
    "KVMigrationForeignLabelAccepted",
    "KVMigrationOwnLabelRefused",
    "KVMigrationLabelsDisagree",
    "KVMigrationLabelVerificationOff",
)
HOUR = 3600


def rejections(values: str, label: str = "other", target: int = 0) -> dict[str, str]:
    return {
        f'foreign_label_rejections_total{{target="ingester-{target}",label="{label}",source="file"}}': values
    }


def probe(kind: str, values: str, target: int = 1) -> dict[str, str]:
    return {f'label_probe_accepted{{target="ingester-{target}",kind="{kind}"}}': values}


def verified(values: str, *targets: int) -> dict[str, str]:
    return {f'gossip_label_verified{{target="ingester-{target}"}}': values for target in targets}


def label(name: str, values: str) -> dict[str, str]:
    return {f'gossip_label_targets{{label="{name}"}}': values}


CASES = (
    Case(
        REJECTED,
        FIRES,
        "two foreign labels, one of them empty, keep calling",
        rejections("0x9 0+6x100") | rejections("0x9 0+3x100", "", 2),
        at=21,
        says="Members of <fleet> rejected about 90 packets or streams for their label in 10m, by label: "
        '"other" (60), "" (30). They were kept out. Find out which processes send them.',
    ),
    Case(
        REJECTED,
        FIRES,
        "a label that tries to look like something else is quoted",
        rejections("0x9 0+6x100", "a {{ evil }}"),
        at=21,
        says="Members of <fleet> rejected about 60 packets or streams for their label in 10m, by label: "
        '"a {{ evil }}" (60). They were kept out. Find out which processes send them.',
    ),
    Case(REJECTED, THRESHOLD, "the window is empty one step before its time", rejections("0x9 0+6x1 6x100")),
    Case(REJECTED, LOOKALIKE, "one stray packet of a pod that inherited an address", rejections("0x9 1x100")),
    Case(
        REJECTED,
        LOOKALIKE,
        "the exporter restarts and reads old lines of the log again",
        rejections("_x9 700x100"),
    ),
    Case(REJECTED, LOOKALIKE, "no logs are configured", {}, without=("foreign_label",)),
    Case(
        ACCEPTED,
        FIRES,
        "a member that verifies lets a stranger in",
        probe("foreign", "0x9 1x100"),
        at=15,
        says="1 member(s) of <fleet> answered a ping without or with another label: ingester-1 "
        "foreign. Another cluster could join.",
    ),
    Case(
        ACCEPTED,
        FIRES,
        "nobody knows whether it verifies",
        probe("no", "0x9 1x100"),
        without=("gossip_label_verified",),
        at=15,
        says="1 member(s) of <fleet> answered a ping without or with another label: ingester-1 no."
        " Another cluster could join.",
    ),
    Case(ACCEPTED, THRESHOLD, "refused one step before its time", probe("foreign", "1x4 0x100")),
    Case(
        ACCEPTED,
        LOOKALIKE,
        "verification is off for a rollout: another alert keeps the time",
        probe("foreign", "1x200") | verified("0x200", 1),
    ),
    Case(
        ACCEPTED,
        LOOKALIKE,
        "no label is set anywhere: no label is its own",
        probe("no", "1x200") | label("", "3x200") | label("prod", "0x200"),
    ),
    Case(ACCEPTED, LOOKALIKE, "the probe is off", {}, without=("label_probe",)),
    Case(
        REFUSED,
        FIRES,
        "a member has another label than it should",
        probe("own", "1x9 0x100", 2),
        at=20,
        says="1 member(s) of <fleet> refuse a ping with the label that they should have: "
        "ingester-2. The other members cannot reach them.",
    ),
    Case(REFUSED, THRESHOLD, "accepted one step before its time", probe("own", "0x9 1x100")),
    Case(
        REFUSED,
        LOOKALIKE,
        "a rolling restart: each member refuses for two minutes",
        probe("own", "1x3 0x1 1x100", 0) | probe("own", "1x6 0x1 1x100", 1),
    ),
    Case(REFUSED, LOOKALIKE, "a member that cannot be reached gives no answer", {}, without=("label_probe",)),
    Case(
        DISAGREE,
        FIRES,
        "one process came with the wrong label",
        label("prod", "3x9 2x100") | label("staging", "0x9 1x100"),
        at=11,
        says='The processes of <fleet> are configured with 2 gossip labels and some verify them: "prod" (2 '
        'processes), "staging" (1 processes). They drop one another\'s packets.',
    ),
    Case(
        DISAGREE,
        FIRES,
        "the same while memberlist is primary: a page",
        label("prod", "3x9 2x100") | label("staging", "0x9 1x100"),
        phase=5,
        at=11,
        severity="critical",
        says='The processes of <fleet> are configured with 2 gossip labels and some verify them: "prod" (2 '
        'processes), "staging" (1 processes). They drop one another\'s packets.',
    ),
    Case(DISAGREE, THRESHOLD, "they agree one step before its time", label("staging", "1 0x100")),
    Case(
        DISAGREE,
        LOOKALIKE,
        "a label is rolled out with verification off everywhere",
        label("", "2x200") | verified("0x200", 0, 1, 2),
    ),
    Case(DISAGREE, LOOKALIKE, "one label, and one that nobody has any more", label("old", "0x200")),
    Case(DISAGREE, LOOKALIKE, "no configuration can be read", {}, without=("gossip_label",)),
    Case(
        OFF,
        FIRES,
        "verification was forgotten",
        verified("0x200", 0, 1, 2),
        at=24,
        step=HOUR,
        severity="info",
        says="3 process(es) of <fleet> have not verified gossip labels for a day: ingester-0, "
        "ingester-1, ingester-2. Another cluster can join the gossip.",
    ),
    Case(
        OFF, THRESHOLD, "on again an hour before the day is over", verified("0x23 1x100", 0, 1, 2), step=HOUR
    ),
    Case(
        OFF,
        LOOKALIKE,
        "the label rollout takes an afternoon",
        verified("0x5 1x100", 0) | verified("0x6 1x100", 1),
        step=HOUR,
    ),
    Case(OFF, LOOKALIKE, "the setting is unknown", {}, without=("gossip_label_verified",), step=HOUR),
)
