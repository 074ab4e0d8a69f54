"""An aligned tower as an encoder of objects: what it says, what it leaves, and which towers it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.features.fake_encoders import ALIGNED
from tests.methods.test_depth_views import TOWER_RUN, TRAINING, tower_of
from torch.nn import functional

from concord3d.errors import ConfigError
from concord3d.features.aligned_tower import FrozenPair, open_projection
from concord3d.features.object_projections import ObjectProjections
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.methods.interface import saved_module
from concord3d.methods.settings import TOWER, method_settings
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import train

DATA = {"tower": "seen", "picture_encoder": "fake_pictures", "picture_size": 32, "sentence_encoder": "fake_sentences"}
RUN: dict[str, Any] = {
    "experiment": "averages", "seed": 0, "scale": "smoke", "method": "object_averages",
    "encoder": {"name": "object_averages"}, "objective": {}, "data": DATA, "training": TRAINING,
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("fakes")


def opened(folder: Path) -> tuple[ObjectProjections, Path]:
    tower = tower_of(folder)
    train(TrainingTask(RUN, None, folder / "work", folder / "out", {TOWER: tower}, device="cpu", progress=False))
    module = saved_module(RUN, "objects", TrainingFolder(folder / "out").weights("objects"))
    assert isinstance(module, ObjectProjections)
    return module, tower.weights["projection"]


def test_features_in_the_space_of_the_tower(tmp_path: Path) -> None:
    module, path = opened(tmp_path)
    pair = FrozenPair(AlignedTowerConfig.model_validate(ALIGNED))
    wide, width = pair.widths
    assert module.out_dim == width and not module.train().training
    torch.nn.init.normal_(module.projection.text_mean)
    draw = torch.Generator().manual_seed(0)
    widths = {"image": wide, "point": width, "cad": width, "referral": width}
    features = {name: torch.randn((2, 3, each), generator=draw) for name, each in widths.items()}
    found = module(features, {}, {})
    projected = open_projection(pair, path)(features["image"].flatten(0, 1)).unflatten(0, (2, 3))
    torch.testing.assert_close(found["image"], functional.normalize(projected, dim=-1))
    torch.testing.assert_close(found["point"], functional.normalize(features["point"], dim=-1))
    torch.testing.assert_close(found["cad"], functional.normalize(features["cad"], dim=-1))
    centred = features["referral"] - module.projection.text_mean
    torch.testing.assert_close(found["referral"], functional.normalize(centred, dim=-1))
    torch.testing.assert_close(module.pictures(features["image"][:, 0]), found["image"][:, 0])
    with pytest.raises(ConfigError, match="'point' do not lie in the space"):
        module({"point": torch.zeros(1, 1, width + 1)}, {}, {})


@pytest.mark.parametrize("key", ["picture_encoder", "picture_size", "sentence_encoder"])
def test_a_tower_of_other_encoders_is_refused(key: str) -> None:
    settings = method_settings("object_averages", {})
    settings.check_tower(DATA, TOWER_RUN)
    with pytest.raises(ConfigError, match="another encoder") as refused:
        settings.check_tower({**DATA, key: "other"}, TOWER_RUN)
    assert refused.value.where == f"data.{key}"


def test_a_tower_of_another_form_is_refused() -> None:
    with pytest.raises(ConfigError, match="aligned tower"):
        method_settings("object_averages", {}).check_tower(DATA, {**TOWER_RUN, "method": "clip"})


def test_settings_are_a_name_and_roles() -> None:
    settings = method_settings("object_averages", {})
    assert (settings.is_trained, settings.through_tower, settings.roles) == (False, True, ("extractor",))
    assert settings.encoder_modules({"name": "object_averages"}) == ("concord3d.features.object_projections",)
    assert settings.forward_passes(RUN) == ()
    with pytest.raises(ConfigError, match="object_averages"):
        settings.encoder_modules({"name": "objects"})
