"""The steps of the gate: the effect of each, the loss if it is taken wrongly, and the checks against it.

It is data: the gate is made of it, `docs/harms.md` is written from it, and a test covers it. A check that
guards against several losses of a step stands with each of them and runs once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from exporter.derive.gate.check_registration import CheckFunction
from exporter.derive.gate.checks import (
    clients,
    elections,
    gossip,
    joining,
    preflight,
    quorum,
    ring_members,
)
from exporter.derive.gate.checks import external_store as store
from exporter.derive.gate.checks import members_in_transit as transit
from exporter.derive.gate.checks import read_write_mode as groups
from exporter.derive.gate.checks import read_write_mode_old_group as paths
from exporter.derive.gate.checks import read_write_mode_prerequisites as settings
from exporter.derive.gate.checks import rings as keys
from exporter.model.migration import HA_TRACKER, LABELS, READ_WRITE, STORE, Migration
from exporter.model.pages import Phase


@dataclass(frozen=True, slots=True)
class Harm:
    """One loss, as one sentence, and the checks that must pass so that it does not happen. `only` names the
    migration in which it can happen, "" for each.
    """

    loss: str
    guards: tuple[CheckFunction, ...]
    only: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One step: the phase in which it is taken (`None`: any), what it does, and its harms. `migration` is the
    one that it is a step of, "" for each that moves KV clients.
    """

    name: str
    phase: Phase | None
    action: str
    harms: tuple[Harm, ...]
    migration: str = ""

    @property
    def checks(self) -> tuple[CheckFunction, ...]:
        """Every check of the step once, in the order of its harms."""
        return tuple(dict.fromkeys(guard for harm in self.harms for guard in harm.guards))

    def is_of(self, migration: Migration) -> bool:
        """Whether a migration has this step."""
        return migration.is_of_clients if not self.migration else migration.name == self.migration

    def checks_of(self, migration: str) -> tuple[CheckFunction, ...]:
        """The checks of one migration's step."""
        harms = (harm for harm in self.harms if harm.only in ("", migration))
        return tuple(dict.fromkeys(guard for harm in harms for guard in harm.guards))


GOSSIP: tuple[CheckFunction, ...] = (gossip.one_cluster, gossip.no_unknown_members, gossip.complete)
# For every step that is a rolling restart, or that follows one: a process that starts must join.
RESTART: tuple[CheckFunction, ...] = (
    joining.restart_seeds,
    joining.restart_seeds_resolve,
    joining.restart_rejoin,
    joining.restart_settings,
)
MEMBERS: tuple[CheckFunction, ...] = (
    ring_members.writers_are_members,
    ring_members.members_distinct,
    ring_members.partitions_owned,
    ring_members.no_foreign_members,
)
UNSEEN = "A process that is not read, or that started recently, may be in an unexpected phase."
UNFINISHED = (
    "The next rollout begins before the last rollout has ended: writes and queries lose their quorum."
)
MERGED = "Two clusters merge in one gossip: the members of each cluster appear in the rings of both."
PARTED = "A process that starts joins no other process and serves requests from an empty ring."
DATED = "A clock that is ahead wins every merge: no process can replace its heartbeats and elections."
ORPHANED = "An orphaned or unhealthy member is copied too, and in the gossip it is harder to remove."
LACKING = "The secondary lacks keys or members when it becomes the primary: they are lost for all processes."
DIVERGED = "Processes have different rings, so they decide differently about the same data."
MISPLACED = (
    "A process writes a ring that does not list it, or another member has its address: its data is not found."
)
CONTENDED = "Distributors elect different replicas in turn since the switch: samples are doubled or dropped."
ELECTED = "Distributors elect other HA replicas: samples are doubled."
APART = "A client in another phase continues with the other store: the rings diverge."
UNWATCHED = (clients.targets_answer, clients.settled)
_ABLE = (preflight.version_supports, clients.runtime_config_loaded)


