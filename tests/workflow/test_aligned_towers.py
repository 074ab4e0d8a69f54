"""Aligned towers in the plan: their configuration is checked with its place, their encoders count by checksum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.workflow.graphs import MIXING_SCALE, SCALE, append, asked, differing, edit, made_tree, smoke_plan

from concord3d.errors import ConfigError
from concord3d.features import packaged_weights
from concord3d.features.packaged_weights import PACKAGED, PackagedFile
from concord3d.workflow.plan import Plan
from concord3d.workflow.sources import Sources

TOWER = Path("config/towers/lite0_minilm.json")
OBJECTIVE = "objective: {min_image_to_text_r1: 0, min_zero_shot_top1: 0}"
EPOCHS = "warmup_epochs: 1, epochs: 2, batch_size: 16"


@pytest.fixture
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources and the configuration, whose edits are undone; its tower is an aligned one."""
    with made_tree(repository, tmp_path_factory.getbasetemp()) as root:
        edit(root / SCALE, "config/towers/concord_tiny.json", TOWER.as_posix())
        edit(root / SCALE, OBJECTIVE, "method: aligned\n      objective: {min_mean_of_views_top1: 0}")
        edit(root / SCALE, EPOCHS, "epochs: 0, batch_size: 16")
        yield root


def of_tower(plan: Plan) -> set[str]:
    return {key for key in plan.nodes if key == "towers/concord_tiny" or key.startswith("features/concord_tiny/")}


def frozen(plan: Plan) -> set[str]:
    return {key for key in plan.nodes if key.startswith("features/frozen/")}


def test_the_training_reads_frozen_features_and_stores_and_leaves_a_projection(tree: Path) -> None:
    plan = smoke_plan(tree)
    node = plan.nodes["towers/concord_tiny"]
    assert set(node.inputs) == {"clouds", "pictures"} and len(node.inputs["pictures"]) == 2
    assert set(node.makers["pictures"]) <= frozen(plan)
    assert {path.name for path in node.outputs} == {
        "projection.safetensors", "snapshots", "tower.json", "gate.json", "train.json", "run.json", "provenance.json",
    }  # fmt: skip
    assert node.params["run"]["encoder"]["texts"] == {"encoder": "all_minilm_l6_v2"}
    assert {"concord3d.methods.aligned.method", "concord3d.batches.picture_features"} <= set(node.entries)


def test_what_is_encoded_is_made_from_the_projection(tree: Path) -> None:
    plan = smoke_plan(tree)
    features = [plan.nodes[key] for key in of_tower(plan) if key.startswith("features/")]
    for node in features:
        assert [path.name for path in node.inputs["tower"]] == ["projection.safetensors"]
        assert node.params["tower"]["model"] == TOWER.as_posix()
    assert features


def test_pictures_are_encoded_in_nodes_that_know_no_tower(tree: Path) -> None:
    plan = smoke_plan(tree)
    for key in frozen(plan):
        node = plan.nodes[key]
        assert set(node.inputs) == {"views"} and node.job == "encode_frozen_efficientnet_lite0__128"
        assert node.recipe == {
            "pictures": {"encoder": "efficientnet_lite0", "image_size": 128},
            "weights_sha256": {"weights": PACKAGED["efficientnet_lite0"].files["weights"].sha256},
            "kind": "frozen",
        }
        modules = Sources(tree).hashes(node.entries)
        learned = ("concord3d.methods", "concord3d.features.projection", "concord3d.features.aligned_tower")
        assert not [name for name in modules if name.startswith(learned)]
    images = [node for node in plan.nodes.values() if node.key in of_tower(plan) and node.key.endswith("images")]
    assert images and all(set(node.inputs) == {"pictures", "tower"} for node in images)
    assert {key for node in images for key in node.makers["pictures"]} <= frozen(plan)
    # Nothing is encoded twice, and nothing in vain.
    used = {key for node in plan.nodes.values() for key in node.makers.get("pictures", ())}
    assert used == frozen(plan)


