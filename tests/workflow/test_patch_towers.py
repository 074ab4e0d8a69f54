"""Patch towers in the plan: their configuration is checked with its place, their trunk counts by checksum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.workflow.graphs import SCALE, asked, differing, edit, made_tree, smoke_plan

from concord3d.errors import ConfigError
from concord3d.features.packaged_weights import PACKAGED, PackagedFile

TOWER = Path("config/towers/lite0_tokens_minilm.json")
OBJECTIVE = "objective: {min_image_to_text_r1: 0, min_zero_shot_top1: 0}"
PATCHES = "method: patch_tower\n      objective: {min_mean_of_views_top1: 0, mask_share: 0.5}"


@pytest.fixture
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources and the configuration, whose edits are undone; its tower is a patch tower."""
    with made_tree(repository, tmp_path_factory.getbasetemp()) as root:
        edit(root / SCALE, "config/towers/concord_tiny.json", TOWER.as_posix())
        edit(root / SCALE, OBJECTIVE, PATCHES)
        yield root


def test_the_training_leaves_the_picture_side_and_features_are_made_from_it(tree: Path) -> None:
    plan = smoke_plan(tree)
    node = plan.nodes["towers/concord_tiny"]
    assert set(node.inputs) == {"clouds", "views"} and "pictures.safetensors" in {path.name for path in node.outputs}
    assert node.params["run"]["encoder"]["trunk"] == {"encoder": "efficientnet_lite0", "image_size": 128}
    assert {"concord3d.methods.patch_tower.method", "concord3d.batches.pictures"} <= set(node.entries)
    features = [node for key, node in plan.nodes.items() if key.startswith("features/")]
    assert features and all(node.inputs["tower"][0].name == "pictures.safetensors" for node in features)


def test_another_release_of_the_trunk_or_another_shape_is_another_tower(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plan = asked(tree), smoke_plan(tree)
    of_tower = {key for key in plan.nodes if key == "towers/concord_tiny" or key.startswith("features/")}
    with monkeypatch.context() as patch:
        lite0 = PACKAGED["efficientnet_lite0"]
        file = PackagedFile("w.pth", lite0.files["weights"].inside, "1" * 64)
        changed = {**PACKAGED, "efficientnet_lite0": replace(lite0, files={"weights": file})}
        patch.setattr("concord3d.features.tower_config.PACKAGED", changed)
        assert of_tower <= differing(before, asked(tree))
    edit(tree / TOWER, '"depth": 2', '"depth": 3')
    assert of_tower <= differing(before, asked(tree))


@pytest.mark.parametrize(
    ("path", "old", "new", "parts"),
    [
        (TOWER, "efficientnet_lite0", "efficientnet_lite", ("trunk.encoder", "did you mean 'efficientnet_lite0'")),
        (TOWER, "all_minilm_l6_v2", "all_minilm_l6", ("texts.encoder", "did you mean 'all_minilm_l6_v2'")),
        (TOWER, '"image_size": 128', '"image_size": 100', ("trunk.image_size", "16", "100")),
        (TOWER, "num_heads", "num_head", ("did you mean 'num_heads'",)),
        (TOWER, '"num_heads": 3', '"num_heads": 5', ("tokens", "no multiple of 4 and of 5 heads")),
        (TOWER, '"tokens"', '"token"', ("did you mean 'tokens'",)),
        (SCALE, "mask_share", "mask_shares", ("did you mean 'mask_share'",)),
        (SCALE, "mask_share: 0.5", "mask_share: 1.5", ("mask_share",)),
        (SCALE, "method: patch_tower", "method: patch_towr", ("did you mean 'patch_tower'",)),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_place(
    tree: Path, path: Path, old: str, new: str, parts: tuple[str, ...]
) -> None:
    edit(tree / path, old, new)
    with pytest.raises(ConfigError) as refused:
        smoke_plan(tree)
    text = str(refused.value)
    assert all(part in text for part in parts)
    assert path.as_posix() in text and re.search(r"line \d+", text)


def test_the_method_and_the_form_of_the_configuration_belong_together(tree: Path) -> None:
    edit(tree / SCALE, TOWER.as_posix(), "config/towers/lite0_minilm.json")
    with pytest.raises(ConfigError, match=r"unknown key 'pictures'(?s:.*)lite0_minilm\.json"):
        smoke_plan(tree)
    edit(tree / SCALE, "config/towers/lite0_minilm.json", TOWER.as_posix())
    edit(tree / SCALE, "method: patch_tower", "method: aligned")
    edit(tree / SCALE, ", mask_share: 0.5", "")
    with pytest.raises(ConfigError, match=r"unknown key 't(runk|okens)'(?s:.*)lite0_tokens_minilm\.json"):
        smoke_plan(tree)
