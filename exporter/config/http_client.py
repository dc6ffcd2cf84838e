"""How pages are requested: limits, headers, credentials, TLS and proxy, under Prometheus's names."""

from __future__ import annotations

import ssl
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from exporter.config.scalars import (
    FileName,
    Headers,
    Name,
    PathPrefix,
    ProxyUrl,
    Secret,
    SecretMap,
    Settings,
    Text,
    Url,
    refuse,
    setting,
)
from exporter.config.units import PositiveDuration, PositiveSize

AUTHENTICATION = ("basic_auth", "authorization", "oauth2")
TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
TLS_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


class BasicAuth(Settings):
    """Give the user name and the password here or in a file. If the file changes, it is read again."""

    username: Text = setting("", "The user name.", "prometheus")
    username_file: FileName | None = setting(None, "A file with the user name.", "/etc/kvmigration/username")
    password: Secret | None = setting(None, "The password.", "…")
    password_file: FileName | None = setting(None, "A file with the password.", "/etc/kvmigration/password")

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.username and self.username_file:
            raise refuse("give username or username_file, not both", "username_file")
        if self.password is not None and self.password_file:
            raise refuse("give password or password_file, not both", "password_file")
        if not self.username and not self.username_file:
            raise refuse("a user name is missing; set username or username_file")
        return self


