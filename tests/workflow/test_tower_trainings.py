"""Methods that are made of a frozen tower: what their nodes are made from, and towers that do not fit them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.workflow.graphs import copy_parts, edit

from concord3d.config.resolve import load_params, load_study
from concord3d.errors import ConfigError
from concord3d.workflow.plan import Plan
from concord3d.workflow.state import State

PAPER = Path("papers/mm_mixing/paper.yaml")
SCALE = Path("config/scales/small.yaml")
TRAINING, EVALUATION = "mm_mixing/train/depth_views__s1", "mm_mixing/eval/depth_views__s1"
TOWER = "towers/lite0_minilm_depth"


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    """A copy of the sources and the configuration."""
    return copy_parts(repository, tmp_path / "tree")


def small_plan(root: Path) -> Plan:
    return Plan(root, load_params({"scale": "small", "papers": ["mm_mixing"], "device": "cpu", "renderer": "open3d"}))


def test_the_towers_weights_and_the_worlds_pictures_lead_to_the_evaluation(repository: Path) -> None:
    plan = small_plan(repository)
    node = plan.nodes[TRAINING]
    assert {name: [*makers] for name, makers in node.makers.items()} == {"needs_tower": [TOWER]}
    assert set(plan.with_upstream([TRAINING])) == {
        TRAINING,
        TOWER,
        "features/frozen/efficientnet_lite0__160/modelnet40_world__train__pointclip_v2_6__112__images",
        "views/modelnet40_world__train__pointclip_v2_6__112",
        "stores/modelnet40_world__train",
        "raw/world_small/modelnet40_world",
    }
    run, folder = node.params["needs"]["tower"]
    assert run["method"] == "aligned" and Path(folder) == plan.layout.tower("lite0_minilm_depth")
    upstream = plan.with_upstream([EVALUATION])
    assert "features/lite0_minilm_depth/modelnet40__classes" in upstream
    assert not any(key.startswith("stores/modelnet40_world__test") for key in upstream)
    assert "concord3d.features.depth_views" in node.entries and "concord3d.features.depth_views" in (
        plan.nodes[EVALUATION].entries
    )


def test_what_it_learned_from_is_what_its_tower_was_fitted_on(repository: Path) -> None:
    study = load_study(repository, "mm_mixing", "small")
    run = study.run_config("depth_views", 1)
    assert run["pretrain"] == {"dataset": "modelnet40_world", "data_kind": "synthetic"}
    assert run["encoder"] == {"name": "depth_views"} and run["training"]["epochs"] == 0
    assert study.run_config("random_init", 1)["pretrain"] is None
    assert "modelnet40_world" in study.datasets()


def test_another_fit_of_the_tower_makes_it_anew(tree: Path) -> None:
    def asked() -> dict[str, str]:
        return {key: state.asked for key, state in State(small_plan(tree)).nodes.items()}

    before = asked()
    edit(tree / SCALE, "objective: {alpha: 300", "objective: {alpha: 301")
    after = asked()
    changed = {key for key in before if before[key] != after[key]}
    assert {TOWER, TRAINING, EVALUATION} <= changed
    # Not the tower without ten classes either, which has a fit of its own.
    kept = ("views/", "features/frozen/", "features/lite0_minilm_depth_unseen/", "mm_mixing/train/full_unseen")
    assert "mm_mixing/train/full__s1" in changed and not any(key.startswith(kept) for key in changed)


# An edit, and what the error says.
WRONG: dict[str, tuple[Path, str, str, tuple[str, ...]]] = {
    "another view set": (
        PAPER, "data.view_set: pointclip_v2_6", "data.view_set: pointclip_v2_10", ("view_set", "pointclip_v2_6"),
    ),
    "another size": (PAPER, "data.image_size: 112", "data.image_size: 128", ("image_size", "112", "128")),
    "clouds of another size": (
        PAPER, "data.num_points: 1024, training", "data.num_points: 512, training", ("num_points", "1024", "512"),
    ),
    "another kind of tower": (
        PAPER, "data.tower: lite0_minilm_depth", "data.tower: concord_small", ("method: aligned", "clip"),
    ),
    "a tower that is not trained here": (
        PAPER, "data.tower: lite0_minilm_depth", "data.tower: null", ("trained here", "data.tower"),
    ),
    "an encoder of its own": (
        PAPER, "encoder.name: depth_views,", "encoder.name: depth_views, encoder.depth: 2,", ("unknown key 'depth'",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_tower_that_does_not_fit_is_refused_with_its_place(tree: Path, what: str) -> None:
    path, old, new, parts = WRONG[what]
    edit(tree / path, old, new)
    with pytest.raises(ConfigError) as refused:
        small_plan(tree)
    text = str(refused.value)
    assert all(part in text for part in parts), text
    assert path.as_posix() in text and re.search(r"line \d+", text)
