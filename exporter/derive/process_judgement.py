"""One process judged from its own pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from statistics import median_high
from types import MappingProxyType
from typing import Any

from exporter.derive import ha_election_rates, kv_clients
from exporter.derive.gossip.membership import gossip_of
from exporter.derive.identity.key_names import Names
from exporter.derive.identity.member_processes import GOOD_FOR, Identity
from exporter.derive.identity.process_starts import away, is_recently_started, starts_of
from exporter.derive.identity.wrong_targets import why_none
from exporter.derive.judging_rules import Rules
from exporter.derive.ring.agreed_settings import period_of
from exporter.model.facts import ClientFacts, PageFacts, Snapshot, TargetFacts
from exporter.model.migration import HA_TRACKER
from exporter.model.pages import (
    Observation,
    Outcome,
    Page,
    ProcessConfig,
    ProcessMetrics,
    Product,
    Reason,
)
from exporter.products.component_names import DISTRIBUTOR, is_tracker
from exporter.products.page_kinds import OPTIONAL, RUNTIME_CONFIG
from exporter.products.registry import outside_requests

TRAFFIC = "traffic"
QUERIES = "query_frontend_queries"  # as decode.metrics calls it
NO_NAMES = Names()


def judge_targets(
    observed: Iterable[Observation],
    ids: Mapping[str, Identity],
    snapshot: Snapshot | None,
    rules: Rules,
    names: Names = NO_NAMES,
) -> tuple[TargetFacts, ...]:
    """Judge the processes. `ids` are the identities of those that answered, `snapshot` the previous one."""
    before = {target.name: target for target in snapshot.targets} if snapshot else {}
    targets = ((o, o.target.name) for o in observed)
    return with_usual_product(
        tuple(judge_target(o, ids.get(name), before.get(name), rules, names) for o, name in targets)
    )


def judge_target(
    observed: Observation,
    identity: Identity | None,
    before: TargetFacts | None,
    rules: Rules,
    names: Names = NO_NAMES,
) -> TargetFacts:
    """Judge one process. One that did not answer keeps only its name and its component. `names` are the names
    of this cycle's keys.
    """
    pages = _facts_of(*pages_of(observed), *_copies(observed))
    missed = _missed(pages, before)
    identity = identity if observed.answers else None
    always = _always(observed, identity, before, rules) | {"pages": pages}
    if identity is None:
        facts = _not_answering(observed, before or _NEVER_READ, always)
    else:
        always["pages"] = (*pages, *_facts_of(*observed.earlier))
        facts = _answering(observed, identity, before, (rules, names), always)
    why, elections = why_none(facts), ha_election_rates.counted(facts, before)
    if facts.up and not (why or elections or missed):
        return facts  # nearly always: a copy of each process in each cycle is not free
    complete_at = _complete_at(before) if missed or not facts.up else None
    return replace(facts, why_none=why, elections=elections, missed=missed, complete_at=complete_at)


def _always(
    observed: Observation, identity: Identity | None, before: TargetFacts | None, rules: Rules
) -> dict[str, Any]:
    """The fields of each process, whether it answers or not: its name, its starts, its deployment mode (one
    that does not answer keeps it). Its rings and the beginning of its phase stand as they were until the keys
    are judged.
    """
    skew = skew_of(observed)
    start_time = observed.metrics.value.start_time if observed.metrics.value else None
    at = start_time - skew if start_time is not None and skew is not None else None
    starts, restarts = starts_of(start_time, at, before, observed.metrics.asked_at)
    names = (observed.target.name, *sorted(identity.names if identity is not None else ()))
    return {
        "name": observed.target.name,
        "group": before.group if identity is None and before is not None else rules.group_of(*names),
        "url": observed.target.url,
        "source": observed.target.source,
        "starts": starts,
        "restarts": restarts,
        "away": away(restarts, before, observed.metrics.asked_at),
    } | ({"rings": before.rings, "phase_since": before.phase_since} if before else {})


def _not_answering(observed: Observation, before: TargetFacts, always: Mapping[str, Any]) -> TargetFacts:
    return TargetFacts(
        component=observed.target.component or before.component,
        up=False,
        product=before.product,
        version=before.version,
        seen_at=before.seen_at,
        member=before.member,
        **always,
    )


_NEVER_READ = TargetFacts("", "", "", up=False)


def _missed(pages: tuple[PageFacts, ...], before: TargetFacts | None) -> int:
    """Count the consecutive cycles with an unread page. The count exceeds `GOOD_FOR` at once if the process
    was never read, or refuses a connection twice in a row.
    """
    if Outcome.FAILED not in [page.outcome for page in pages]:
        return 0
    if before is None or (_is_refused(pages) and _is_refused(before.pages)):
        return GOOD_FOR + 1
    return before.missed + 1


def _is_refused(pages: Iterable[PageFacts]) -> bool:
    return any(page.name == "/metrics" and page.reason is Reason.REFUSED for page in pages)


def _complete_at(before: TargetFacts | None) -> float | None:
    """When all of a process was read that something was missed of now."""
    return None if before is None else before.complete_at if before.missed else before.seen_at


def _facts_of(*pages: Page[object]) -> tuple[PageFacts, ...]:
    return tuple(_fact(page.name, page.outcome, page.reason, page.detail) for page in pages)


@lru_cache(maxsize=4096)  # most processes' pages end alike
def _fact(name: str, outcome: Outcome, reason: Reason | None, detail: str) -> PageFacts:
    return PageFacts(name, outcome, reason, detail)


def _answering(
    observed: Observation,
    identity: Identity,
    before: TargetFacts | None,
    how: tuple[Rules, Names],
    always: Mapping[str, Any],
) -> TargetFacts:
    metrics, config = observed.metrics.value, observed.config.value
    product, component = product_of(observed, before), component_of(observed, before)
    version, products = version_of(observed, before), _products(observed, product, before)
    started = metrics.start_time if metrics else (before.started if before else None)
    clock, skews = clock_of(observed), list(_skews(_telling(observed)))
    apart = _clocks_apart(observed, skews)
    further = _runtime(observed, before) | _counted(metrics, before, observed, (component, product))
    values = {key: page.value for key, page in observed.gossip.values.items() if page.value is not None}
    in_memory = kv_clients.in_memory(metrics, product) if metrics else frozenset()
    shown = kv_clients.clients_of(observed, product, before)
    clients = tuple([_stored(client, config, *how) for client in shown])
    return TargetFacts(
        component=component,
        up=True,
        product=product,
        products=products,
        version=version,
        skew=skews[0] if skews else None,
        clocks_apart=apart,
        started=started,
        clients=clients,
        in_memory=in_memory,
        phase=kv_clients.earliest(client.phase for client in kv_clients.writing(clients)),
        recently_started=is_recently_started(clock, started, period_of(clients, config)),
        gossip=gossip_of(observed, identity, values, clock),
        gossip_members=metrics.gossip_members if metrics else None,
        config=config,
        seen_at=observed.metrics.asked_at,
        member=identity.member or (before.member if before else ""),
        listed=observed.target.listed,
        **further,  # type: ignore[arg-type] # the fields' names
        **always,
    )


def _runtime(observed: Observation, before: TargetFacts | None) -> dict[str, object]:
    """Its runtime configuration, and since when: from the beginning, where it was never another."""
    page = observed.others.get(RUNTIME_CONFIG.name)
    current, old = page.value if page is not None else None, before.runtime if before is not None else None
    kept = before.runtime_since if before is not None else 0.0
    since = kept if old in (None, current) else observed.metrics.asked_at
    optional = _facts_of(*(p for name, p in observed.others.items() if name in OPTIONAL))
    read_at = page.asked_at if page is not None and current is not None else None
    return {"runtime": current, "runtime_at": read_at, "runtime_since": since, "optional": optional}


def _stored(client: ClientFacts, config: ProcessConfig | None, rules: Rules, names: Names) -> ClientFacts:
    """The client with its key as it stands in the stores, and the migration that this is part of."""
    key = names.stored(client.key, config)
    migration = HA_TRACKER if is_tracker(client.name) else rules.migration_of(key)
    same = key == client.key and migration == client.migration
    return client if same else replace(client, key=key, migration=migration)


def _counted(
    metrics: ProcessMetrics | None,
    before: TargetFacts | None,
    observed: Observation,
    runs: tuple[str, Product],
) -> dict[str, object]:
    """Carry the few other counters, with their rates since the cycle before."""
    if metrics is None:
        return {}
    counters = {**metrics.counters, TRAFFIC: from_outside(metrics.traffic, *runs)}
    seconds, old = (
        kv_clients.seconds_since(before, observed.metrics.asked_at),
        before.counters if before else {},
    )
    rates = {
        name: rate
        for name, value in counters.items()
        if (rate := kv_clients.rate(old.get(name), value, seconds)) is not None
    }
    return {
        "counters": MappingProxyType(counters),
        "counter_rates": MappingProxyType(rates),
        "traffic_rate": rates.get(TRAFFIC),
        "ha_elections": sum(metrics.ha_elections.values()) if metrics.ha_elections else None,
    }


def from_outside(traffic: Mapping[str, float], component: str, product: Product = Product.UNKNOWN) -> float:
    """Count the requests that users cause: pushes, and queries to a frontend or to a querier directly. What a
    query frontend counts by itself it counts by route too, so the larger number is taken. Scrapes, health
    checks and the components' own requests do not count: they continue until the end.
    """
    proxied = "/httpgrpc" if DISTRIBUTOR in component else ""
    routes = sum([count for route, count in traffic.items() if _is_from_outside(route, product, proxied)])
    return max(routes, traffic.get(QUERIES, 0.0))


@lru_cache(maxsize=16_384)
def _is_from_outside(route: str, product: Product, proxied: str) -> bool:
    return bool(outside_requests(product).search(route) or (proxied and route.startswith(proxied)))


def pages_of(observed: Observation) -> Iterable[Page[object]]:
    """Every page that was requested or is certainly absent, each once, but for the optional pages."""
    further = (page for name, page in observed.others.items() if name not in OPTIONAL)
    fixed = [observed.metrics, observed.gossip.page, observed.config, *further, observed.build]
    for page in (*fixed, *observed.rings.values(), *observed.partitions.values()):
        if page is not None:
            yield page  # type: ignore[misc] # a page of something is a page of an object


def _copies(observed: Observation) -> Iterable[Page[object]]:
    """The values of its gossip as one page: failed where any of them failed, absent where all were."""
    values = sorted(observed.gossip.values.values(), key=lambda page: _WORST_FIRST.index(page.outcome))
    yield from values[:1]  # type: ignore[misc] # a page of something is a page of an object


_WORST_FIRST = (Outcome.FAILED, Outcome.OK, Outcome.ABSENT)


def clock_of(observed: Observation) -> float | None:
    """The process's own time, from the page with the most exact time."""
    return next((page.clock for page in _telling(observed)), None)


