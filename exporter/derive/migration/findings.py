"""What is wrong with all processes together; the checks report single keys and members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from exporter.derive import kv_clients
from exporter.derive.identity.process_starts import restarting, unlisted
from exporter.derive.identity.wrong_targets import silence
from exporter.derive.migration.migrations import REACHED, STANDS_STILL
from exporter.derive.process_judgement import is_of_two
from exporter.derive.ring.partitions import without_owner
from exporter.derive.ring.writers import sharing, without_member
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import ClientFacts, GossipFacts, KeyFacts, Snapshot, TargetFacts
from exporter.model.findings import Finding, FindingKind
from exporter.model.listed import grouped
from exporter.model.migration import Migration
from exporter.model.pages import Outcome, Phase, Product, Reason
from exporter.model.stores import StoreFacts
from exporter.products.ring_pages import is_of_ingesters

RESTART = 180.0  # seconds that a process may take for an ordinary restart,
AT_ONCE = 0.1  # and how many of all may do so at once, one at least


def with_findings(migrations: Iterable[Migration], snapshot: Snapshot) -> tuple[Migration, ...]:
    """The migrations, with what is wrong with each and with all."""
    of_each = tuple(of_all(snapshot))
    return tuple(replace(one, findings=(*of_each, *of_migration(one, snapshot))) for one in migrations)


def of_migration(migration: Migration, snapshot: Snapshot) -> Iterable[Finding]:
    """What is wrong with the clients of one migration."""
    clients = kv_clients.under_way(c for c in _writing(snapshot.targets) if c.migration == migration.name)
    rollout = migration.rollout
    lasts = REACHED if rollout is not None and rollout.by_switch else STANDS_STILL
    still = snapshot.at - rollout.moved_at if rollout is not None else 0.0
    if rollout is None or still >= lasts:
        yield from _unreached(clients)
    if rollout is not None and still >= STANDS_STILL:
        yield Finding(
            FindingKind.ROLLOUT_STALLED,
            migration.name,
            f"{still / 60:.0f}",
            rollout.done,
            rollout.processes,
            names=rollout.left,
            others=(rollout.into_name,),
        )


def _writing(targets: Iterable[TargetFacts]) -> tuple[ClientFacts, ...]:
    return kv_clients.writing(client for target in targets for client in target.clients)


def away(snapshot: Snapshot) -> tuple[TargetFacts, ...]:
    """The processes that do not respond and may be restarting: a few, and they answered a moment ago."""
    down = tuple(target for target in snapshot.targets if not target.up)
    recent = all(_may_restart(target, snapshot.at) for target in down)
    return down if recent and len(down) <= max(1, AT_ONCE * len(snapshot.targets)) else ()


def _may_restart(target: TargetFacts, now: float) -> bool:
    reasons = {page.reason for page in target.pages if page.outcome is Outcome.FAILED}
    return target.seen_at is not None and now - target.seen_at <= RESTART and reasons <= _NOT_THERE


_NOT_THERE = frozenset({Reason.REFUSED, Reason.CLOSED, Reason.DNS, Reason.TIMEOUT, Reason.STATUS, None})


def notes(snapshot: Snapshot) -> Iterable[Finding]:
    """Effects of an ordinary rolling restart: to be reported, and no danger."""
    if found := away(snapshot):
        yield _counted(FindingKind.PROCESS_AWAY, [silence(t, detail=False) for t in found], snapshot.targets)


def of_all(snapshot: Snapshot) -> Iterable[Finding]:
    """What is wrong with the processes, the gossip, the rings and the stores."""
    targets, writing = snapshot.targets, _writing(snapshot.targets)
    isolated = _isolated(targets)
    for _, clients in sorted(kv_clients.by_migration(writing).items()):
        yield from _mixed(kv_clients.under_way(clients), isolated)
    yield from _foreign(snapshot)
    yield from _in_gossip(snapshot.gossip)
    for key in sorted((key for key in snapshot.keys if key.lost), key=_harmless):
        yield Finding(
            FindingKind.RING_SHRUNK, key.name, key.entry_noun, count=key.size, of=key.size + key.lost
        )
    needed = any(client.phase is not Phase.MEMBERLIST for client in writing) or not writing
    yield from _store_faults(store for store in snapshot.stores if needed or store.replaced)
    yield from _stranded(targets)
    yield from _between_stores(writing)
    yield from _rings_unread(snapshot, writing)
    if isolated:
        yield Finding(FindingKind.PROCESS_ISOLATED, count=len(isolated), names=tuple(isolated))
    yield from _of_processes(snapshot, away(snapshot))


def _of_processes(snapshot: Snapshot, restarting_now: tuple[TargetFacts, ...]) -> Iterable[Finding]:
    targets = snapshot.targets
    for kind, blame in _OF_RINGS.items():
        if culprits := tuple(culprit for key in snapshot.keys for culprit in blame(key)):
            yield Finding(kind, culprits=culprits)
    if snapshot.unsure:
        yield Finding(FindingKind.SOURCES_FAIL, what=snapshot.unsure[0])
    not_running = (Culprit(Kind.VERBATIM, what=text) for text in snapshot.not_running)
    if culprits := (*unlisted(targets), *not_running):
        yield Finding(FindingKind.NOT_WATCHED, culprits=culprits)
    strange = (t for t in targets if t.up and not t.is_process)
    if strange_pages := [Culprit(Kind.PROCESS_SHOWS, t.name, why=t.why_none) for t in strange]:
        yield _counted(FindingKind.NO_TARGET, strange_pages, targets)
    yield from _of_two_products(snapshot)
    down = [silence(t, detail=False) for t in targets if not t.up and t not in restarting_now]
    if down:
        yield _counted(FindingKind.PROCESS_DOWN, down, targets)
    if culprits := tuple(restarting(targets)):
        yield Finding(FindingKind.PROCESS_RESTARTING, culprits=culprits)


def _shows(target: TargetFacts, what: str) -> Culprit:
    return Culprit(Kind.PROCESS_SHOWS, target.name, what=what)


def _counted(
    kind: FindingKind, culprits: Sequence[Culprit], targets: tuple[TargetFacts, ...], what: str = ""
) -> Finding:
    """Some of all processes."""
    return Finding(kind, what=what, count=len(culprits), of=len(targets), culprits=tuple(culprits))


def _of_two_products(snapshot: Snapshot) -> Iterable[Finding]:
    targets, usual = snapshot.targets, snapshot.fleet.product
    if double := [_shows(t, " and ".join(sorted(t.products))) for t in targets if is_of_two(t)]:
        yield _counted(FindingKind.TWO_PRODUCTS, double, targets)
    if culprits := [_shows(t, t.product) for t in targets if t.product not in (usual, Product.UNKNOWN)]:
        yield _counted(FindingKind.OTHER_PRODUCTS, culprits, targets, usual)


def _in_gossip(gossip: GossipFacts | None) -> Iterable[Finding]:
    if gossip is None:
        return
    if len(gossip.clusters) > 1:
        labels = {label: set(names) for label, names in gossip.labels.items()}
        if _is_split_by(labels, gossip.clusters):
            carried = (
                Culprit(Kind.LABEL_CARRIED, member=label, names=tuple(sorted(names)))
                for label, names in labels.items()
            )
            yield Finding(FindingKind.LABELS_SPLIT, culprits=tuple(carried))
        clusters = (Culprit(Kind.GOSSIP_CLUSTER, names=cluster) for cluster in gossip.clusters)
        yield Finding(FindingKind.GOSSIP_SPLIT, count=len(gossip.clusters), culprits=tuple(clusters))
    unknown = tuple(member.name for member in gossip.unknown if member not in gossip.foreign)
    if unknown:
        yield Finding(FindingKind.UNKNOWN_MEMBERS, count=len(unknown), names=unknown)


def _is_split_by(labels: dict[str, set[str]], clusters: Iterable[tuple[str, ...]]) -> bool:
    """Whether each process's label was read and no two gossip clusters have one in common."""
    carried = [{label for label, names in labels.items() if names & set(c)} for c in clusters]
    labelled = set().union(*labels.values()) if labels else set()
    complete = all(labelled >= set(cluster) for cluster in clusters)
    return complete and sum(map(len, carried)) == len(set().union(*carried))


