"""Metrics pages: the few families used, under any prefix, out of pages of megabytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.decode.metrics import COUNTERS, decode_metrics
from exporter.errors import DecodeError
from exporter.model.pages import KVClient, ProcessMetrics, Product, RingSignals
from tests.decode import pages

PREFIXES = ("cortex_", "loki_", "tempo_", "pyroscope_", "", "enterprise_metrics_")
counts = st.integers(0, 10**12)
names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=30)
labels = names  # quotes, backslashes and line feeds too


def quoted(value: str) -> str:
    return '"' + value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'


def line(name: str, value: object, /, **labels: str) -> str:
    inner = ",".join(f"{key}={quoted(text)}" for key, text in sorted(labels.items()))
    return f"{name}{{{inner}}} {value}\n" if labels else f"{name} {value}\n"


def read(*lines: str) -> ProcessMetrics:
    return decode_metrics(b"# HELP go_goroutines Number.\n" + "".join(lines).encode())


def multikv(
    prefix: str, client: str, primary: str, mirror: int, writes: object = 5, errors: object = 1
) -> str:
    stores = ("consul", "memberlist")
    return "".join(
        (
            f"# HELP {prefix}multikv_mirror_enabled Is mirroring to secondary store enabled\n",
            line(f"{prefix}multikv_mirror_enabled", mirror, kv_name=client),
            line(f"{prefix}multikv_mirror_writes_total", writes, kv_name=client),
            line(f"{prefix}multikv_mirror_write_errors_total", errors, kv_name=client),
            *(
                line(f"{prefix}multikv_primary_store", int(s == primary), kv_name=client, store=s)
                for s in stores
            ),
        )
    )


clients = st.lists(
    st.tuples(
        st.sampled_from(PREFIXES),
        names,
        st.sampled_from(["consul", "memberlist"]),
        st.integers(0, 1),
        counts,
        counts,
    ),
    max_size=5,
    unique_by=lambda client: client[1],
)


@given(clients)
def test_clients_of_any_prefix_and_name_round_trip(some: list[tuple[str, str, str, int, int, int]]) -> None:
    found = read(*(multikv(*client) for client in some))
    assert dict(found.clients) == {
        name: KVClient(
            name=name,
            primary=primary,
            stores=("consul", "memberlist"),
            mirror=bool(mirror),
            mirror_writes=float(writes),
            mirror_errors=float(errors),
        )
        for _, name, primary, mirror, writes, errors in some
    }


def request(client: str, kind: str, operation: str, value: object, status: str = "200") -> str:
    name = "cortex_kv_request_duration_seconds_count"
    return line(
        name, value, kv_name=client, type=kind, operation=operation, role="primary", status_code=status
    )


def test_requests_are_summed_over_status_codes_by_store_and_operation() -> None:
    found = read(
        request("c", "multi", "CAS", 3),
        request("c", "multi", "CAS", "1e+01", "500"),
        request("c", "consul", "CAS", 3),
        request("c", "memberlist", "GET", 2),
    )
    assert dict(found.clients["c"].requests) == {
        ("multi", "CAS"): 13.0,
        ("consul", "CAS"): 3.0,
        ("memberlist", "GET"): 2.0,
    }
    assert (found.clients["c"].primary, found.clients["c"].mirror) == ("", None)


def test_a_name_under_two_prefixes_counts_as_the_less_migrated_of_both() -> None:
    found = read(multikv("loki_", "c", "memberlist", 1), multikv("", "c", "consul", 0)).clients["c"]
    assert (found.primary, found.mirror, found.mirror_writes, found.mirror_errors) == (
        "consul",
        False,
        10.0,
        2.0,
    )


@pytest.mark.parametrize("values", [(0, 0), (1, 1), ("NaN", 0)])
def test_a_client_whose_gauges_name_no_primary_or_two_is_a_multi_client_without_one(
    values: tuple[object, ...],
) -> None:
    stores = zip(("consul", "memberlist"), values, strict=True)
    found = read(
        *(line("cortex_multikv_primary_store", value, kv_name="c", store=store) for store, value in stores),
        line("cortex_multikv_mirror_enabled", 1, kv_name="c"),
    )
    assert found.clients["c"].primary == ""
    assert found.clients["c"].mirror is True
    assert found.clients["c"].stores == ("consul", "memberlist")


def test_what_is_nan_is_not_said() -> None:
    found = read(
        multikv("", "c", "consul", 0, writes="NaN", errors="+Inf"), line("process_start_time_seconds", "NaN")
    )
    assert found.clients["c"].mirror_writes is None
    assert found.clients["c"].mirror_errors is None
    assert found.start_time is None
    assert read(line("multikv_mirror_enabled", "NaN", kv_name="c")).clients["c"].mirror is None


BUILDS = {
    "mimir": ("mimir_build_info", "cortex_build_info"),
    "cortex": ("cortex_build_info",),
    "loki": ("loki_build_info",),
    "tempo": ("tempo_build_info",),
    "pyroscope": ("pyroscope_build_info",),
}


@pytest.mark.parametrize(("product", "families"), BUILDS.items())
def test_the_product_is_in_the_name_of_its_build_information(product: str, families: tuple[str, ...]) -> None:
    """Mimir has Cortex's beside its own."""
    others = ("prometheus_build_info", "go_build_info", "mimir_build_info_total")
    found = read(
        *(line(name, 1, version="9.9.9", revision="x") for name in others),
        *(line(name, 1, version="2.14.0", revision="abc", branch="main") for name in sorted(families)),
    )
    assert (found.product, found.version, found.revision) == (Product(product), "2.14.0", "abc")


