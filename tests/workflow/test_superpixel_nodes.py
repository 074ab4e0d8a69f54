"""Superpixels in the plan: one node for all trainings that contrast them, and for no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.graphs import copy_parts, differing, edit, identities, remembered_yaml

from concord3d.config.resolve import load_params
from concord3d.config.strict_yaml import load_yaml
from concord3d.errors import ConfigError
from concord3d.workflow.plan import Plan

PAPER, SCALE = Path("papers/cmcr/paper.yaml"), Path("papers/cmcr/scales/smoke.yaml")
NODE = "features/superpixels/nuscenes__train__150"


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Iterator[Path]:
    """The sources and the configuration, where SLidR runs beside the others at the scale smoke."""
    root = copy_parts(repository, tmp_path / "tree")
    edit(root / SCALE, "experiments: [", "experiments: [slidr, ")
    with remembered_yaml():
        yield root


def plan_of(root: Path, **knobs: Any) -> Plan:
    told = {"scale": "smoke", "papers": ["cmcr"], "device": "cpu", "renderer": "open3d", **knobs}
    return Plan(root, load_params(told))


def readers_of(plan: Plan, key: str) -> set[str]:
    return {node.key for node in plan.nodes.values() if key in node.upstream}


def test_the_training_of_slidr_alone_reads_superpixels(tree: Path) -> None:
    plan = plan_of(tree, seeds=[1, 2])
    trainings = {f"cmcr/train/{name}__s{seed}" for name in ("ppkt", "cmcr", "slidr") for seed in (1, 2)}
    assert trainings <= set(plan.nodes)
    assert readers_of(plan, NODE) == {"cmcr/train/slidr__s1", "cmcr/train/slidr__s2"}
    reads = {key: plan.nodes[key].params["reads"] for key in sorted(trainings)}
    assert all(("superpixels" in names) == ("slidr" in key) and "sweeps" in names for key, names in reads.items())
    [path] = plan.nodes["cmcr/train/slidr__s1"].inputs["superpixels"]
    assert path == Path("artifacts/smoke/features/superpixels/nuscenes__train__150.npz")
    assert path in plan.nodes[NODE].outputs


def test_the_node_is_made_of_the_store_by_its_rule_and_kept_with_the_features(tree: Path, repository: Path) -> None:
    plan = plan_of(tree)
    node = plan.nodes[NODE]
    assert node.upstream == ("stores/nuscenes__train",) and node.recipe["num_superpixels"] == 150
    assert node in [made for job in plan.jobs_of("encode") for made in job.nodes]
    stages = load_yaml(repository / "dvc.yaml")["stages"]
    kept = {Path(name.replace("${scale}", "smoke")) for out in stages[node.stage]["outs"] for name in out}
    assert all(kept & set(path.parents) for path in (*node.outputs, plan.layout.record(NODE)))


def test_without_slidr_there_are_none(tree: Path) -> None:
    edit(tree / SCALE, "slidr, ", "")
    assert not [key for key in plan_of(tree).nodes if "superpixels" in key]


def test_their_number_and_the_source_that_makes_them_count(tree: Path) -> None:
    before = identities(plan_of(tree))
    edit(tree / "src/concord3d/features/slic_adapter.py", "SIGMA = 3.0", "SIGMA = 2.0")
    after = identities(plan_of(tree))
    changed = {key for key in differing(before, after) if not key.startswith("cmcr/report/")}
    assert changed == {NODE, "cmcr/train/slidr__s1", "cmcr/eval/slidr__distillation__s1"}
    edit(tree / PAPER, "num_superpixels: {value: 150", "num_superpixels: {value: 30")
    plan = plan_of(tree)
    assert NODE not in plan.nodes
    assert readers_of(plan, "features/superpixels/nuscenes__train__30") == {"cmcr/train/slidr__s1"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("num_superpixels: {value: 150", "num_superpixels: {value: 256", "num_superpixels"),
        ("num_superpixels: {value: 150", "num_superpixels: {value: 0", "num_superpixels"),
        ("num_superpixels: {", "num_superpixel: {", "did you mean 'num_superpixels'"),
        ("objective.contrast: superpixels", "objective.contrast: superpixel", "'pixels' or 'superpixels'"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_place(tree: Path, old: str, new: str, words: str) -> None:
    edit(tree / PAPER, old, new)
    with pytest.raises(ConfigError) as refused:
        plan_of(tree)
    assert words in str(refused.value) and PAPER.as_posix() in str(refused.value)
