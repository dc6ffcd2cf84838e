"""Settings that the guide of the read-write migration requires, each before the step that needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from exporter.derive.gate.check_input import Evidence
from exporter.derive.gate.check_registration import Answer, check
from exporter.model.culprits import Culprit, Kind, Looked, LookedKind
from exporter.model.facts import TargetFacts
from exporter.model.migration import READ_WRITE
from exporter.model.settings import RingConfig
from exporter.products.ring_pages import INGESTERS, RULERS, STORE_GATEWAYS

DOC = "docs/read-write.md"
CONFIGURED = "Let the exporter read /config of every process: the setting is there."


def in_ring(evidence: Evidence, ring: str) -> Iterable[tuple[TargetFacts, str]]:
    """The processes that have a member in a ring, and the ring's key."""
    keys = frozenset(key.key for key in evidence.now.keys if key.ring == ring)
    return ((target, key) for target in evidence.up for key in target.rings if key in keys)


def _switched_on(
    processes: Iterable[tuple[TargetFacts, str]], what: str, setting: Callable[[RingConfig], bool | None]
) -> Answer:
    """A switch, which `setting` reads of a ring's settings, is on for each of these processes."""
    wrong, unknown, count = list[Culprit](), list[Culprit](), 0
    for target, key in processes:
        block = target.config.rings.get(key) if target.config else None
        value = setting(block) if block is not None else None
        count += 1
        if value is None:
            unknown.append(Culprit(Kind.UNREAD, target.name, what=what))
        elif not value:
            wrong.append(Culprit(Kind.SETTING_OFF, target.name, key=key, what=what))
    return Answer(wrong, unknown, Looked(LookedKind.PROCESSES, count))


def _zones(evidence: Evidence, ring: str) -> Answer:
    if evidence.rules.arriving != READ_WRITE:
        return Answer(good=Looked(LookedKind.NONE))
    return _switched_on(in_ring(evidence, ring), "zone_awareness_enabled", lambda block: block.zone_awareness)


@check(
    "store-gateways-zone-aware",
    "The ring of the store-gateways is zone-aware on every process that is in it.",
    "Switch zone_awareness_enabled on for store_gateway.sharding_ring first: mimir-backend needs it.",
    f"{DOC}#settings",
    CONFIGURED,
)
def store_gateways_zone_aware(evidence: Evidence) -> Answer:
    """The check towards read-write mode, which needs zones."""
    return _zones(evidence, STORE_GATEWAYS)


@check(
    "ingesters-zone-aware",
    "The ring of the ingesters is zone-aware on every process that is in it.",
    "Switch zone_awareness_enabled on for ingester.ring first: mimir-write needs it.",
    f"{DOC}#settings",
    CONFIGURED,
)
def ingesters_zone_aware(evidence: Evidence) -> Answer:
    """The check towards read-write mode, which needs zones."""
    return _zones(evidence, INGESTERS)


@check(
    "store-gateways-unregister",
    "Every store-gateway of the old group leaves its ring when it stops.",
    "Set unregister_on_shutdown to true for store_gateway.sharding_ring of the old group, and restart it.",
    f"{DOC}#settings",
    CONFIGURED,
)
def store_gateways_unregister(evidence: Evidence) -> Answer:
    """None of them stays as an unhealthy member. The new group's are to stay in theirs."""
    old = ((t, key) for t, key in in_ring(evidence, STORE_GATEWAYS) if t.group == evidence.rules.leaving)
    return _switched_on(old, "unregister_on_shutdown", lambda block: block.unregister_on_shutdown)


@check(
    "remote-evaluation-off",
    "No ruler of the new group evaluates rules by a query frontend of its own.",
    "Remove ruler.query_frontend.address from the new group: the old group has its query frontend.",
    f"{DOC}#settings",
    CONFIGURED,
)
def remote_evaluation_off(evidence: Evidence) -> Answer:
    """The check towards read-write mode, in which mimir-backend evaluates rules by itself."""
    if evidence.rules.arriving != READ_WRITE:
        return Answer(good=Looked(LookedKind.NONE))
    new = [target for target, _ in in_ring(evidence, RULERS) if target.group == evidence.rules.arriving]
    on = (target for target in new if target.config is not None and target.config.ruler_frontend)
    return Answer(
        wrong=[Culprit(Kind.SETTING_ON, t.name, what="ruler.query_frontend.address") for t in on],
        unknown=[Culprit(Kind.UNREAD, t.name, what="configuration") for t in new if t.config is None],
        good=Looked(LookedKind.PROCESSES, len(new)),
    )