def skew_of(observed: Observation) -> float | None:
    """Its clock less ours, seconds; a Date header in integer seconds can be off by one."""
    return next(_skews(_telling(observed)), None)


def fleet_skew(observed: Iterable[Observation]) -> float | None:
    """How far the clocks of most processes are ahead of ours, seconds. Of two that differ the later one
    counts: with it a heartbeat can seem late, but never too recent.

    A process counts too if all of its pages failed. Without any process, the members would be judged by the
    clock of the store's server, which may be minutes away.
    """
    skews = [skew for each in observed if (skew := skew_of(each)) is not None]
    return median_high(skews) if skews else None


def _skews(telling: Iterable[Page[object]]) -> Iterator[float]:
    return (p.clock - p.asked_at for p in telling if p.clock is not None and p.asked_at)


def _clocks_apart(observed: Observation, skews: list[float]) -> float:
    """How far the times of its pages are apart, seconds: a cache answers for it, or a time is wrong."""
    clocks = skews + [page.clock - page.asked_at for page in observed.gossip.values.values() if page.clock]
    return max(clocks, default=0.0) - min(clocks, default=0.0)


def _telling(of: Observation) -> Iterator[Page[object]]:
    """The pages that have a time, first those that have it in their text."""
    for page in (of.gossip.page, *of.others.values(), *of.rings.values(), *of.partitions.values()):
        if page.clock is not None and getattr(page.value, "now", None) is not None:
            yield page
    yield from (page for page in pages_of(of) if page.clock is not None)


