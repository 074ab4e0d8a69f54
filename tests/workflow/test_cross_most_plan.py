"""Cross-MoST in the plan: a tower that is trained here or released, and what the paper runs at its own scale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workflow.graphs import asked, differing, edit, made_tree, remembered_yaml, smoke_plan

from concord3d.config.resolve import load_params
from concord3d.errors import ConfigError
from concord3d.workflow.plan import Plan

PAPERS = ["cross_most"]
OVERLAY = Path("papers/cross_most/scales/smoke.yaml")
VIT = Path("config/towers/concord_tiny_vit.json")
TRAINING = "cross_most/train/cross_most_modelnet40__s1"
TOWER = "towers/concord_tiny_vit"


@pytest.fixture
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources and the configuration, whose edits are undone."""
    with made_tree(repository, tmp_path_factory.getbasetemp()) as root:
        yield root


@pytest.fixture(scope="module")
def at_paper_scale(repository: Path) -> Plan:
    with remembered_yaml():
        return Plan(repository, load_params({"scale": "paper", "papers": PAPERS}))


def release(tree: Path, tag: str = "openai", model: str = "ViT-B-16-quickgelu") -> None:
    """Make the tower of the smoke scale a released one."""
    text = (tree / OVERLAY).read_text()
    start, end = text.index("    model: config/towers"), text.index("set:\n")
    (tree / OVERLAY).write_text(f"{text[:start]}    model: {model}\n    weights: {tag}\n{text[end:]}")


def test_a_tower_that_is_trained_here_is_an_earlier_training(tree: Path) -> None:
    node = smoke_plan(tree, papers=PAPERS).nodes[TRAINING]
    assert node.makers["needs_tower"] == (TOWER,) and set(node.params["needs"]) == {"tower", "init"}
    assert "tower" not in node.recipe
    assert node.params["run"]["tower"]["model"] == VIT.as_posix()


def test_a_released_tower_is_no_training_and_still_makes_it_another_one(tree: Path) -> None:
    release(tree)
    plan = smoke_plan(tree, papers=PAPERS)
    node = plan.nodes[TRAINING]
    assert "needs_tower" not in node.inputs and set(node.params["needs"]) == {"init"}
    assert node.recipe["tower"] == {"model": "ViT-B-16-quickgelu", "weights": "openai"}
    assert not any(key.startswith("towers/") for key in plan.nodes)
    before = asked(tree, papers=PAPERS)
    edit(tree / OVERLAY, "weights: openai", "weights: dfn2b")
    assert {TRAINING, "cross_most/eval/cross_most_modelnet40__adapted__s1"} <= differing(
        before, asked(tree, papers=PAPERS)
    )


def test_another_configuration_of_the_tower_is_another_training(tree: Path) -> None:
    before = asked(tree, papers=PAPERS)
    edit(tree / VIT, '"layers": 2, "width": 32', '"layers": 1, "width": 32')
    assert {TOWER, TRAINING} <= differing(before, asked(tree, papers=PAPERS))


def test_a_training_without_epochs_announces_no_exports(tree: Path) -> None:
    plan = smoke_plan(tree, papers=PAPERS)
    has = {key: any("exports" in path.parts for path in node.outputs) for key, node in plan.nodes.items()}
    assert has[TRAINING] and not has["cross_most/train/zero_shot_modelnet40__s1"]


ALIGNED = """\
      method: aligned
      data: {dataset: ensembled, view_sets: [ring12], image_size: 32}
      objective: {min_mean_of_views_top1: 0}
"""


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("data.tower: concord_tiny_vit\n", "data.tower: null\n", ("'tower'", "valid string", "data.tower")),
        (VIT.as_posix(), "config/towers/concord_tiny.json", ("no patch tokens", "concord_tiny.json", "data.tower")),
        (
            "  data.num_views: 2\n",
            "  data.num_views: 2\n  data.num_strong: 2\n  objective.trunk_rate: 0.0\n",
            ("frozen trunk", "concord_tiny_vit"),
        ),
    ],
)
def test_a_tower_that_does_not_fit_is_refused(tree: Path, old: str, new: str, parts: tuple[str, ...]) -> None:
    edit(tree / OVERLAY, old, new)
    with pytest.raises(ConfigError) as refused:
        smoke_plan(tree, papers=PAPERS)
    text = str(refused.value)
    assert all(part in text for part in parts), text