def _in(phase: Phase, *, readers: bool) -> Harm:
    return Harm(APART, (clients.in_phase(phase, readers=readers), clients.runtime_config_loaded))


_READ_PATH = (
    Harm(UNSEEN, UNWATCHED),
    Harm("There is nothing to stop.", (paths.old_read_path_present,)),
    Harm("Queries fail that are still sent to the old group.", (paths.old_read_path_idle,)),
    Harm("No process answers queries.", (groups.new_group_reads,)),
    Harm("A ring is left without members: its component stops.", (groups.backend_rings_have_both,)),
    Harm(
        "Store-gateways that stopped stay in the ring: queries miss the blocks that they had.",
        (settings.store_gateways_unregister, settings.store_gateways_zone_aware),
    ),
    Harm("Writes lose their quorum.", (keys.members_healthy, quorum.settings_agree)),
    Harm(DIVERGED, (keys.views_agree,)),
    Harm(UNFINISHED, (transit.no_long_transitions,)),
    Harm(PARTED, RESTART),
)
_WRITE_PATH = (
    Harm(UNSEEN, UNWATCHED),
    Harm("There is nothing to stop.", (paths.old_write_path_present,)),
    Harm("Pushes and queries fail that are still sent to the old group.", (groups.old_group_idle,)),
    Harm("No process answers queries.", (groups.new_group_reads,)),
    Harm("A ring is left without members: its component stops.", (groups.write_rings_have_both,)),
    Harm(
        "Writes lose their quorum.",
        (
            groups.new_group_keeps_quorum,
            settings.ingesters_zone_aware,
            paths.one_zone_at_a_time,
            keys.members_healthy,
            quorum.settings_agree,
        ),
    ),
    Harm("Blocks that only an old ingester has are lost with it.", (paths.old_ingesters_shipped,)),
    Harm(DIVERGED, (keys.views_agree,)),
    Harm(UNFINISHED, (transit.no_long_transitions,)),
    Harm(PARTED, RESTART),
)


def _together(*steps: Iterable[Harm]) -> tuple[Harm, ...]:
    """The harms of several steps that are taken at once, each once."""
    guards: dict[str, dict[CheckFunction, None]] = {}
    for harm in chain(*steps):
        guards.setdefault(harm.loss, {}).update(dict.fromkeys(harm.guards))
    return tuple(Harm(loss, tuple(found)) for loss, found in guards.items())


_NOTHING_LEFT = Harm("There is nothing to stop.", (groups.old_group_present,))
_BOTH_PATHS = _together(
    [_NOTHING_LEFT], [harm for harm in (*_READ_PATH, *_WRITE_PATH) if harm.loss != _NOTHING_LEFT.loss]
)

