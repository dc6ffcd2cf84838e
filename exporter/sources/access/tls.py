"""TLS contexts from `tls_config`, made anew when their files change."""

from __future__ import annotations

import ssl
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from exporter.config import TlsConfig
from exporter.config.http_client import TLS_VERSIONS
from exporter.errors import FetchError
from exporter.log import logger
from exporter.model.pages import Reason
from exporter.sources.access.secret_files import Watch, unreadable

log = logger("kvmigration.access")


class Tls:
    """One context at a time, so that connections are kept while nothing changes."""

    def __init__(self, config: TlsConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._files = [file for file in (config.ca_file, config.cert_file, config.key_file) if file]
        self._watch = Watch(self._files, clock)
        self._trouble = ""  # the last message: logged once a change, not once a page
        self._context: ssl.SSLContext | None = None
        self._plain = config == TlsConfig(server_name=config.server_name)

    @property
    def server_name(self) -> str | None:
        """The name that the certificate must carry, where it is not the host's."""
        return self._config.server_name

    def context(self) -> ssl.SSLContext | bool:
        """As aiohttp takes it. While new files are half written the old context stays.

        Raises `FetchError` if there never was a usable one.
        """
        if self._plain:
            return True
        if self._context is None or self._watch.changed():
            self._renew()
        if self._context is None:
            raise FetchError(Reason.TLS, f"our certificates: {self._trouble}")
        return self._context

    def _renew(self) -> None:
        renewing = self._context is not None
        self._watch.note()  # before reading: a write meanwhile is noticed next time
        try:
            self._context = make_context(self._config)
        except (OSError, ssl.SSLError) as error:
            kept = "the former certificates are kept" if renewing else "no request can be made"
            before, self._trouble = self._trouble, self._words(error)
            if self._trouble != before:
                log.warning(f"certificates could not be used, {kept}", err=self._trouble)
            return
        self._trouble = ""
        if renewing:
            log.info("certificates read again")

    def _words(self, error: OSError) -> str:
        """What is wrong with which files; OpenSSL's errors do not name the file."""
        if isinstance(error, ssl.SSLError):
            why = str(error.reason or error.args[-1]).replace("_", " ").lower()
            return f"{why} ({', '.join(self._files)})"
        return unreadable([file for file in self._files if not Path(file).is_file()] or self._files, error)


def make_context(config: TlsConfig) -> ssl.SSLContext:
    """A client's context. Raises `OSError` or `ssl.SSLError` where a file is not what it should be."""
    context = ssl.create_default_context(cafile=config.ca_file)
    with warnings.catch_warnings():  # TLS 1.0 is deprecated, and requested by name here
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = TLS_VERSIONS[config.min_version]
    if config.min_version in {"TLS10", "TLS11"}:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL 3 offers them on no other level
    if config.cert_file and config.key_file:
        context.load_cert_chain(config.cert_file, config.key_file, password=_no_password)
    if config.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _no_password() -> str:
    """A key with a password would prompt on the terminal, which is not intended."""
    raise ssl.SSLError("the key has a password; give one without")
