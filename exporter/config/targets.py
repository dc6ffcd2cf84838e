"""Where the processes are: the six kinds of `targets` entries."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    field_serializer,
    model_validator,
)

from exporter.config.http_client import HttpClient
from exporter.config.scalars import (
    BaseUrl,
    FileName,
    Fraction,
    Host,
    Labels,
    Name,
    Number,
    Settings,
    Text,
    Url,
    refuse,
    setting,
)
from exporter.config.units import PositiveDuration

Port = Annotated[int, Field(ge=1, le=65535)]
Scheme = Literal["http", "https"]


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        host = ""
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise refuse(f'"{value[:60]}" is not the ADDRESS:PORT of a DNS server')
    return value


def _port(value: object) -> object:
    if isinstance(value, Number | Fraction):
        value = value.text
    text = str(value)
    if text.lstrip("-").isdigit() and not 0 < int(text) < 65536:
        raise refuse(f"{text[:20]} is not a port: 1 to 65535")
    return text if isinstance(value, int) and not isinstance(value, bool) else value


NamedPort = Annotated[
    Name, BeforeValidator(_port, json_schema_input_type=str | int), PlainSerializer(str, return_type=str)
]


class Static(Settings):
    """Processes by their URLs."""

    urls: tuple[BaseUrl, ...] = setting(
        (), "One URL per process; its host and port are its name.", ["http://distributor-0:8080"]
    )
    processes: dict[Name, BaseUrl] = setting(
        {},
        "A name for each process, and its URL. The page, the CLI and the metrics show this name.",
        {"ingester-0": "http://10.0.0.5:8080"},
    )
    component: Text = setting("", "What these processes run.", "distributor")

    @model_validator(mode="after")
    def _any(self) -> Self:
        if not self.urls and not self.processes:
            raise refuse("names no process; write urls or processes")
        return self


class Dns(Settings):
    """The source finds processes by a DNS name, and resolves the name again and again."""

    name: Host = Field(description="The name to resolve.", examples=["gossip-ring.mimir.svc.cluster.local"])
    type: Literal["A", "AAAA", "SRV"] = setting("SRV", "The kind of record; SRV answers carry the port.", "A")
    port: Port | None = setting(None, "The HTTP port, for A and AAAA.", 8080)
    refresh: PositiveDuration = setting(30.0, "Time between two questions.", "1m")
    scheme: Scheme = setting("http", "The scheme of the pages.", "https")
    resolver: Annotated[Text, AfterValidator(_address)] | None = setting(
        None, "ADDRESS:PORT of a DNS server, instead of the system's.", "10.0.0.10:53"
    )

    @model_validator(mode="after")
    def _port_where_needed(self) -> Self:
        if self.type != "SRV" and self.port is None:
            raise refuse(f"port is missing; {self.type} records carry none")
        if self.type == "SRV" and self.port is not None:
            raise refuse("SRV records carry the port; take this out", "port")
        return self


class FileSd(Settings):
    """The source reads files like Prometheus file_sd: JSON or YAML lists of `targets` and `labels`."""

    paths: tuple[FileName, ...] = Field(
        min_length=1,
        description="Files, relative to this one; * matches in the last part.",
        examples=[["targets/*.yml"]],
    )
    refresh: PositiveDuration = setting(5.0, "Time between two readings for a change.", "30s")
    scheme: Scheme = setting("http", "The scheme, for targets without a label __scheme__.", "https")


class HttpSd(Settings):
    """The source reads a URL like Prometheus http_sd: a JSON list of `targets` and `labels`."""

    url: Url = Field(description="Where the list is.", examples=["http://sd:8080/targets"])
    refresh: PositiveDuration = setting(60.0, "Time between two questions.", "30s")
    scheme: Scheme = setting("http", "The scheme, for targets without a label __scheme__.", "https")
    http_client: HttpClient = setting(
        HttpClient(), "HTTP settings for the list itself; not shared with the processes."
    )


class Kubernetes(Settings):
    """The source lists and watches the pods of a namespace through the Kubernetes API."""

    namespace: Text = setting("", "The namespace; empty for the exporter's own.", "mimir")
    selector: Text = setting("", "A label selector.", "app.kubernetes.io/name=mimir")
    port: NamedPort = setting("http-metrics", "A container port's name or number.", "http-metrics")
    scheme: Scheme = setting("http", "The scheme of the pods' pages.", "https")
    kubeconfig: FileName | None = setting(
        None,
        "A kubeconfig file; left out, the service account of the pod the exporter runs in.",
        "/home/me/.kube/config",
    )
    context: Text = setting("", "The context in the kubeconfig file.", "prod-eu")

    @model_validator(mode="after")
    def _context_of_something(self) -> Self:
        if self.context and self.kubeconfig is None:
            raise refuse("context without kubeconfig has no effect; set kubeconfig or take it out", "context")
        return self


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise refuse(f'"{value[:60]}" is not a network such as 10.0.0.0/8') from None


Network = Annotated[Text, AfterValidator(_network)]


class GossipSd(Settings):
    """The source finds the members in state `alive` on most of the other targets' /memberlist pages."""

    port: Port = Field(description="The HTTP port of the members.", examples=[8080])
    scheme: Scheme = setting("http", "The scheme of the pages.", "https")
    max_members: Annotated[int, Field(ge=1, le=20_000)] = setting(
        2000, "The greatest number of members that become targets.", 100
    )


