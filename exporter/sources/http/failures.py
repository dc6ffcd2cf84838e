"""Failures on the wire, in the words of the closed list.

Details are written here rather than taken from exceptions, which have URLs and headers in their texts.
"""

from __future__ import annotations

import errno
import os
import ssl
import zlib

import aiohttp
from aiohttp import http_exceptions

from exporter.errors import FetchError
from exporter.model.pages import Reason
from exporter.sources.http.parse_time_limit import CostlyAnswerError

WIRE_ERRORS = (
    aiohttp.ClientError,
    http_exceptions.HttpProcessingError,
    OSError,
    ValueError,
    zlib.error,
)
MAX_DETAIL = 160


def plain(text: str) -> str:
    """One short line of printable ASCII, from any text of a server or a library."""
    if text.isascii() and text.isprintable() and len(text) <= MAX_DETAIL:
        return text
    kept = "".join(char if " " <= char <= "~" else "?" for char in text[: 2 * MAX_DETAIL])
    return kept if len(kept) <= MAX_DETAIL else kept[: MAX_DETAIL - 3] + "..."


def failure_of(error: BaseException) -> tuple[Reason, str]:
    """Reason and detail of an error from `WIRE_ERRORS` or of our own `FetchError`."""
    if isinstance(error, FetchError):
        return error.reason, plain(error.detail)
    if (refused := _tls_error(error)) is not None:
        return Reason.TLS, plain(_tls_words(refused))
    for kinds, reason, detail in _TABLE:
        if isinstance(error, kinds):
            return reason, plain(detail or _system_words(error))
    return Reason.DECODE, "the answer is not HTTP"


def status_error(status: int) -> FetchError:
    """The failure for a status that is neither 200 nor 404."""
    return FetchError(Reason.DENIED if status in {401, 403} else Reason.STATUS, f"status {status}")


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    """The TLS error behind it. Where a server refuses our certificate after the handshake (Go up to 1.19 in
    TLS 1.2, every server in TLS 1.3), aiohttp reports a broken connection with errno 1.
    """
    inner = (getattr(error, "certificate_error", None), getattr(error, "os_error", None))
    return next((one for one in (*inner, error.__cause__, error) if isinstance(one, ssl.SSLError)), None)


def _tls_words(error: ssl.SSLError) -> str:
    """The TLS library's error, in our words where there are some."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    reason = error.reason or "unknown"
    known = next((words for part, words in _TLS_ALERTS if part in reason), None)
    return known or f"no TLS handshake: {reason.replace('_', ' ').lower()}"


def _system_words(error: BaseException) -> str:
    """What the system calls it: "Connection refused"; never the exception's own text."""
    number = getattr(getattr(error, "os_error", error), "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        return os.strerror(number)
    return "the connection could not be made"


CERTIFICATE_REFUSED = "the server refuses the client certificate"
CERTIFICATE_WANTED = "the server requires a client certificate"
# OpenSSL's names of the alerts that a server sends; Go up to 1.21 sends "bad certificate" for all of them.
_TLS_ALERTS = (
    ("ALERT_CERTIFICATE_EXPIRED", f"{CERTIFICATE_REFUSED}: it has expired"),
    ("ALERT_UNKNOWN_CA", f"{CERTIFICATE_REFUSED}: the server does not accept the authority that signed it"),
    ("ALERT_CERTIFICATE_REQUIRED", CERTIFICATE_WANTED),
    ("ALERT_BAD_CERTIFICATE", CERTIFICATE_REFUSED),
    ("ALERT_CERTIFICATE_UNKNOWN", CERTIFICATE_REFUSED),
    ("WRONG_VERSION_NUMBER", "the server has no TLS: write http:// in the address"),
)

# First match wins; "" uses the system's words.
_TABLE: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Reason, str], ...] = (
    (CostlyAnswerError, Reason.TOO_LARGE, "taking it apart costs more than its bytes are worth"),
    (aiohttp.ClientConnectorDNSError, Reason.DNS, "the name does not resolve"),
    (aiohttp.ClientSSLError, Reason.TLS, "no TLS handshake"),
    (aiohttp.ServerFingerprintMismatch, Reason.TLS, "another certificate than the pinned one"),
    (aiohttp.ClientHttpProxyError, Reason.REFUSED, "the proxy refused"),
    (aiohttp.ClientConnectorError, Reason.REFUSED, ""),
    (aiohttp.ServerDisconnectedError, Reason.CLOSED, "closed without an answer"),
    (
        (aiohttp.ClientPayloadError, http_exceptions.PayloadEncodingError),
        Reason.CLOSED,
        "shorter than announced",
    ),
    (http_exceptions.LineTooLong, Reason.TOO_LARGE, "a header line is too long"),
    (aiohttp.InvalidURL, Reason.FORBIDDEN, "the target's URL is not one"),
    ((aiohttp.ClientOSError, ConnectionError), Reason.CLOSED, ""),
    (aiohttp.ClientResponseError, Reason.DECODE, "the answer is not HTTP"),
    (OSError, Reason.REFUSED, ""),
)
