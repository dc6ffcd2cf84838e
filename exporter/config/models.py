"""The complete configuration: types, defaults and the checks that need more than one key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from exporter.config.http_client import HttpClient, TlsConfig
from exporter.config.scalars import FileName, Name, Regex, Settings, Text, Url, refuse, setting
from exporter.config.stores import EveryStore, Stores, each_store
from exporter.config.targets import TargetEntry
from exporter.config.units import Duration, PositiveDuration, format_duration
from exporter.model.migration import FIXED, KEPT_ON_STORE
from exporter.products.registry import PRODUCTS
from exporter.products.ring_pages import HA_KEY, RING_PAGES

if TYPE_CHECKING:
    ProductName = str
else:  # the products are a table, which a type checker does not read
    ProductName = Literal["auto", *(product.value for product in PRODUCTS)]
Auto = Literal["auto"]
# as in `sources/http/allow_list.py`: no other path is requested
_RING_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*/(?:[a-z0-9-]+-)?ring(?:-[a-z0-9-]+)?")
_KNOWN_PATHS = frozenset(page.path for page in RING_PAGES)


def _auto_or(other: str) -> Discriminator:
    return Discriminator(lambda value: "auto" if isinstance(value, str) else other)


class RingSpec(Settings):
    """One entry is one ring page. You need it only if the exporter's tables do not have the page."""

    path: Text = Field(
        description="The page, without the path prefix. Its last part must name a ring.",
        examples=["/ingester/ring"],
    )
    key: Text = setting("", "The KV key; may be left out for a page in our tables.", "collectors/ring")
    ring: Text = setting("", "The everyday name; left out, as the key has it.", "ingester")
    heartbeat_timeout: PositiveDuration | None = setting(
        None, "A member is unhealthy after this time; left out: the value in /config.", "1m"
    )

    @model_validator(mode="after")
    def _is_a_ring(self) -> Self:
        if _RING_PATH.fullmatch(self.path) is None:
            raise refuse(f'"{self.path[:60]}" is not the path of a ring page such as /ingester/ring', "path")
        if not self.key and self.path not in _KNOWN_PATHS:
            raise refuse(f"key is missing; {self.path} is not a page in our tables")
        return self


class Probe(Settings):
    """The label ping: a ping to a member's gossip port shows whether it accepts a label."""

    enabled: bool = setting(False, "Whether to send pings.", True)
    interval: PositiveDuration = setting(60.0, "Time between two pings.", "5m")
    foreign: bool = setting(
        False,
        "Also send a ping without a label and one with a foreign label, at most once a minute; "
        "each refused ping leaves an error line in the member's log.",
        True,
    )
    label: Text | None = setting(
        None, "The foreign label; left out, a label that no cluster has.", "kvmigration-probe"
    )
    tls_config: TlsConfig = setting(
        TlsConfig(), "TLS towards gossip ports, where a process has memberlist.tls_enabled."
    )


class Gossip(Settings):
    """The label, the port and the members that the gossip cluster should have."""

    label: Text | None = setting(None, "The label that every member should have.", "prod-eu.mimir")
    expected_members: tuple[Regex, ...] = setting(
        (), "Members that are fine although they are no target.", ["^mimir-"]
    )
    probe: Probe = setting(Probe(), "The label ping.")


class LogFiles(Settings):
    """Log files, followed."""

    paths: tuple[FileName, ...] = Field(
        min_length=1, description="Files; * matches.", examples=[["/var/log/pods/mimir_*/*/*.log"]]
    )
    state_file: FileName | None = setting(
        None,
        "The file that keeps how far was read, and what was counted; left out, a restart counts "
        "again what stands in the files.",
        "/var/lib/kvmigration/logs.json",
    )


class Loki(Settings):
    """Loki's query API."""

    url: Url = Field(description="Loki's address.", examples=["http://loki:3100"])
    query: Name = Field(description="A stream selector.", examples=['{namespace="mimir"}'])
    tenant: Text = setting("", "X-Scope-OrgID; empty for none.", "ops")
    http_client: HttpClient = setting(HttpClient(), "HTTP settings; not shared with the processes.")


class PodLogs(Settings):
    """The logs of the pods that `kubernetes` discovery found, through the Kubernetes API."""


