"""`plan --check`: twenty files that are wrong, each with its message, and ten that are right."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from exporter.cli.planning.edited_file_reader import read
from exporter.cli.planning.file_check import faults
from exporter.errors import UsageError
from exporter.expose.plan.shapes import PlanOut
from exporter.model.pages import Phase, Product
from exporter.products.kv_settings import SETTINGS
from tests.cli.planning.clusters import plan

MIMIR, CORTEX, TEMPO, LOKI = Product.MIMIR, Product.CORTEX, Product.TEMPO, Product.LOKI
MULTI_BLOCK = (
    "kvstore: {store: multi, multi: {primary: consul, secondary: memberlist, mirror_enabled: false}}"
)
SWITCHED_BLOCK = (
    "kvstore: {store: multi, multi: {primary: memberlist, secondary: consul, mirror_enabled: true}}"
)
STEP_1 = f"ingester: {{ring: {{{MULTI_BLOCK}}}}}\ncompactor: {{sharding_ring: {{{MULTI_BLOCK}}}}}\n"


WRONG = [
    (MIMIR, Phase.EXTERNAL, f"ingester: {{ring: {{{MULTI_BLOCK}}}}}\n",
     ["compactor.sharding_ring.kvstore.store is missing: multi.",
      "compactor.sharding_ring.kvstore.multi.primary is missing: consul."]),
    (MIMIR, Phase.EXTERNAL, STEP_1.replace("secondary: memberlist", "secondary: consul"),
     ["1: ingester.ring.kvstore.multi.secondary is consul, as the primary is: the process does not start."]),
    (MIMIR, Phase.EXTERNAL, STEP_1.replace("primary: consul", "primary: memberlist", 1),
     ["1: ingester.ring.kvstore.multi.secondary is memberlist, as the primary is",
      "1: ingester.ring.kvstore.multi.primary is memberlist, and running processes have consul: a rollout of "
      "this file mixes primaries."]),
    (MIMIR, Phase.EXTERNAL, STEP_1.replace("secondary: memberlist", "secondary: ''"),
     ["1: ingester.ring.kvstore.multi.secondary is empty: a multi store needs a primary and a secondary"]),
    (MIMIR, Phase.EXTERNAL, STEP_1.replace("primary: consul", "primary: multi"),
     ["1: ingester.ring.kvstore.multi.primary is multi: a store of multi cannot be multi itself"]),
    (MIMIR, Phase.EXTERNAL, STEP_1 + "memberlist: {join_members: []}\n",
     ["3: memberlist.join_members is empty: a process that starts joins no other one"]),
    (MIMIR, Phase.EXTERNAL, STEP_1 + "memberlist: {join_members: [FILL-IN]}\n",
     ["3: memberlist.join_members still has to be filled in."]),
    (MIMIR, Phase.EXTERNAL, STEP_1 + "memberlist: {abort_if_cluster_join_fails: true}\n",
     ["3: memberlist.abort_if_cluster_join_fails is true: a process ends if its join fails"]),
    (MIMIR, Phase.EXTERNAL,
     STEP_1 + "distributor: {ha_tracker: {kvstore: {store: consul, memberlist: {join_members: [a]}}}}\n",
     ["3: distributor.ha_tracker.kvstore.memberlist does not exist, and the process does not start"]),
    (MIMIR, Phase.EXTERNAL, STEP_1.replace("mirror_enabled:", "mirrored: true, mirror_enabled:", 1),
     ["1: ingester.ring.kvstore.multi.mirrored is no key of this block, and the process does not start."]),
    (MIMIR, Phase.EXTERNAL, STEP_1.replace("store: multi", "store: memberlist"),
     ["1: ingester.ring.kvstore.store is memberlist, and running processes are in external: that leaves "
      "steps out"]),
    (MIMIR, Phase.EXTERNAL, STEP_1.replace("store: multi", "prefix: mimir/, store: multi", 1),
     ["1: ingester.ring.kvstore.prefix is mimir/, and running processes have collectors/"]),
    (MIMIR, Phase.MULTI, "overrides: {}\n", ["multi_kv_config.mirror_enabled is missing: true."]),
    (MIMIR, Phase.MULTI, "multi_kv_config: {primary: memberlist, mirror_enabled: true}\n",
     ["1: multi_kv_config.primary is memberlist before the step switch-primary: what is not copied yet is "
      "lost."]),
    (MIMIR, Phase.MULTI, "multi_kv_config: {primary: consul, mirror_enabled: true, secondary: memberlist}\n",
     ["1: multi_kv_config.secondary is no key of this block"]),
    (MIMIR, Phase.MULTI, "multi_kv_config: {primary: etcd, mirror_enabled: true}\n",
     ["1: multi_kv_config.primary is etcd, which is none of the two stores: consul and memberlist."]),
    (MIMIR, Phase.MIRRORING, "multi_kv_config:\n  primary: memberlist\n  mirror_enabled: false\n",
     ["3: multi_kv_config.mirror_enabled is false together with the switch of the primary: these are two "
      "steps"]),
    (MIMIR, Phase.MIRRORING, "ingester: {ring: {kvstore: {store: multi, multi: {primary: memberlist, "
     "secondary: consul}}}}\n",
     ["1: ingester.ring.kvstore.multi.primary is memberlist, and running processes have consul"]),
    (MIMIR, Phase.SWITCHED, "multi_kv_config: {primary: consul, mirror_enabled: false}\n",
     ["1: multi_kv_config.primary is consul, and running processes have memberlist as primary"]),
    (MIMIR, Phase.DETACHED, "ingester: {ring: {kvstore: {store: consul}}}\n",
     ["1: ingester.ring.kvstore.store is consul, and running processes have memberlist as primary",
      "compactor.sharding_ring.kvstore.store is missing: memberlist."]),
    (TEMPO, Phase.SWITCHED, "ingester: {lifecycler: {ring: {kvstore: {store: multi, multi: {primary: consul, "
     "secondary: memberlist, mirror_enabled: false}}}}}\n",
     ["1: ingester.lifecycler.ring.kvstore.multi.primary is consul, and running processes have memberlist",
      "compactor.ring.kvstore.multi.mirror_enabled is missing: false."]),
    (TEMPO, Phase.MIRRORING, "server: {http_listen_port: 80}\n",
     ["compactor.ring.kvstore.multi.primary is missing: memberlist."]),
    (MIMIR, Phase.MULTI, "ingester: {ring: {kvstore: {store: consul}}}\n",
     ["1: ingester.ring.kvstore.store is consul, and running processes are in multi: the processes that "
      "restart leave multi"]),
    (MIMIR, Phase.MULTI, "ingester: {ring: {kvstore: {multi: {primary: consul, secondary: etcd}}}}\n",
     ["1: ingester.ring.kvstore.multi.secondary is etcd, which is none of the two stores: consul and "
      "memberlist."]),
    (TEMPO, Phase.MIRRORING, f"compactor: {{ring: {{{SWITCHED_BLOCK.replace('true', 'false')}}}}}\n",
     ["1: compactor.ring.kvstore.multi.mirror_enabled is false together with the switch of the primary"]),
    (TEMPO, Phase.SWITCHED, f"compactor: {{ring: {{{SWITCHED_BLOCK.replace('true', 'false')}}}}}\n",
     ["ingester.lifecycler.ring.kvstore.multi.mirror_enabled is missing: false."]),
    (MIMIR, Phase.EXTERNAL, STEP_1.replace("mirror_enabled: false", "mirror_enabled: 'false'", 1),
     ["1: ingester.ring.kvstore.multi.mirror_enabled is text in quotes, and the process does not start"]),
    (MIMIR, Phase.EXTERNAL, STEP_1 + "memberlist: {abort_if_join_fails: false}\n",
     ["3: memberlist.abort_if_join_fails is no key of this block, and the process does not start: it is "
      "abort_if_cluster_join_fails."]),
    (MIMIR, Phase.MULTI, STEP_1 + "multi_kv_config: {mirror_enabled: true}\n",
     ["3: multi_kv_config is no key of the configuration file, and the process does not start: it belongs in "
      "the runtime configuration."]),
    (MIMIR, Phase.MULTI, "overrides:\n  multi_kv_config: {mirror_enabled: true}\n",
     ["2: overrides.multi_kv_config is not at the top of the runtime configuration: it switches nothing",
      "multi_kv_config.mirror_enabled is missing: true."]),
    (MIMIR, Phase.MULTI, "multi_kv_config: {mirror_enabled: 'true'}\n",
     ["1: multi_kv_config.mirror_enabled is text in quotes"]),
    (MIMIR, Phase.MULTI, "multi_kv_config: {mirror_enabled: 1}\n",
     ["1: multi_kv_config.mirror_enabled is 1, and this step needs true."]),
    (MIMIR, Phase.MULTI, "multi_kv_config: true\n", ["multi_kv_config.mirror_enabled is missing: true."]),
    (MIMIR, Phase.EXTERNAL, "mimir: {structuredConfig: {ingester: {ring: {kvstore: {store: multi}}}}}",
     ["ingester.ring.kvstore.multi.primary is missing: consul."]),
]  # fmt: skip
LABELS = [
    ("", "memberlist: {cluster_label: prod}\n",
     ["1: memberlist.cluster_label is new while verification is on"]),
    ("lab", "memberlist: {cluster_label: prod}\n",
     ["1: memberlist.cluster_label is prod, and running processes have lab: the gossip splits."]),
]  # fmt: skip
RIGHT = [
    (MIMIR, Phase.EXTERNAL, STEP_1),
    (MIMIR, Phase.EXTERNAL, STEP_1 + "memberlist: {join_members: [gossip-ring:7946], cluster_label: prod}\n"),
    (MIMIR, Phase.EXTERNAL, "mimir:\n  structuredConfig:\n    " + STEP_1.replace("\n", "\n    ")),
    (MIMIR, Phase.MULTI, "multi_kv_config: {mirror_enabled: true}\noverrides: {a: {b: 1}}\n"),
    (MIMIR, Phase.MULTI, "runtimeConfig: {multi_kv_config: {primary: consul, mirror_enabled: true}}\n"),
    (MIMIR, Phase.MULTI, STEP_1),
    (MIMIR, Phase.MULTI, "configs: {database: {}}\noverrides: {}\nserver: {http_listen_port: 80}\n"),
    (MIMIR, Phase.MIRRORING, "multi_kv_config: {primary: memberlist, mirror_enabled: true}\n"),
    (MIMIR, Phase.SWITCHED, "multi_kv_config: {primary: memberlist, mirror_enabled: false}\n"),
    (MIMIR, Phase.SWITCHED, STEP_1),
    (MIMIR, Phase.DETACHED, STEP_1.replace("store: multi", "store: memberlist")),
    (TEMPO, Phase.MIRRORING,
     f"ingester: {{lifecycler: {{ring: {{{SWITCHED_BLOCK}}}}}}}\n"
     f"compactor: {{ring: {{{SWITCHED_BLOCK}}}}}\n"),
    (TEMPO, Phase.MIRRORING, f"ingester: {{lifecycler: {{ring: {{{SWITCHED_BLOCK}}}}}}}\n"),
    (CORTEX, Phase.EXTERNAL,
     f"config: {{ingester: {{lifecycler: {{ring: {{{MULTI_BLOCK}}}}}}}, "
     f"compactor: {{sharding_ring: {{{MULTI_BLOCK}}}}}}}\n"),
]  # fmt: skip


def test_rings_that_share_a_block_are_judged_by_what_they_have_together(tmp_path: Path) -> None:
    (made,) = plan(LOKI, Phase.SWITCHED)
    old = "common: {ring: {kvstore: {store: multi, multi: {primary: consul, secondary: memberlist}}}}\n"
    split = replace_rings(made, [{"route": "restart", "ring": "pattern"}, {}])
    assert said(tmp_path / "edited.yaml", old, (split,)) == []
    alone = replace_rings(made, [{"route": "restart"}])
    assert "and running processes have memberlist" in said(tmp_path / "edited.yaml", old, (alone,))[0]


def replace_rings(made: PlanOut, changes: list[dict[str, str]]) -> PlanOut:
    """The same plan with so many rings, each with some of its facts changed."""
    rings = tuple(msgspec.structs.replace(made.rings[0], **change) for change in changes)
    return msgspec.structs.replace(made, rings=rings, changes=())


def said(file: Path, text: str, plans: tuple[PlanOut, ...]) -> list[str]:
    """What is said of a file."""
    file.write_text(text)
    found = faults(read(file, SETTINGS[Product(plans[0].product)]), plans)
    return [f"{one.line}: {one.text}" if one.line else one.text for one in found]


@pytest.mark.parametrize(("product", "phase", "text", "wanted"), WRONG)
def test_a_wrong_file_is_told_where_and_what(
    tmp_path: Path, product: Product, phase: Phase, text: str, wanted: list[str]
) -> None:
    found = said(tmp_path / "edited.yaml", text, plan(product, phase))
    for message in wanted:
        assert [one for one in found if one.startswith(message)], found


@pytest.mark.parametrize(("label", "text", "wanted"), LABELS)
def test_a_label_has_rollouts_of_its_own(tmp_path: Path, label: str, text: str, wanted: list[str]) -> None:
    found = said(tmp_path / "edited.yaml", text, plan(MIMIR, Phase.MULTI, "rings", label))
    assert [one for one in found if one.startswith(wanted[0])], found


@pytest.mark.parametrize(("product", "phase", "text"), RIGHT)
def test_a_right_file_is_silent(tmp_path: Path, product: Product, phase: Phase, text: str) -> None:
    assert said(tmp_path / "edited.yaml", text, plan(product, phase)) == []


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "a: 1\na: 2\n"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "edited.yaml"
    file.write_text(text)
    with pytest.raises(UsageError):
        read(file, SETTINGS[MIMIR])


@pytest.mark.parametrize("text", ["multi_kv_config: {primary: [a], mirror_enabled: {b: 1}}", "ingester: {ring: {kvstore: {store: [x], multi: {primary: {a: b}}, prefix: []}}}\nmemberlist: {cluster_label: [q]}"])  # fmt: skip  # noqa: E501  # two documents in one line each
def test_values_of_another_kind_are_wrong_and_break_nothing(tmp_path: Path, text: str) -> None:
    assert said(tmp_path / "edited.yaml", text, plan(MIMIR, Phase.MULTI))