def product_of(observed: Observation, before: TargetFacts | None) -> Product:
    """The product that runs there, by its pages, else as before. No process becomes another product while it
    runs: a page that shows one is misread, or wrong.
    """
    shown, old = shown_by(observed), before.product if before else Product.UNKNOWN
    if old is not Product.UNKNOWN and (shown is Product.UNKNOWN or _runs_on(observed, before)):
        return old
    return shown


def shown_by(observed: Observation) -> Product:
    """The product that /metrics shows, else the build page."""
    products = [observed.metrics.value.product if observed.metrics.value else Product.UNKNOWN]
    products += [observed.build.value.product] if observed.build and observed.build.value else []
    return next((product for product in products if product is not Product.UNKNOWN), Product.UNKNOWN)


def _products(observed: Observation, product: Product, before: TargetFacts | None) -> frozenset[Product]:
    """All products that a process has shown since it started."""
    earlier = before.products if before is not None and _runs_on(observed, before) else frozenset[Product]()
    products = {shown_by(observed), product}
    return earlier if products <= earlier else earlier | products


def _runs_on(observed: Observation, before: TargetFacts | None) -> bool:
    started = observed.metrics.value.start_time if observed.metrics.value else None
    return before is not None and started is not None and started == before.started


def with_usual_product(targets: tuple[TargetFacts, ...]) -> tuple[TargetFacts, ...]:
    """Give a process that has shown two products the product of most, if that is one of them."""
    if not any(map(is_of_two, targets)):
        return targets
    sure = Counter(t.product for t in targets if not is_of_two(t) and t.product is not Product.UNKNOWN)
    usual = max(sure, key=lambda product: (sure[product], product), default=Product.UNKNOWN)
    return tuple(replace(t, product=usual) if is_of_two(t) and usual in t.products else t for t in targets)


def is_of_two(target: TargetFacts) -> bool:
    """Whether a process has shown two products since it started."""
    return len(target.products) > 1 and len(target.products - {Product.UNKNOWN}) > 1


def version_of(observed: Observation, before: TargetFacts | None) -> str:
    """Its version; a build without one (as from a working copy) is named by its revision."""
    metrics, build = observed.metrics.value, observed.build.value if observed.build else None
    for version in (metrics and metrics.version, build and build.version):
        if version:
            return version
    revision = (metrics and metrics.revision) or (build and build.revision) or ""
    if revision:
        return f"rev-{revision[:12]}"
    return before.version if before and not metrics else ""


def component_of(observed: Observation, before: TargetFacts | None) -> str:
    """The component: by discovery, else `target` in its configuration, else as before."""
    if observed.target.component:
        return observed.target.component
    if observed.config.value is not None:
        return observed.config.value.target or "all"
    return before.component if before else ""
