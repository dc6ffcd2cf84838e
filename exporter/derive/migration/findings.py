"""What is wrong with the whole; what one key or member suffers is for the checks to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from exporter.derive import kv_clients
from exporter.derive.gate.causes import Finding
from exporter.derive.gossip.label_rollout import quoted
from exporter.derive.identity.restarts import restarting
from exporter.derive.identity.unlisted_processes import unlisted
from exporter.derive.migration.migration import few, product_of
from exporter.derive.migration.whole import Whole
from exporter.derive.process import is_of_two, silence
from exporter.derive.ring.partitions import without_owner
from exporter.derive.ring.writers import sharing, without_member
from exporter.model.culprits import Culprit
from exporter.model.facts import ClientFacts, GossipFacts, KeyFacts, TargetFacts
from exporter.model.migration import Migration
from exporter.model.pages import Phase, Product
from exporter.model.stores import StoreFacts

STANDS_STILL = 900.0  # seconds in which no process of a rollout moved on


def of_migration(found: Migration, whole: Whole, now: float) -> Iterable[Finding]:
    """Name what is wrong with the clients of one migration."""
    clients = kv_clients.under_way(c for c in _writing(whole.targets) if c.migration == found.name)
    rollout = found.rollout
    if rollout is None or now - rollout.moved_at >= STANDS_STILL:
        yield from _unreached(clients)
    if rollout is not None and now - rollout.moved_at >= STANDS_STILL:
        yield Finding(
            "rollout-stalled",
            f"The rollout of {found.name} into {rollout.into.label} has stood still for "
            f"{(now - rollout.moved_at) / 60:.0f} minutes: {rollout.done} of {rollout.processes} processes; "
            f"left: {', '.join(few(rollout.left, 5))}.",
        )


def _writing(targets: Iterable[TargetFacts]) -> tuple[ClientFacts, ...]:
    return kv_clients.writing(client for target in targets for client in target.clients)


def of_all(whole: Whole) -> Iterable[Finding]:
    """Name what is wrong with the processes, the gossip, the rings and the stores."""
    targets, writing = whole.targets, _writing(whole.targets)
    alone = _alone(targets)
    for _, clients in sorted(kv_clients.by_migration(writing).items()):
        yield from _mixed(kv_clients.under_way(clients), alone)
    yield from _foreign(whole)
    yield from _in_gossip(whole.gossip)
    for key in sorted((key for key in whole.keys if key.lost), key=_harmless):
        was, now = key.size + key.lost, key.size
        yield Finding("ring-shrunk", f"Ring {key.name} lost {key.things} at once: {was} before, {now} now.")
    needed = any(client.phase is not Phase.MEMBERLIST for client in writing) or not writing
    yield from _store_faults(store for store in whole.stores if needed or store.replaced)
    yield from _stranded(targets)
    yield from _between_stores(writing)
    yield from _rings_unread(whole, writing)
    if alone:
        sees = "sees" if len(alone) == 1 else "see"
        yield Finding("process-alone", f"{', '.join(few(alone, 5))} {sees} no other gossip member.")
    yield from _of_processes(whole)


def _of_processes(whole: Whole) -> Iterable[Finding]:
    targets = whole.targets
    said = whole.words.culprit
    for name, blame in _OF_RINGS.items():
        if texts := [said(culprit) for key in whole.keys for culprit in blame(key)]:
            yield Finding(name, _sentence("; ".join(few(texts, 3))))
    if whole.unsure.fail:
        yield Finding("sources-fail", f"Some processes may not be watched: {whole.unsure.fail[0]}.")
    if texts := [*map(said, unlisted(targets)), *whole.unsure.not_running]:
        yield Finding("not-watched", f"{'; '.join(few(texts, 3))}.")
    others = [f"{t.name} ({t.why_none})" for t in targets if t.up and t.why_none]
    if others:
        yield Finding(
            "no-target",
            f"{len(others)} of {len(targets)} targets show no product: {', '.join(few(others, 3))}.",
        )
    yield from _of_two_products(targets)
    down = [_silence(target) for target in targets if not target.up]
    if down:
        text = f"{len(down)} of {len(targets)} processes do not answer: {', '.join(few(down, 5))}."
        yield Finding("process-down", text)
    if texts := list(map(said, restarting(targets))):
        yield Finding("process-restarting", f"{'; '.join(few(texts, 3))}. Its log says why.")


def _of_two_products(targets: tuple[TargetFacts, ...]) -> Iterable[Finding]:
    if double := [f"{t.name} ({' and '.join(sorted(t.products))})" for t in targets if is_of_two(t)]:
        count = "1 process shows" if len(double) == 1 else f"{len(double)} processes show"
        yield Finding("two-products", f"{count} two products without a restart: {', '.join(few(double, 3))}.")
    usual = product_of(targets)
    others = [f"{t.name} ({t.product})" for t in targets if t.product not in (usual, Product.UNKNOWN)]
    if others:
        count = f"{len(others)} of {len(targets)} processes"
        yield Finding(
            "two-products", f"{count} are of another product than {usual}: {', '.join(few(others, 3))}."
        )


def _in_gossip(gossip: GossipFacts | None) -> Iterable[Finding]:
    if gossip is None:
        return
    if len(gossip.clusters) > 1:
        labels = {label: set(names) for label, names in gossip.labels.items()}
        if _is_split_by(labels, gossip.clusters):
            parts = "; ".join(
                f"{quoted(label)} on {', '.join(few(sorted(names), 3))}" for label, names in labels.items()
            )
            yield Finding("labels-split", f"Different labels split the gossip: {parts}.")
        parts = " | ".join(", ".join(few(cluster, 5)) for cluster in gossip.clusters[:4])
        yield Finding("gossip-split", f"Gossip is split into {len(gossip.clusters)} clusters: {parts}.")
    unknown = [stranger.name for stranger in gossip.strangers if stranger not in gossip.foreign]
    if unknown:
        names = ", ".join(few(unknown, 5))
        yield Finding("strangers", f"{len(unknown)} unknown members in the gossip: {names}.")


def _is_split_by(labels: dict[str, set[str]], clusters: Iterable[tuple[str, ...]]) -> bool:
    """Tell whether each process's label is known and no two gossip clusters have one in common."""
    carried = [{label for label, names in labels.items() if names & set(c)} for c in clusters]
    known = set().union(*labels.values()) if labels else set()
    whole = all(known >= set(cluster) for cluster in clusters)
    return whole and sum(map(len, carried)) == len(set().union(*carried))


