"""Features of a published model, given as files, in the place of an encoder of objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.methods.test_depth_views import TRAINING
from torch.nn import functional

from concord3d.errors import ConfigError
from concord3d.features.object_projections import GivenProjections
from concord3d.methods.interface import saved_module
from concord3d.methods.settings import method_settings
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import train

RUN: dict[str, Any] = {
    "experiment": "given", "seed": 0, "scale": "paper", "method": "given_averages",
    "encoder": {"name": "given_averages", "out_dim": 8}, "objective": {},
    "data": {"picture_encoder": "ulip2_pictures", "picture_size": 224, "sentence_encoder": "ulip2_texts",
             "point_encoder": "ulip2_points"},
    "training": TRAINING,
}  # fmt: skip


def test_features_are_taken_as_they_are(tmp_path: Path) -> None:
    train(TrainingTask(RUN, None, tmp_path / "work", tmp_path / "out", {}, device="cpu", progress=False))
    module = saved_module(RUN, "objects", TrainingFolder(tmp_path / "out").weights("objects"))
    assert isinstance(module, GivenProjections) and module.out_dim == 8
    features = {name: torch.randn(2, 3, 8) for name in ("image", "point", "cad", "referral")}
    found = module(features, {}, {})
    assert set(found) == set(features)
    for name, values in features.items():
        torch.testing.assert_close(found[name], functional.normalize(values, dim=-1))
    torch.testing.assert_close(module.pictures(features["image"][0]), found["image"][0])
    with pytest.raises(ConfigError, match="'cad' have another width"):
        module({"cad": torch.zeros(1, 2, 7)}, {}, {})


def test_settings_name_no_training() -> None:
    settings = method_settings("given_averages", {})
    assert (settings.is_trained, settings.reads_data, settings.through_tower, settings.roles) == (
        False,
        False,
        False,
        (),
    )
    assert settings.encoder_modules(RUN["encoder"]) and settings.forward_passes(RUN) == ()
    with pytest.raises(ConfigError, match="out_dim"):
        settings.encoder_modules({"name": "given_averages"})
