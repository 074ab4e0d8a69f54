"""Clouds seen through a tower: the mean over views, the pictures of the tower's own fitting, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.features.fake_encoders import ALIGNED, register
from torch import Tensor

from concord3d.data.stores.objects import ShapeTexts
from concord3d.errors import BadCloud, CheckpointCorrupt
from concord3d.features.aligned_tower import AlignedTower, FrozenPair
from concord3d.features.clouds import encode_batches
from concord3d.features.depth_form import DepthForm
from concord3d.features.depth_views import DepthViews, load_depth_views, through_tower
from concord3d.features.open_tower import encoder_preprocess
from concord3d.features.pairs import Pairs, PicturedObjects
from concord3d.features.tower import TowerMismatch, TowerWeightsMissing
from concord3d.features.tower_config import AlignedTowerConfig
from concord3d.models.weights import save_weights
from concord3d.render.shards import render_cloud_views
from concord3d.render.stored import open_view_set

NUM_POINTS = 24


pytestmark = pytest.mark.usefixtures("fakes")


def form() -> DepthForm:
    config = AlignedTowerConfig.model_validate(ALIGNED)
    return DepthForm(tower=config, view_set="pointclip_v2_6", image_size=32, num_points=NUM_POINTS)


def clouds(count: int = 5, num_points: int = NUM_POINTS) -> Tensor:
    return torch.from_numpy(np.random.default_rng(2).normal(size=(count, num_points, 3)).astype(np.float32))


def fitted_projection(folder: Path) -> Path:
    pair = FrozenPair(form().tower)
    torch.manual_seed(7)
    projection = pair.new_projection()
    projection.mean.uniform_(-0.1, 0.1)
    projection.text_mean.uniform_(-1, 1)
    save_weights(projection, folder / "projection.safetensors", pair.header())
    return folder / "projection.safetensors"


def made(folder: Path) -> DepthViews:
    return through_tower(form(), fitted_projection(folder))


def test_a_feature_is_the_mean_of_what_the_tower_says_of_the_pictures_it_was_fitted_on(tmp_path: Path) -> None:
    """By way of the store of pictures and of the reader that a tower's training has."""
    points, module = clouds().numpy(), made(tmp_path)
    render_cloud_views(points, form().views, tmp_path / "views", tmp_path / "index.json")
    views = open_view_set(tmp_path / "index.json")
    texts = (ShapeTexts("a thing"),) * len(points)
    objects = PicturedObjects("o", {"v": views}, texts, np.zeros(len(points), np.int64), ("thing",))
    pair = FrozenPair(form().tower)
    pairs = Pairs([objects], encoder_preprocess(ALIGNED))
    per_view = pairs.features(AlignedTower(pair, module.projection, ""), np.arange(len(points)))
    expected = (per_view / np.linalg.norm(per_view, axis=2, keepdims=True)).mean(axis=1)
    found = module(clouds()).numpy()
    assert found.shape == (5, module.feature_dim) == (5, 16) and module.in_channels == 3
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.linalg.norm(found, axis=1).max() <= 1 + 1e-6


def test_a_cloud_s_feature_does_not_depend_on_its_company(tmp_path: Path) -> None:
    module = made(tmp_path)
    together = module(clouds())
    assert all(torch.allclose(module(clouds()[row : row + 1])[0], together[row], atol=1e-6) for row in range(5))


def test_the_weights_file_is_all_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, path = made(tmp_path), tmp_path / "point.safetensors"
    save_weights(module, path, module.header())

    def gone(*_: object) -> None:
        raise AssertionError("released weights are asked for")

    monkeypatch.setattr("concord3d.features.frozen_encoders.open_picture_encoder", gone)
    again = load_depth_views(path)
    assert again.form == module.form
    assert torch.equal(again(clouds()), module(clouds()))
    save_weights(again, tmp_path / "again.safetensors", again.header())
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_nothing_of_it_learns(tmp_path: Path) -> None:
    module = made(tmp_path)
    assert not any(parameter.requires_grad for parameter in module.parameters())
    module.train()
    assert not any(part.training for part in module.modules())
    features = encode_batches(module, iter([clouds(2), clouds(3)]))
    assert features.shape == (5, 16) and np.isfinite(features).all()


def test_clouds_of_another_size_are_refused(tmp_path: Path) -> None:
    module = made(tmp_path)
    with pytest.raises(BadCloud, match="another number of points") as refused:
        module(clouds(num_points=30))
    assert (refused.value.expected, refused.value.found) == (NUM_POINTS, 30)
    broken = clouds()
    broken[3, 0, 0] = torch.nan
    with pytest.raises(BadCloud, match="index 3"):
        module(broken)


def test_another_towers_projection_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fitted_projection(tmp_path)
    register(monkeypatch, release="1" * 64)
    with pytest.raises(TowerMismatch, match="with other encoders"):
        through_tower(form(), path)
    with pytest.raises(TowerWeightsMissing):
        through_tower(form(), tmp_path / "absent.safetensors")


def test_other_weights_are_refused(tmp_path: Path) -> None:
    module, path = made(tmp_path), tmp_path / "point.safetensors"
    with pytest.raises(CheckpointCorrupt, match="Not the weights of a tower that sees clouds"):
        load_depth_views(tmp_path / "projection.safetensors")
    save_weights(module.projection, path, module.header())
    with pytest.raises(CheckpointCorrupt, match="do not fit"):
        load_depth_views(path)
    save_weights(module, path, module.header())
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CheckpointCorrupt, match="Cannot read"):
        load_depth_views(path)