_OF_RINGS: Mapping[str, Callable[[KeyFacts], Iterable[Culprit]]] = MappingProxyType(
    {"writers-missing": without_member, "addresses-shared": sharing, "partitions-unowned": without_owner}
)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _foreign(whole: Whole) -> Iterable[Finding]:
    """Name the members of another product, cluster or release, by ring: two clusters are merging."""
    taken = sorted((key for key in whole.keys if key.foreign), key=_harmless)
    if taken:
        ids = ((key.key, key.foreign or ()) for key in taken)
        listed = (f"{key} {len(names)} ({', '.join(few(names, 5))})" for key, names in ids)
        count = "1 ring has" if len(taken) == 1 else f"{len(taken)} rings have"
        text = f"{count} foreign members: {'; '.join(few(listed, 4))}. Halt all rollouts."
        yield Finding("foreign-members", text)
    if whole.gossip is not None and whole.gossip.foreign:
        names = ", ".join(few([stranger.name for stranger in whole.gossip.foreign], 5))
        text = f"{len(whole.gossip.foreign)} foreign members in the gossip: {names}."
        yield Finding("foreign-members", text)


def _harmless(key: KeyFacts) -> tuple[bool, float]:
    """Sort losses by their harm: what writes go by first, then by the share that is lost."""
    return not key.ring.startswith("ingester"), -key.lost / (key.size + key.lost)


def _silence(target: TargetFacts) -> str:
    """Name a process that does not answer, with the reason in one word where there is one."""
    found = silence(target, detail=False)
    return f"{found.target} ({found.what})" if found.what else found.target


def _mixed(clients: tuple[ClientFacts, ...], alone: Iterable[str]) -> Iterable[Finding]:
    """The dangerous middle: whole values of one key are written back and forth between two stores.
    Keys that differ as a whole are less dangerous, and a switch that did not reach everybody.
    """
    keys: dict[str, list[ClientFacts]] = {}
    for client in clients:
        keys.setdefault(client.key or client.name, []).append(client)
    both = [found for found in keys.values() if _on_gossip(found) and _on_store(found)]
    if both:
        gossip = sorted({target for found in both for target in _on_gossip(found)})
        external = sorted({target for found in both for target in _on_store(found)})
        cut_off = sorted(set(alone) & set(gossip))
        writer = f"{', '.join(few(cut_off, 3))} sees no other gossip member and" if cut_off else ""
        yield Finding(
            "primaries-mixed",
            f"Primaries are mixed: memberlist on {', '.join(few(gossip, 3))}; the external store on "
            f"{', '.join(few(external, 3))}. {writer or 'A process with a small gossip view'} overwrites the "
            f"store with {'what only it knows' if cut_off else 'it'}.",
        )
        return
    moved = sorted(key for key, found in keys.items() if _on_gossip(found))
    left = sorted(key for key, found in keys.items() if _on_store(found))
    if moved and left:
        yield Finding(
            "primaries-mixed",
            f"Primaries are mixed by key: memberlist for {', '.join(few(moved, 5))}; still the external "
            f"store for {', '.join(few(left, 5))}. The switch did not reach their clients.",
        )


