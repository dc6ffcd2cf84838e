"""How Consul and etcd refuse, and our names for it. Their own text is never passed on.

The texts are those of Consul 1.8 to 1.20 and of etcd 3.4 to 3.6, from real servers (1.8.7, 3.4.23, 3.5.1) or
from their sources. The reader has the same list in docs/stores.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from exporter.errors import FetchError
from exporter.model.listed import grouped
from exporter.model.pages import Answer, Reason
from exporter.sources.http.failures import CERTIFICATE_REFUSED, CERTIFICATE_WANTED, plain

COMPACTED = "the revision that was read is compacted"
OLD_SESSION = "the session is older than the last change of users or roles"
T = TypeVar("T")
_MOST = 8192  # bytes of an answer that are searched


@dataclass(frozen=True, slots=True)
class Refusal:
    """A text of a server's refusals, in lower case, and its meaning. `{prefix}`, `{user}` and `{datacenter}`
    stand for those of the request.
    """

    text: bytes
    reason: Reason
    words: str
    without: str = ""  # instead of `words`, where no token is configured


MISSING = "Consul requires a token to read {prefix}: set token_file"
HIDDEN = "the policy of the token in token_file hides {prefix}"
NO_CERTIFICATE = (
    "the server requires a client certificate, and none is configured: set http_client.tls_config"
)
TOO_SLOW = "not read completely in its part of a cycle: it is too slow, or interval too short"
PLAIN_HTTP = "closed without an answer; if it expects TLS, write https:// in its address"
_NOT_TLS = Refusal(
    b"http request to an https server", Reason.TLS, "it expects TLS: write https:// in its address"
)
CONSUL = (
    Refusal(
        b"acl not found",
        Reason.DENIED,
        "Consul has no such token as that in token_file: mistyped, deleted or expired",
    ),
    Refusal(b"permission denied", Reason.DENIED, HIDDEN, MISSING),
    Refusal(b"lacks permission", Reason.DENIED, HIDDEN, MISSING),
    Refusal(b"no path to datacenter", Reason.STATUS, "Consul has no datacenter {datacenter}"),
    Refusal(b"no cluster leader", Reason.STATUS, "Consul has no leader: most of its servers are unreachable"),
    Refusal(
        b"rpc error getting client",
        Reason.STATUS,
        "this Consul reaches no server of datacenter {datacenter}",
    ),
    Refusal(b"too many concurrent connections", Reason.STATUS, "Consul limits the connections of one client"),
    _NOT_TLS,
)
ETCD = (
    Refusal(
        b"commonname of client sending",
        Reason.DENIED,
        "authentication is on, and etcd's gateway takes no client certificate with a common name: use one "
        "without, beside username and password_file",
    ),
    Refusal(b"user name is empty", Reason.DENIED, "etcd requires a user: set username and password_file"),
    Refusal(b"authentication failed", Reason.DENIED, "etcd refuses the user {user} or its password"),
    Refusal(
        b"authentication is not enabled",
        Reason.DENIED,
        "username is set, and authentication is off in etcd: remove username and password_file",
    ),
    Refusal(b"invalid auth token", Reason.DENIED, "etcd refuses the session that it has just opened"),
    Refusal(b"revision of auth store is old", Reason.DENIED, OLD_SESSION),
    Refusal(b"auth: revision in header is old", Reason.DENIED, OLD_SESSION),
    Refusal(b"permission denied", Reason.DENIED, "the user {user} may not read {prefix}"),
    Refusal(b"required revision has been compacted", Reason.STATUS, COMPACTED),
    Refusal(b"required revision is a future revision", Reason.STATUS, COMPACTED),
    Refusal(
        b"etcdserver: no leader", Reason.STATUS, "etcd has no leader: most of its members are unreachable"
    ),
    Refusal(
        b"etcdserver: request timed out",
        Reason.STATUS,
        "etcd has no leader, or is overloaded: it gave up the request",
    ),
    Refusal(b"etcdserver: leader changed", Reason.STATUS, "etcd was electing a leader"),
    Refusal(b"too many requests", Reason.STATUS, "etcd is overloaded: too many requests"),
    Refusal(b"corrupt", Reason.STATUS, "etcd reports that its data is corrupt"),
    _NOT_TLS,
)


class StoreError(FetchError):
    """Why a store could not be read. With `{prefix}` in `words`, prefixes are reported together."""

    def __init__(self, reason: Reason, words: str, names: Mapping[str, str]) -> None:
        self.words, self.names = words, names
        super().__init__(reason, plain(words.format_map(names)))


def known(answer: Answer, table: Iterable[Refusal]) -> Refusal | None:
    """The meaning of this answer, if it is one of the server's listed refusals."""
    if answer.status in {0, 200} or not answer.body:
        return None
    body = answer.body[:_MOST].lower()
    return next((entry for entry in table if entry.text in body), None)


def failure(answer: Answer, table: Iterable[Refusal], names: Mapping[str, str]) -> StoreError:
    """Why this answer lacks the requested content. `names` are those of the words, and `url`, `token` and
    `certificate` if they are configured.
    """
    found = known(answer, table)
    if found is not None:
        words = found.words if names.get("token") or not found.without else found.without
        return StoreError(found.reason, words, names)
    if answer.reason is Reason.DEADLINE:
        return StoreError(Reason.DEADLINE, TOO_SLOW, names)
    return StoreError(answer.reason or Reason.STATUS, _plainly(answer.detail, names), names)


def _plainly(detail: str, names: Mapping[str, str]) -> str:
    if detail.startswith((CERTIFICATE_REFUSED, CERTIFICATE_WANTED)) and not names.get("certificate"):
        return NO_CERTIFICATE
    if detail == CERTIFICATE_REFUSED:
        return f"{CERTIFICATE_REFUSED}: expired, or signed by an authority that the server does not accept"
    if detail == "closed without an answer" and names.get("url", "").startswith("http:"):
        return PLAIN_HTTP
    return detail.replace("{", "(").replace("}", ")")


async def at_once(reads: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Do them all at once. Raises what failed as one `FetchError`."""
    ends = await asyncio.gather(*reads, return_exceptions=True)
    errors = [end for end in ends if isinstance(end, BaseException)]
    for error in errors:
        if not isinstance(error, FetchError):
            raise error
    if errors:
        raise together([error for error in errors if isinstance(error, FetchError)])
    return [end for end in ends if not isinstance(end, BaseException)]


def together(errors: Sequence[FetchError]) -> FetchError:
    """One failure of several: equal words name their prefixes together; the first gives the reason."""
    alike = grouped((e.words if isinstance(e, StoreError) else e.detail, e) for e in errors)
    return FetchError(errors[0].reason, plain("; ".join(map(_joined, alike.values()))))


def _joined(same: Sequence[FetchError]) -> str:
    names = [error.names for error in same if isinstance(error, StoreError)]
    if not names or not isinstance(same[0], StoreError):
        return same[0].detail
    prefixes = dict.fromkeys(each.get("prefix", "") for each in names)
    return same[0].words.format_map({**names[0], "prefix": ", ".join(prefixes)})
