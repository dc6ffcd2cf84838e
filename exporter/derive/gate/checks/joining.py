"""Checks on what lets a process into the gossip when it starts: seeds, rejoining, and settings that must
agree.

Every restart needs it: a process that starts isolated may overwrite a ring. `dskit`'s memberlist
client (`kv/memberlist`) joins the seeds once at the start and again each `rejoin_interval`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, CheckFunction, check
from exporter.derive.identity.member_processes import each_once
from exporter.derive.migration.risks import is_at
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.entry import host_of, ip_address, port_of
from exporter.model.facts import TargetFacts
from exporter.model.listed import grouped

DOC = "docs/ring.md"
CONFIGURED = "Let the exporter read the configuration page of every process: the setting is there."
Chosen = tuple[TargetFacts, ...]
Choice = Callable[[Evidence], Chosen]
ONE_PROCESS = Answer(good=Looked(LookedKind.ONE_PROCESS))  # it has no other process to join
DEFAULT_PORT = 7946  # dskit's bind_port, and the port of a seed that names none


def _in_rings(evidence: Evidence) -> Chosen:
    """Processes that keep a ring or watch one."""
    return evidence.in_rings


def _with_memberlist(evidence: Evidence) -> Chosen:
    """Processes that use memberlist, by their page or by a client of theirs."""
    return evidence.with_memberlist


def _nothing_to_judge(evidence: Evidence, chosen: Chosen, choice: Choice) -> Culprit | None:
    """Why there is nothing to judge, `None` where there is. Before memberlist is used, nothing joins."""
    if chosen or (evidence.up and choice is _with_memberlist):
        return None
    return Culprit(Kind.NO_CLIENT_SHOWN if evidence.up else Kind.NO_ANSWER)


def _counted(chosen: Collection[object], kind: LookedKind = LookedKind.PROCESSES) -> Looked:
    return Looked(kind, len(chosen)) if chosen else Looked(LookedKind.NO_MEMBERLIST_YET)


def _join_members(choice: Choice, *, of_others: bool = False) -> CheckFunction:
    """Make the check that no process's list of seeds is empty or names only itself. `of_others` lets the
    seed of the other processes name only itself: it is found again by those that name it.
    """

    @check(
        "join-members",
        "Every process has another process to join.",
        "Set memberlist.join_members to a headless service of all members (publishNotReadyAddresses: true).",
        f"{DOC}#join-members",
        CONFIGURED,
    )
    def judge(evidence: Evidence) -> Answer:
        if evidence.is_single_process:
            return ONE_PROCESS
        wrong, unknown, chosen = [], [], choice(evidence)
        for target in chosen:
            seeds = target.config.join_members if target.config else None
            if seeds is None:
                unknown.append(Culprit(Kind.PROCESS_NOT_RESPONDING, target.name))
            elif not seeds:
                wrong.append(Culprit(Kind.SEEDS_NONE, target.name))
            elif (useless := _useless(target, seeds, evidence)) and not (
                of_others and _is_named(target, evidence.up)
            ):
                wrong.append(useless)
        return Answer(wrong, unknown, _counted(chosen), _nothing_to_judge(evidence, chosen, choice))

    return judge


def _is_named(target: TargetFacts, targets: Chosen) -> bool:
    """Whether another process has this one among its seeds."""
    lists = (t.config.join_members or () for t in targets if t.config and t is not target)
    return any(is_at(target, seed) for seeds in lists for seed in seeds)


def _useless(target: TargetFacts, seeds: tuple[str, ...], evidence: Evidence) -> Culprit | None:
    """The process, where each of its seeds is itself or, as a removed host is, at the address of no process.
    A name may have any address, and a shard reads only some processes.
    """
    if target.name in evidence.lonely:
        return Culprit(Kind.SEEDS_ITSELF, target.name)
    addresses = {seed: ip_address(host_of(seed.rpartition("+")[2])) for seed in seeds}
    if evidence.is_part or not any(addresses.values()) or not evidence.hosts:
        return None  # nearly always: seeds are names
    removed = tuple(seed for seed, found in addresses.items() if found and found not in evidence.hosts)
    if not all(seed in removed or is_at(target, seed) for seed in seeds):
        return None
    return Culprit(Kind.SEEDS_OF_NO_PROCESS, target.name, names=removed)


def _rejoin_interval(choice: Choice) -> CheckFunction:
    """Make the check that `rejoin_interval` is above 0 on every process."""

    @check(
        "rejoin-interval",
        "An isolated process joins again without a restart.",
        "Set memberlist.rejoin_interval above 0 (60s): with 0 an evicted process never joins again and logs "
        "nothing.",
        f"{DOC}#rejoin-interval",
        CONFIGURED,
    )
    def judge(evidence: Evidence) -> Answer:
        if evidence.is_single_process:
            return ONE_PROCESS
        chosen = choice(evidence)
        intervals = {t.name: t.config.rejoin_interval if t.config else None for t in chosen}
        return Answer(
            wrong=[Culprit(Kind.REJOIN_NEVER, t.name) for t in chosen if t.config and t.config.never_rejoins],
            unknown=[
                Culprit(Kind.PROCESS_NOT_RESPONDING, name)
                for name, value in intervals.items()
                if value is None
            ],
            good=_counted(intervals),
            nothing=_nothing_to_judge(evidence, chosen, choice),
        )

    return judge


def _settings_agree(choice: Choice) -> CheckFunction:
    """Make the check that no process has another protocol than the rest, or listens where no seed is.
    Compression need not agree (a receiver undoes it with any setting of its own), nor do intervals; codecs
    and protocol versions have no setting. The labels have a check of their own.
    """

    @check(
        "gossip-settings-agree",
        "The processes have gossip settings with which each process can reach and read every other process.",
        "Give the named processes the settings of the other processes (memberlist.tls_enabled, bind_port, "
        "the ports in join_members) before any restart: a process with other settings joins no other "
        "process.",
        f"{DOC}#gossip-settings",
        CONFIGURED,
    )
    def judge(evidence: Evidence) -> Answer:
        chosen = choice(evidence)
        configured = [target for target in chosen if target.config is not None]
        return Answer(
            wrong=[
                *_differing("tls_enabled", _tls(configured)),
                *_unreached_ports(configured),
                *_strange_seeds(configured),
            ],
            unknown=[Culprit(Kind.UNREAD, t.name, what="settings") for t in chosen if t.config is None],
            good=Looked(LookedKind.PROCESSES, len(configured))
            if chosen
            else Looked(LookedKind.NO_MEMBERLIST_YET),
            nothing=_nothing_to_judge(evidence, chosen, choice),
        )

    return judge


join_members, rejoin_interval, settings_agree = (
    make(_in_rings) for make in (_join_members, _rejoin_interval, _settings_agree)
)
# The same before a restart of processes that use memberlist already; the remaining processes are not judged.
restart_seeds, restart_rejoin, restart_settings = (
    make(_with_memberlist) for make in (_join_members, _rejoin_interval, _settings_agree)
)
# While the external store is the primary, a process that is isolated for a moment overwrites nothing.
mirror_seeds = _join_members(_with_memberlist, of_others=True)


def _tls(targets: Iterable[TargetFacts]) -> Mapping[str, list[str]]:
    """Processes by whether the gossip is encrypted; a release without the setting does not do it."""
    return grouped(("true" if t.config and t.config.gossip_tls else "false", t.name) for t in targets)


def _differing(setting: str, by_value: Mapping[str, list[str]]) -> list[Culprit]:
    """A setting's values with their processes, the most frequent first; none where all agree."""
    if len(by_value) < 2:
        return []
    ordered = sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        Culprit(Kind.SETTING_DIFFERS, what=f"{setting} {value}", value=len(names), names=tuple(names))
        for value, names in ordered
    ]