def _store_faults(stores: Iterable[StoreFacts]) -> Iterable[Finding]:
    for store in stores:
        if store.fault:
            cause = "store-replaced" if store.replaced else "store-unread"
            yield Finding(cause, f"The external store {store.fault}.")


def _on_gossip(clients: Iterable[ClientFacts]) -> set[str]:
    return {c.target for c in clients if c.primary == "memberlist" or c.phase is Phase.MEMBERLIST}


def _on_store(clients: Iterable[ClientFacts]) -> set[str]:
    return {c.target for c in clients if c.phase in _EXTERNAL_PRIMARY}


_EXTERNAL_PRIMARY = frozenset({Phase.EXTERNAL, Phase.MULTI, Phase.MIRRORING})


def _unreached(clients: tuple[ClientFacts, ...]) -> Iterable[Finding]:
    """Name the clients that do not mirror while others do: those that have multi on no process, and so
    cannot, and those that the runtime switch did not reach.
    """
    clients = tuple(c for c in clients if not kv_clients.is_between_stores(c.primary, c.stores))
    mirroring = any(client.mirror for client in clients)
    for name in sorted({client.name for client in clients}) if mirroring else ():
        same = [client for client in clients if client.name == name]
        off = sum(1 for client in same if client.mirror is False)
        if off and {client.phase for client in same} <= _SWITCHING_OFF:
            continue  # disable-mirroring is under way
        if off:
            text = f"{name} on {off} of {len(same)} processes still has mirroring off."
            yield Finding("mirroring-partial", text)
        elif {c.phase for c in same} == {Phase.EXTERNAL}:
            yield Finding(
                "without-multi",
                f"{name} on {len(same)} of {len(same)} processes was left out: it has no multi while other "
                "clients mirror. Give it store: multi first.",
            )


_SWITCHING_OFF = frozenset({Phase.SWITCHED, Phase.DETACHED})


def _stranded(targets: Iterable[TargetFacts]) -> Iterable[Finding]:
    """Name the readers that look at a store which nobody writes."""
    found = Counter(
        (c.name, c.key, c.phase) for c in kv_clients.stranded(c for t in targets for c in t.clients)
    )
    texts = [
        f"{name} on {count} {'process' if count == 1 else 'processes'} reads {key} only from "
        f"{'memberlist' if where is Phase.MEMBERLIST else 'the external store'}, and no process "
        "writes it there"
        for (name, key, where), count in sorted(found.items())
    ]
    if texts:
        yield Finding("readers-stranded", _sentence("; ".join(few(texts, 3))))


def _between_stores(clients: Iterable[ClientFacts]) -> Iterable[Finding]:
    """Name what is no migration of ours: a `multi` of two external stores."""
    found = [c for c in clients if kv_clients.is_between_stores(c.primary, c.stores)]
    if found:
        stores = " and ".join(sorted({store for client in found for store in client.stores}))
        names = ", ".join(few(sorted({client.name for client in found}), 4))
        text = f"{names}: multi of {stores}, which is no migration to memberlist. Finish or undo it first."
        yield Finding("between-stores", text)


def _rings_unread(whole: Whole, writing: tuple[ClientFacts, ...]) -> Iterable[Finding]:
    """Name the rings that clients write to a store and that neither it nor any process shows."""
    written = {c.key for c in writing if c.written and c.phase is not Phase.MEMBERLIST}
    unread = [key.key for key in whole.keys if not key.source and key.kind == "ring" and key.key in written]
    if unread and all(target.up for target in whole.targets):
        stores = sorted(
            {store for c in writing for store in c.store_requests if store in kv_clients.EXTERNAL_STORES}
        )
        yield Finding(
            "rings-unread",
            f"{len(unread)} rings are written to {' and '.join(stores)} and shown by no process: "
            f"{', '.join(few(unread, 5))}. Check that the processes reach it, and name it under stores.",
        )


def _alone(targets: tuple[TargetFacts, ...]) -> list[str]:
    """Name the processes that see no other gossip member, where any sees one."""
    alone = [t.name for t in targets if t.gossip is not None and t.gossip.alone and not t.young]
    return alone if len(alone) < sum(1 for t in targets if t.gossip is not None) else []
