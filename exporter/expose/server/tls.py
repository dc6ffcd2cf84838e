"""TLS of our own server: certificates that rotate without a restart.

asyncio requests a wrapper of the listening context at each new connection. Ours then checks the dates of the
configuration and of the files it names, and gives a new context where one changed. A broken new file leaves
the old context in use: a rotation writes its files one after the other.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporter.config.http_client import TLS_VERSIONS
from exporter.errors import ConfigError
from exporter.expose.server.web_config import CIPHERS, TlsServer

_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_VERIFY = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class RotatingContext(ssl.SSLContext):
    """A server context that passes each new connection to whatever `current` returns."""

    current: Callable[[], ssl.SSLContext]

    @classmethod
    def of(cls, current: Callable[[], ssl.SSLContext]) -> RotatingContext:
        """A context for `create_server`; `current` must not raise."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context.current = current
        return context

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """One new connection."""
        return self.current().wrap_bio(*args, **kwargs)


def files_of(tls: TlsServer) -> tuple[Path, ...]:
    """The files that make a new context necessary when they change."""
    return tuple(Path(name) for name in (tls.cert_file, tls.key_file, tls.client_ca_file) if name)


def server_context(tls: TlsServer) -> ssl.SSLContext:
    """The context that the settings describe. Raises `ConfigError` that names the file at fault."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = TLS_VERSIONS[tls.min_version]
    context.maximum_version = TLS_VERSIONS[tls.max_version]
    context.options |= ssl.OP_NO_RENEGOTIATION  # each costs us more than the client that starts it
    if tls.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    suites = [CIPHERS[name] for name in tls.cipher_suites if CIPHERS[name]]
    if suites:
        context.set_ciphers(":".join(suites))
    for curve in tls.curve_preferences:
        context.set_ecdh_curve(_CURVES[curve])
    _load_certificate(context, tls)
    _load_client_ca(context, tls)
    return context


def _load_certificate(context: ssl.SSLContext, tls: TlsServer) -> None:
    """The library reads files only, so what stands in the configuration itself passes through one."""
    with tempfile.TemporaryDirectory(prefix="kvmigration-") as private:
        cert = tls.cert_file or _written(private, "cert", tls.cert)
        key = tls.key_file or _written(private, "key", tls.key.get_secret_value())
        for name, file in (("cert_file", tls.cert_file), ("key_file", tls.key_file)):
            _readable(name, file)
        try:
            context.load_cert_chain(cert, key, password="")
        except (ssl.SSLError, ValueError) as error:
            places = " and ".join(
                file or "the text in the configuration" for file in (tls.cert_file, tls.key_file)
            )
            raise ConfigError(
                f"tls_server_config: certificate and key from {places}: {_why(error)}"
            ) from None


def _written(directory: str, name: str, text: str) -> str:
    path = Path(directory, name)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return str(path)


def _load_client_ca(context: ssl.SSLContext, tls: TlsServer) -> None:
    _readable("client_ca_file", tls.client_ca_file)
    if tls.client_ca_file or tls.client_ca:
        try:
            context.load_verify_locations(cafile=tls.client_ca_file, cadata=tls.client_ca or None)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(f"tls_server_config: client CA: {_why(error)}") from None
    context.verify_mode = _VERIFY[tls.client_auth_type]


def _readable(name: str, file: str | None) -> None:
    if file is None:
        return
    try:
        with Path(file).open("rb"):
            pass
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"tls_server_config.{name}: {file} cannot be read: {why}") from None


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error)
    return {
        "KEY_VALUES_MISMATCH": "the key is not the certificate's",
        "NO_START_LINE": "no PEM text",
        "BAD_DECRYPT": "the key is encrypted; decrypt it",
        "BAD_PASSWORD_READ": "the key is encrypted; decrypt it",
    }.get(str(reason), str(reason).lower().replace("_", " "))
