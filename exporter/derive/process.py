"""One process judged from its own pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from exporter.derive import kv_clients
from exporter.derive.gossip.membership import gossip_of
from exporter.derive.identity.key_names import Names
from exporter.derive.identity.member_processes import Identity, answers
from exporter.derive.identity.not_a_target import why_none
from exporter.derive.identity.quiet_tracker import quiet_tracker
from exporter.derive.identity.restarts import SAME, away, counted
from exporter.derive.limits import Rules
from exporter.derive.migration import ha_elections
from exporter.derive.ring.agreed_settings import period_of
from exporter.model.culprits import Culprit, Kind
from exporter.model.facts import ClientFacts, PageFacts, TargetFacts
from exporter.model.migration import HA_TRACKER
from exporter.model.pages import (
    Observation,
    Outcome,
    Page,
    ProcessConfig,
    ProcessMetrics,
    Product,
    Reason,
    Start,
)
from exporter.products.components import DISTRIBUTOR, is_tracker
from exporter.products.page_kinds import OPTIONAL, RUNTIME_CONFIG
from exporter.products.registry import asks_from_outside
from exporter.products.ring_pages import RING_PAGES

TRAFFIC = "traffic"
QUERIES = "query_frontend_queries"  # as decode.metrics calls it
NO_NAMES = Names()
GOOD_FOR = 2  # cycles after the one in which it was read that evidence is good for
GOOD_SECONDS = 120.0  # and never longer: soon after it the rings have the member as unhealthy


def judge_target(
    seen: Observation,
    known: Identity | None,
    before: TargetFacts | None,
    rules: Rules,
    names: Names = NO_NAMES,
) -> TargetFacts:
    """Judge one process. One that did not answer keeps only its name and its component. `names` are the names
    of this cycle's keys.
    """
    pages = _facts_of(*pages_of(seen), *_copies(seen))
    missed = _missed(pages, before)
    if not answers(seen) or known is None:
        facts = _not_answering(seen, pages, missed, before, rules)
        return replace(facts, why_none=why_none(facts))
    found = _answering(seen, known, (*pages, *_facts_of(*seen.earlier)), before, (rules, names))
    why, told = why_none(found), ha_elections.counted(found, before)
    if not (why or told or missed):
        return found  # nearly always: a copy of each process in each cycle is not free
    complete_at = _complete_at(before) if missed else None
    return replace(found, why_none=why, elections=told, missed=missed, complete_at=complete_at)


def _not_answering(
    seen: Observation, pages: tuple[PageFacts, ...], missed: int, before: TargetFacts | None, rules: Rules
) -> TargetFacts:
    return TargetFacts(
        name=seen.target.name,
        url=seen.target.url,
        component=seen.target.component or (before.component if before else ""),
        up=False,
        source=seen.target.source,
        group=before.group if before else rules.group_of(seen.target.name),
        product=before.product if before else Product.UNKNOWN,
        version=before.version if before else "",
        pages=pages,
        seen_at=before.seen_at if before else None,
        missed=missed,
        complete_at=_complete_at(before),
        member=before.member if before else "",
        elections=before.elections if before else None,
        **_history(seen, skew_of(seen), before),  # type: ignore[arg-type] # the fields' names
    )


def _history(seen: Observation, skew: float | None, before: TargetFacts | None) -> dict[str, object]:
    """Its starts; its rings and the beginning of its phase stand as they were until the keys are judged."""
    starts, restarts = _starts(seen, skew, before)
    kept = {"rings": before.rings, "phase_since": before.phase_since} if before else {}
    away_for = away(restarts, before, seen.metrics.asked_at)
    return {"starts": starts, "restarts": restarts, "away": away_for, **kept}


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


def stands_in(target: TargetFacts, at: float) -> bool:
    """Whether the last reading of a process replaces what was missed of it now."""
    complete_at = target.complete_at
    return 0 < target.missed <= GOOD_FOR and complete_at is not None and at - complete_at <= GOOD_SECONDS


def _starts(
    seen: Observation, skew: float | None, before: TargetFacts | None
) -> tuple[tuple[Start, ...], int]:
    told = seen.metrics.value.start_time if seen.metrics.value else None
    at = told - skew if told is not None and skew is not None else None
    return counted(told, at, before, seen.metrics.asked_at)


def _facts_of(*pages: Page[object]) -> tuple[PageFacts, ...]:
    return tuple(_fact(page.name, page.outcome, page.reason, page.detail) for page in pages)


@lru_cache(maxsize=4096)  # most processes' pages end alike
def _fact(name: str, outcome: Outcome, reason: Reason | None, detail: str) -> PageFacts:
    return PageFacts(name, outcome, reason, detail)


def _answering(
    seen: Observation,
    known: Identity,
    pages: tuple[PageFacts, ...],
    before: TargetFacts | None,
    how: tuple[Rules, Names],
) -> TargetFacts:
    metrics, config, rules = seen.metrics.value, seen.config.value, how[0]
    product, component = product_of(seen, before), component_of(seen, before)
    started = metrics.start_time if metrics else (before.started if before else None)
    clients = tuple([_stored(client, config, *how) for client in _clients(seen, product, before)])
    values = {key: page.value for key, page in seen.gossip.values.items() if page.value is not None}
    clock, skews = clock_of(seen), list(_skews(_telling(seen)))
    return TargetFacts(
        name=seen.target.name,
        url=seen.target.url,
        component=component,
        up=True,
        product=product,
        products=_products(seen, product, before),
        version=version_of(seen, before),
        source=seen.target.source,
        group=rules.group_of(seen.target.name, *sorted(known.names)),
        phase=kv_clients.earliest(client.phase for client in kv_clients.writing(clients)),
        skew=skews[0] if skews else None,
        clocks_apart=_clocks_apart(seen, skews),
        started=started,
        recently_started=is_recently_started(clock, started, period_of(clients, config)),
        pages=pages,
        clients=clients,
        in_memory=kv_clients.in_memory(metrics, product) if metrics else frozenset(),
        gossip=gossip_of(seen, known, values, clock),
        gossip_members=metrics.gossip_members if metrics else None,
        config=config,
        seen_at=seen.metrics.asked_at,
        member=known.member or (before.member if before else ""),
        listed=seen.target.listed,
        **(_runtime(seen, before) | _counted(metrics, before, seen, (component, product))),  # type: ignore[arg-type] # likewise
        **_history(seen, skews[0] if skews else None, before),  # type: ignore[arg-type] # likewise
    )


def _runtime(seen: Observation, before: TargetFacts | None) -> dict[str, object]:
    """Its runtime configuration, and since when: from the beginning, where it was never another."""
    page = seen.others.get(RUNTIME_CONFIG.name)
    told, old = page.value if page is not None else None, before.runtime if before is not None else None
    kept = before.runtime_since if before is not None else 0.0
    since = kept if old in (None, told) else seen.metrics.asked_at
    optional = _facts_of(*(p for name, p in seen.others.items() if name in OPTIONAL))
    read_at = page.asked_at if page is not None and told is not None else None
    return {"runtime": told, "runtime_at": read_at, "runtime_since": since, "optional": optional}


def _clients(seen: Observation, product: Product, before: TargetFacts | None) -> tuple[ClientFacts, ...]:
    if seen.metrics.value is None:
        return ()
    old: Mapping[str, ClientFacts] = {c.name: c for c in before.clients} if before else {}
    times = kv_clients.Times(seen.metrics.asked_at, _since(before, seen.metrics.asked_at))
    shown = kv_clients.judge_clients(seen.target.name, seen.metrics.value, product, old, times)
    return (*shown, *quiet_tracker(seen, shown))


def _stored(client: ClientFacts, config: ProcessConfig | None, rules: Rules, names: Names) -> ClientFacts:
    """The client with its key as it stands in the stores, and the migration that this is part of."""
    key = names.stored(client.key, config)
    migration = HA_TRACKER if is_tracker(client.name) else rules.migration_of(key)
    same = key == client.key and migration == client.migration
    return client if same else replace(client, key=key, migration=migration)


def _since(before: TargetFacts | None, now: float) -> float | None:
    return now - before.seen_at if before and before.up and before.seen_at else None


def _counted(
    metrics: ProcessMetrics | None,
    before: TargetFacts | None,
    seen: Observation,
    runs: tuple[str, Product],
) -> dict[str, object]:
    """Carry the few other counters, with their rates since the cycle before."""
    if metrics is None:
        return {}
    counters = {**metrics.counters, TRAFFIC: from_outside(metrics.traffic, *runs)}
    seconds, old = _since(before, seen.metrics.asked_at), before.counters if before else {}
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
    return bool(asks_from_outside(product).search(route) or (proxied and route.startswith(proxied)))


def pages_of(seen: Observation) -> Iterable[Page[object]]:
    """Every page that was requested or is certainly absent, each once, but for the optional pages."""
    others = (page for name, page in seen.others.items() if name not in OPTIONAL)
    fixed = [seen.metrics, seen.gossip.page, seen.config, *others, seen.build]
    for page in (*fixed, *seen.rings.values(), *seen.partitions.values()):
        if page is not None:
            yield page  # type: ignore[misc] # a page of something is a page of an object


def _copies(seen: Observation) -> Iterable[Page[object]]:
    """The values of its gossip as one page: failed where any of them failed, absent where all were."""
    values = sorted(seen.gossip.values.values(), key=lambda page: _WORST_FIRST.index(page.outcome))
    yield from values[:1]  # type: ignore[misc] # a page of something is a page of an object


_WORST_FIRST = (Outcome.FAILED, Outcome.OK, Outcome.ABSENT)


def clock_of(seen: Observation) -> float | None:
    """The process's own time, from the page with the most exact time."""
    return next((page.clock for page in _telling(seen)), None)


