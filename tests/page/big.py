"""Snapshots of the size of the largest installations: 500 processes, 2,000 members in a ring."""

from __future__ import annotations

from dataclasses import replace

from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import Event, Fleet, GossipFacts, KeyFacts, Snapshot
from exporter.model.pages import Phase, Product
from exporter.model.rings import UnknownMember
from exporter.model.views import Comparison, ViewFacts
from tests.expose import snapshots

COMPONENTS = ("distributor", "ingester", "querier", "ruler", "store-gateway", "compactor", "alertmanager")


def ring(name: str, members: int, targets: tuple[str, ...]) -> KeyFacts:
    missing = tuple(f"mimir-write-{n}" for n in range(0, members, 7))
    found = replace(snapshots.behind(), missing_members=missing, settled=missing)
    compared = Comparison(False, 12.0, missing, settled=frozenset(missing))
    views = (
        *(ViewFacts("ring", t, known=True, fingerprint="aa" * 16, staleness=0.0) for t in targets),
        *(
            ViewFacts("gossip", t, known=True, fingerprint="bb" * 16, missing=missing, against=compared)
            for t in targets
        ),
    )
    return replace(
        snapshots.ring_key(),
        key=f"collectors/{name}",
        ring=name,
        members=tuple(snapshots.member(f"mimir-write-{n}") for n in range(members)),
        views=views,
        secondary=found,
    )


def snapshot(targets: int = 500, members: int = 2000, keys: int = 60) -> Snapshot:
    """Everything at once: many processes and members, many warnings, culprits and events."""
    names = tuple(f"mimir-prod-eu-{COMPONENTS[n % 7]}-{n}" for n in range(targets))
    made = tuple(snapshots.target(name, component=COMPONENTS[n % 7]) for n, name in enumerate(names))
    made = (*made[:-30], *(snapshots.silent_target(name) for name in names[-30:]))
    culprits = tuple(Culprit(Kind.CLIENT_UNREAD, name, member="compactor-lifecycler") for name in names)
    steps = tuple(
        replace(step, checks=tuple(replace(check, culprits=culprits) for check in step.checks))
        for step in snapshots.steps()
    )
    rings = (ring("ring", members, names), *(ring(f"ring-{n}", 200, names) for n in range(keys)))
    return Snapshot(
        at=snapshots.NOW,
        started=snapshots.NOW - 9,
        cycle=7,
        fleet=Fleet(
            Phase.MULTI, False, "", Product.MIMIR, ("2.17.0",), "switch-primary",
            snapshots.told(*(f"warning {n}: {', '.join(names[:5])}" for n in range(40))), snapshots.NOW - 60,
        ),
        targets=made,
        keys=rings,
        gossip=GossipFacts(
            clusters=tuple(tuple(names[n::9]) for n in range(9)),
            unknown=tuple(UnknownMember(f"tempo-{n}", f"10.0.0.{n}:7946", names) for n in range(200)),
            labels={f"label-{n}": names for n in range(50)},
            absent=names[:40],
        ),
        stores=snapshots.rich().stores,
        migrations=snapshots.migrations(steps),
        events=tuple(
            Event(snapshots.NOW - n, "member", f"{name} is unhealthy", name)
            for n, name in enumerate(names)
        ),
    )  # fmt: skip
