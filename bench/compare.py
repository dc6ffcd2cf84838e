"""What the judgement of rings costs: seconds of CPU for comparing a store with its secondary, and views.

Run `python -m bench.compare`; it prints one line for each case. Only the last case includes decoding: a new
gossip value is read, compared with the primary, and searched for conflicts.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import random
import time
from collections.abc import Callable

from exporter.decode.formats.member_cache import MemberCache
from exporter.decode.value import decode_value
from exporter.demo.pages.wire_format import stored
from exporter.demo.simulation.ring_values import Instance
from exporter.demo.simulation.ring_values import Tokens as DemoTokens
from exporter.derive.comparison.entry_comparison import Moment, compare
from exporter.derive.comparison.key_input import KeyInput, content_of, view
from exporter.derive.identity.member_processes import Owners
from exporter.derive.judging_rules import Rules
from exporter.derive.key_judgement import CycleContext, judge_key
from exporter.derive.previous_cycle import RingHistory, Watched
from exporter.derive.ring.tokens import count_conflicts, forget
from exporter.model.entry import Member, State, Tokens
from exporter.model.facts import ClientFacts
from exporter.model.pages import Phase, Ring

VALUE_MEMBERS = 3_000
NOW = 1_800_000_000.0
BOTH = ("consul", "memberlist")


def ring_of(size: int, seed: int, behind: int = 0) -> Ring:
    """A ring of `size` members, every one of them an object of its own, as decoding makes them."""
    chance = random.Random(seed)
    members = {}
    for number in range(size):
        name = f"ingester-zone-{'abc'[number % 3]}-{number}"
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        beat = NOW - chance.randrange(15) - behind
        zone = f"zone-{'abc'[number % 3]}"
        members[name] = Member(
            name,
            f"10.0.{number >> 8}.{number & 255}:9095",
            State.ACTIVE,
            zone,
            beat,
            NOW - 9e4,
            tokens=Tokens(512, digest),
        )
    return Ring(members, NOW)


def measured(work: Callable[[], object]) -> float:
    """CPU seconds of the best of three runs."""
    found = []
    for _ in range(3):
        gc.collect()
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return min(found)


def store_of(keys: int, members: int) -> float:
    """Compare `keys` keys of `members` members each with one view of the secondary."""
    pairs = [(ring_of(members, 2 * n), ring_of(members, 2 * n + 1)) for n in range(keys)]
    at = Moment(NOW, 15.0)

    def work() -> None:
        for mine, theirs in pairs:
            compare(content_of(mine), content_of(theirs), "store consul", at)

    return measured(work)


def views_of(views: int, members: int, *, gossip: bool = True) -> float:
    """Judge one key that `views` processes show as a ring page and as a gossip copy."""
    client = ClientFacts("p", "c", "k", Phase.MIRRORING, writes=True, primary="consul", stores=BOTH)
    rings = [ring_of(members, seed) for seed in range(views)]
    world = CycleContext(Owners({}, {}, sure=True), None, Rules(), NOW, Watched())

    def work() -> None:
        pages = tuple(view(f"p-{n}", ring, clock=NOW, read_at=NOW) for n, ring in enumerate(rings))
        copies = pages if gossip else ()
        read = KeyInput(
            "k", (client,), pages, copies, rings[0], store_known=True, store_kind="consul", store_clock=NOW
        )
        judge_key(read, RingHistory(), world)

    return measured(work)


def one_value(members: int, tokens: int = 512) -> float:
    """Decode a gossip value that is new, compare it with the primary and search its tokens for conflicts."""
    chance = random.Random(1)
    lists = [DemoTokens(tuple(chance.sample(range(1 << 32), tokens))) for _ in range(members)]
    primary, copy = (_stored(lists, beat) for beat in (int(NOW), int(NOW) - 5))
    known = decode_value("collectors/ring", primary)
    at = Moment(NOW, 15.0)

    def work() -> None:
        forget()
        ring = decode_value("collectors/ring", copy, cache=MemberCache())
        if not (isinstance(ring, Ring) and isinstance(known, Ring)):
            raise TypeError("no ring")
        found = compare(content_of(known), content_of(ring), "p-0", at)
        if (
            found.missing
            or count_conflicts({name: each.tokens for name, each in ring.members.items()}) > members
        ):
            raise ValueError("the copy is the primary's")

    return measured(work)


def _stored(lists: list[DemoTokens], beat: int) -> bytes:
    names = [f"ingester-zone-{'abc'[number % 3]}-{number}" for number in range(len(lists))]
    return stored(
        {
            name: Instance(name, f"10.0.{n >> 8}.{n & 255}:9095", beat - n % 5, int(NOW) - 9000, 0, "a", each)
            for n, (name, each) in enumerate(zip(names, lists, strict=True))
        },
        True,
    )


def main() -> None:
    """Print what each case costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    parser.add_argument("--value", action="store_true", help="the gossip value alone, as JSON")
    args = parser.parse_args()
    part = 10 if args.small else 1
    if args.value:
        print(json.dumps({"members": VALUE_MEMBERS, "tokens": 512, "cpu": one_value(VALUE_MEMBERS)}))
        return
    keys, members, views = 200 // part, 1000 // part, 300 // part
    print(f"{keys} keys of {members} members: {store_of(keys, members):.3f} s of CPU")
    spent = views_of(views, views)
    print(f"one key of {views} members, as many ring pages and as many copies: {spent:.3f} s of CPU")
    count = VALUE_MEMBERS // part
    print(f"one gossip value of {count} members that is new: {one_value(count):.3f} s of CPU")


if __name__ == "__main__":
    main()
