"""The collector's settings, in a process of their own: they hold for all of it."""

from __future__ import annotations

import subprocess
import sys

TRIED = """
import gc
from exporter.garbage import YOUNG, collect_seldom
collect_seldom()
assert gc.isenabled() and gc.get_threshold()[0] == YOUNG and gc.get_freeze_count() > 1000
class Circle: pass
def circle():
    one = Circle(); one.self = one
for _ in range(10 * YOUNG): circle()
assert sum(isinstance(each, Circle) for each in gc.get_objects()) < 2 * YOUNG
"""


def test_the_programs_own_objects_are_left_alone_and_circles_are_still_found() -> None:
    subprocess.run([sys.executable, "-c", TRIED], check=True, timeout=60)