_OF_RINGS: Mapping[FindingKind, Callable[[KeyFacts], Iterable[Culprit]]] = MappingProxyType(
    {
        FindingKind.WRITERS_MISSING: without_member,
        FindingKind.ADDRESSES_SHARED: sharing,
        FindingKind.PARTITIONS_UNOWNED: without_owner,
    }
)


def _foreign(snapshot: Snapshot) -> Iterable[Finding]:
    """The members of another product, cluster or release, by ring: two clusters are merging."""
    taken = sorted((key for key in snapshot.keys if key.foreign), key=_harmless)
    if taken:
        ids = ((key.key, tuple(key.foreign or ())) for key in taken)
        culprits = (Culprit(Kind.KEY_FOREIGN, key=key, value=len(ids), names=ids) for key, ids in ids)
        yield Finding(FindingKind.FOREIGN_IN_RINGS, count=len(taken), culprits=tuple(culprits))
    if snapshot.gossip is not None and snapshot.gossip.foreign:
        names = tuple(member.name for member in snapshot.gossip.foreign)
        yield Finding(FindingKind.FOREIGN_IN_GOSSIP, count=len(names), names=names)


def _harmless(key: KeyFacts) -> tuple[bool, float]:
    """Sort losses by their harm: what writes go by first, then by the share that is lost."""
    return not is_of_ingesters(key.ring), -key.lost / (key.size + key.lost)


