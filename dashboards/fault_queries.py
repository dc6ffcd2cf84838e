"""What counts as a fault on the overview: one list behind the first tile and the table below it.

Each entry is a number that is above 0 when something is wrong. It has no value where it does not apply (no
gossip yet, nothing mirrors yet). What could not be read counts as a fault of its own.
"""

from __future__ import annotations

from dataclasses import replace

from alerts import thresholds as t
from dashboards.queries import EVERY_KEY, NAMED_KEY, RATE, Queries
from exporter.expose import catalogue as c
from exporter.model.pages import Phase

OWN = 'kind="own"'
NOT_OWN = 'kind!="own"'
ALL_WELL = "none, and the snapshot is recent"


def faults(q: Queries) -> dict[str, str]:
    """Each fault's name and its count."""
    return {**_of_processes(q), **_of_the_copy(q), **_of_rings(q), **_of_gossip(q)}


def problems(q: Queries) -> str:
    """How many kinds of fault there are now; no value unless the snapshot of every exporter is recent. An
    exporter without a snapshot, and one that has ended, are faults.
    """
    kinds = " + ".join(f"({count} > bool 0 or vector(0))" for count in faults(q).values())
    return f"(({kinds}) and on () ({q.age()} < {t.STALE_AGE.value:g}))"


def what_is_wrong(q: Queries) -> str:
    """Each fault that is there, as label `problem`, with its count in each installation; one line with 0
    where there is none.
    """
    found = {f"{count} > 0": name for name, count in faults(replace(q, each=True)).items()}
    found |= {f"{problems(q)} == 0": ALL_WELL}
    return " or ".join(
        f'label_replace({found_now}, "problem", "{name}", "", "")' for found_now, name in found.items()
    )


def _of_processes(q: Queries) -> dict[str, str]:
    up, page, store = q.once(c.TARGET_UP), q.once(c.PAGE_UP), q.once(c.STORE_UP)
    needed = f"unless on {q.by()} (min by {q.by()} ({q.clients()}) == {Phase.MEMBERLIST})"
    last = f"max by {q.by()} ({q.of(c.SNAPSHOT_TIMESTAMP_SECONDS)})"
    return {
        "processes that do not answer": q.how_many(f"{up} == bool 0"),
        "pages that could not be read": q.how_many(f"{page} == bool 0"),
        "phase unknown": q.total("count", f"{q.clients()} == {Phase.UNKNOWN}"),
        "no process found": q.total("sum", f"{last} > bool 0 unless on {q.by()} {up}"),
        "external store not readable": q.how_many(f"({store} == bool 0) {needed}"),
        "external store is another one": q.how_many(f"{q.once(c.STORE_REPLACED)} > bool 0"),
        "clocks that are off": q.how_many(
            f"abs({q.once(c.TARGET_CLOCK_SKEW_SECONDS)}) > bool {t.CLOCK_SKEW.value:g}"
        ),
        "exporters that never ended a cycle": q.total("count", q.without_cycle()),
        "installations without an exporter": q.total("count", q.missing()),
        "sources of targets that fail": q.how_many(f"{q.once(c.DISCOVERY_FAILING_SOURCES)} > bool 0"),
        "incomplete sets of shards": q.how_many(f"{q.complete()} == bool 0"),
        "exporter leaves series out": q.how_many(f"{q.once(c.SERIES_DROPPED)} > bool 0"),
    }


def _of_the_copy(q: Queries) -> dict[str, str]:
    missing = q.once(c.SECONDARY_KEY_MISSING)
    mirrored = f"max by {q.by('key')} ({q.of(c.KEY_PHASE)} >= {Phase.MIRRORING} <= {Phase.SWITCHED})"
    return {
        "KV clients that do not mirror beside some that do": q.total("sum", q.once(c.UNREACHED_CLIENTS)),
        "keys missing in the secondary": q.total("sum", q.mirrored(c.SECONDARY_KEY_MISSING)),
        "members missing in the secondary": q.total("sum", q.mirrored(c.SECONDARY_MISSING_MEMBERS)),
        "members that differ in the secondary": q.total("sum", q.mirrored(c.SECONDARY_MISMATCHED_MEMBERS)),
        "keys with a secondary that lags": q.how_many(
            f"{q.while_mirroring(q.beyond_a_period(c.SECONDARY_LAG_SECONDS))} > bool {t.MAX_LAG.value:g}"
        ),
        "KV clients with failing mirror writes": q.how_many(f"{_failing(q)} > bool {t.ERROR_RATIO.value:g}"),
        "views of the secondary not read": q.total("sum", q.mirrored(c.SECONDARY_UNREAD_VIEWS)),
        "mirrored keys that were not compared": q.total(
            "count", f"{mirrored} unless on {q.by('key')} {missing}"
        ),
    }


