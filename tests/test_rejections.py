"""Rejections end to end, and how they are counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Replay
from tests.recorded import look


def test_the_recorded_excerpt_gives_seven_rejections_of_the_label_other(
    replay: Callable[..., Replay], shared: Path
) -> None:
    excerpt = shared / "recordings" / "logs" / "cortex-1-excerpt.log"
    seen = look(replay("cortex/f3-foreign-label"), rejections=[{"file": {"paths": [str(excerpt)]}}])
    assert seen.values("foreign_label_rejections_total", "label", "source") == {"other file": 7.0}
    assert seen.value("gossip_clusters") == 2
    assert seen.value("gossip_absent_members") == 1
    assert seen.value("gossip_unknown_members") == 0