Source = Static | Dns | FileSd | HttpSd | Kubernetes | GossipSd
KINDS = ("static", "dns", "file", "http", "kubernetes", "gossip")


class TargetEntry(Settings):
    """One entry is one source of processes. It has one of the six kinds, and settings for its processes."""

    static: Static | None = setting(None, "Processes by their URLs.")
    dns: Dns | None = setting(None, "Processes by a DNS name.")
    file: FileSd | None = setting(None, "Prometheus file_sd.")
    http: HttpSd | None = setting(None, "Prometheus http_sd.")
    kubernetes: Kubernetes | None = setting(None, "Pods, through the Kubernetes API.")
    gossip: GossipSd | None = setting(
        None, "Members in state alive on most of the targets' /memberlist pages."
    )
    http_client: HttpClient | None = setting(
        None, "HTTP settings for these processes; what is left out is as in the common settings."
    )
    credentials_for: tuple[Network, ...] | None = setting(
        None,
        "Only processes in these networks get the credentials, headers and client certificate of "
        "`http_client`; other processes, and names, are read without them. Left out: all that this entry "
        "finds, but none that `gossip` finds.",
        ["10.0.0.0/8"],
    )
    component: Text = setting(
        "", "The component of these processes, if no label or page names it.", "ingester"
    )
    labels: Labels = setting({}, "Labels for these processes.", {"region": "eu"})

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if not given:
            raise refuse(f"a kind is missing; give one of {', '.join(KINDS)}")
        if len(given) > 1:
            raise refuse(f"{' and '.join(given)} in one entry; make an entry of each", given[1])
        own = self.http_client
        if self.gossip and own and self.credentials_for is None and own.without_credentials() != own:
            raise refuse(
                "what gossip finds is sent no credentials; name its networks in credentials_for",
                "http_client",
            )
        return self

    def is_trusted(self, scheme: str, host: str) -> bool:
        """Whether a process of this entry gets credentials. It does not where `credentials_for` excludes it,
        nor in clear text where the entry has the scheme https.
        """
        wanted = getattr(getattr(self, self.kind), "scheme", scheme)
        if wanted == "https" and scheme != "https":
            return False
        if self.credentials_for is None:
            return self.gossip is None
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in ipaddress.ip_network(network) for network in self.credentials_for)

    @field_serializer("http_client", when_used="json-unless-none")
    def _as_given(self, client: HttpClient) -> dict[str, Any]:
        """Only what the entry sets: the rest is the common settings' business."""
        return client.model_dump(mode="json", exclude_unset=True)

    @property
    def kind(self) -> str:
        """`static`, `dns`, `file`, `http`, `kubernetes` or `gossip`."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)
