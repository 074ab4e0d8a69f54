"""Semantic segmentation: its loss, its learning, where it starts, and the folds over areas as one module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from concord3d.batches.rooms import RoomBatch, RoomData
from concord3d.data.stores.rooms import RoomBlocks
from concord3d.errors import CheckpointCorrupt, ConfigError
from concord3d.losses.smoothed_cross_entropy import smoothed_cross_entropy
from concord3d.methods.interface import Context, EarlierTraining, build_method, saved_module
from concord3d.methods.semantic_segmentation.method import SemanticSegmentation
from concord3d.methods.semantic_segmentation.settings import SemanticSegmentationSettings
from concord3d.methods.settings import method_settings
from concord3d.models.area_segmenters import AreaSegmenters
from concord3d.models.dgcnn_semseg import FIRST_LAYER
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights

ENCODER = {"name": "dgcnn_semseg", "k": 4, "emb_dims": 8, "in_channels": 9}
PRETRAINED = {"name": "dgcnn_semseg", "k": 6, "emb_dims": 8}


def rooms(num_channels: int = 9, num_classes: int = 3) -> RoomData:
    features = np.random.default_rng(0).normal(size=(12, 16, num_channels)).astype(np.float32)
    labels = (features[..., 2] > 0).astype(np.int64) + (features[..., 2] > 1)
    names = tuple(f"Area_{i % 2 + 1}_hall/{i}" for i in range(12))
    classes = tuple("abc"[:num_classes])
    return RoomData(
        RoomBlocks("s3dis", "train", "real", features, labels, classes, names, np.arange(12) % 2 + 1), np.arange(12)
    )


def drawn() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def context(
    needs: dict[str, EarlierTraining] | None = None, encoder: dict[str, Any] = ENCODER, data: RoomData | None = None
) -> Context:
    return Context(encoder, {"num_points": 16}, data or rooms(), needs=needs or {})


def earlier(folder: Path, encoder: dict[str, Any]) -> tuple[nn.Module, dict[str, EarlierTraining]]:
    module = build_point_encoder(encoder)
    save_weights(module, folder / "point")
    return module, {"init": EarlierTraining({"method": "random_init", "encoder": encoder}, {"point": folder / "point"})}


def test_it_learns_classes() -> None:
    torch.manual_seed(0)
    segmenter = nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 3))
    model = SemanticSegmentation(SemanticSegmentationSettings(label_smoothing=0.0), segmenter)
    batch = rooms().read(np.arange(12), drawn())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        loss = model.loss(batch, drawn()).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.held_out(batch, drawn())["held_out_point_accuracy"] > 80


def test_the_loss_is_over_all_points_as_they_are_stored() -> None:
    class Kept(nn.Linear):
        def forward(self, features: Tensor) -> Tensor:
            self.seen = features
            return super().forward(features)

    segmenter = Kept(9, 3)
    batch: RoomBatch = rooms().read(np.array([3, 1]), drawn())
    loss = SemanticSegmentation(SemanticSegmentationSettings(), segmenter).loss(batch, drawn())
    assert torch.equal(segmenter.seen, batch.features)
    expected = smoothed_cross_entropy(segmenter(batch.features).reshape(-1, 3), batch.labels.reshape(-1), 0.2)
    torch.testing.assert_close(loss.total, expected)


def test_from_coordinates_alone_everything_but_the_first_layer_is_taken_over(tmp_path: Path) -> None:
    first, needs = earlier(tmp_path, PRETRAINED)
    settings = method_settings("semantic_segmentation", {"start": "earlier", "left_out_area": 2})
    assert settings.roles == ("init",)
    segmenter: Any = build_method("semantic_segmentation", settings, context(needs)).saved()["segmenter"]
    own, theirs = segmenter.encoder.state_dict(), first.state_dict()
    taken = {name for name in own if own[name].shape == theirs[name].shape and torch.equal(own[name], theirs[name])}
    fresh = set(own) - taken
    assert fresh and all(name.startswith(FIRST_LAYER) for name in fresh)
    assert segmenter.encoder.trunk.k == 4 and segmenter.classes.out_features == 3
    save_weights(segmenter, tmp_path / "segmenter")
    again = saved_module({"method": "semantic_segmentation", "encoder": ENCODER}, "segmenter", tmp_path / "segmenter")
    assert all(torch.equal(t, segmenter.state_dict()[name]) for name, t in again.state_dict().items())


def test_with_the_same_channels_every_layer_must_fit(tmp_path: Path) -> None:
    three = {**ENCODER, "in_channels": 3}
    _, needs = earlier(tmp_path, {**PRETRAINED, "in_channels": 9})
    settings = SemanticSegmentationSettings(start="earlier")
    with pytest.raises(CheckpointCorrupt, match="lack tensors"):
        build_method("semantic_segmentation", settings, context(needs, three, rooms(3)))
    first, needs = earlier(tmp_path, PRETRAINED)
    method: Any = build_method("semantic_segmentation", settings, context(needs, three, rooms(3)))
    own = method.segmenter.encoder.state_dict()
    assert all(torch.equal(tensor, own[name]) for name, tensor in first.state_dict().items())


def test_no_other_layer_may_differ(tmp_path: Path) -> None:
    _, needs = earlier(tmp_path, {**PRETRAINED, "emb_dims": 16})
    with pytest.raises(CheckpointCorrupt, match=r"(?s)lack tensors.*embedding"):
        build_method("semantic_segmentation", SemanticSegmentationSettings(start="earlier"), context(needs))


def test_channels_classes_and_encoder_must_fit_the_blocks() -> None:
    settings = SemanticSegmentationSettings()
    with pytest.raises(ConfigError, match=r"(?s)other channels.*expected: 3"):
        build_method("semantic_segmentation", settings, context(data=rooms(3)))
    with pytest.raises(ConfigError, match="needs classes"):
        build_method("semantic_segmentation", settings, context(data=rooms(num_classes=1)))
    with pytest.raises(ConfigError, match="another kind of encoder"):
        settings.encoder_modules({"name": "dgcnn"})


def fold(folder: Path, area: int, left_out: int | None = None) -> EarlierTraining:
    torch.manual_seed(area)
    objective = {"left_out_area": area if left_out is None else left_out}
    settings = method_settings("semantic_segmentation", objective)
    path = folder / f"segmenter_{area}"
    save_weights(build_method("semantic_segmentation", settings, context()).saved()["segmenter"], path)
    run = {"method": "semantic_segmentation", "experiment": "f", "encoder": ENCODER, "objective": objective}
    return EarlierTraining(run, {"segmenter": path})


def test_folds_are_one_module_that_is_not_trained(tmp_path: Path) -> None:
    settings = method_settings("area_folds", {"areas": [1, 4]})
    assert settings.roles == ("area_1", "area_4") and not settings.is_trained
    assert method_settings("area_folds", {}).roles == tuple(f"area_{area}" for area in range(1, 7))
    needs = {f"area_{area}": fold(tmp_path, area) for area in (1, 4)}
    module = build_method("area_folds", settings, context(needs)).saved()["segmenter"]
    save_weights(module, tmp_path / "folds")
    again = saved_module({"method": "area_folds", "encoder": ENCODER}, "segmenter", tmp_path / "folds")
    assert isinstance(again, AreaSegmenters) and again.areas == (1, 4)
    for area in (1, 4):
        single = needs[f"area_{area}"].module("segmenter").state_dict()
        assert all(torch.equal(tensor, single[name]) for name, tensor in again.of(area).state_dict().items())
    assert not torch.equal(again.of(1).state_dict()["classes.weight"], again.of(4).state_dict()["classes.weight"])


def test_a_fold_that_left_out_another_area_or_has_another_encoder_is_refused(tmp_path: Path) -> None:
    settings = method_settings("area_folds", {"areas": [1]})
    with pytest.raises(ConfigError, match=r"(?s)'area_1' left out another area.*expected: 1.*found: 2"):
        build_method("area_folds", settings, context({"area_1": fold(tmp_path, 1, left_out=2)}))
    other = {**ENCODER, "k": 5}
    with pytest.raises(ConfigError, match="another encoder"):
        build_method("area_folds", settings, context({"area_1": fold(tmp_path, 1)}, other))