def test_an_aligned_tower_has_no_patch_tokens(tree: Path) -> None:
    text = (tree / OVERLAY).read_text()
    start, end = text.index("      data: {dataset: ensembled"), text.index("      training: {optimizer")
    (tree / OVERLAY).write_text(text[:start] + ALIGNED + text[end:])
    edit(tree / OVERLAY, VIT.as_posix(), "config/towers/lite0_minilm.json")
    with pytest.raises(ConfigError, match="no patch tokens"):
        smoke_plan(tree, papers=PAPERS)


def test_a_refused_tower_is_named_with_its_place(tree: Path) -> None:
    edit(tree / OVERLAY, VIT.as_posix(), "config/towers/concord_tiny.json")
    with pytest.raises(ConfigError) as refused:
        smoke_plan(tree, papers=PAPERS)
    assert OVERLAY.as_posix() in str(refused.value) and re.search(r"line \d+", str(refused.value))


def test_depth_views_still_need_a_tower_that_is_trained_here(tree: Path) -> None:
    edit(
        tree / "config/scales/paper.yaml", "towers:\n", "towers:\n  lite0_minilm_depth: {model: ViT-B-16, weights: x}\n"
    )
    edit(tree / "papers/mm_mixing/scales/paper.yaml", " depth_views, with_tower,", " with_tower,")
    with pytest.raises(ConfigError, match="made of a tower that is trained here"):
        Plan(tree, load_params({"scale": "paper", "papers": ["mm_mixing"]}))


def test_the_papers_setting(at_paper_scale: Plan) -> None:
    """Cross-MoST spec 3.6 and 4."""
    runs = {
        key.split("/")[2].removesuffix("__s1"): node.params["run"]
        for key, node in at_paper_scale.nodes.items()
        if key.startswith("cross_most/train/") and key.endswith("__s1")
    }
    sets = [
        "modelnet10_off", "modelnet40_off", "modelnet40", "scanobjectnn_obj_only", "scanobjectnn_obj_bg",
        "scanobjectnn_pb_t50_rs", "redwood", "co3d",
    ]  # fmt: skip
    for dataset in sets:
        for method in ("cross_most", "st_shared", "st_pictures", "st_points"):
            training = runs[f"{method}_{dataset}"]["training"]
            assert training["epochs"] == (150 if dataset == "co3d" else 200)
            assert training["batch_size"] == (256 if dataset == "redwood" else 512)
            assert training["learning_rate"] == pytest.approx(2e-5 * training["batch_size"] / 256)
            assert training["final_learning_rate"] == pytest.approx(1e-6 * training["batch_size"] / 256)
        start = runs[f"zero_shot_{dataset}"]
        assert start["training"]["epochs"] == 0 and start["pretrain"]["data_kind"] == "real"
        assert start["training"]["batch_size"] == runs[f"cross_most_{dataset}"]["training"]["batch_size"]
    assert runs["ulip"]["pretrain"] == {"dataset": "shapenet55", "data_kind": "real"}
    assert runs["ulip"]["training"]["epochs"] == 300 and runs["ulip"]["data"]["tower"] == "clip_vit_b16"
    assert {run["tower"]["model"] for run in runs.values()} == {"ViT-B-16-quickgelu"}
    assert {run["objective"]["coverage"] for name, run in runs.items() if name != "ulip"} == {None}
    assert not any(name.startswith(("coverage_", "published_threshold")) or "unseen" in name for name in runs)


def test_meshes_are_sampled_and_reconstructions_kept_with_8192_points(at_paper_scale: Plan) -> None:
    for dataset in ("modelnet10_off", "modelnet40_off", "redwood", "co3d"):
        for split in ("train", "test"):
            assert at_paper_scale.nodes[f"stores/{dataset}__{split}"].recipe["num_points"] == 8192
    assert not any("world" in key for key in at_paper_scale.nodes)