def test_two_towers_with_one_picture_side_share_its_features(tree: Path) -> None:
    before = smoke_plan(tree)
    wordllama = TOWER.with_name("lite0_wordllama.json")
    (tree / wordllama).write_text((tree / TOWER).read_text().replace("all_minilm_l6_v2", "wordllama_256"))
    edit(
        tree / SCALE,
        "towers:\n",
        f"""towers:
  other:
    model: {wordllama}
    training:
      method: aligned
      data: {{dataset: ensembled, view_sets: [ring12], image_size: 32}}
      objective: {{alpha: 7, min_mean_of_views_top1: 0}}
      training: {{epochs: 0, batch_size: 16, threads: 1}}
""",
    )
    edit(tree / MIXING_SCALE, "data.tower: concord_tiny", "data.tower: other")
    after = smoke_plan(tree)
    assert "towers/other" in after.nodes
    assert {key for key in after.nodes if key.startswith("features/other/")}
    assert frozen(after) <= frozen(before)


def test_what_a_projection_is_fitted_with_encodes_no_picture_again(tree: Path) -> None:
    before, plan = asked(tree), smoke_plan(tree)
    edit(tree / SCALE, "{min_mean_of_views_top1: 0}", "{alpha: 7, min_mean_of_views_top1: 0}")
    changed = differing(before, asked(tree))
    assert of_tower(plan) <= changed and not changed & frozen(plan)
    for module in ("features/projection.py", "features/gate.py", "features/pairs.py", "methods/aligned/ridge.py"):
        append(tree / "src/concord3d" / module)
    assert not differing(before, asked(tree)) & frozen(plan)


def test_another_release_of_an_encoder_is_another_tower(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, plan = asked(tree), smoke_plan(tree)
    minilm = PACKAGED["all_minilm_l6_v2"]
    file = PackagedFile("model.safetensors", minilm.files["weights"].inside, "1" * 64)
    changed = {**PACKAGED, "all_minilm_l6_v2": replace(minilm, files={**minilm.files, "weights": file})}
    monkeypatch.setattr("concord3d.features.tower_config.PACKAGED", changed)
    assert packaged_weights.PACKAGED is PACKAGED
    after = differing(before, asked(tree))
    assert of_tower(plan) <= after and not after & frozen(plan)


def test_another_release_of_the_picture_encoder_encodes_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, plan = asked(tree), smoke_plan(tree)
    lite0 = PACKAGED["efficientnet_lite0"]
    file = replace(lite0.files["weights"], sha256="1" * 64)
    changed = {**PACKAGED, "efficientnet_lite0": replace(lite0, files={"weights": file})}
    monkeypatch.setattr("concord3d.features.tower_config.PACKAGED", changed)
    assert of_tower(plan) | frozen(plan) <= differing(before, asked(tree))


def test_another_size_of_pictures_is_another_tower(tree: Path) -> None:
    before, plan = asked(tree), smoke_plan(tree)
    edit(tree / TOWER, "128", "96")
    assert of_tower(plan) | frozen(plan) <= differing(before, asked(tree))
    assert not frozen(plan) & set(asked(tree))


@pytest.mark.parametrize(
    ("path", "old", "new", "parts"),
    [
        (TOWER, "efficientnet_lite0", "efficientnet_lite", ("pictures.encoder", "did you mean 'efficientnet_lite0'")),
        (TOWER, "all_minilm_l6_v2", "all_minilm_l6", ("texts.encoder", "did you mean 'all_minilm_l6_v2'")),
        (TOWER, '"image_size": 128', '"image_size": 16', ("pictures.image_size", "16", "32")),
        (TOWER, "hidden_width", "hidden_with", ("did you mean 'hidden_width'",)),
        (SCALE, "min_mean_of_views_top1: 0", "min_mean_of_view_top1: 0", ("min_mean_of_views_top1",)),
        (SCALE, "method: aligned", "method: alligned", ("did you mean 'aligned'",)),
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


def test_each_method_has_its_form_of_tower_and_its_epochs(tree: Path) -> None:
    edit(tree / SCALE, TOWER.as_posix(), "config/towers/concord_tiny.json")
    with pytest.raises(ConfigError, match=r"unknown key 'model'(?s:.*)smoke\.yaml"):
        smoke_plan(tree)
    edit(tree / SCALE, "config/towers/concord_tiny.json", TOWER.as_posix())
    edit(tree / SCALE, "method: aligned\n      objective: {min_mean_of_views_top1: 0}", OBJECTIVE)
    with pytest.raises(ConfigError, match=r"'epochs' is 0(?s:.*)smoke\.yaml, line \d+"):
        smoke_plan(tree)
    edit(tree / SCALE, "epochs: 0, batch_size: 16", EPOCHS)
    with pytest.raises(ConfigError, match=r"unknown key 'pictures'(?s:.*)lite0_minilm\.json"):
        smoke_plan(tree)