def _mixed(clients: tuple[ClientFacts, ...], isolated: Iterable[str]) -> Iterable[Finding]:
    """The dangerous middle: complete values of one key are written back and forth between two stores.
    Different primaries of different keys are less dangerous: a switch that did not reach all clients.
    """
    keys = grouped((client.key or client.name, client) for client in clients)
    both = [found for found in keys.values() if _on_gossip(found) and _on_store(found)]
    if both:
        gossip = {target for found in both for target in _on_gossip(found)}
        external = {target for found in both for target in _on_store(found)}
        culprits = (Culprit(Kind.GOSSIP_ISOLATED, name) for name in sorted(set(isolated) & gossip))
        kind = FindingKind.PRIMARIES_MIXED_SHORTCUT if _is_shortcut(both) else FindingKind.PRIMARIES_MIXED
        names, others = tuple(sorted(gossip)), tuple(sorted(external))
        count, of = len(gossip), len(gossip | external)
        yield Finding(kind, count=count, of=of, names=names, others=others, culprits=tuple(culprits))
        return
    moved = tuple(sorted(key for key, found in keys.items() if _on_gossip(found)))
    left = tuple(sorted(key for key, found in keys.items() if _on_store(found)))
    if moved and left:
        yield Finding(FindingKind.PRIMARIES_MIXED_BY_KEY, names=moved, others=left)


def _is_shortcut(clients: Iterable[Iterable[ClientFacts]]) -> bool:
    """Whether processes go from mirroring straight to memberlist, as in Cortex's guide."""
    phases = {client.phase for same in clients for client in same}
    return phases == {Phase.MIRRORING, Phase.MEMBERLIST}


def _store_faults(stores: Iterable[StoreFacts]) -> Iterable[Finding]:
    for store in stores:
        if fault := store.fault:
            yield Finding(
                FindingKind.STORE_REPLACED if store.replaced else FindingKind.STORE_UNREAD, culprits=(fault,)
            )


def _on_gossip(clients: Iterable[ClientFacts]) -> set[str]:
    return {c.target for c in clients if c.primary == "memberlist" or c.phase is Phase.MEMBERLIST}


def _on_store(clients: Iterable[ClientFacts]) -> set[str]:
    return {c.target for c in clients if c.phase in _EXTERNAL_PRIMARY}


_EXTERNAL_PRIMARY = frozenset({Phase.EXTERNAL, Phase.MULTI, Phase.MIRRORING})


def _unreached(clients: tuple[ClientFacts, ...]) -> Iterable[Finding]:
    """The clients that do not mirror while another one does. Some have multi on no process and cannot; the
    runtime switch did not reach the rest.
    """
    clients = tuple(c for c in clients if not kv_clients.is_between_stores(c.primary, c.stores))
    mirroring = any(client.mirror for client in clients)
    for name in sorted({client.name for client in clients}) if mirroring else ():
        same = [client for client in clients if client.name == name]
        off = [client for client in same if client.mirror is False]
        if off and {client.phase for client in same} <= _SWITCHING_OFF:
            continue  # disable-mirroring is under way
        if off:
            yield _some(FindingKind.MIRRORING_PARTIAL, off, same)
        elif left := [client for client in same if client.phase is Phase.EXTERNAL]:
            yield _some(FindingKind.WITHOUT_MULTI, left, same)


def _some(kind: FindingKind, clients: list[ClientFacts], same: list[ClientFacts]) -> Finding:
    names = kv_clients.some_of(clients, same)
    return Finding(kind, same[0].name, count=len(clients), of=len(same), names=names)


_SWITCHING_OFF = frozenset({Phase.SWITCHED, Phase.DETACHED})


def _stranded(targets: Iterable[TargetFacts]) -> Iterable[Finding]:
    """The readers of a store without a writer."""
    readers = kv_clients.stranded(c for t in targets for c in t.clients)
    found = grouped(((c.name, c.key, c.phase), c.target) for c in readers)
    culprits = tuple(
        Culprit(Kind.READER_STRANDED, member=name, key=key, what=where.label, value=len(on), names=tuple(on))
        for (name, key, where), on in sorted(found.items())
    )
    if culprits:
        yield Finding(FindingKind.READERS_STRANDED, culprits=culprits)


def _between_stores(clients: Iterable[ClientFacts]) -> Iterable[Finding]:
    """A `multi` of two external stores, which is no migration of ours."""
    found = [c for c in clients if kv_clients.is_between_stores(c.primary, c.stores)]
    if found:
        stores = tuple(sorted({store for client in found for store in client.stores}))
        names = tuple(sorted({client.name for client in found}))
        yield Finding(FindingKind.BETWEEN_STORES, names=names, others=stores)


def _rings_unread(snapshot: Snapshot, writing: tuple[ClientFacts, ...]) -> Iterable[Finding]:
    """The rings that clients write to a store and that neither it nor any process shows."""
    written = {c.key for c in writing if c.written and c.phase is not Phase.MEMBERLIST}
    unread = tuple(
        key.key for key in snapshot.keys if not key.source and key.kind == "ring" and key.key in written
    )
    if unread and all(target.up for target in snapshot.targets):
        used = {store for c in writing for store in c.store_requests if store in kv_clients.EXTERNAL_STORES}
        yield Finding(FindingKind.RINGS_UNREAD, count=len(unread), names=unread, others=tuple(sorted(used)))


def _isolated(targets: tuple[TargetFacts, ...]) -> list[str]:
    """The processes that list no other gossip member, where any process lists one."""
    isolated = [target.name for target in targets if target.is_isolated]
    return isolated if len(isolated) < sum(1 for t in targets if t.gossip is not None) else []
