"""`kvmigration init URL…`: a configuration that watches the whole cluster, from one of its processes.

The other processes are sought behind the gossip members' addresses, with the HTTP port that the given process
has, or as far from their gossip port as its own is. Only what answers as a process of the products is
written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from yarl import URL

from exporter.cli.terminal.safe_text import plain
from exporter.config import load_text
from exporter.errors import UsageError
from exporter.expose.api.suggested_stores import suggested_stores
from exporter.model.facts import Snapshot, TargetFacts
from exporter.model.pages import GossipMember, GossipState
from exporter.sources.discovery.found_targets import is_loopback
from exporter.sources.discovery.gossip import host_of, may_be_asked
from exporter.wiring import Watch

MOST: Final = 2_000  # addresses that are tried
FILE: Final = Path("my.yml")


@dataclass(frozen=True, slots=True)
class Survey:
    """The cluster as one look shows it: the processes that answer, and the gossip members behind none."""

    processes: tuple[TargetFacts, ...]
    missing: tuple[GossipMember, ...]
    snapshot: Snapshot


def add_init(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `init` to the command line."""
    parser = commands.add_parser(
        "init",
        parents=[common],
        help="write a configuration from the address of one process",
        epilog="Exit status: 0 written, 1 written and something is missing, 2 nothing written.",
        allow_abbrev=False,
    )
    parser.add_argument("urls", nargs="+", metavar="URL", help="a process, path prefix included")
    parser.add_argument(
        "--output", type=Path, default=FILE, metavar="FILE", help=f"default: {FILE}; nothing is overwritten"
    )
    parser.set_defaults(run=lambda args: init(args.urls, args.output))


def init(urls: Iterable[str], path: Path, *, err: TextIO | None = None) -> int:
    """Write the file, and say on stderr what is missing. Raises `UsageError` where nothing is written."""
    err = err or sys.stderr
    if path.exists():
        raise UsageError(f"{path} is there already; name another file with --output")
    survey = asyncio.run(look_round(tuple(_checked(url) for url in urls)))
    if not survey.processes:
        raise UsageError("; ".join(_silent(survey.snapshot)) or "no process answers")
    text = configuration(survey)
    load_text(text)
    path.write_text(text, encoding="utf-8")
    missing = [plain(line) for line in lacks(survey)]
    err.write("".join(f"{line}\n" for line in [f"{path}: {len(survey.processes)} processes", *missing]))
    return 1 if missing else 0


def _checked(text: str) -> str:
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f'"{plain(text)}" is not a URL such as http://10.0.0.5:8080')
    if url.user or url.password:
        raise UsageError("a URL with a password is not written down; put it into http_client.basic_auth")
    return str(url).rstrip("/")


def _silent(snapshot: Snapshot) -> Iterator[str]:
    for target in snapshot.targets:
        first = next(iter(target.pages), None)
        why = target.why_none or (first.detail if first else "") or "it does not answer"
        yield f"{target.url}: {why}"


async def look_round(urls: tuple[str, ...]) -> Survey:
    """Look at the given processes, then at all that they lead to."""
    near = await _look(urls)
    found = [target for target in near.targets if target.up and not target.why_none]
    tried = tuple(dict.fromkeys(url for target in found for url in _candidates(target, found)))[:MOST]
    whole = await _look((*urls, *(url for url in tried if url not in urls))) if tried else near
    processes = _once(target for target in whole.targets if target.up and not target.why_none)
    return Survey(processes, tuple(_behind_none(processes)), whole)


async def _look(urls: tuple[str, ...]) -> Snapshot:
    targets = [{"static": {"urls": list(urls)}}]
    async with Watch(load_text(json.dumps({"targets": targets, "interval": "30s"}))) as watch:
        return await watch.poller.cycle()


def _candidates(target: TargetFacts, found: list[TargetFacts]) -> Iterator[str]:
    """Where the gossip members that a process sees may answer HTTP."""
    if target.gossip is None:
        return
    url, own = URL(target.url), target.gossip.port
    near = is_loopback(url.host or "")
    alive = (member for member in target.gossip.members if member.state is GossipState.ALIVE)
    members = [member for member in alive if may_be_asked(host_of(member.address), near=near)]
    http, here = url.port or 80, {_place(other) for other in found}
    for member in members:
        shifted = member.port + http - own if own is not None else http
        for port in dict.fromkeys((http, shifted)):
            if 0 < port < 65_536 and (member.address, port) not in here:
                yield str(url.with_host(member.address).with_port(port)).rstrip("/")


def _place(target: TargetFacts) -> tuple[str, int]:
    url = URL(target.url)
    return url.host or "", url.port or 80


def _once(targets: Iterable[TargetFacts]) -> tuple[TargetFacts, ...]:
    """Each process once: two addresses may lead to one, which its own gossip member tells."""
    found: dict[str, TargetFacts] = {}
    for target in targets:
        found.setdefault(target.member or target.url, target)
    return tuple(found.values())


def _behind_none(processes: Iterable[TargetFacts]) -> Iterator[GossipMember]:
    processes = tuple(processes)
    ours = {target.member for target in processes}
    listed = {
        member.name: member
        for target in processes
        if target.gossip is not None
        for member in target.gossip.members
        if member.state is GossipState.ALIVE
    }
    yield from (member for name, member in sorted(listed.items()) if name not in ours)


def configuration(survey: Survey) -> str:
    """The file's text."""
    kinds = Counter(f"{t.product.value} {t.version}".strip() for t in survey.processes)
    labels = {gossip.label for t in survey.processes if (gossip := t.gossip) is not None and gossip.label}
    head = [
        f"# {', '.join(f'{count} processes of {kind}' for kind, count in kinds.most_common())}; "
        f"phase {survey.snapshot.fleet.phase.label}"
        + (f"; gossip label {', '.join(sorted(labels))}" if labels else ""),
        "# Check it with `kvmigration validate`, and what it sees with `kvmigration doctor --config.file`.",
        "targets:",
        "  - static:",
        "      urls:",
    ]
    urls = [f"        - {json.dumps(t.url)}{_remark(t)}" for t in survey.processes]
    stores = suggested_stores(survey.snapshot.named_stores)
    return "\n".join([*map(plain, head), *map(plain, urls), *map(plain, stores)]) + "\n"


def _remark(target: TargetFacts) -> str:
    names = [name for name in (target.component, target.member) if name]
    return f"  # {', '.join(names)}" if names else ""


def lacks(survey: Survey) -> Iterator[str]:
    """What the file does not have, and what to do about it."""
    for member in survey.missing:
        yield (
            f"gossip member {member.name} ({member.address}:{member.port}) has no HTTP address that answers; "
            "add its URL under targets"
        )
    if any(store.addresses for store in survey.snapshot.named_stores):
        yield "the external store is as the processes name it; add its credentials, if it asks for any"