def _failing(q: Queries) -> str:
    """Share of the mirror writes that fail, of each client that writes."""
    return f"{q.rate(c.MIRROR_WRITE_ERRORS_TOTAL)} / ({q.rate(c.MIRROR_WRITES_TOTAL)} > 0)"


def _mixed(q: Queries) -> str:
    """Clients with the external store as primary, of keys with memberlist as another client's primary."""
    phases = f"max by {q.by('target', 'kv_name', 'key')} ({q.of(c.CLIENT_PHASE, NAMED_KEY)})"
    external = f"({phases} >= 0) < {Phase.SWITCHED}"
    return q.total("count", f"{external} and on {q.by('key')} ({phases} >= {Phase.SWITCHED})")


def _of_rings(q: Queries) -> dict[str, str]:
    unhealthy = q.once(c.RING_MEMBERS, 'state="unhealthy"')
    return {
        "KV clients with different primaries": _mixed(q),
        "members lost at once": q.total("sum", q.once(c.RING_SHRUNK_MEMBERS)),
        "rings without a quorum": q.how_many(f"{q.once(c.RING_QUORUM_MARGIN)} < bool 0"),
        "unhealthy members": q.total("sum", unhealthy),
        "foreign members": q.total("sum", q.once(c.RING_FOREIGN_MEMBERS)),
        "writers without a member": q.total("sum", q.once(c.RING_WRITERS_MISSING)),
        "addresses shared by members": q.total("sum", q.once(c.RING_DUPLICATE_ADDRESSES)),
        "partitions without an owner": q.total("sum", q.once(c.RING_PARTITIONS_WITHOUT_OWNER)),
        "orphaned members": q.total("sum", q.once(c.RING_GHOST_MEMBERS)),
        "token conflicts": q.total("sum", q.once(c.RING_TOKEN_CONFLICTS)),
        "active members without tokens": q.total("sum", q.once(c.RING_MEMBERS_WITHOUT_TOKENS)),
        "corrupted partitions": q.total("sum", q.once(c.RING_CORRUPTED_PARTITIONS)),
        "rings with different views": q.how_many(f"{q.once(c.RING_VIEWS)} > bool 1"),
    }


def rejecting(q: Queries) -> str:
    """Rejections per second of each process, whatever the label."""
    return f"max by {q.by('target')} (rate({q.of(c.FOREIGN_LABEL_REJECTIONS_TOTAL)}{RATE}))"


def _unheard(q: Queries) -> str:
    """Age of what each process received last, less the heartbeat period of the slowest ring."""
    age = q.once(c.GOSSIP_HEARTBEAT_AGE_SECONDS)
    period = f"max by {q.by()} ({q.of(c.RING_HEARTBEAT_PERIOD_SECONDS, EVERY_KEY)})"
    return f"({age} - on {q.by()} group_left () {period} or {age})"


def _of_gossip(q: Queries) -> dict[str, str]:
    probe = c.LABEL_PROBE_ACCEPTED
    labels = f"count by {q.by()} ({q.once(c.GOSSIP_LABEL_TARGETS)} > 0)"
    return {
        "gossip clusters too many": q.total("sum", f"{q.once(c.GOSSIP_CLUSTERS)} - 1"),
        "foreign members in the gossip": q.total("sum", q.once(c.GOSSIP_FOREIGN_MEMBERS)),
        "unknown members in the gossip": q.total("sum", q.once(c.GOSSIP_UNKNOWN_MEMBERS)),
        "foreign keys in the gossip": q.total("sum", q.once(c.GOSSIP_UNKNOWN_KEYS)),
        "processes in no member list of the gossip": q.total("sum", q.once(c.GOSSIP_ABSENT_MEMBERS)),
        "processes without gossip of other processes": q.how_many(
            f"{_unheard(q)} > bool {t.ISOLATED_AGE.value:g}"
        ),
        "gossip labels too many": q.total("sum", f"{labels} - 1"),
        "processes that do not verify labels": q.how_many(f"{q.once(c.GOSSIP_LABEL_VERIFIED)} == bool 0"),
        "processes that refuse their own label": q.how_many(f"{q.once(probe, OWN)} == bool 0"),
        "processes that accept a foreign label": q.how_many(f"{q.once(probe, NOT_OWN)} == bool 1"),
        "processes that reject packets": q.how_many(f"{rejecting(q)} > bool 0"),
    }