class RejectionEntry(Settings):
    """One entry is one source of log lines. It has exactly one of the three kinds."""

    file: LogFiles | None = setting(None, "Log files, followed.")
    loki: Loki | None = setting(None, "Loki's query API.")
    kubernetes: PodLogs | None = setting(None, "Pod logs, where discovery is `kubernetes`.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in ("file", "loki", "kubernetes") if getattr(self, kind) is not None]
        if not given:
            raise refuse("a kind is missing; give one of file, loki, kubernetes")
        if len(given) > 1:
            raise refuse(f"{' and '.join(given)} in one entry; make an entry of each", given[1])
        return self


class Group(Settings):
    """The exporter finds a deployment mode by the names of its members."""

    name: Name = Field(description="The group.", examples=["read-write"])
    match: Regex = Field(
        description="A pattern that is searched for in the member's name.", examples=["^mimir-(write|read)-"]
    )
    leaves: bool = setting(
        False, "The read-write migration retires this group; without any it is `microservices`."
    )


def _without_query(value: str) -> str:
    """Names of pages and headings are appended to it, and every reader of the page can read it."""
    if "?" in value:
        raise refuse("this URL must not have a query (?…)")
    return value


class Gate(Settings):
    """When a step counts as safe."""

    soak: Duration = setting(300.0, "How long every check must have passed.", "15m")
    max_lag: PositiveDuration = setting(30.0, "How far the secondary may be behind.", "15s")
    benign_mirror_error_ratio: Annotated[float, Field(ge=0, le=1)] = setting(
        0.05, "Errors per mirror write that are no cause for concern.", 0.01
    )
    keep_on_store: tuple[Name, ...] = setting(
        (),
        "Not needed any more: the HA tracker is a migration of its own, which has not begun "
        "while its clients are on the store. Rings that are named here are a migration called "
        "kept-on-store; name them under `migrations` instead.",
        [HA_KEY],
    )
    docs_url: Annotated[Url, AfterValidator(_without_query)] | None = setting(
        None,
        "Where this project's `docs` are served, so that a check links to what explains it; left "
        "out, it names the file.",
        "https://git.example.com/ops/kvmigration-exporter/blob/main/docs",
    )
    check_interval: PositiveDuration = setting(
        15.0,
        "Time between two readings of `kvmigration check --config.file`: with `--for`, with "
        "`--watch`, and where a check needs two cycles.",
        "5s",
    )


class Scale(Settings):
    """Sharing the work, and bounds on it."""

    shard: Annotated[int, Field(ge=0)] = setting(0, "Which shard this is, from 0; `--shard` wins.", 0)
    shards: Annotated[int, Field(ge=1)] = setting(
        1,
        "How many exporters share the targets. What needs all of them is then computed by the "
        "recording rules of alerts/built/kvmigration-shards.yaml: docs/shards.md.",
        4,
    )
    views_per_cycle: Annotated[
        Annotated[Auto, Tag("auto")] | Annotated[int, Field(ge=1), Tag("number")], _auto_or("number")
    ] = setting(
        "auto",
        "Of how many processes the ring pages, and the gossip copies, are read in one cycle; the "
        "other processes are read in the next cycles. `auto` reads some megabytes of each.",
        20,
    )
    max_series: Annotated[int, Field(ge=1)] = setting(
        50_000, "The greatest number of series that one exporter exposes.", 100_000
    )

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if self.shard >= self.shards:
            raise refuse(f"{self.shard} is not below shards ({self.shards}); shards count from 0", "shard")
        return self

    def own_file(self, path: Path) -> Path:
        """The file of this shard: shards that are given one path have a file each."""
        return path if self.shards == 1 else path.with_name(f"{path.stem}-{self.shard}{path.suffix}")


class MigrationEntry(Settings):
    """One entry is a group of rings that you move separately. The group has its own phase and gates."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")] = Field(
        description="What the migration is called.", examples=["rulers"]
    )
    keys: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        description="Its keys, or prefixes that end in /.", examples=[["rulers/ring"]]
    )

    @model_validator(mode="after")
    def _of_its_own(self) -> Self:
        if self.name in (*FIXED, KEPT_ON_STORE):
            raise refuse(f'"{self.name}" is a migration that there is anyway; choose another name', "name")
        for index, key in enumerate(self.keys):
            if key.rstrip("/") == "ha-tracker":
                raise refuse("the HA tracker is a migration of its own: ha-tracker", "keys", index)
        return self


Rings = Annotated[
    Annotated[Auto, Tag("auto")] | Annotated[tuple[RingSpec, ...], Field(min_length=1), Tag("list")],
    _auto_or("list"),
]


class Config(Settings):
    """The complete file. Only `targets` is required."""

    interval: PositiveDuration = setting(15.0, "One cycle.", "30s")
    product: ProductName = setting(
        "auto", "The product of the processes; `auto` reads it from them.", "mimir"
    )
    targets: tuple[TargetEntry, ...] = Field(min_length=1, description="Where the processes are.")
    http_client: HttpClient = setting(HttpClient(), "HTTP settings for all processes.")
    rings: Rings = setting("auto", "Which ring pages to read; `auto` takes those of the product.")
    stores: EveryStore = setting(
        Stores(), "The external stores, read directly; a list where there are several of one kind."
    )
    gossip: Gossip = setting(Gossip(), "The label and members that the gossip should have.")
    rejections: tuple[RejectionEntry, ...] = setting((), "Where the log lines are.")
    groups: tuple[Group, ...] = setting((), "First match names the member's group.")
    migrations: tuple[MigrationEntry, ...] = setting(
        (),
        "Rings that are moved separately: the first entry that names a key has it, and "
        "`rings` is what is left.",
    )
    gate: Gate = setting(Gate(), "When a step counts as safe.")
    scale: Scale = setting(Scale(), "Sharing the work, and bounds on it.")
    state_file: FileName | None = setting(
        None,
        "The file that keeps which external stores were read and which members were in the rings. With "
        "it the exporter finds a replaced store and a loss even after a restart. Each exporter needs its "
        "own.",
        "/var/lib/kvmigration/history.json",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        kinds = [entry.kind for entry in self.targets]
        if set(kinds) == {"gossip"}:
            raise refuse(
                "gossip finds processes through other processes; add an entry of another kind", "targets"
            )
        if "kubernetes" not in kinds:
            for index, entry in enumerate(self.rejections):
                if entry.kubernetes is not None:
                    message = "pod logs need an entry of kind kubernetes in targets"
                    raise refuse(message, "rejections", index, "kubernetes")
        for at, client in self._clients():
            if "timeout" in client.model_fields_set and client.timeout > self.interval:
                message = f"must not be longer than interval ({format_duration(self.interval)})"
                raise refuse(message, *at, "http_client", "timeout")
        return self

    @model_validator(mode="after")
    def _distinguished(self) -> Self:
        for index, entry in enumerate(self.rejections):
            if entry.file is not None and self.state_file and entry.file.state_file == self.state_file:
                raise refuse(
                    "is state_file at the top of the file too", "rejections", index, "file", "state_file"
                )
        for index, one in enumerate(self.migrations):
            if one.name in [other.name for other in self.migrations[:index]]:
                raise refuse(f'a second migration is called "{one.name}"', "migrations", index, "name")
        names = [name for _, name, _ in each_store(self.stores)]
        for name in names:
            if names.count(name) > 1:
                raise refuse(f'{names.count(name)} stores are called "{name}"; give each a name', "stores")
        return self

    @model_validator(mode="after")
    def _of_effect(self) -> Self:
        for at, client in (*self._clients(), *self._other_clients()):
            wrong = client.unused(processes=at[0] == "targets" and len(at) == 2) if at else None
            if wrong is not None:
                raise refuse(wrong[1], *at, "http_client", wrong[0])
        return self

    def _other_clients(self) -> Iterator[tuple[tuple[str | int, ...], HttpClient]]:
        for index, entry in enumerate(self.targets):
            if entry.http is not None:
                yield ("targets", index, "http"), entry.http.http_client
        for index, rejection in enumerate(self.rejections):
            if rejection.loki is not None:
                yield ("rejections", index, "loki"), rejection.loki.http_client

    def _clients(self) -> Iterator[tuple[tuple[str | int, ...], HttpClient]]:
        yield (), self.http_client
        for index, entry in enumerate(self.targets):
            if entry.http_client is not None:
                yield ("targets", index), entry.http_client
        for place, _, store in each_store(self.stores):
            number, _, kind = place.removeprefix("[").partition("].")
            yield ("stores", int(number), kind) if kind else ("stores", place[1:]), store.http_client

    def http_settings(self) -> dict[str, HttpClient]:
        """HTTP settings by `Target.http`: "" for the common settings, `targets[2]` for an entry's own.
        Processes of the entry that must not have its credentials have `targets[2] without credentials`. Other
        sources have `stores.consul`, `stores.etcd` and `rejections[1].loki`.

        As in Prometheus, a timeout that is not set is never longer than `interval`.
        """
        clients = {"": self.http_client} | {
            f"targets[{index}]": entry.http_client.over(self.http_client)
            for index, entry in enumerate(self.targets)
            if entry.http_client is not None
        }
        for index in range(len(self.targets)):
            own = clients.get(f"targets[{index}]", self.http_client)
            clients[f"targets[{index}] without credentials"] = own.without_credentials()
        clients |= {f"stores{place}": store.http_client for place, _, store in each_store(self.stores)}
        for index, rejection in enumerate(self.rejections):
            if rejection.loki is not None:
                clients[f"rejections[{index}].loki"] = rejection.loki.http_client
        return {
            name: client.model_copy(update={"timeout": min(client.timeout, self.interval)})
            for name, client in clients.items()
        }

    def needless(self) -> Iterator[str]:
        """Settings that are accepted and not needed any more, with the reason."""
        if not self.gate.keep_on_store:
            return
        rings = [key for key in self.gate.keep_on_store if key.rstrip("/") != "ha-tracker"]
        named = f", and name {', '.join(rings)} under migrations" if rings else ""
        yield (
            "gate.keep_on_store is not needed any more: the HA tracker is a migration of its own, which has "
            f"not begun while its clients are on the store. Remove the setting{named}"
        )

    def shown(self) -> str:
        """The configuration with its defaults as YAML, fit for `/config`: secrets hidden."""
        values: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
