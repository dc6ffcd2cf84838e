"""What to do in each state where wrong advice does harm: written once, for gate, alerts and runbooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do now, in one sentence, and then. `never` are the verbs that do harm in this state: no text
    about it may contain them. `doc` is where the state is explained.
    """

    now: str
    then: str
    doc: str
    never: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.now} {self.then}"


ADVICE: Final[Mapping[str, Advice]] = MappingProxyType(
    {
        "primaries-mixed": Advice(
            "Stop: take no step, restart nothing and forget no member while primaries are mixed.",
            "Find the store with the complete rings: kvmigration diff KEY shows both stores. If the gossip "
            "is split, the external store has the complete rings. Make the store with the complete rings the "
            "primary of all clients, in one change of the runtime configuration. If a client still has "
            "another primary after this change, change the client's static configuration, one ring after "
            "another.",
            "docs/ring.md#when-primaries-are-mixed",
            ("restart", "forget"),
        ),
        "labels-split": Advice(
            "Forget no member: a member that is missing in one group of processes runs in another group.",
            "Give all processes the same label, in the three steps of docs/labels.md.",
            "docs/labels.md#rolling-out",
            ("forget",),
        ),
        "gossip-split": Advice(
            "Forget no member: a member that is missing in one group of processes may run in another group.",
            "Compare label, join_members and network policy of the groups, and remove each difference. "
            "If rejoin_interval is above 0, the groups then join each other on their own. If "
            "rejoin_interval is 0, restart one process of the smaller group when its seeds answer.",
            "docs/labels.md#the-gossip-is-split",
            ("forget",),
        ),
        "ring-shrunk": Advice(
            "Stop: take no step, restart nothing and forget no member until the ring is complete again.",
            "The other store may still have the complete ring: kvmigration diff KEY shows both stores. If "
            "the other store has the complete ring, make it the primary of all clients, in one change of the "
            "runtime configuration. Members that run return with their next heartbeat. Partitions return "
            "when their owners run.",
            "docs/ring.md#when-primaries-are-mixed",
            ("restart", "forget"),
        ),
        "clocks-differ": Advice(
            "Set the clock of the named process (NTP), and forget no member until this clock is correct.",
            "Each process dates its heartbeats by its own clock, and memberlist keeps the newest timestamp.",
            "docs/ring.md#clocks",
            ("forget",),
        ),
        "store-replaced": Advice(
            "Take no step, restart nothing and forget no member before it is certain which store the "
            "processes use.",
            "Compare the address under stores with consul.host or etcd.endpoints in the processes' /config. "
            "A store that lost its data receives its rings with the members' next heartbeats. The "
            "partitions and HA entries of this store return only from a backup. If the store is correct and "
            "no process writes to it, remove the exporter's state_file and restart the exporter.",
            "docs/stores.md#not-the-store-that-it-was",
            ("restart", "forget"),
        ),
        "store-unread": Advice(
            "Make the external store answer, restart nothing and forget no member until it answers.",
            "Read the store from the host of a process and from the exporter's host. The store's "
            "address is under stores in the configuration of the exporter. The exporter's token must be "
            "allowed to read the store.",
            "docs/ring.md#a-store-that-is-not-read",
            ("restart", "forget"),
        ),
        "process-down": Advice(
            "Find out why the process does not answer, and make it answer again.",
            "If the process was removed for good, take it out of the targets. Then forget the members of "
            "this process on the ring page.",
            "docs/ring.md#processes-that-do-not-answer",
        ),
        "without-multi": Advice(
            "Give the named client store: multi first, with the external store as primary.",
            "Mirroring and the switch of the primary exist only in a client that has multi.",
            "docs/ring.md#multi",
        ),
        "mirroring-partial": Advice(
            "Switch mirroring on in the static configuration of each client that does not mirror.",
            "The runtime switch does not reach every client. Then wait for a heartbeat: there is no "
            "backfill.",
            "docs/ring.md#the-runtime-switch-does-not-reach-every-client",
        ),
        "member-unhealthy": Advice(
            "Repair the process of the member: it must send heartbeats again.",
            "Forget the member on the ring page only if its process was removed for good. If the heartbeat "
            "of the member is in the future, correct the clock of its process. Then wait until the time of "
            "this heartbeat.",
            "docs/ring.md#unhealthy-members",
        ),
        "orphaned-member": Advice(
            "Find out which process the member belonged to.",
            "Forget the member on the ring page when you are sure that no running process has its id. An "
            "orphaned member counts towards the quorum.",
            "docs/ring.md#orphaned-members",
        ),
        "members-missing": Advice(
            "Run kvmigration diff KEY: it lists the missing members and the views that lack them.",
            "If the process of a missing member runs, search for mirror errors of this process. If the "
            "process was removed for good, the member is never mirrored: forget it on the ring page of the "
            "primary.",
            "docs/ring.md#members-are-missing",
        ),
        "token-conflict": Advice(
            "Restart one of the two members without its tokens file, never both members at once.",
            "Before the restart, let this member flush its data and leave the ring.",
            "docs/ring.md#token-conflicts",
        ),
    }
)
GUARD: Final = (
    "First run kvmigration status. Forget no member while kvmigration status warns of mixed primaries, a "
    "split gossip cluster, a ring that lost many members, a wrong clock, or an unread store. A member that "
    "is missing in one process's view may be in another process's view. Restart no process while "
    "kvmigration status warns of mixed primaries, a ring that lost many members, or an unread store."
)
