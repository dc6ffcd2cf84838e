"""The interpreter's settings, in a process of their own: they hold for all of it."""

from __future__ import annotations

import subprocess
import sys

TRIED = """
import gc, sys
from exporter.interpreter import MANY, MARGIN, NEVER, SWITCH, Growth, keep_loop_free
keep_loop_free()
assert sys.getswitchinterval() == SWITCH and gc.get_freeze_count() > 1000
class Circle: pass
def circles(count):
    for _ in range(count):
        one = Circle(); one.self = one
def left(): return sum(isinstance(each, Circle) for each in gc.get_objects())
collections = []
gc.callbacks.append(lambda when, told: collections.append(told["generation"]))

growth = Growth()
growth.check()
kept = [Circle() for _ in range(MARGIN // 2)]  # a fleet that grew by a little
growth.check()
assert not collections

circles(2 * growth.most + MARGIN)
growth.check()
assert set(collections) == {2} and left() == len(kept)  # they piled up
collections.clear()
growth.check()
assert not collections and gc.get_threshold()[1:] == (NEVER, NEVER)

circles(gc.get_threshold()[0] + 1)  # within one cycle
assert set(collections) == {0} and left() < MANY // 2
"""


def test_the_programs_own_objects_are_left_alone_and_circles_are_still_found() -> None:
    subprocess.run([sys.executable, "-c", TRIED], check=True, timeout=60)
