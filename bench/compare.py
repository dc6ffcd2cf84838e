"""What the judgement of rings costs: seconds of CPU for comparing a store with its secondary, and views.

Run `python bench/compare.py`; it prints one line for each case. Decoding is not measured here.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import random
import time
from collections.abc import Callable

from exporter.derive.history import RingHistory
from exporter.derive.keys import World, judge_key
from exporter.derive.lag import Moment, compare, content_of
from exporter.derive.match import Owners
from exporter.derive.primary import KeyInput
from exporter.derive.rules import Rules
from exporter.derive.views import view
from exporter.facts import ClientFacts
from exporter.model import Member, Phase, Ring, State, Tokens

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
    world = World(Owners({}, {}, sure=True), None, Rules(), NOW)

    def work() -> None:
        pages = tuple(view(f"p-{n}", ring, clock=NOW, read_at=NOW) for n, ring in enumerate(rings))
        copies = pages if gossip else ()
        read = KeyInput(
            "k", (client,), pages, copies, rings[0], store_known=True, store_kind="consul", store_clock=NOW
        )
        judge_key(read, RingHistory(), world)

    return measured(work)


def main() -> None:
    """Print what each case costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    part = 10 if parser.parse_args().small else 1
    keys, members, views = 200 // part, 1000 // part, 300 // part
    print(f"{keys} keys of {members} members: {store_of(keys, members):.3f} s of CPU")
    spent = views_of(views, views)
    print(f"one key of {views} members, as many ring pages and as many copies: {spent:.3f} s of CPU")


if __name__ == "__main__":
    main()