def _ports(target: TargetFacts) -> set[int]:
    """The ports at which a process can be joined: `advertise_port` counts beside an address of its own."""
    config = target.config
    if config is None:
        return set()
    advertised = (config.advertise_port if config.advertise_address else None) or 0
    return {config.bind_port or DEFAULT_PORT, advertised} - {0}


def _seed_ports(target: TargetFacts) -> frozenset[int]:
    """The ports that a process's seeds name."""
    config = target.config
    if config is None or not config.join_members:
        return frozenset()
    return _named_ports(config.join_members, config.bind_port or DEFAULT_PORT)


@lru_cache(maxsize=4_096)  # most processes have the same seeds
def _named_ports(seeds: tuple[str, ...], own: int) -> frozenset[int]:
    """An SRV record brings its own port; `own` is what a seed without one means."""
    return frozenset(port_of(seed) or own for seed in seeds if not seed.startswith("dnssrv"))


def _unreached_ports(targets: list[TargetFacts]) -> list[Culprit]:
    """The bind ports that differ between hosts, if no seed names the rarer one. On one host they
    must differ.
    """
    hosts = [target.host for target in targets]
    if len(set(hosts)) < len(hosts):
        return []
    by_port = grouped(("/".join(map(str, sorted(_ports(target)))), target.name) for target in targets)
    if len(by_port) < 2:
        return []
    named = frozenset[int]().union(*map(_seed_ports, targets))
    most = max(by_port.values(), key=len)
    reached = [t.name for t in targets if t.name in most or _ports(t) & named]
    apart = len(reached) < len(targets) and named
    return _differing("port", by_port) if apart else []