def skew_of(seen: Observation) -> float | None:
    """Its clock less ours, seconds; a Date header in integer seconds can be off by one."""
    return next(_skews(_telling(seen)), None)


def _skews(telling: Iterable[Page[object]]) -> Iterator[float]:
    return (p.clock - p.asked_at for p in telling if p.clock is not None and p.asked_at)


def _clocks_apart(seen: Observation, skews: list[float]) -> float:
    """How far the times of its pages are apart, seconds: a cache answers for it, or a time is wrong."""
    told = skews + [page.clock - page.asked_at for page in seen.gossip.values.values() if page.clock]
    return max(told, default=0.0) - min(told, default=0.0)


def _telling(seen: Observation) -> Iterator[Page[object]]:
    """The pages that have a time, first those that have it in their text."""
    for page in (seen.gossip.page, *seen.others.values(), *seen.rings.values(), *seen.partitions.values()):
        if page.clock is not None and getattr(page.value, "now", None) is not None:
            yield page
    yield from (page for page in pages_of(seen) if page.clock is not None)


def is_recently_started(clock: float | None, started: float | None, period: float) -> bool:
    """Whether the process started within two heartbeat periods: it is not judged yet. A start in the future
    means a clock that was set back since, at an unknown time: it is judged.
    """
    return clock is not None and started is not None and -SAME <= clock - started < 2 * period