def test_a_process_that_shows_nothing_of_ours_has_nothing() -> None:
    assert read("go_goroutines 5\n") == ProcessMetrics()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_gossip_families_of_any_prefix(prefix: str) -> None:
    found = read(
        *(line(prefix + name, number) for number, name in enumerate(COUNTERS)),
        line(f"{prefix}memberlist_client_cluster_node_health_score", 2),
        line(f"{prefix}memberlist_client_cluster_members_count", 3),
        line(f"{prefix}memberlist_client_cas_failure_total_more", 99),
        line(f"{prefix}memberlist_client_received_broadcasts_total", 99),
    )
    assert dict(found.counters) == {name: float(number) for number, name in enumerate(COUNTERS)}
    assert (found.health_score, found.gossip_members) == (2.0, 3.0)


def test_counters_are_summed_over_their_labels_and_gauges_are_the_worst() -> None:
    name = "memberlist_client_received_broadcasts_dropped_total"
    found = read(
        line(name, 1, queue="a"),
        line(f"loki_{name}", 2, queue="b"),
        line("memberlist_client_cluster_node_health_score", 0),
        line("loki_memberlist_client_cluster_node_health_score", 4),
    )
    assert found.counters == {name: 3.0}
    assert found.health_score == 4.0


RELOADED = "runtime_config_last_reload_successful"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([line(f"cortex_{RELOADED}", 1, config="mimir-runtime-config")], 1.0),
        ([line(f"loki_{RELOADED}", 0, config="loki")], 0.0),
        ([line(RELOADED, 1)], 1.0),
        ([line(f"tempo_{RELOADED}", 0), line(f"tempo_{RELOADED}", 1, config="other")], 0.0),
        ([line(f"tempo_{RELOADED}", "NaN")], None),
        ([line("cortex_runtime_config_last_reload_successful_timestamp_seconds", 9)], None),
    ],
)
def test_the_last_reload_of_the_runtime_configuration_is_its_worst(
    lines: list[str], told: float | None
) -> None:
    assert read(*lines).counters.get(RELOADED) == told


def test_traffic_by_route_elections_by_entry_and_the_start() -> None:
    found = read(
        line(
            "cortex_request_duration_seconds_count", 4, route="api_v1_push", method="POST", status_code="200"
        ),
        line(
            "cortex_request_duration_seconds_count", 3, route="api_v1_push", method="POST", status_code="500"
        ),
        line("cortex_ingester_client_request_duration_seconds_count", 9, operation="x"),
        line("cortex_query_frontend_queries_total", 2, user="a"),
        line("cortex_query_frontend_queries_total", 5, user="b"),
        line("cortex_ha_tracker_elected_replica_changes_total", 7, user="u", cluster="a/b"),
        line("process_start_time_seconds", "1.79522538969e+09"),
    )
    assert found.traffic == {"api_v1_push": 7.0, "query_frontend_queries": 7.0}
    assert found.ha_elections == {("u", "a/b"): 7.0}
    assert found.start_time == 1795225389.69


SYNTAX = {
    "blanks and a timestamp": 'process_start_time_seconds{ a = "b" , } 5 1795225389690\n',
    "a brace within a label": 'process_start_time_seconds{a="}{"} 5\n',
    "carriage returns": "process_start_time_seconds 5\r\n",
    "a name that only begins like one": "process_start_time_seconds_extra 7\nprocess_start_time_seconds 5\n",
    "the name in a label": 'other{a="process_start_time_seconds 9"} 1\nprocess_start_time_seconds 5\n',
    "an exemplar": 'process_start_time_seconds 5 # {trace_id="x"} 9\n',
}