def _strange_seeds(targets: list[TargetFacts]) -> list[Culprit]:
    """The processes without a seed at a port of some process. One is enough: lists name future processes."""
    listening = {port for target in targets for port in _ports(target)}
    lists = each_once(target.gossip.members for target in targets if target.gossip)
    listening |= {member.port for members in lists.values() for member in members}
    strange: dict[str, list[str]] = {}
    for target in targets:
        ports = _seed_ports(target)
        if ports and listening and ports.isdisjoint(listening):
            strange.setdefault(", ".join(map(str, sorted(ports))), []).append(target.name)
    return [Culprit(Kind.PORT_UNUSED, what=p, names=tuple(names)) for p, names in sorted(strange.items())]


@check(
    "join-members-resolve",
    "The names in join_members resolve.",
    "Check the headless service: a process joins no other one if the names do not resolve at its start.",
    f"{DOC}#join-members",
)
def join_members_resolve(evidence: Evidence) -> Answer:
    """Every seed has an address, by this exporter's own resolver."""
    if evidence.is_single_process:
        return ONE_PROCESS
    seeds, wrong, unknown = _looked_up(evidence, evidence.in_rings)
    return Answer(wrong, unknown, Looked(LookedKind.SEEDS, len(seeds)))


@join_members_resolve.variant
def restart_seeds_resolve(evidence: Evidence) -> Answer:
    """The same before a restart. If no name resolves from here, they are names of another network than the
    exporter's. Then the processes that joined by them are the evidence.
    """
    if evidence.is_single_process:
        return ONE_PROCESS
    chosen = _with_memberlist(evidence)
    seeds, wrong, unknown = _looked_up(evidence, chosen)
    joined = all(target.gossip is not None and not target.gossip.isolated for target in chosen)
    if seeds and len(wrong) == len(seeds) and joined:
        return Answer(good=Looked(LookedKind.SEEDS_ELSEWHERE, len(seeds)))
    return Answer(
        wrong,
        unknown,
        Looked(LookedKind.SEEDS, len(seeds)) if chosen else Looked(LookedKind.NO_MEMBERLIST_YET),
    )


def _looked_up(evidence: Evidence, asked: Chosen) -> tuple[list[str], list[Culprit], list[Culprit]]:
    """The seeds, those without an address with the reason, and those that were not resolved."""
    seeds = sorted({seed for t in asked if t.config for seed in t.config.join_members or ()})
    resolved = evidence.now.resolved
    wrong = [
        Culprit(Kind.SEED_UNRESOLVED, member=seed, what=resolved[seed] or "no address")
        for seed in seeds
        if resolved.get(seed, "") != ""
    ]
    return seeds, wrong, [Culprit(Kind.SEED_NOT_LOOKED_UP, member=s) for s in seeds if s not in resolved]
