"""The interpreter's settings, in a process of their own: they hold for all of it."""

from __future__ import annotations

import subprocess
import sys

TRIED = """
import gc, sys
from exporter.interpreter import MARGIN, PORTION, SWITCH, Growth, keep_loop_free
keep_loop_free()
assert sys.getswitchinterval() == SWITCH and gc.get_freeze_count() > 1000
class Circle: pass
def circle():
    one = Circle(); one.self = one
    return one
def left(): return sum(isinstance(each, Circle) for each in gc.get_objects())
for _ in range(10 * PORTION): circle()
assert left() < 2 * PORTION  # short-lived circles go at once

full = []
gc.callbacks.append(lambda when, told: full.append(told["generation"] == 2))
growth = Growth()
growth.check()
kept = [circle() for _ in range(MARGIN // 2)]  # more objects, but not many more: a fleet that grew
growth.check()
assert not any(full) and left() >= MARGIN // 2
kept += [circle() for _ in range(2 * growth.most + MARGIN)]
kept.clear()  # circles that outlived their portion
assert left() > MARGIN
growth.check()
assert any(full) and left() < 2 * PORTION
full.clear()
growth.check()
assert not any(full)
"""


def test_the_programs_own_objects_are_left_alone_and_circles_are_still_found() -> None:
    subprocess.run([sys.executable, "-c", TRIED], check=True, timeout=60)