@pytest.mark.parametrize("text", SYNTAX.values(), ids=SYNTAX)
def test_the_forms_a_sample_may_have(text: str) -> None:
    assert read(text).start_time == 5


REFUSED = {
    "nothing": (b"", "an empty page"),
    "blanks": (b"\n\n  \n", "an empty page"),
    "HTML": (b"<html><body>multikv_</body></html>\n", "begins with b'<html>"),
    "JSON": (b'{"status":"error"}\n', "begins with"),
    "a page that was cut": (b"# HELP a b\na 1\nmultikv_mirror_enabled{kv_na", "the last line has no end"),
    "a sample without a value": (
        b'# x\nmultikv_mirror_enabled{kv_name="a"}\n',
        "expected name{labels} value",
    ),
    "a value that is none": (
        b'# x\nmultikv_mirror_enabled{kv_name="a"} 1_0\n',
        "expected name{labels} value",
    ),
    "a label without quotes": (b"# x\nmultikv_mirror_enabled{kv_name=a} 1\n", 'expected label="value"'),
    "a label of a kilobyte": (
        b'# x\nmultikv_mirror_enabled{kv_name="%s"} 1\n' % (b"a" * 1024),
        "more than 512",
    ),
    "a line of a megabyte": (
        b'# x\nmultikv_mirror_enabled{kv_name="%s"} 1\n' % (b"a" * 10**6),
        "bytes in a line",
    ),
    "a thousand and one clients": (
        b"# x\n" + b"".join(b'multikv_mirror_enabled{kv_name="%d"} 1\n' % n for n in range(1001)),
        "more than 1000 KV clients",
    ),
    "very many routes": (
        b"# x\n" + b"".join(b'loki_request_duration_seconds_count{route="%d"} 1\n' % n for n in range(2001)),
        "more than 2000 routes",
    ),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_exposition_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=r"^metrics: ") as caught:
        decode_metrics(body)
    assert message in str(caught.value)


@given(pages.names, labels)
def test_label_values_with_escapes_come_out_as_they_went_in(user: str, cluster: str) -> None:
    found = read(line("cortex_ha_tracker_elected_replica_changes_total", 1, user=user, cluster=cluster))
    assert found.ha_elections == {(user, cluster): 1.0}


def ring(name: str, prefix: str = "cortex_", **states: tuple[int, float]) -> str:
    lines = [line(f"{prefix}ring_tokens_total", 384, name=name)]
    for state, (count, oldest) in states.items():
        lines.append(line(f"{prefix}ring_members", count, name=name, state=state))
        lines.append(line(f"{prefix}ring_oldest_member_timestamp", oldest, name=name, state=state))
    return "".join(lines)


RINGS = {
    "members, the oldest heartbeat and tokens": (
        ring("ingester", ACTIVE=(3, 1e9), LEAVING=(0, 0)), RingSignals({"active": 3}, 1e9, 384)),
    "the heartbeat of one that is unhealthy is not the oldest": (
        ring("ingester", ACTIVE=(2, 1e9), Unhealthy=(1, 5e8)),
        RingSignals({"active": 2, "unhealthy": 1}, 1e9, 384)),
    "but where all are": (ring("ingester", Unhealthy=(2, 5e8)), RingSignals({"unhealthy": 2}, 5e8, 384)),
    "a ring without members": (ring("ingester", ACTIVE=(0, 0)), RingSignals({}, None, 384)),
    "members of several zones": (
        line("ring_members", 2, name="ingester", state="ACTIVE", zone="a")
        + line("ring_members", 1, name="ingester", state="ACTIVE", zone="b"), RingSignals({"active": 3})),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "told"), RINGS.values(), ids=RINGS)
def test_what_a_process_sees_of_a_ring(lines: str, told: RingSignals) -> None:
    assert read(lines).rings == {"ingester": told}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_rings_are_seen_under_any_prefix(prefix: str) -> None:
    assert read(ring("compactor", prefix, ACTIVE=(3, 1e9))).rings.keys() == {"compactor"}


def test_more_rings_than_any_process_watches_are_refused() -> None:
    with pytest.raises(DecodeError, match="more than 100 rings"):
        read(*(ring(f"ring-{number}", ACTIVE=(1, 1e9)) for number in range(101)))