def product_of(seen: Observation, before: TargetFacts | None) -> Product:
    """The product that runs there, by its pages, else as before. No process becomes another product while it
    runs: a page that shows one is misread, or wrong.
    """
    shown, old = shown_by(seen), before.product if before else Product.UNKNOWN
    if old is not Product.UNKNOWN and (shown is Product.UNKNOWN or _is_same_start(seen, before)):
        return old
    return shown


def shown_by(seen: Observation) -> Product:
    """The product that /metrics shows, else the build page."""
    told = [seen.metrics.value.product if seen.metrics.value else Product.UNKNOWN]
    told.append(seen.build.value.product if seen.build and seen.build.value else Product.UNKNOWN)
    return next((product for product in told if product is not Product.UNKNOWN), Product.UNKNOWN)


def _products(seen: Observation, product: Product, before: TargetFacts | None) -> frozenset[Product]:
    """All products that a process has shown since it started."""
    earlier = before.products if before is not None and _is_same_start(seen, before) else frozenset[Product]()
    told = {shown_by(seen), product}
    return earlier if told <= earlier else earlier | told


def _is_same_start(seen: Observation, before: TargetFacts | None) -> bool:
    started = seen.metrics.value.start_time if seen.metrics.value else None
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


def version_of(seen: Observation, before: TargetFacts | None) -> str:
    """Its version; a build without one (as from a working copy) is named by its revision."""
    metrics, build = seen.metrics.value, seen.build.value if seen.build else None
    for told in (metrics and metrics.version, build and build.version):
        if told:
            return told
    revision = (metrics and metrics.revision) or (build and build.revision) or ""
    if revision:
        return f"rev-{revision[:12]}"
    return before.version if before and not metrics else ""


def component_of(seen: Observation, before: TargetFacts | None) -> str:
    """The component: by discovery, else `target` in its configuration, else as before."""
    if seen.target.component:
        return seen.target.component
    if seen.config.value is not None:
        return seen.config.value.target or "all"
    return before.component if before else ""


def is_blind(target: TargetFacts) -> bool:
    """Whether some KV client of a process may be unread."""
    return not target.up or _metrics_failed(target) or is_without_clients(target)


def _metrics_failed(target: TargetFacts) -> bool:
    return any(page.name == "/metrics" and page.outcome is Outcome.FAILED for page in target.pages)


def is_without_clients(target: TargetFacts) -> bool:
    """Whether a process shows a ring and no KV client: some client must have brought the ring there."""
    if target.clients or target.recently_started:
        return False
    shows = any(page.name in _RING_PATHS and page.outcome is Outcome.OK for page in target.pages)
    told = target.config.rings.values() if target.config else ()
    in_memory = bool(target.in_memory) or (bool(told) and all(ring.store == "inmemory" for ring in told))
    return shows and not in_memory


_RING_PATHS = frozenset(page.path for page in RING_PAGES)


def silence(target: TargetFacts, *, detail: bool = True) -> Culprit:
    """Blame a process that does not answer, with the reason where there is one."""
    failed = next((page for page in target.pages if page.outcome is Outcome.FAILED and page.reason), None)
    said = [failed.reason.value] if failed is not None and failed.reason is not None else []
    said += [failed.detail] if detail and failed is not None and failed.detail else []
    return Culprit(Kind.PROCESS_NOT_RESPONDING, target.name, what=": ".join(said), why=target.why_none)
