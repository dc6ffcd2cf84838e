"""Consul's key-value store, read directly: `GET /v1/kv/PREFIX?recurse`.

Consul lists only what the token may see and answers 404 where that is nothing; and 404 is also what
stands at a wrong address. So it is asked for a key as well, which is denied where a list is silent
(seen on Consul 1.8.7), and a store without any key must be a Consul that has a leader.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from exporter.errors import FetchError
from exporter.external import RawStore
from exporter.model import Answer, Outcome, Reason, Target
from exporter.sources import allow
from exporter.sources.collected import Collected
from exporter.sources.http import Access, Call, Fetcher

KIND = "consul"
_FILTERED = "X-Consul-Results-Filtered-By-ACLs"  # Consul 1.12 and later


@dataclass(frozen=True, slots=True)
class ConsulSettings:
    """Where Consul is. `token_file` is read at every cycle; `access` replaces the fetcher's own hook."""

    url: str
    prefixes: tuple[str, ...]
    token_file: Path | None = None
    datacenter: str = ""
    access: Access | None = None


class _Entry(msgspec.Struct):
    """One key as Consul lists it; msgspec decodes base64 into `bytes`."""

    Key: str
    ModifyIndex: int
    Value: bytes | None = None


_DECODER = msgspec.json.Decoder(list[_Entry])


async def read_consul(fetcher: Fetcher, store: ConsulSettings, deadline: float | None = None) -> RawStore:
    """All keys below the prefixes, or a failure as a whole. `deadline` is a time of the running loop."""
    reader = _Reader(fetcher, store, deadline)
    try:
        return await reader.read()
    except FetchError as error:
        return reader.found.failed(KIND, error)


class _Reader:
    """One reading of the store; its methods raise `FetchError`."""

    def __init__(self, fetcher: Fetcher, store: ConsulSettings, deadline: float | None) -> None:
        self._fetcher, self._store, self._deadline = fetcher, store, deadline
        self._target = Target(KIND, store.url.rstrip("/"), source="store")
        self._headers: dict[str, str] = {}
        self.found = Collected()

    async def read(self) -> RawStore:
        """Every prefix; where all are empty, whether this is a Consul at all."""
        token = _token(self._store)
        self._headers = {"X-Consul-Token": token} if token else {}
        empty = [await self._read_prefix(prefix) for prefix in self._store.prefixes]
        if all(empty):
            await self._confirm_consul()
        return self.found.ok(KIND, self._store.prefixes)

    async def _read_prefix(self, prefix: str) -> bool:
        """Add what is below the prefix; true where there is nothing."""
        if not prefix:
            raise FetchError(Reason.FORBIDDEN, "only a configured prefix is read, never everything")
        # A list leaves out what the token may not see, without a word; asking for a key is denied.
        _expect_no_key(await self._ask(self._path(prefix, recurse=False)))
        answer = await self._ask(self._path(prefix, recurse=True))
        if answer.outcome is Outcome.ABSENT:
            _expect_no_key(answer)
            return True
        entries = _entries(answer.body)
        for entry in entries:
            if not entry.Key.startswith(prefix):
                raise FetchError(Reason.DECODE, "keys that nobody asked for")
            self.found.add(entry.Key, entry.Value, entry.ModifyIndex)
        return not entries

    async def _confirm_consul(self) -> None:
        leader = (await self._ask(allow.CONSUL_LEADER)).body.strip()
        if len(leader) < 3 or not leader.startswith(b'"'):
            raise FetchError(Reason.DECODE, "no keys, and no Consul with a leader either")

    async def _ask(self, path: str) -> Answer:
        call = Call(
            self._target,
            path,
            headers=self._headers,
            access=self._store.access,
            page=KIND,
            hiding_header=_FILTERED,
        )
        return self.found.witness(await self._fetcher.store_call(call, deadline=self._deadline))

    def _path(self, prefix: str, *, recurse: bool) -> str:
        dc = self._store.datacenter
        options = [*(["recurse"] if recurse else []), *([f"dc={dc}"] if dc else [])]
        return f"/v1/kv/{allow.encoded(prefix)}{'?' if options else ''}{'&'.join(options)}"


def _entries(body: bytes) -> list[_Entry]:
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise FetchError(Reason.DECODE, "the answer is not Consul's list of keys") from None


def _expect_no_key(answer: Answer) -> None:
    """Raise where a 404 is not Consul's own, which has no body; the key itself may be there (a folder)."""
    if answer.outcome is Outcome.ABSENT and answer.body.strip():
        raise FetchError(Reason.STATUS, "status 404 that is not Consul's")


def _token(store: ConsulSettings) -> str:
    if store.token_file is None:
        return ""
    try:
        return store.token_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise FetchError(Reason.DENIED, "the token file could not be read") from None
