"""The collector's settings, in a process of their own: they hold for all of it."""

from __future__ import annotations

import subprocess
import sys

TRIED = """
import gc
from exporter.garbage_collection import EACH, YOUNG, allow_for, collect_seldom
allow_for(7)
assert gc.get_threshold() == (700, 10, 10)  # not ours yet
collect_seldom()
assert gc.isenabled() and gc.get_threshold()[0] == YOUNG and gc.get_freeze_count() > 1000
class Circle: pass
def circle():
    one = Circle(); one.self = one
for most in (YOUNG, YOUNG + 50 * EACH):
    for _ in range(10 * YOUNG): circle()
    assert sum(isinstance(each, Circle) for each in gc.get_objects()) < 2 * most
    allow_for(50)
    assert gc.get_threshold()[0] == YOUNG + 50 * EACH
"""


def test_the_programs_own_objects_are_left_alone_and_circles_are_still_found() -> None:
    subprocess.run([sys.executable, "-c", TRIED], check=True, timeout=60)