STEPS = (
    Rule(
        "preflight",
        Phase.EXTERNAL,
        "Sets store: multi on every client in a rolling restart; the external store stays the primary.",
        (
            Harm(UNSEEN, UNWATCHED),
            Harm("A process that cannot do it stops at its start.", _ABLE),
            Harm(
                "Primaries are mixed already: each restart moves further clients to the wrong store.",
                (clients.primaries_agree,),
            ),
            Harm(MERGED, (gossip.label_set, preflight.gossip_port_quiet)),
            Harm(
                PARTED,
                (
                    joining.join_members,
                    joining.join_members_resolve,
                    joining.rejoin_interval,
                    joining.settings_agree,
                    preflight.gossip_port_reachable,
                ),
            ),
            Harm("The primary cannot be compared with: its store is not readable.", (store.stores_readable,)),
            Harm(DIVERGED, (keys.views_agree,)),
            Harm(ORPHANED, (preflight.no_orphaned_members,)),
            Harm(MISPLACED, MEMBERS),
            Harm(UNFINISHED, (quorum.quorum_margin, quorum.settings_agree, transit.no_long_transitions)),
            Harm(DATED, (clients.clocks_agree,)),
            Harm(
                "A later rise of the HA elections has nothing to compare with.",
                (preflight.ha_baseline,),
                only=HA_TRACKER,
            ),
        ),
    ),
    Rule(
        "enable-mirroring",
        Phase.MULTI,
        "Switches mirroring on: every write is sent to memberlist too, and restarts follow.",
        (
            Harm(UNSEEN, UNWATCHED),
            _in(Phase.MULTI, readers=False),
            Harm(MERGED, (*GOSSIP, gossip.labels_agree)),
            Harm(DIVERGED, (keys.views_agree,)),
            Harm(PARTED, (joining.mirror_seeds, joining.restart_seeds_resolve, joining.restart_settings)),
            Harm(ORPHANED, (keys.members_healthy, preflight.no_orphaned_members)),
            Harm(MISPLACED, MEMBERS),
            Harm(
                UNFINISHED,
                (quorum.quorum_margin_known, quorum.settings_agree, transit.no_long_transitions),
            ),
        ),
    ),
    Rule(
        "switch-primary",
        Phase.MIRRORING,
        "Makes memberlist the primary of all clients at once.",
        (
            Harm(UNSEEN, UNWATCHED),
            _in(Phase.MIRRORING, readers=False),
            Harm(
                LACKING,
                (
                    keys.keys_copied,
                    keys.members_copied,
                    keys.contents_equal,
                    keys.lag,
                    clients.mirror_writes,
                    clients.mirror_errors,
                    clients.client_keys,
                ),
            ),
            Harm(
                "Members own the same tokens, or rings differ.",
                (keys.no_token_conflicts, keys.views_agree),
            ),
            Harm(ORPHANED, (keys.members_healthy, preflight.no_orphaned_members)),
            Harm(MISPLACED, MEMBERS),
            Harm(UNFINISHED, (quorum.quorum_kept, quorum.settings_agree, transit.no_long_transitions)),
            Harm(
                ELECTED,
                (elections.ha_elections_equal,),
                only=HA_TRACKER,
            ),
            Harm(MERGED, (*GOSSIP, gossip.labels_agree)),
            Harm(DATED, (clients.clocks_agree,)),
        ),
    ),
    Rule(
        "disable-mirroring",
        Phase.SWITCHED,
        "Switches mirroring off: from here on the external store is stale, and a fast way back does not "
        "exist any more.",
        (
            Harm(UNSEEN, UNWATCHED),
            _in(Phase.SWITCHED, readers=True),
            Harm(
                "What was lost in the switch is only in the external store, which no process updates any "
                "more.",
                (keys.views_agree, store.nothing_lost),
            ),
            Harm(ELECTED, (elections.ha_elections_equal,), only=HA_TRACKER),
            Harm(MERGED, (*GOSSIP, gossip.labels_agree)),
            Harm(ORPHANED, (keys.members_healthy, preflight.no_orphaned_members)),
            Harm(MISPLACED, MEMBERS),
            Harm(UNFINISHED, (quorum.quorum_kept, quorum.settings_agree, transit.no_long_transitions)),
            Harm(CONTENDED, (elections.ha_elections_steady,), only=HA_TRACKER),
            Harm(DATED, (clients.clocks_agree,)),
        ),
    ),
    Rule(
        "remove-multi",
        Phase.DETACHED,
        "Sets store: memberlist on every client in a rolling restart.",
        (
            Harm(UNSEEN, UNWATCHED),
            _in(Phase.DETACHED, readers=True),
            Harm(
                "What was lost in the switch cannot be copied from the external store any more.",
                (keys.views_agree, store.nothing_lost),
            ),
            Harm(MERGED, (*GOSSIP, gossip.labels_agree)),
            Harm(PARTED, RESTART),
            Harm(ORPHANED, (keys.members_healthy, preflight.no_orphaned_members)),
            Harm(MISPLACED, MEMBERS),
            Harm(
                UNFINISHED,
                (quorum.quorum_margin_known, quorum.settings_agree, transit.no_long_transitions),
            ),
            Harm(CONTENDED, (elections.ha_elections_steady,), only=HA_TRACKER),
            Harm(DATED, (clients.clocks_agree,)),
        ),
    ),
    Rule(
        "decommission-store",
        Phase.MEMBERLIST,
        "Stops the external store: you cannot roll back any more.",
        (
            Harm(UNSEEN, UNWATCHED),
            _in(Phase.MEMBERLIST, readers=True),
            Harm(
                "The gossip lacks what the store still has.",
                (keys.views_agree, store.store_read, store.store_has_nothing_of_its_own),
            ),
            Harm("A client that still uses it fails.", (store.store_has_no_clients, store.store_idle)),
            Harm("A running member that is no target may still use it.", (preflight.no_orphaned_members,)),
            Harm(MERGED, GOSSIP),
            Harm(
                "A fault of the rings is found when you can no longer roll back.",
                (keys.members_healthy, quorum.settings_agree),
            ),
            Harm(MISPLACED, MEMBERS),
            Harm(UNFINISHED, (transit.no_long_transitions,)),
            Harm(CONTENDED, (elections.ha_elections_steady,)),
            Harm(DATED, (clients.clocks_agree,)),
        ),
        migration=STORE,
    ),
    Rule(
        "set-label",
        None,
        "Gives every process the label in a rolling restart, with verification off.",
        (
            Harm(UNSEEN, UNWATCHED),
            Harm(
                "A process that verifies labels drops the packets of all that have one: the gossip splits.",
                (gossip.verification_off, gossip.members_unverified, gossip.one_cluster),
            ),
            Harm(PARTED, RESTART),
            Harm(UNFINISHED, transit.RESTARTABLE),
        ),
        migration=LABELS,
    ),
    Rule(
        "enforce-label",
        None,
        "A rolling restart switches label verification on. Processes then drop packets without the label.",
        (
            Harm(UNSEEN, UNWATCHED),
            Harm(
                "A process without the label is isolated.",
                (gossip.label_set, gossip.labels_agree, gossip.members_labelled),
            ),
            Harm(MERGED, GOSSIP),
            Harm(PARTED, RESTART),
            Harm(UNFINISHED, transit.RESTARTABLE),
        ),
        migration=LABELS,
    ),
    Rule(
        "retire-read-path",
        None,
        "Stops the old group's read path and backend, after its store-gateways unregister.",
        _READ_PATH,
        migration=READ_WRITE,
    ),
    Rule(
        "retire-write-path",
        None,
        "Stops the old group's distributors, then its ingesters zone by zone.",
        _WRITE_PATH,
        migration=READ_WRITE,
    ),
    Rule(
        "retire-microservices",
        None,
        "Stops all of the old group at once: what retire-read-path and retire-write-path check, together.",
        _BOTH_PATHS,
        migration=READ_WRITE,
    ),
    Rule(
        "finish-read-write",
        None,
        "Removes what is left of the old group: its deployments, services and settings.",
        (
            Harm(UNSEEN, UNWATCHED),
            Harm("Pushes and queries fail that are still sent to the old group.", (groups.old_group_idle,)),
            Harm("No process answers queries.", (groups.new_group_reads,)),
            Harm(
                "The rings have members that cannot return.",
                (groups.new_group_active, groups.old_group_left),
            ),
            Harm(
                "Rules are not evaluated any more: their query frontend is removed.",
                (settings.remote_evaluation_off,),
            ),
            Harm("Writes lose their quorum.", (keys.members_healthy, quorum.quorum_margin_known)),
            Harm(DIVERGED, (keys.views_agree,)),
            Harm(UNFINISHED, (transit.no_long_transitions,)),
            Harm("The gossip of the rings is split or merged.", transit.GOSSIP_IF_ANY),
        ),
        migration=READ_WRITE,
    ),
)
NAMES = tuple(rule.name for rule in STEPS)
