"""Trainings on unlabelled pairs in the plan: which files they read, and what is refused with its place."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.workflow.graphs import edit, remembered_yaml

from concord3d.config.resolve import load_params, load_study
from concord3d.errors import ConfigError
from concord3d.workflow.plan import Plan

PAPER, SCALE = Path("papers/cross_most/paper.yaml"), Path("papers/cross_most/scales/smoke.yaml")
EXPERIMENTS = """experiments:
  ulip:
    label: pre-training
    method: mm_mixing
    protocols: []
    set:
      data.dataset: modelnet40
      data.num_points: 16
      data.view_set: ring12
      data.image_size: 64
      data.tower: tokens
  adapted: {label: adapted, needs: {init: ulip}}
  others: {label: another data set, set: {data.dataset: scanobjectnn_obj_bg}, needs: {init: ulip}}
protocols:
  two_branches: {module: adapted, datasets: [modelnet40]}
"""
REPORT = """paper: cross_most
headline: main
tables:
  - {id: main, title: Main, metrics: [{protocol: two_branches, metric: point_top1, label: points}], own: all}
"""
OVERLAY = """experiments: [ulip, adapted]
towers:
  tokens:
    model: config/towers/lite0_tokens_minilm.json
    training:
      method: patch_tower
      data: {dataset: modelnet40, view_sets: [ring12], image_size: 64}
      objective: {min_mean_of_views_top1: null, mask_share: 0.5}
      training: {epochs: 1, batch_size: 4, threads: 1, num_snapshots: 1}
set:
  encoder.num_groups: 4
  data.dataset: modelnet40
  data.num_points: 16
  data.tower: tokens
  data.view_sets: {modelnet40: ring12}
  data.image_size: 64
  data.num_views: 4
  data.num_strong: 2
  objective.trunk_rate: 0.0
  training.epochs: 1
  training.batch_size: 4
protocols: {two_branches: {}}
"""
TRAINED, EVALUATED = "cross_most/train/adapted__s1", "cross_most/eval/adapted__adapted__s1"


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Iterator[Path]:
    """The configuration with Cross-MoST's defaults and these experiments alone, at the scale smoke."""
    for folder in ("papers", "config", "datasets"):
        shutil.copytree(repository / folder, tmp_path / folder)
    paper = tmp_path / PAPER
    paper.write_text(paper.read_text().partition("experiments:\n")[0] + EXPERIMENTS)
    (paper.parent / "report.yaml").write_text(REPORT)
    (tmp_path / SCALE).write_text(OVERLAY)
    with remembered_yaml():
        yield tmp_path


def plan_of(root: Path) -> Plan:
    return Plan(root, load_params({"scale": "smoke", "papers": ["cross_most"], "device": "cpu", "renderer": "open3d"}))


def maps_of(plan: Plan) -> dict[str, Any]:
    """Settings of the nodes of maps, by split."""
    return {key.split("__")[2]: node for key, node in plan.nodes.items() if "__maps__" in key}


def test_a_training_above_a_frozen_trunk_reads_maps_that_are_made_once(tree: Path) -> None:
    plan = plan_of(tree)
    node, maps = plan.nodes[TRAINED], maps_of(plan)
    assert set(node.params["reads"]) == {"clouds", "classes", "maps"}
    assert set(node.params["needs"]) == {"init", "tower"} and node.params["needs"]["tower"][1].endswith("tokens")
    assert set(maps) == {"train", "test"}
    assert maps["train"].key in node.upstream and maps["test"].key in plan.nodes[EVALUATED].upstream
    told = maps["train"].params
    assert (told["num_views"], told["num_strong"], told["strength"]["mask_ratio"]) == (4, 2, 0.3)
    assert maps["test"].params["num_strong"] == 0 and "strength" not in maps["test"].params
    assert {"concord3d.batches.unlabelled", "concord3d.methods.cross_most.method"} <= set(node.entries)
    assert Path("artifacts/smoke/exports/cross_most/adapted__s1") in node.outputs
    assert node.params["exports"] == "artifacts/smoke/exports/cross_most/adapted__s1"


def test_maps_know_no_tower_that_is_trained_above_the_trunk(tree: Path) -> None:
    maps = maps_of(plan_of(tree))
    assert not any(key.startswith("towers/") for node in maps.values() for key in node.upstream)
    edit(tree / SCALE, "epochs: 1", "epochs: 2")
    assert {node.key for node in maps_of(plan_of(tree)).values()} == {node.key for node in maps.values()}
    edit(tree / SCALE, "data.num_strong: 2", "data.num_strong: 3")
    changed = maps_of(plan_of(tree))
    assert changed["test"].key == maps["test"].key and changed["train"].key != maps["train"].key


