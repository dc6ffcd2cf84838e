"""What went wrong on the wire, in the words of the closed list.

Details are written here rather than taken from exceptions, whose texts carry URLs and headers.
"""

from __future__ import annotations

import errno
import os
import ssl
import zlib

import aiohttp
from aiohttp import http_exceptions

from exporter.errors import FetchError
from exporter.model import Reason

WIRE_ERRORS = (
    aiohttp.ClientError,
    http_exceptions.HttpProcessingError,
    OSError,
    ValueError,
    zlib.error,
)
MAX_DETAIL = 160


def plain(text: str) -> str:
    """One short line of printable ASCII, whatever a server or a library said."""
    if text.isascii() and text.isprintable() and len(text) <= MAX_DETAIL:
        return text
    kept = "".join(char if " " <= char <= "~" else "?" for char in text[: 2 * MAX_DETAIL])
    return kept if len(kept) <= MAX_DETAIL else kept[: MAX_DETAIL - 3] + "..."


def failure_of(error: BaseException) -> tuple[Reason, str]:
    """Reason and detail of an error from `WIRE_ERRORS` or of our own `FetchError`."""
    if isinstance(error, FetchError):
        return error.reason, plain(error.detail)
    for kinds, reason, detail in _TABLE:
        if isinstance(error, kinds):
            return reason, plain(detail or _system_words(error))
    return Reason.DECODE, "the answer is not HTTP"


def _system_words(error: BaseException) -> str:
    """What the system calls it: "Connection refused"; never the exception's own text."""
    inner = getattr(error, "os_error", error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate refused: {inner.verify_message}"
    if isinstance(inner, ssl.SSLError):
        return f"no TLS handshake: {(inner.reason or 'unknown').replace('_', ' ').lower()}"
    number = getattr(inner, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        return os.strerror(number)
    return "the connection could not be made"


# First match wins; "" asks the system for the words.
_TABLE: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Reason, str], ...] = (
    (aiohttp.ClientConnectorDNSError, Reason.DNS, "the name does not resolve"),
    ((aiohttp.ClientSSLError, ssl.SSLError, ssl.CertificateError), Reason.TLS, ""),
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
