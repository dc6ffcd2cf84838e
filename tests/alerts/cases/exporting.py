"""The exporter itself."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case

DOWN, STALE, SHARDS, RELOAD, DROPPED = (
    "KVMigrationExporterDown",
    "KVMigrationExporterStale",
    "KVMigrationShardsIncomplete",
    "KVMigrationExporterReloadFailed",
    "KVMigrationExporterSeriesDropped",
)
BUILD = 'build_info{version="1.0.0"}'
ALL = (
    "up", "process_", "build_", "snapshot_", "config_", "series_", "discover", "target_", "page_", "client_",
    "mirror_", "gossip_", "label_", "foreign_", "ring_", "secondary_", "store_", "ha_", "interval_", "cycle_",
)  # fmt: skip
GONE = (
    "No series of kvmigration-exporter arrive any more for <fleet>. All other KVMigration alerts have "
    "no data and cannot fire."
)
NEVER = "The exporter of <fleet> answers, but has not finished its first cycle:"
UNSEEN = "All other KVMigration alerts have no data of its processes."
HOUR = 3600


def build(instance: str, values: str) -> dict[str, str]:
    return {f'build_info{{version="1.0.0",instance="{instance}"}}': values}


def cycling(of: str, values: str = "0+60x200") -> dict[str, str]:
    """Cycles of another exporter than the healthy fleet's."""
    return {f"snapshot_timestamp_seconds{{{of}}}": values}


COMPLETE = 'fleet:kvmigration_shards:complete{instance=""}'


def shard(
    number: int, *, shards: str = "4", lives: str = "{}x200", ended: str = "0+60x200"
) -> dict[str, str]:
    """One shard: how many it says there are, when it is there, and when its cycles ended."""
    of = f'instance="exporter-{number}:9895"'
    return {
        f"up{{{of}}}": lives.replace("{}", "1"),
        f'build_info{{version="1.0.0",{of}}}': lives.replace("{}", "1"),
        f'shards{{shard="{number}",{of}}}': lives.replace("{}", shards),
        f"shard_interval_seconds{{{of}}}": lives.replace("{}", "15"),
        f"series_dropped{{{of}}}": lives.replace("{}", "0"),
        f"shard_discovery_digest{{{of}}}": lives.replace("{}", "77"),
        f"shard_rules_digest{{{of}}}": lives.replace("{}", "88"),
        **cycling(of, ended),
    }


GONE_AT_10 = {"lives": "{}x9 stale", "ended": "0+60x9 stale"}
THREE_OF_FOUR = shard(0) | shard(1) | shard(2, **GONE_AT_10) | shard(3)


def incomplete(fresh: str, lacking: str) -> str:
    return (
        f"The shards of <fleet> are incomplete. Present: {fresh}. Missing or stale, but present within the "
        f"last week: {lacking}. If all are present, they differ in discovery or configuration, or leave "
        f"series out. No gate is open. Other alerts may have ended although their cause is still there."
    )


