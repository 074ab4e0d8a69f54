"""A tower that sees clouds as a training without steps: what it leaves, and that protocols open it as an encoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.features.fake_encoders import ALIGNED
from tests.protocols.aligned import CLASSES, clouds, measured
from tests.training.interruption import files_of

from concord3d.config.study import POINT_MODULE
from concord3d.errors import BadCloud, ConfigError
from concord3d.features.aligned_tower import AlignedTower, FrozenPair
from concord3d.features.depth_views import DepthViews
from concord3d.features.prompts import class_features
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.files import sha256_file
from concord3d.methods.interface import EarlierTraining, saved_module
from concord3d.methods.settings import TOWER, method_settings
from concord3d.models.weights import save_weights
from concord3d.protocols.evaluation.job import EvaluationJob
from concord3d.protocols.evaluation.tower_features import TowerFeatures
from concord3d.training.files import TrainingFolder
from concord3d.training.settings import training_settings
from concord3d.training.task import TrainingTask
from concord3d.training.train import train

NUM_POINTS = 24
TOWER_RUN = {
    "method": "aligned",
    "encoder": ALIGNED,
    "objective": {"min_mean_of_views_top1": None},
    "data": {"view_sets": ["pointclip_v2_6"], "image_size": 32},
}
TRAINING = {"epochs": 0, "batch_size": 2, "threads": 1}


pytestmark = pytest.mark.usefixtures("fakes")


def run_of(**data: Any) -> dict[str, Any]:
    return {
        "experiment": "depth_views",
        "seed": 2,
        "scale": "smoke",
        "method": "depth_views",
        "encoder": {"name": "depth_views"},
        "objective": {},
        "data": {"num_points": NUM_POINTS, "view_set": "pointclip_v2_6", "image_size": 32, "tower": "seen", **data},
        "training": TRAINING,
    }


def tower_of(folder: Path, run: Mapping[str, Any] = TOWER_RUN) -> EarlierTraining:
    pair = FrozenPair(AlignedTowerConfig.model_validate(ALIGNED))
    torch.manual_seed(3)
    save_weights(pair.new_projection(), folder / "projection.safetensors", pair.header())
    return EarlierTraining(run, {"projection": folder / "projection.safetensors"})


def trained(folder: Path, run: Mapping[str, Any], tower: EarlierTraining) -> Path:
    train(TrainingTask(run, None, folder / "work", folder / "out", {TOWER: tower}, device="cpu", progress=False))
    return TrainingFolder(folder / "out").weights("point")


def test_a_training_without_steps_leaves_one_module_that_opens_alone(tmp_path: Path) -> None:
    run, tower = run_of(), tower_of(tmp_path)
    weights = trained(tmp_path, run, tower)
    assert set(files_of(tmp_path / "out")) == {
        "weights/point.safetensors", "snapshots/point/epoch_0000.safetensors", "train.json",
    }  # fmt: skip
    assert json.loads((tmp_path / "out/train.json").read_text())["num_steps"] == 0
    tower.weights["projection"].unlink()
    module = saved_module(run, POINT_MODULE, weights)
    assert isinstance(module, DepthViews) and module.form.num_points == NUM_POINTS
    again = trained(tmp_path / "again", run_of(), tower_of(tmp_path))
    assert sha256_file(again) == sha256_file(weights), "nothing of it is random"


def test_zero_shot_measures_it_as_any_encoder(tmp_path: Path) -> None:
    run, tower, test = run_of(), tower_of(tmp_path), clouds("test", 22, 1, NUM_POINTS, colored=False)
    weights = trained(tmp_path, run, tower)
    pair = FrozenPair(AlignedTowerConfig.model_validate(ALIGNED))
    module = saved_module(run, POINT_MODULE, weights)
    classes = class_features(AlignedTower(pair, module.projection, ""), CLASSES)
    features = TowerFeatures(class_features=classes)
    out = tmp_path / "depth_views__world__zero_shot__s2"
    job = EvaluationJob(run, weights, [], None, test, "zero_shot", {"ks": [1, 3]}, out, "cpu", tower=features)
    records, arrays, details = measured(job)
    with torch.no_grad():
        found = module(torch.from_numpy(test.points)).numpy()
    nearest = ((found / np.linalg.norm(found, axis=1, keepdims=True)) @ (
        classes / np.linalg.norm(classes, axis=1, keepdims=True)
    ).T).argmax(axis=1)  # fmt: skip
    np.testing.assert_array_equal(arrays["top1__last"], nearest == test.labels)
    assert records["top1"]["n_items"] == 22 and details["num_points"] == NUM_POINTS and details["num_channels"] == 3
    other = EvaluationJob(
        run, weights, [], None, test, "zero_shot", {"num_points": 20, "ks": [1]}, out, "cpu", tower=features
    )
    with pytest.raises(BadCloud, match="another number of points"):
        measured(other)


@pytest.mark.parametrize(
    ("data", "tower", "key"),
    [
        ({"view_set": "pointclip_v2_10"}, TOWER_RUN, "view_set"),
        ({"image_size": 64}, TOWER_RUN, "image_size"),
        ({}, {**TOWER_RUN, "data": {"view_sets": ["ring12"], "image_size": 32}}, "view_set"),
    ],
)
def test_a_tower_that_was_fitted_on_other_pictures_is_refused(
    tmp_path: Path, data: dict[str, Any], tower: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigError, match=r"other|another") as refused:
        trained(tmp_path, run_of(**data), tower_of(tmp_path, tower))
    assert refused.value.where == f"data.{key}" and not (tmp_path / "out").exists()
    settings = method_settings("depth_views", {})
    with pytest.raises(ConfigError):
        settings.check_tower(run_of(**data)["data"], tower)


def test_settings_are_a_name_and_no_epochs() -> None:
    settings = method_settings("depth_views", {})
    assert (settings.is_trained, settings.starts_fitted, settings.through_tower) == (False, True, True)
    assert settings.encoder_modules({"name": "depth_views"}) == ("concord3d.features.depth_views",)
    assert training_settings(TRAINING, settings).epochs == 0 and settings.forward_passes(run_of()) == ()
    with pytest.raises(ConfigError, match="depth_views"):
        settings.encoder_modules({"name": "point_bert"})
    with pytest.raises(ConfigError, match="unknown key 'depth'"):
        settings.encoder_modules({"name": "depth_views", "depth": 2})
    with pytest.raises(ConfigError, match="unknown key"):
        method_settings("depth_views", {"alpha": 3})
