"""Consul's key-value store, read directly: `GET /v1/kv/PREFIX?recurse`.

Consul lists only the keys that the token may read, and answers 404 for none; a wrong address answers 404 too.
So single keys are requested too, which are denied where a list is only empty (observed on Consul 1.8.7).
These are the keys in use that the list lacks. A store without any key must be a Consul that has a leader.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from exporter.config import Consul
from exporter.errors import FetchError
from exporter.model.pages import Answer, Outcome, Reason, Target
from exporter.model.stores import Decode, StoreRead
from exporter.sources.http import allow_list
from exporter.sources.http.fetcher import Call, Fetcher
from exporter.sources.stores import refusals
from exporter.sources.stores.bounded_entries import MAX_KEYS, Collected, as_it_is
from exporter.sources.stores.refusals import at_once, failure

KIND = "consul"
MAX_USED = 200  # keys that are requested singly
_FILTERED = "X-Consul-Results-Filtered-By-ACLs"  # Consul 1.12 and later
_INDEX = "X-Consul-Index"


class _Entry(msgspec.Struct):
    """One key as Consul lists it; msgspec decodes base64 into `bytes`."""

    Key: str
    ModifyIndex: int
    Value: bytes | None = None


_DECODER = msgspec.json.Decoder(list[_Entry])


async def read_consul(  # noqa: PLR0913 - the store, and the bounds of its reading
    fetcher: Fetcher,
    store: Consul,
    deadline: float | None = None,
    used: Iterable[str] = (),
    decode: Decode = as_it_is,
    *,
    http: str = "",
) -> StoreRead[Any]:
    """All keys below the prefixes, or a failure of all. `http` is the key of its HTTP settings, `deadline` a
    time of the running loop, `used` the keys that processes use. `token_file` is read every time.
    """
    reader = _Reader(fetcher, store, http, deadline, decode)
    try:
        return await reader.read(used)
    except FetchError as error:
        return reader.found.failed(KIND, error)


class _Reader:
    """One reading of the store; its methods raise `FetchError`."""

    def __init__(
        self, fetcher: Fetcher, store: Consul, http: str, deadline: float | None, decode: Decode
    ) -> None:
        self._fetcher, self._store, self._deadline = fetcher, store, deadline
        self._target = Target(KIND, store.url.rstrip("/"), source="store", http=http)
        self._headers: dict[str, str] = {}
        self._revision = 0
        self.found = Collected(decode)

    async def read(self, used: Iterable[str]) -> StoreRead[Any]:
        """Every prefix; then the used keys that no list had, and whether this is a Consul at all."""
        token = _token(self._store)
        self._headers = {"X-Consul-Token": token} if token else {}
        prefixes = self._store.prefixes
        if not all(prefixes):
            raise FetchError(Reason.FORBIDDEN, "only a configured prefix is read, never everything")
        # A list leaves out the keys that the token may not read, without an error; a request for one is
        # denied.
        asked = [
            call for prefix in prefixes for call in (self._expect_nothing(prefix), self._read_prefix(prefix))
        ]
        empty = await at_once(asked)
        lacking = sorted(key for key in used if key.startswith(prefixes) and key not in self.found)
        await at_once(self._read_key(key) for key in lacking[:MAX_USED])
        if all(empty):
            await self._confirm_consul()
        await self.found.finish()
        return self.found.ok(KIND, prefixes, revision=self._revision)

    async def _expect_nothing(self, prefix: str) -> bool:
        """Request the prefix itself, which is no key but perhaps a folder; true."""
        await self._ask(self._path(prefix, recurse=False), prefix)
        return True

    async def _read_key(self, key: str) -> bool:
        """Add a key that the lists lack: written meanwhile, or hidden in a list only."""
        answer = await self._ask(self._path(key, recurse=False), key)
        if answer.outcome is not Outcome.ABSENT:
            self._add(_entries(answer.body), key)
            await self.found.settle()
        return True

    async def _read_prefix(self, prefix: str) -> bool:
        """Add what is below the prefix; true where there is nothing."""
        answer = await self._ask(self._path(prefix, recurse=True), prefix)
        if answer.outcome is Outcome.ABSENT:
            return True
        entries = _entries(answer.body)
        self._add(entries, prefix)
        empty = not entries
        del answer, entries  # the bytes of a complete prefix
        await self.found.settle()
        return empty

    def _add(self, entries: Iterable[_Entry], prefix: str) -> None:
        for entry in entries:
            if not entry.Key.startswith(prefix):
                raise FetchError(Reason.DECODE, "keys that were not requested")
            self.found.add(entry.Key, entry.Value, entry.ModifyIndex)

    async def _confirm_consul(self) -> None:
        leader = (await self._ask(allow_list.CONSUL_LEADER, "")).body.strip()
        if len(leader) < 3 or not leader.startswith(b'"'):
            raise FetchError(Reason.DECODE, "no keys, and no Consul with a leader either")

    async def _ask(self, path: str, prefix: str) -> Answer:
        """The answer, which has content or is Consul's own 404; its index is the store's where it is."""
        call = Call(
            self._target,
            path,
            headers=self._headers,
            page=KIND,
            index_header=_INDEX,
            hiding_header=_FILTERED,
        )
        answer = self.found.witness(await self._fetcher.store_call(call, deadline=self._deadline))
        if answer.outcome is Outcome.FAILED:
            raise failure(answer, refusals.CONSUL, self._names(prefix))
        if answer.outcome is Outcome.ABSENT:
            if answer.body.strip():
                raise FetchError(Reason.STATUS, "status 404 that is not Consul's: is the address right?")
            self._revision = max(self._revision, answer.index)
        return answer

    def _names(self, prefix: str) -> dict[str, str]:
        store = self._store
        names = {"prefix": prefix, "datacenter": store.datacenter or "(its own)", "url": store.url}
        return names | {
            "token": "set" if self._headers else "",
            "certificate": store.http_client.tls_config.cert_file or "",
        }

    def _path(self, prefix: str, *, recurse: bool) -> str:
        dc = self._store.datacenter
        options = [*(["recurse"] if recurse else []), *([f"dc={dc}"] if dc else [])]
        return f"/v1/kv/{allow_list.encoded(prefix)}{'?' if options else ''}{'&'.join(options)}"


def _entries(body: bytes) -> list[_Entry]:
    if body.count(b"{") > MAX_KEYS:  # judged before anything is made of them
        raise FetchError(Reason.TOO_LARGE, "more keys than any ring store has")
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise FetchError(Reason.DECODE, "the answer is not Consul's list of keys") from None


def _token(store: Consul) -> str:
    if store.token_file is None:
        return ""
    try:
        return Path(store.token_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise FetchError(Reason.DENIED, "token_file could not be read") from None