LOST = Case(
    SHARDS,
    FIRES,
    "a shard's pod is lost to discovery: not even its up is left",
    THREE_OF_FOUR | {COMPLETE: "1x9 0x100"},
    at=20,
    severity="critical",
    says=incomplete("0, 1, 3", "2"),
)
CASES = (
    Case(
        DOWN,
        FIRES,
        "the only exporter dies",
        {BUILD: "1x9 stale"},
        without=ALL,
        at=15,
        served_by="",
        severity="critical",
        says=GONE,
    ),
    Case(
        DOWN,
        FIRES,
        "the rules are loaded and no exporter was ever there",
        {},
        without=ALL,
        at=5,
        served_by="",
        severity="critical",
        labels={},
        fleet="the fleet",
        says=GONE,
    ),
    Case(
        DOWN,
        FIRES,
        "more than a week later it is still said",
        {BUILD: "1x2 stale"},
        without=ALL,
        at=190,
        served_by="",
        held=True,
        step=HOUR,
        severity="critical",
        labels={},
        fleet="the fleet",
        says=GONE,
    ),
    Case(
        DOWN,
        FIRES,
        "one fleet of two has lost its exporter",
        {BUILD: "1x9 stale", 'build_info{version="1.0.0",cluster="dev"}': "1x200"} | cycling('cluster="dev"'),
        without=ALL,
        at=15,
        served_by="",
        severity="critical",
        says=GONE,
    ),
    Case(
        DOWN,
        FIRES,
        "one fleet of two has lost its exporter, six days ago: it is still said, and whose it was",
        {BUILD: "1x2 stale", 'build_info{version="1.0.0",cluster="dev"}': "1x200"}
        | cycling('cluster="dev"', "0+3600x200"),
        without=ALL,
        at=146,
        served_by="",
        held=True,
        step=HOUR,
        severity="critical",
        says=GONE,
    ),
    Case(
        DOWN,
        FIRES,
        "one of three shards cannot be scraped",
        build("exporter-1:9895", "1x9 stale")
        | cycling('instance="exporter-1:9895"', "0+60x9 stale")
        | {'up{instance="exporter-1:9895"}': "1x9 0x100"},
        at=15,
        says="1 exporter instance(s) of <fleet> cannot be scraped while other instances can: "
        "exporter-1:9895. A shard's processes are not watched meanwhile.",
    ),
    Case(
        DOWN,
        THRESHOLD,
        "back one step before its time",
        {BUILD: "1x9 stale _x3 1x100", "up": "1x9 0x4 1x100"},
    ),
    Case(
        DOWN,
        LOOKALIKE,
        "an update: restarts and a new version",
        {BUILD: "1x9 stale", 'build_info{version="1.1.0"}': "_x13 1x100"},
    ),
    Case(
        DOWN,
        LOOKALIKE,
        "a pod is replaced: the old address is gone from discovery",
        build("10.0.0.7:9895", "1x9 stale")
        | cycling('instance="10.0.0.7:9895"', "0+60x9 stale")
        | {'up{instance="10.0.0.7:9895"}': "1x9 stale"},
    ),
    Case(
        DOWN,
        LOOKALIKE,
        "somebody else's target of the same job is down",
        {'up{instance="node-exporter:9100"}': "0x200"},
    ),
    Case(DOWN, LOOKALIKE, "another job is down", {'up{job="consul"}': "0x200"}),
    Case(
        STALE,
        FIRES,
        "the cycle hangs",
        {"snapshot_timestamp_seconds": "0+60x9 540x100"},
        at=18,
        severity="critical",
        says="The exporter of <fleet> ended its last cycle 9m 0s ago, or its clock is ahead by that: "
        "exporter-0:9895 (9m 0s). All other KVMigration alerts judge stale values.",
    ),
    Case(
        STALE,
        FIRES,
        "one shard hangs, the others go on",
        {'snapshot_timestamp_seconds{instance="exporter-2:9895"}': "0+60x9 540x100"},
        at=18,
        severity="critical",
        says="The exporter of <fleet> ended its last cycle 9m 0s ago, or its clock is ahead by that: "
        "exporter-2:9895 (9m 0s). All other KVMigration alerts judge stale values.",
    ),
    Case(
        STALE,
        FIRES,
        "its clock is an hour ahead: the cycle could hang for an hour without being old",
        {"snapshot_timestamp_seconds": "0+60x4 3900+60x100"},
        at=10,
        severity="critical",
        says="The exporter of <fleet> ended its last cycle 1h 0m 0s ago, or its clock is ahead by that: "
        "exporter-0:9895 (1h 0m 0s). All other KVMigration alerts judge stale values.",
    ),
    Case(
        STALE,
        FIRES,
        "it answers, and its first cycle never ends",
        {"up": "1x200", BUILD: "1x200", "config_last_reload_successful": "1x200"},
        without=ALL,
        at=5,
        severity="critical",
        says=f"{NEVER} exporter-0:9895. {UNSEEN}",
    ),
    Case(
        STALE,
        FIRES,
        "a second replica hangs in its first cycle",
        build("exporter-1:9895", "_x9 1x100"),
        at=14,
        severity="critical",
        says=f"{NEVER} exporter-1:9895. {UNSEEN}",
    ),
    Case(
        STALE,
        FIRES,
        "one shard is old, and another has not ended a cycle: the old one is named first",
        build("exporter-1:9895", "_x9 1x100") | cycling('instance="exporter-2:9895"', "0+60x9 540x100"),
        at=18,
        held=True,
        severity="critical",
        says="The exporter of <fleet> ended its last cycle 9m 0s ago, or its clock is ahead by that: "
        "exporter-2:9895 (9m 0s). All other KVMigration alerts judge stale values.",
    ),
    Case(
        STALE,
        THRESHOLD,
        "the first cycle ends one step before its time",
        {"snapshot_timestamp_seconds": "_x5 300+60x100"},
    ),
    Case(STALE, THRESHOLD, "always exactly three minutes old", {"snapshot_timestamp_seconds": "-180+60x200"}),
    Case(
        STALE, LOOKALIKE, "a start: no cycle has ended yet", {"snapshot_timestamp_seconds": "_x3 180+60x100"}
    ),
    Case(
        STALE,
        LOOKALIKE,
        "an update: the same address starts anew, and its first cycle takes two minutes",
        {
            BUILD: "1x9 stale",
            'build_info{version="1.1.0"}': "_x12 1x100",
            "snapshot_timestamp_seconds": "0+60x9 stale _x4 900+60x100",
        },
    ),
    Case(
        STALE,
        LOOKALIKE,
        "a pod is gone: neither its cycles nor what it is are shown any more",
        build("10.0.0.7:9895", "1x9 stale") | cycling('instance="10.0.0.7:9895"', "0+60x9 stale"),
    ),
    Case(
        STALE,
        LOOKALIKE,
        "one slow cycle of five minutes",
        {"snapshot_timestamp_seconds": "0+60x5 300x4 600+60x100"},
    ),
    Case(
        STALE, LOOKALIKE, "Prometheus's clock is a minute ahead", {"snapshot_timestamp_seconds": "-60+60x200"}
    ),
    Case(STALE, LOOKALIKE, "its clock is three minutes ahead", {"snapshot_timestamp_seconds": "180+60x200"}),
    LOST,
    Case(
        SHARDS,
        FIRES,
        "one is two minutes old all the time: too old to be joined, and not yet stale",
        shard(0, shards="2") | shard(1, shards="2", ended="-120+60x200") | {COMPLETE: "1x9 0x100"},
        at=20,
        severity="critical",
        says=incomplete("0", "1"),
    ),
    Case(
        SHARDS,
        FIRES,
        "all are there, and one judges by other limits",
        shard(0, shards="2") | shard(1, shards="2") | {COMPLETE: "1x9 0x100"},
        at=20,
        severity="critical",
        says=incomplete("0, 1", "none"),
    ),
    Case(
        SHARDS,
        FIRES,
        "eight became four today, and one of the four is lost: the other four are not missed",
        shard(4, shards="8", **GONE_AT_10)
        | shard(5, shards="8", **GONE_AT_10)
        | THREE_OF_FOUR
        | {COMPLETE: "1x9 0x100"},
        at=20,
        severity="critical",
        says=incomplete("0, 1, 3", "2"),
    ),
    Case(
        SHARDS,
        FIRES,
        "lost for eight days: nobody remembers it, and those that are there are named",
        {name: values.replace("0+60x", "0+3600x") for name, values in THREE_OF_FOUR.items()}
        | {COMPLETE: "1x9 0x200"},
        at=199,
        held=True,
        phase=5,
        step=HOUR,
        severity="critical",
        says=incomplete("0, 1, 3", "none"),
    ),
    Case(
        SHARDS,
        THRESHOLD,
        "back one step before its time",
        shard(0) | shard(1) | {COMPLETE: "1x4 0x9 1x100"},
    ),
    Case(
        SHARDS,
        LOOKALIKE,
        "an update takes four shards one after the other, two minutes each",
        {COMPLETE: "1x9 0x7 1x100"}
        | {
            name: values
            for n in range(4)
            for name, values in shard(
                n,
                lives=f"{{}}x{15 - 2 * n} stale _ {{}}x100",
                ended=f"0+60x{15 - 2 * n} stale _ {(18 - 2 * n) * 60}+60x100",
            ).items()
        },
    ),
    Case(
        SHARDS,
        LOOKALIKE,
        "targets come and go all the time: discovery differs for a refresh, again and again",
        shard(0) | shard(1) | {COMPLETE: "1x4 " + "0x2 1x1 " * 6 + "1x100"},
    ),
    Case(SHARDS, LOOKALIKE, "one exporter, which has no shards", {}),
    Case(SHARDS, LOOKALIKE, "a part is missing and no rules join them: nothing is recorded", THREE_OF_FOUR),
    Case(
        RELOAD,
        FIRES,
        "a typo in the new configuration",
        {"config_last_reload_successful": "1x9 0x100"},
        at=15,
        says=(
            "1 exporter instance(s) of <fleet> run with their former configuration, because the new "
            "configuration is wrong: exporter-0:9895."
        ),
    ),
    Case(
        RELOAD, THRESHOLD, "mended one step before its time", {"config_last_reload_successful": "0x4 1x100"}
    ),
    Case(
        RELOAD,
        LOOKALIKE,
        "the exporter restarts on a good one",
        {"config_last_reload_successful": "1x9 0x3 stale 1x100"},
    ),
    Case(RELOAD, LOOKALIKE, "the metric is missing", {}, without=("config_last",)),
    Case(
        DROPPED,
        FIRES,
        "more series than allowed",
        {"series_dropped": "0x9 1200x100"},
        at=20,
        says="The exporter of <fleet> leaves out 1200 series because of scale.max_series. What "
        "they would show is not judged.",
    ),
    Case(DROPPED, THRESHOLD, "within the limit one step before its time", {"series_dropped": "5x9 0x100"}),
    Case(
        DROPPED,
        LOOKALIKE,
        "a rollout doubles the processes for nine minutes",
        {"series_dropped": "0x9 900x8 0x100"},
    ),
    Case(DROPPED, LOOKALIKE, "a scale-down", {"series_dropped": "0x100"}),
)
