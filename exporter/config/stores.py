"""The external stores that are read directly, and what products' own blocks are called here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from exporter.config.http_client import HttpClient
from exporter.config.scalars import FileName, Name, Settings, Text, Url, refuse, setting
from exporter.products.ring_pages import STORE_PREFIXES

PREFIXES_READ = (
    "Key prefixes to read. Each prefix that the configuration page of any process names must be below one of "
    "them. The exporter reads no other key, and decommission-store then stays unknown and names them."
)
_API = re.compile(r"/(?:v1|v2|v3|v3alpha|v3beta)(?:/.*)?")
_DATACENTER = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as `sources/http/allow_list.py` will have it


def _prefix(value: str) -> str:
    if value.startswith("/"):
        raise refuse(f'a key has no leading slash: write "{value.lstrip("/")[:60]}"')
    if not value.isprintable() or {".", ".."} & set(value.split("/")):
        raise refuse("this is not the beginning of a key such as collectors/")
    return value


def _store_url(value: str) -> str:
    path = urlsplit(value).path
    if "?" in value:
        raise refuse("the URL of a store must not have a query (?…)")
    if _API.fullmatch(path.rstrip("/")):
        raise refuse(f"the path {path[:40]} is the API's own: leave it out")
    return value.rstrip("/")


def _datacenter(value: str) -> str:
    if value and _DATACENTER.fullmatch(value) is None:
        raise refuse(f'"{value[:60]}" is not the name of a datacenter: letters, digits, - and _ only')
    return value


Prefix = Annotated[Name, AfterValidator(_prefix)]
StoreUrl = Annotated[Url, AfterValidator(_store_url)]
_KNOWN_AS = (
    "Addresses by which the processes' configuration names this store, where they differ from its URL. Only "
    "needed where processes use several stores of one kind."
)


class Consul(Settings):
    """Consul, read through its KV API."""

    url: StoreUrl = Field(description="Consul's HTTP address.", examples=["http://consul:8500"])
    prefixes: tuple[Prefix, ...] = Field(
        default=STORE_PREFIXES,
        min_length=1,
        description=PREFIXES_READ,
        examples=[["collectors/", "prom_ha/"]],
    )
    token_file: FileName | None = setting(None, "A file with the ACL token.", "/etc/kvmigration/consul-token")
    datacenter: Annotated[Text, AfterValidator(_datacenter)] = setting(
        "", "The datacenter; empty for the agent's own.", "dc1"
    )
    known_as: tuple[Name, ...] = setting((), _KNOWN_AS, ["consul.infra:8500"])
    http_client: HttpClient = setting(HttpClient(), "HTTP settings; not shared with the processes.")


class Etcd(Settings):
    """etcd, read through its v3 JSON gateway."""

    urls: tuple[StoreUrl, ...] = Field(
        min_length=1,
        description="Endpoints of one cluster; the exporter reads from each which cluster it belongs to.",
        examples=[["http://etcd:2379"]],
    )
    prefixes: tuple[Prefix, ...] = Field(
        default=STORE_PREFIXES,
        min_length=1,
        description=PREFIXES_READ,
        examples=[["collectors/", "prom_ha/"]],
    )
    username: Text = setting("", "The user name.", "kvmigration")
    password_file: FileName | None = setting(
        None, "A file with the password.", "/etc/kvmigration/etcd-password"
    )
    known_as: tuple[Name, ...] = setting((), _KNOWN_AS, ["etcd.infra:2379"])
    http_client: HttpClient = setting(HttpClient(), "HTTP settings; not shared with the processes.")

    @model_validator(mode="after")
    def _user_and_password(self) -> Self:
        if bool(self.username) != bool(self.password_file):
            lacking = "password_file" if self.username else "username"
            raise refuse(f"{lacking} is missing; username and password_file belong together")
        return self


class Stores(Settings):
    """The external stores, read directly. Without this block the exporter uses the ring pages. If
    processes use several Consuls or etcds, write a list with one store in each entry:
    `- {name: rings, consul: {…}}`.
    """

    consul: Consul | None = setting(None, "Consul.")
    etcd: Etcd | None = setting(None, "etcd.")


class StoreEntry(Stores):
    """One of several external stores."""

    name: Text = setting("", "What it is called; left out, its kind.", "consul-rings")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.consul is None) == (self.etcd is None):
            raise refuse("give consul or etcd, one in each entry")
        return self


EveryStore = Annotated[
    Annotated[Stores, Tag("keys")] | Annotated[tuple[StoreEntry, ...], Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list | tuple) else "keys"),
]


def each_store(stores: Stores | tuple[StoreEntry, ...]) -> Iterator[tuple[str, str, Consul | Etcd]]:
    """Each store: its place in the file (`consul`, `[0].consul`), its name, and its settings."""
    listed = [("", "", stores)] if isinstance(stores, Stores) else [
        (f"[{number}]", entry.name, entry) for number, entry in enumerate(stores)
    ]  # fmt: skip
    for place, name, entry in listed:
        for kind, store in (("consul", entry.consul), ("etcd", entry.etcd)):
            if store is not None:
                yield (f"{place}.{kind}", name or kind, store)


_NOT_HERE = "has no meaning here: remove it"
_IN_FILE = "secrets stand in files here: put it into one, and write {}: FILE"
_CONSUL: Mapping[str, str] = {
    "host": "write url: http://VALUE (https:// with TLS)",
    "acl_token": _IN_FILE.format("token_file"),
    "http_client_timeout": "write http_client: {timeout: VALUE}",
} | dict.fromkeys(("consistent_reads", "watch_rate_limit", "watch_burst_size", "cas_retry_delay"), _NOT_HERE)
_ETCD: Mapping[str, str] = {
    "endpoints": "write urls: [http://VALUE] (https:// with TLS)",
    "password": _IN_FILE.format("password_file"),
    "dial_timeout": "has no meaning here: http_client: {timeout: …} bounds a complete request",
    "max_retries": _NOT_HERE,
    "tls_enabled": "write https:// in urls",
    "tls_cert_path": "write http_client: {tls_config: {cert_file: VALUE}}",
    "tls_key_path": "write http_client: {tls_config: {key_file: VALUE}}",
    "tls_ca_path": "write http_client: {tls_config: {ca_file: VALUE}}",
    "tls_server_name": "write http_client: {tls_config: {server_name: VALUE}}",
    "tls_insecure_skip_verify": "write http_client: {tls_config: {insecure_skip_verify: VALUE}}",
    "tls_min_version": "write http_client: {tls_config: {min_version: …}, TLS12 for VersionTLS12",
    "tls_cipher_suites": _NOT_HERE,
}
_STORES: Mapping[str, str] = {
    "store": "has no meaning here: name consul or etcd itself",
    "prefix": "write it in prefixes of the store",
    "multi": "has no meaning here: name the external store of it",
    "memberlist": "has no meaning here: memberlist is read from the processes",
    "dynamodb": "DynamoDB cannot be read; the exporter uses the processes' ring pages instead",
    "kvstore": "write what stands in it here",
}
_BY_MODEL: Mapping[type[Any], Mapping[str, str]] = {
    Consul: _CONSUL,
    Etcd: _ETCD,
    Stores: _STORES,
    StoreEntry: _STORES,
}


def translated(model: type[Any] | None, key: str, value: object) -> str:
    """The key of ours for a key of a product's own block, "" where there is none. A value is shown only where
    the key has no secret.
    """
    words = _BY_MODEL.get(model, {}).get(key, "") if model else ""
    if isinstance(value, bool):
        value = str(value).lower()
    listed = value if isinstance(value, list | tuple) else (value,)
    shown = (", http://" if key == "endpoints" else ", ").join(map(str, listed))
    return words.replace("VALUE", shown[:80] if shown.isprintable() and "@" not in shown else "…")
