"""Numbers of items, and disk of a plan's artifacts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workflow.graphs import SCALE, copy_parts, edit, smoke_plan

from concord3d.commands.disk_use import Sizes, disk_gb
from concord3d.config.resolve import load_params
from concord3d.workflow.plan import Plan


def planned(repository: Path, scale: str, *papers: str) -> tuple[Plan, Sizes]:
    plan = Plan(repository, load_params({"scale": scale, "papers": list(papers)}))
    return plan, Sizes(plan)


@pytest.mark.parametrize("paper", ["mm_point", "mm_mixing"])
@pytest.mark.parametrize("scale", ["demo", "small", "paper"])
def test_every_training_set_has_a_size_to_estimate_with(repository: Path, paper: str, scale: str) -> None:
    plan, sizes = planned(repository, scale, paper)
    runs = [node.params["run"] for node in plan.nodes.values() if node.script == "train"]
    trained = [run for run in runs if run["pretrain"] and "s3dis" not in run["pretrain"]["dataset"]]
    assert trained and all((sizes.units(run) or 0) > 0 for run in trained)


def test_sets_that_are_trained_on_together_are_counted_together(repository: Path) -> None:
    plan, sizes = planned(repository, "small", "mm_mixing")
    run = plan.nodes["mm_mixing/train/baseline__s1"].params["run"]
    assert run["pretrain"]["dataset"] == "modelnet40_off" and sizes.units(run) == 8000
    both = {"dataset": "modelnet40_off+named_meshes"}
    joined = {**run, "data": {**run["data"], **both}, "pretrain": {**run["pretrain"], **both}}
    other = sizes.items("named_meshes", "train")
    assert other and sizes.units(joined) == 8000 + other


def test_disk_is_that_of_clouds_pictures_features_and_weights(repository: Path) -> None:
    plan, sizes = planned(repository, "smoke", "mm_mixing")
    assert sizes.disk(plan.nodes["stores/ensembled__train"]) == 60 * 256 * 15, "coloured points"
    views = plan.nodes["views/ensembled__train__ring12__32"]
    assert sizes.pictures(views) == 60 * 12 and sizes.disk(views) == 60 * 12 * 32 * 32 * 3
    encoded = plan.nodes["features/concord_tiny/ensembled__train__ring12__32__images"]
    assert sizes.pictures(encoded) == 60 * 12 and (sizes.disk(encoded) or 0) % (60 * 12 * 2) == 0
    assert (sizes.disk(plan.nodes["towers/concord_tiny"]) or 0) > 1e5
    assert sizes.disk(plan.nodes["mm_mixing/report/tables"]) == 0


def test_frozen_features_are_encoded_once_and_projected_without_pictures(repository: Path, tmp_path: Path) -> None:
    copy_parts(repository, tmp_path)
    edit(tmp_path / SCALE, "config/towers/concord_tiny.json", "config/towers/lite0_minilm.json")
    edit(
        tmp_path / SCALE,
        "objective: {min_image_to_text_r1: 0, min_zero_shot_top1: 0}",
        "method: aligned\n      objective: {min_mean_of_views_top1: 0}",
    )
    plan = smoke_plan(tmp_path)
    sizes, name = Sizes(plan), "ensembled__train__ring12__32__images"
    frozen = plan.nodes[f"features/frozen/efficientnet_lite0__128/{name}"]
    projected = plan.nodes[f"features/concord_tiny/{name}"]
    assert (sizes.pictures(frozen), sizes.disk(frozen)) == (60 * 12, 60 * 12 * 1280 * 2)
    assert (sizes.pictures(projected), sizes.disk(projected)) == (None, 60 * 12 * 384 * 2)


def test_what_has_no_known_size_is_counted(repository: Path) -> None:
    plan, sizes = planned(repository, "smoke", "mm_mixing")
    total, unknown = disk_gb(plan, sizes)
    texts = [node for node in plan.nodes.values() if node.params.get("kind") == "texts"]
    assert unknown == {"encode": len(texts)} and len(texts) > 0
    known = [sizes.disk(node) or 0 for node in plan.nodes.values()]
    assert total == pytest.approx(sum(known) / 1e9) and total > 0


def test_stores_of_scans_have_no_known_size(repository: Path, tmp_path: Path) -> None:
    root = copy_parts(repository, tmp_path)
    edit(root / SCALE, "datasets:\n", "datasets:\n  scannet: {source: world, splits: {train: 2}}\n")
    plan = smoke_plan(root)
    plan.towers.data.store("scannet", "train")
    assert Sizes(plan).disk(plan.nodes["stores/scannet__train"]) is None