def test_pictures_that_are_drawn_anew_are_read_as_views(tree: Path) -> None:
    edit(tree / SCALE, "data.num_strong: 2", "data.num_strong: 0")
    edit(tree / SCALE, "objective.trunk_rate: 0.0", "objective.trunk_rate: 1.0")
    plan = plan_of(tree)
    assert set(plan.nodes[TRAINED].params["reads"]) == {"clouds", "classes", "views"} and not maps_of(plan)
    assert any(key.startswith("views/") and "test" in key for key in plan.nodes[EVALUATED].upstream)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("objective.trunk_rate: 0.0", "objective.trunk_rate: 1.0", ("this training moves it", "data.num_strong")),
        ("mask_share: 0.5}", "mask_share: 0.5, trunk_rate: 0.1}", ("above a frozen trunk alone", "'tokens'")),
        ("modelnet40: ring12", "modelnet10: ring12", ("which pictures 'modelnet40' has", "view_sets")),
        ("modelnet40: ring12", "modelnet40: ring_12", ("no such view set", "did you mean 'ring12'")),
        ("data.num_views: 4", "data.num_views: 0", ("num_views",)),
        ("data.num_strong: 2", "data.num_strong: -1", ("num_strong",)),
        ("data.num_points: 16", "data.num_point: 16", ("did you mean 'data.num_points'",)),
        ("data.tower: tokens", "data.tower: concord_tiny", ("'concord_tiny' has n",)),
        (
            "objective.trunk_rate: 0.0",
            "objective.trunk_rate: 0.0\n  objective.coverage: 0.5",
            ("'coverage' or 'joint_threshold', not both",),
        ),
        (
            "objective.trunk_rate: 0.0",
            "objective.trunk_rate: 0.0\n  objective.joint_threshold: 1.5",
            ("joint_threshold",),
        ),
        ("data.num_strong: 2", "data.num_strong: 2\n  data.strength: {mask_ratio: 2}", ("mask_ratio",)),
    ],
)
def test_a_plan_refuses_what_cannot_be_trained(tree: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    edit(tree / SCALE, old, new)
    with pytest.raises(ConfigError) as refused:
        plan_of(tree)
    assert all(word in str(refused.value) for word in words), refused.value


def test_a_refusal_names_file_and_line(tree: Path) -> None:
    edit(tree / SCALE, "objective.trunk_rate: 0.0", "objective.trunk_rate: 1.0")
    with pytest.raises(ConfigError) as refused:
        plan_of(tree)
    assert SCALE.as_posix() in str(refused.value) and re.search(r"line \d+", str(refused.value))


# Classes that a pre-training leaves out.
UNSEEN = "data.tower: tokens\n      data.without_classes: [chair]"


def test_a_tower_that_may_know_classes_that_are_left_out_must_be_said_to(tree: Path) -> None:
    edit(tree / PAPER, "data.tower: tokens", UNSEEN)
    with pytest.raises(ConfigError, match=r"(?s)'tokens' may have seen classes.*chair"):
        plan_of(tree)
    edit(tree / PAPER, "[chair]", "[chair]\n      data.tower_knows_them: true")
    plan = plan_of(tree)
    assert plan.nodes["cross_most/train/ulip__s1"].params["run"]["data"]["tower_knows_them"]
    edit(tree / PAPER, "tower_knows_them: true", "tower_knows_them: 1")
    with pytest.raises(ConfigError, match="tower_knows_them"):
        plan_of(tree)


def test_another_kind_of_data_starts_with_the_data_set_alone(tree: Path) -> None:
    """Pre-training reads objects: the views and strengths of the paper's own method mean nothing to it."""
    study = load_study(tree, "cross_most", "smoke")
    ulip, adapted = (study.run_config(name, 1) for name in ("ulip", "adapted"))
    assert set(ulip["data"]) == {"num_points", "view_set", "image_size", "tower"}
    assert {"view_sets", "num_strong", "strength"} <= set(adapted["data"])
    assert ulip["objective"] == {} and ulip["training"]["epochs"] == adapted["training"]["epochs"] == 1
    edit(tree / PAPER, "      data.view_set: ring12\n", "")
    run = load_study(tree, "cross_most", "smoke").run_config("ulip", 1)
    assert "view_set" not in run["data"] and "num_views" not in run["data"]
