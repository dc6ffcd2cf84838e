"""The file of `--web.config.file`, as the exporters of the Prometheus family have it.

::

    tls_server_config: {cert_file: server.crt, key_file: server.key}
    basic_auth_users: {alice: $2y$10$…}
    http_server_config: {headers: {Strict-Transport-Security: max-age=31536000}}
    rate_limit: {interval: 1s, burst: 20}

Read strictly: unknown keys and impossible values are refused, one line per problem with file and line. What
TLS in Python cannot do is refused, too, never ignored.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator

from exporter.config.http_client import TlsVersion
from exporter.config.loading import load_as
from exporter.config.scalars import FileName, Secret, Settings, Text, refuse
from exporter.config.units import Duration

VERIFYING: Final = ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")
_UNVERIFIED: Final = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
ClientAuth = Literal[
    "NoClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "RequireClientCert",
]
Curve = Literal["CurveP256", "CurveP384", "CurveP521", "X25519"]

# The names of Go's crypto/tls and those of OpenSSL. TLS 1.3's suites are always on, as in Go.
CIPHERS: Final = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
# Header to the values it may have; none for any. The list is exporter-toolkit's.
_HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_HIGHEST_COST = 18


class TlsServer(Settings):
    """TLS of our own server. Files are read again when they change."""

    cert: Text = Field(default="", description="Certificate chain as PEM text.")
    key: Secret = Field(default=SecretStr(""), description="Private key as PEM text.")
    client_ca: Text = Field(default="", description="CA of clients as PEM text.")
    cert_file: FileName | None = Field(default=None, description="File with the certificate chain.")
    key_file: FileName | None = Field(default=None, description="File with the private key.")
    client_ca_file: FileName | None = Field(default=None, description="File with the CA of clients.")
    client_auth_type: ClientAuth = Field(default="NoClientCert", description="What clients must present.")
    client_allowed_sans: tuple[Text, ...] = Field(default=(), description="Names a client may have.")
    min_version: TlsVersion = Field(default="TLS12", description="Oldest version of TLS.")
    max_version: TlsVersion = Field(default="TLS13", description="Newest version of TLS.")
    cipher_suites: tuple[Text, ...] = Field(default=(), description="Suites of TLS 1.2 in Go's names.")
    prefer_server_cipher_suites: bool = Field(default=True, description="Ours before the client's.")
    curve_preferences: Annotated[tuple[Curve, ...], Field(max_length=1)] = Field(
        default=(), description="The one curve to use."
    )

    @model_validator(mode="after")
    def _certificates(self) -> Self:
        for text, file in (("cert", "cert_file"), ("key", "key_file"), ("client_ca", "client_ca_file")):
            value = getattr(self, text)
            inline = value.get_secret_value() if isinstance(value, SecretStr) else value
            if inline and getattr(self, file):
                raise refuse(f"give {text} or {file}, not both", file)
            if not inline and not getattr(self, file) and text != "client_ca":
                raise refuse(f"missing one of {text} or {file}")
        return self

    @model_validator(mode="after")
    def _clients(self) -> Self:
        kind, with_ca = self.client_auth_type, bool(self.client_ca or self.client_ca_file)
        if kind in _UNVERIFIED:
            better = "accepts any certificate, which is not supported; use RequireAndVerifyClientCert"
            raise refuse(f'"{kind}" {better}', "client_auth_type")
        if with_ca and kind == "NoClientCert":
            raise refuse("a client CA is set, but client_auth_type requires no certificate")
        if kind in VERIFYING and not with_ca:
            raise refuse(f"{kind} needs client_ca or client_ca_file", "client_auth_type")
        if self.client_allowed_sans and kind != "RequireAndVerifyClientCert":
            raise refuse("needs client_auth_type: RequireAndVerifyClientCert", "client_allowed_sans")
        return self

    @model_validator(mode="after")
    def _protocol(self) -> Self:
        if self.min_version > self.max_version:  # TLS10 to TLS13 sort as text
            raise refuse("min_version is above max_version", "min_version")
        for index, name in enumerate(self.cipher_suites):
            if name not in CIPHERS:
                raise refuse(f'unknown cipher: "{name[:60]}"', "cipher_suites", index)
        return self


class HttpServer(Settings):
    """HTTP of our own server. `http2` is taken and has no effect: the server has HTTP/1.1 only."""

    http2: bool = Field(default=True, description="Without effect.")
    headers: dict[str, Text] = Field(default={}, description="Headers of every answer; empty unsets one.")

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        for name, value in self.headers.items():
            if name not in _HEADERS:
                raise refuse(f"this header can not be configured; these can: {', '.join(_HEADERS)}",
                             "headers", name)  # fmt: skip
            if value and _HEADERS[name] and value not in _HEADERS[name]:
                raise refuse(f"must be {' or '.join(_HEADERS[name])}", "headers", name)
            if not value.isprintable() or not value.isascii():
                raise refuse("must be one line of plain ASCII", "headers", name)
        return self


class RateLimit(Settings):
    """A token bucket over all requests: `burst` of them at once, then one per `interval`."""

    interval: Duration = Field(default=0.0, description="Time for one more request; 0 is no limit.")
    burst: int = Field(default=0, ge=0, le=1_000_000, description="Requests allowed at once.")

    @model_validator(mode="after")
    def _not_shut(self) -> Self:
        if self.interval and not self.burst:
            raise refuse("burst must be at least 1, or every request is refused", "burst")
        return self


class WebConfig(Settings):
    """The complete file; an empty one is plain HTTP for every client."""

    tls_server_config: TlsServer | None = Field(default=None, description="TLS.")
    http_server_config: HttpServer = Field(default=HttpServer(), description="Headers.")
    basic_auth_users: dict[str, Secret] = Field(default={}, description="Names to bcrypt hashes.")
    rate_limit: RateLimit = Field(default=RateLimit(), description="Requests per time.")

    @model_validator(mode="after")
    def _users(self) -> Self:
        for name, secret in self.basic_auth_users.items():
            hashed = secret.get_secret_value()
            if not _BCRYPT.fullmatch(hashed):
                raise refuse("is not a bcrypt hash ($2y$10$…); make one with htpasswd -nBC 10 ''",
                             "basic_auth_users", name)  # fmt: skip
            if int(hashed[4:6]) > _HIGHEST_COST:
                raise refuse(f"a cost above {_HIGHEST_COST} takes longer than a scrape may",
                             "basic_auth_users", name)  # fmt: skip
            if not name or ":" in name:
                raise refuse("a user name must not be empty nor have a colon", "basic_auth_users", name)
        return self


def load_web_config(path: Path) -> WebConfig:
    """Read and check the file. Raises `ConfigError`, one line per problem; names no secret.

    Files it names are relative to its own directory. They are not opened here, but in tls.py.
    """
    return load_as(path, WebConfig)