class Authorization(Settings):
    """The `Authorization` header has a type, and credentials that you give here or in a file."""

    type: Name = setting("Bearer", "The authentication scheme.", "Bearer")
    credentials: Secret | None = setting(None, "The token.", "…")
    credentials_file: FileName | None = setting(
        None,
        "A file with the token, read again when it changes.",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.type.lower() == "basic":
            raise refuse("type Basic is set with basic_auth instead", "type")
        if " " in self.type:
            raise refuse("the type must be one word", "type")
        if self.credentials is not None and self.credentials_file:
            raise refuse("give credentials or credentials_file, not both", "credentials_file")
        if self.credentials is None and not self.credentials_file:
            raise refuse("credentials are missing; set credentials or credentials_file")
        return self


class TlsConfig(Settings):
    """TLS towards the server. Files are read again when they change."""

    ca_file: FileName | None = setting(
        None, "Certificate authorities to use in place of the system's.", "/etc/ssl/ca.pem"
    )
    cert_file: FileName | None = setting(
        None, "Our certificate, for servers that require one.", "/etc/ssl/client.pem"
    )
    key_file: FileName | None = setting(
        None, "The private key of the exporter's certificate.", "/etc/ssl/client.key"
    )
    server_name: Name | None = setting(
        None,
        "The name that the server's certificate must carry, where it is not the host's.",
        "mimir.example.com",
    )
    insecure_skip_verify: bool = setting(False, "Accept any certificate. Use this in tests only.", False)
    min_version: TlsVersion = setting("TLS12", "The oldest version allowed.", "TLS13")

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if bool(self.cert_file) != bool(self.key_file):
            lacking = "key_file" if self.cert_file else "cert_file"
            raise refuse(f"{lacking} is missing; cert_file and key_file belong together")
        return self


class OAuth2(Settings):
    """With OAuth 2.0 client credentials, the exporter gets a token and sends it as Bearer token."""

    client_id: Name = Field(description="The client's id.", examples=["kvmigration"])
    client_secret: Secret | None = setting(None, "The client's secret.", "…")
    client_secret_file: FileName | None = setting(
        None, "A file with the client's secret.", "/etc/kvmigration/secret"
    )
    token_url: Url = Field(
        description="Where tokens are fetched.", examples=["https://idp.example.com/oauth2/token"]
    )
    scopes: tuple[Name, ...] = setting((), "Scopes to request.", ["mimir.read"])
    endpoint_params: SecretMap = Field(
        default={},
        repr=False,
        description="Further parameters of the token request.",
        examples=[{"audience": "mimir"}],
    )
    tls_config: TlsConfig | None = setting(None, "TLS towards the token's server.")

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.client_secret is not None and self.client_secret_file:
            raise refuse("give client_secret or client_secret_file, not both", "client_secret_file")
        if self.client_secret is None and not self.client_secret_file:
            raise refuse("a secret is missing; set client_secret or client_secret_file")
        return self


class HttpClient(Settings):
    """One set of HTTP settings."""

    timeout: PositiveDuration = setting(
        5.0,
        "One request, from connecting to the last byte. Where it is as long as `interval`, "
        "a process that does not answer uses up the complete cycle.",
        "10s",
    )
    path_prefix: PathPrefix = setting(
        "", "`-server.path-prefix` of the processes. A URL that has a path of its own keeps it.", "/mimir"
    )
    headers: Headers = Field(
        default={},
        repr=False,
        description="Headers sent with every request.",
        examples=[{"X-Scope-OrgID": "1"}],
    )
    max_response_bytes: PositiveSize = setting(
        64 * 1024**2, "The largest answer accepted, after decompression.", "128MiB"
    )
    max_concurrency: Annotated[int, Field(ge=1, le=10_000)] = setting(
        64, "Requests under way at one time, to all processes together; in the common settings only.", 32
    )
    basic_auth: BasicAuth | None = setting(None, "A user name and a password.")
    authorization: Authorization | None = setting(None, "A token in the Authorization header.")
    oauth2: OAuth2 | None = setting(None, "A token that is fetched first.")
    tls_config: TlsConfig = setting(TlsConfig(), "TLS towards the processes.")
    proxy_url: ProxyUrl | None = setting(None, "An HTTP proxy; may carry credentials.", "http://proxy:3128")
    no_proxy: Text = setting(
        "",
        "Hosts, domains and networks to reach without the proxy, separated by commas.",
        "10.0.0.0/8,.svc.cluster.local",
    )
    follow_redirects: bool = setting(
        True, "Follow redirects of processes, on the same host only. No other redirects are followed.", False
    )

    @model_validator(mode="after")
    def _one_authentication(self) -> Self:
        given = [name for name in AUTHENTICATION if getattr(self, name) is not None]
        if len(given) > 1:
            raise refuse(f"give one of {' and '.join(given)}, not both", given[1])
        if self.no_proxy and self.proxy_url is None:
            raise refuse("no_proxy without proxy_url has no effect; set proxy_url or take it out", "no_proxy")
        return self

    def unused(self, *, processes: bool) -> tuple[str, str] | None:
        """A key that was set where it has no effect, and what to do instead. Only the common settings bound
        how many requests there are, and only `processes` have a path prefix. The shown configuration has
        every key of an entry, so there a key with its default counts as not set.
        """
        given = self.model_fields_set if processes else self.model_dump(exclude_defaults=True)
        if "max_concurrency" in given:
            return "max_concurrency", "it bounds all requests together; set it in the common http_client"
        if not processes and self.path_prefix:
            return "path_prefix", "it is for processes; write the path into the URL instead"
        return None

    def without_credentials(self) -> HttpClient:
        """The same for processes that get no credentials: without credentials, headers and certificate."""
        tls = self.tls_config.model_copy(update={"cert_file": None, "key_file": None})
        update: dict[str, Any] = {**dict.fromkeys(AUTHENTICATION), "headers": {}, "tls_config": tls}
        return self.model_copy(update=update)

    def over(self, common: HttpClient) -> HttpClient:
        """These settings where they were given, the common settings elsewhere.

        Authentication is taken as one, so that one process never gets another's credentials.
        """
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if any(given.get(name) is not None for name in AUTHENTICATION):
            given = dict.fromkeys(AUTHENTICATION, None) | given
        if "proxy_url" in given and "no_proxy" not in given:
            given["no_proxy"] = ""
        return common.model_copy(update=given)
