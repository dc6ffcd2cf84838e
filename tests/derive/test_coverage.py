"""What a check passes on is what there was to look at, and no page is missed that a process cannot have."""

from __future__ import annotations

import pytest

from exporter.derive.harms import NAMES
from tests.derive.build import COMPACTOR, INGESTER, Fleet, client, step_of

CHECK = "members-copied"
STEP = "switch-primary"
LIFECYCLERS = ("ingester-lifecycler", "compactor-lifecycler")


def _verdict(fleet: Fleet) -> str:
    assert STEP in NAMES
    return next(c for c in step_of(fleet.look(), STEP).checks if c.id == CHECK).verdict.value


@pytest.mark.parametrize(
    ("clients", "lost", "verdict"),
    [
        (LIFECYCLERS, False, "holds"),
        ((*LIFECYCLERS, "compactor-ring"), False, "holds"),  # it watches another ring
        ((*LIFECYCLERS, "ingester-ring"), False, "unknown"),
        (("ingester", "compactor-lifecycler"), False, "unknown"),  # one client for both
        (LIFECYCLERS, True, "unknown"),
    ],
    ids=["writes alone", "watches another", "watches it too", "one client for both", "the page failed"],
)
def test_a_process_that_does_not_watch_a_ring_has_no_page_of_it(
    clients: tuple[str, ...], lost: bool, verdict: str
) -> None:
    fleet = Fleet()
    process = fleet.processes[0]
    process.clients = tuple(client(name) for name in clients)
    if lost:
        process.lost = frozenset({"/ingester/ring"})
    else:
        del process.pages[INGESTER]
    assert COMPACTOR in process.pages
    assert _verdict(fleet) == verdict
