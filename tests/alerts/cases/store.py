"""The external store."""

from tests.alerts.case import FIRES, LOOKALIKE, THRESHOLD, Case
from tests.alerts.cases.mirroring import tracker
from tests.alerts.fleet import phases

UNREACHABLE, WRITTEN = "KVMigrationStoreUnreachable", "KVMigrationStoreStillWritten"
REPLACED = "KVMigrationStoreReplaced"


def up(values: str, instance: str = "exporter-0:9895") -> dict[str, str]:
    return {f'store_up{{store="consul",instance="{instance}"}}': values}


def replaced(values: str, instance: str = "exporter-0:9895") -> dict[str, str]:
    return {f'store_replaced{{store="etcd",instance="{instance}"}}': values}


def last_write(values: str) -> dict[str, str]:
    return {'store_last_write_timestamp_seconds{store="consul"}': values}


CASES = (
    Case(
        UNREACHABLE,
        FIRES,
        "Consul is gone while it is primary",
        up("1x9 0x100"),
        at=11,
        severity="critical",
        says="The exporter cannot read consul, and KV clients of <fleet> still have an external "
        "store as their primary.",
    ),
    Case(
        UNREACHABLE,
        FIRES,
        "Consul is gone while it is the way back",
        up("1x9 0x100"),
        phase=3,
        at=11,
        says="The exporter cannot read consul, and KV clients of <fleet> still have an external "
        "store as their secondary.",
    ),
    Case(
        UNREACHABLE,
        FIRES,
        "the HA tracker still needs it",
        up("1x9 0x100") | {tracker(target): "0x200" for target in range(3)},
        phase=5,
        at=11,
        severity="critical",
        says="The exporter cannot read consul, and KV clients of <fleet> still have an external "
        "store as their primary.",
    ),
    Case(UNREACHABLE, THRESHOLD, "back one step before its time", up("0 1x100")),
    Case(
        UNREACHABLE,
        LOOKALIKE,
        "Consul is taken away after the migration, as it should be",
        up("0x200"),
        phase=5,
    ),
    Case(UNREACHABLE, LOOKALIKE, "mirroring is off: nobody needs it", up("0x200"), phase=4),
    Case(UNREACHABLE, LOOKALIKE, "a leader election", up("1x9 0 1x9 0 1x100")),
    Case(
        UNREACHABLE,
        LOOKALIKE,
        "one of two exporters can read it",
        up("0x200") | up("1x200", "exporter-1:9895"),
    ),
    Case(UNREACHABLE, LOOKALIKE, "no store is configured", {}, without=("store_",)),
    Case(
        WRITTEN,
        FIRES,
        "an unknown process keeps writing to Consul",
        last_write("0+60x200"),
        phase=5,
        at=15,
        says=(
            "All KV clients of the targets of <fleet> have left the external store, but it is still written: "
            "consul (last write 0s ago). Do not remove the store before you have found which process "
            "writes it."
        ),
    ),
    Case(
        WRITTEN,
        THRESHOLD,
        "the last write is exactly five minutes old, always",
        last_write("-300+60x200"),
        phase=5,
    ),
    Case(
        WRITTEN,
        LOOKALIKE,
        "of course it is written to while it is mirrored to",
        last_write("0+60x200"),
        phase=3,
    ),
    Case(
        WRITTEN,
        LOOKALIKE,
        "of course it is written to while the HA tracker is there",
        last_write("0+60x200") | {tracker(target): "0x200" for target in range(3)},
        phase=5,
    ),
    Case(
        WRITTEN,
        LOOKALIKE,
        "the last old process of a rollout stops in time",
        last_write("0+60x10 600x200"),
        phase=5,
    ),
    Case(
        WRITTEN,
        LOOKALIKE,
        "the step was taken a moment ago",
        phases("3x19 4x200") | last_write("0+60x19 1140x200"),
        phase=3,
    ),
    Case(WRITTEN, LOOKALIKE, "no store is configured", {}, phase=5, without=("store_",)),
    Case(
        REPLACED,
        FIRES,
        "etcd came back without its data",
        replaced("0x14 1x100"),
        at=16,
        severity="critical",
        says="The exporter of <fleet> reads another store than before at etcd: another cluster, a restored "
        "backup, or a store without its data. Take no step before you have found which "
        "store the processes use.",
    ),
    Case(
        REPLACED,
        FIRES,
        "the other exporter was restarted since, and knows nothing of it",
        replaced("0x14 1x100") | replaced("0x200", "exporter-1:9895"),
        phase=5,
        at=16,
        severity="critical",
        says="The exporter of <fleet> reads another store than before at etcd: another cluster, a restored "
        "backup, or a store without its data. Take no step before you have found which "
        "store the processes use.",
    ),
    Case(REPLACED, THRESHOLD, "one reading of a proxy that led elsewhere", replaced("0x9 1 0x100")),
    Case(REPLACED, LOOKALIKE, "the store is as it was, and unreachable for a while", replaced("0x200")),
    Case(REPLACED, LOOKALIKE, "no store is configured", {}, without=("store_",)),
)
