"""A tower and a point encoder asked together: what the file holds, that a protocol opens it, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.methods.test_depth_views import NUM_POINTS, TRAINING, tower_of
from tests.training.interruption import files_of
from torch.nn import functional

from concord3d.config.study import POINT_MODULE
from concord3d.errors import ConfigError
from concord3d.features.tower_and_encoder import TowerAndEncoder
from concord3d.methods.interface import EarlierTraining, saved_module
from concord3d.methods.settings import TOWER, method_settings
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights
from concord3d.training.files import TrainingFolder
from concord3d.training.task import TrainingTask
from concord3d.training.train import train

POINT_BERT = {
    "name": "point_bert",
    "in_channels": 6,
    "depth": 1,
    "width": 12,
    "mlp_width": 12,
    "num_heads": 2,
    "num_groups": 4,
    "group_channels": 8,
    "group_size": 4,
    "radius_mm": 300,
}


pytestmark = pytest.mark.usefixtures("fakes")


def encoder_of(width: int) -> dict[str, Any]:
    return {**POINT_BERT, "out_dim": width}


def run_of(width: int) -> dict[str, Any]:
    return {
        "experiment": "with_tower",
        "seed": 2,
        "scale": "smoke",
        "method": "tower_and_encoder",
        "encoder": {"name": "tower_and_encoder"},
        "objective": {},
        "data": {"num_points": NUM_POINTS, "view_set": "pointclip_v2_6", "image_size": 32, "tower": "seen"},
        "training": TRAINING,
        "needs": {"encoder": {"paper": "toy", "experiment": "k1", "seed": 2, "encoder": encoder_of(width)}},
    }


def aligned_encoder(folder: Path, width: int) -> EarlierTraining:
    torch.manual_seed(4)
    encoder = build_point_encoder(encoder_of(width))
    save_weights(encoder, folder / "encoder.safetensors")
    return EarlierTraining(
        {"method": "mm_mixing", "encoder": encoder_of(width)}, {"point": folder / "encoder.safetensors"}
    )


def made(folder: Path, width: int) -> Path:
    needs = {TOWER: tower_of(folder), "encoder": aligned_encoder(folder, width)}
    train(TrainingTask(run_of(width), None, folder / "work", folder / "out", needs, device="cpu", progress=False))
    return TrainingFolder(folder / "out").weights("point")


def width_of_tower(folder: Path) -> int:
    run = {**run_of(1), "method": "depth_views", "encoder": {"name": "depth_views"}}
    run.pop("needs")
    train(TrainingTask(run, None, folder / "w", folder / "o", {TOWER: tower_of(folder)}, device="cpu", progress=False))
    module = saved_module(run, POINT_MODULE, TrainingFolder(folder / "o").weights("point"))
    return int(module.feature_dim)


def test_a_cosine_is_proportional_to_the_mean_of_both_and_one_file_holds_all(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    width = width_of_tower(tmp_path / "alone")
    weights = made(tmp_path, width)
    assert "weights/point.safetensors" in files_of(tmp_path / "out")
    for name in ("projection", "encoder"):
        (tmp_path / f"{name}.safetensors").unlink()
    both = saved_module(run_of(width), POINT_MODULE, weights).eval()
    assert isinstance(both, TowerAndEncoder) and (both.in_channels, both.feature_dim) == (6, width)
    assert not any(parameter.requires_grad for parameter in both.parameters())
    clouds = torch.randn(5, NUM_POINTS, 6, generator=torch.Generator().manual_seed(1))
    texts = functional.normalize(torch.randn(3, width, generator=torch.Generator().manual_seed(2)), dim=1)
    with torch.no_grad():
        seen, encoded = both.tower(clouds[..., :3]), both.encoder(clouds)
        cosines = [functional.normalize(side, dim=1) @ texts.T for side in (seen, encoded)]
        found = both(clouds)
    torch.testing.assert_close(found @ texts.T, cosines[0] + cosines[1])
    assert not torch.allclose(cosines[0], cosines[1]), "both sides say something of their own"
    torch.manual_seed(4)
    torch.testing.assert_close(both.encoder(clouds), build_point_encoder(encoder_of(width)).eval()(clouds))


def test_an_encoder_of_another_space_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="differ in width") as refused:
        made(tmp_path, 7)
    assert refused.value.where == "needs.encoder" and not (tmp_path / "out").exists()


def test_settings_are_a_name_an_encoder_and_no_epochs() -> None:
    settings = method_settings("tower_and_encoder", {})
    assert settings.roles == ("encoder",) and settings.draws and not settings.is_trained
    assert settings.encoder_modules({"name": "tower_and_encoder"}) == ("concord3d.features.tower_and_encoder",)
    with pytest.raises(ConfigError, match="tower_and_encoder"):
        settings.encoder_modules({"name": "depth_views"})
