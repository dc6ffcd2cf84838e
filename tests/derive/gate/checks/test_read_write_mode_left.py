"""Rings that only the old group has, and rings that no process serves any more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model.culprits import Culprit, Kind
from exporter.model.pages import Product
from tests.derive.build import PAGES, Fleet, client, step_of
from tests.derive.gate.checks.test_read_write_mode import BACKEND, FINISH, NEW, RETIRE, fleet, of

OVERRIDES = "collectors/overrides-exporter"


def _with_a_ring_of_the_old_group(*, runs_it: bool) -> Fleet:
    """Both groups; the old one has a further ring, whose component the new one runs or not."""
    made = fleet()
    for process in made.processes:
        process.product = Product.MIMIR
    made.processes[2].config = {"instance_id": "mimir-backend-4", "node_name": "mimir-backend-4"}
    more = (client("overrides-exporter"),) if runs_it else ()
    made.processes[2].clients = (*made.processes[2].clients, *more)
    made.processes[0].clients = (*made.processes[0].clients, client("overrides-exporter"))
    told = of("overrides-exporter-1")
    made.store[OVERRIDES] = told
    for process in made.processes:
        process.copies[OVERRIDES] = told
    return made


@pytest.mark.parametrize("runs_it", [True, False])
def test_a_ring_that_only_the_old_group_has_is_not_scaled_up(*, runs_it: bool) -> None:
    seen = _with_a_ring_of_the_old_group(runs_it=runs_it).look()
    check = next(c for c in step_of(seen, RETIRE).checks if c.id == BACKEND)
    assert check.verdict.value == "fails"
    assert ("Scale up" in check.remedy) is runs_it
    alone = Culprit(Kind.GROUP_UNSERVED, key=OVERRIDES, what="read-write", names=("microservices",))
    assert (alone in check.culprits) is not runs_it


def _without_its_processes(names: tuple[str, ...], phase: dict[str, object]) -> Fleet:
    """All on memberlist, the old group gone, and a ring in the gossip that no process serves any more."""
    made = fleet(**{key.rsplit("/", 1)[-1]: of(*NEW[key]) for key in PAGES})
    made.rules = replace(made.rules, stores=())
    for process in made.processes:
        process.clients = tuple(client(c.name, **phase) for c in process.clients)
        process.copies["alertmanagers/alertmanager"] = of(*names)
    return made


GONE: dict[str, object] = {
    "primary": "", "stores": (), "mirror": None, "requests": {("memberlist", "CAS"): 9.0}
}  # fmt: skip


@pytest.mark.parametrize(("names", "left"), [(("mimir-alertmanager-1",), True), ((), False)])
def test_a_ring_that_no_process_serves_stays_in_the_books_until_it_is_empty(
    names: tuple[str, ...], *, left: bool
) -> None:
    seen = _without_its_processes(names, GONE).look()
    check = next(c for c in step_of(seen, FINISH).checks if c.id == "old-group-left")
    key = "alertmanagers/alertmanager"
    assert check.culprits == ((Culprit(Kind.GROUP_LEFT, key=key, names=names),) if left else ())
    assert check.verdict.value == ("fails" if left else "holds")
