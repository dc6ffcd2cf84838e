"""One shard's part as rows: its own processes as in a single exporter, and its part of all other families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from exporter.expose import catalogue as c
from exporter.expose import shard_catalogue as s
from exporter.expose.metric import Metric
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.gate import Check, Step, Verdict
from exporter.model.pages import Phase
from exporter.model.shard import Part
from exporter.products.ring_pages import ring_of

Row = tuple[Metric, tuple[str, ...], float | None]
Rows = Iterator[Row]
FAILED, UNKNOWN, NOTHING, PASSED = 0.0, 1.0, 2.0, 3.0
_VERDICTS = {Verdict.FAILED: FAILED, Verdict.UNKNOWN: UNKNOWN, Verdict.PASSED: PASSED}
_COUNTED = frozenset({c.KV_CLIENTS, c.GOSSIP_LABEL_TARGETS, c.KEY_PHASE})  # made of own processes


def counted_rows(targets: Iterable[TargetFacts]) -> Rows:
    """How many KV clients are in each phase, and how many processes are configured with each gossip label. A
    process without a readable /config is in no count of labels.
    """
    up = [target for target in targets if target.up]
    clients = Counter((client.name, client.phase) for target in up for client in target.clients)
    for name in {name for name, _ in clients}:
        for phase in Phase:
            yield c.KV_CLIENTS, (name, phase.label), clients[name, phase]
    labels = Counter(target.config.label for target in up if target.config)
    for label, count in labels.items():
        if label is not None:
            yield c.GOSSIP_LABEL_TARGETS, (label,), count


def shard_rows(rows: Rows, snapshot: Snapshot, part: Part) -> Rows:
    """Every series of a shard, out of those of a single exporter with the same snapshot."""
    for metric, labels, value in rows:
        if metric in s.JUDGED_ANEW or metric in _COUNTED or _is_borrowed(metric, labels, part):
            continue
        yield s.PART_OF.get(metric, metric), labels, value
    own = [target for target in snapshot.targets if target.name not in part.share.borrowed]
    for metric, labels, value in counted_rows(own):
        yield s.PART_OF[metric], labels, value
    written = {client.key for target in snapshot.targets for client in target.clients if client.writes}
    for key in snapshot.keys:  # its phase, where a client here writes it
        if key.key in written:
            yield s.PART_OF[c.KEY_PHASE], (key.key, key.name), key.phase
    yield s.SHARD_TARGETS, (), len(own)
    yield from _part_rows(snapshot, part)
    for step in snapshot.steps:
        yield s.SHARD_HELD_SINCE_TIMESTAMP_SECONDS, (step.migration, step.name), _passed_since(step)
        for check in step.checks:
            yield s.SHARD_CHECK, (step.migration, step.name, check.id), _verdict(check)


def _is_borrowed(metric: Metric, labels: tuple[str, ...], part: Part) -> bool:
    """Whether another shard shows this. One shard reads the logs of all processes, and only it shows them."""
    if metric is c.FOREIGN_LABEL_REJECTIONS_TOTAL:
        return False
    return "target" in metric.labels and labels[metric.labels.index("target")] in part.share.borrowed


def _passed_since(step: Step) -> float | None:
    """Since when every check that has something to check here has passed, pauses included."""
    times = [
        check.since if check.paused is None else check.paused for check in step.checks if not check.vacuous
    ]
    times_read = [at for at in times if at is not None]
    return max(times_read, default=0.0) if len(times_read) == len(times) else None


def _verdict(check: Check) -> float:
    return NOTHING if check.vacuous else _VERDICTS[check.verdict]


def _part_rows(snapshot: Snapshot, part: Part) -> Rows:
    share = part.share
    yield s.SHARDS, (str(share.shard),), share.shards
    yield s.SHARD_COMMON_TARGETS, (), len(share.common)
    yield s.SHARD_DISCOVERY_DIGEST, (), share.digest
    yield s.SHARD_SOAK_SECONDS, (), part.soak
    yield s.SHARD_INTERVAL_SECONDS, (), part.interval
    yield s.SHARD_RULES_DIGEST, (), part.rules_digest
    for kind, count in part.clients.items():
        labels = (kind.serves, kind.phase.label, _word(kind.writes), kind.migration)
        yield s.SHARD_CLIENTS, labels, count
    yield from _members(part, {key.key: key.name for key in snapshot.keys})


def _members(part: Part, names: Mapping[str, str]) -> Rows:
    for member, expected in part.strange.items():
        yield s.SHARD_GOSSIP_MEMBER, (member, _word(expected)), 1.0
    for member, labelled in part.own.items():
        yield s.SHARD_OWN_MEMBER, (member, _word(labelled), _word(member in part.seen)), 1.0
    for member in part.unseen:
        yield s.SHARD_UNSEEN_MEMBER, (member,), 1.0
    for key, members in part.orphaned.items():
        for member in members:
            labels = (key, names.get(key) or ring_of(key), member, _word(key in part.used))
            yield s.SHARD_GHOST_MEMBER, labels, 1.0
    for key, members in part.claims.items():
        for member in members:
            yield s.SHARD_CLAIMED_MEMBER, (key, member), 1.0
    yield from _keys(part, names)


def _keys(part: Part, names: Mapping[str, str]) -> Rows:
    for key in part.used:
        yield s.SHARD_USED_KEY, (key,), 1.0
    for (key, view, aspect), digests in part.views.items():
        for rank, digest in enumerate(digests):
            labels = (key, names.get(key) or ring_of(key), view, aspect, str(rank))
            yield s.SHARD_VIEW_DIGEST, labels, digest


def _word(flag: bool) -> str:
    return "true" if flag else "false"
