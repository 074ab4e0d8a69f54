"""Part segmentation: its loss, its learning, and where it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from concord3d.batches.objects import ObjectBatch, ObjectData
from concord3d.errors import ConfigError, DatasetError
from concord3d.losses.smoothed_cross_entropy import smoothed_cross_entropy
from concord3d.methods.interface import Context, EarlierTraining, build_method, saved_module
from concord3d.methods.part_segmentation.method import PartSegmentation
from concord3d.methods.part_segmentation.settings import PartSegmentationSettings
from concord3d.methods.settings import method_settings
from concord3d.models.factory import build_point_encoder
from concord3d.models.weights import save_weights

ENCODER = {"name": "dgcnn_partseg", "k": 4, "emb_dims": 8}


class PerPoint(nn.Module):
    """A per-point classifier that also sees the category."""

    def __init__(self) -> None:
        super().__init__()
        self.category = nn.Embedding(2, 3)
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
        self.seen: list[Tensor] = []

    def forward(self, points: Tensor, categories: Tensor) -> Tensor:
        self.seen.append(points)
        shared = self.category(categories)[:, None].expand(-1, points.shape[1], -1)
        logits: Tensor = self.layers(torch.cat([points, shared], dim=2))
        return logits


def split_by_height(num_shapes: int, seed: int) -> ObjectData:
    points = np.random.default_rng(seed).normal(size=(num_shapes, 40, 3)).astype(np.float32)
    categories = np.arange(num_shapes) % 2
    parts = 2 * categories[:, None] + (points[..., 1] > 0)
    return ObjectData(points, labels=categories, parts=parts.astype(np.int64))


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(seed: int = 0) -> ObjectBatch:
    return split_by_height(24, seed).read(np.arange(24), drawn())


def context(data: ObjectData, needs: dict[str, EarlierTraining] | None = None) -> Context:
    return Context(ENCODER, {"num_points": 32}, data, needs=needs or {})


def test_it_learns_parts() -> None:
    torch.manual_seed(0)
    model = PartSegmentation(PartSegmentationSettings(augment=True, label_smoothing=0.1), PerPoint(), 32)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(60):
        loss = model.loss(batch(step), drawn(step)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.held_out(batch(999), drawn())["held_out_point_accuracy"] > 85


def test_the_loss_is_over_the_first_points_of_all_shapes() -> None:
    segmenter, shapes = PerPoint(), batch()
    model = PartSegmentation(PartSegmentationSettings(), segmenter, 32)
    loss = model.loss(shapes, drawn())
    assert shapes.labels is not None and shapes.parts is not None
    assert torch.equal(segmenter.seen[0], shapes.points[:, :32])
    logits = segmenter(shapes.points[:, :32], shapes.labels).reshape(-1, 4)
    expected = smoothed_cross_entropy(logits, shapes.parts[:, :32].reshape(-1), 0.2)
    torch.testing.assert_close(loss.total, expected)
    PartSegmentation(PartSegmentationSettings(augment=True), segmenter, 32).loss(shapes, drawn())
    assert not torch.equal(segmenter.seen[-1], segmenter.seen[0])


def test_shapes_without_labels_are_refused() -> None:
    shapes = batch()
    model = PartSegmentation(PartSegmentationSettings(), PerPoint(), 32)
    for lacking in (ObjectBatch(shapes.points, labels=shapes.labels), ObjectBatch(shapes.points, parts=shapes.parts)):
        with pytest.raises(DatasetError, match="needs labels"):
            model.loss(lacking, drawn())
    data = split_by_height(8, 0)
    for wrong in (
        ObjectData(data.points, labels=data.labels),
        ObjectData(data.points, parts=data.parts),
        ObjectData(data.points, labels=data.labels, parts=np.full((8, 40), -1)),
    ):
        with pytest.raises(ConfigError, match="part labels"):
            build_method("part_segmentation", PartSegmentationSettings(), context(wrong))


def test_it_starts_from_an_earlier_training_and_is_rebuilt(tmp_path: Path) -> None:
    torch.manual_seed(3)
    first = build_point_encoder({**ENCODER, "k": 7})
    save_weights(first, tmp_path / "point")
    run = {"method": "random_init", "encoder": {**ENCODER, "k": 7}}
    needs = {"init": EarlierTraining(run, {"point": tmp_path / "point"})}
    settings = method_settings("part_segmentation", {"start": "earlier", "num_parts": 6})
    assert settings.roles == ("init",) and settings.saved == ("segmenter",)
    method = build_method("part_segmentation", settings, context(split_by_height(8, 0), needs))
    segmenter: Any = method.saved()["segmenter"]
    assert segmenter.encoder.k == 4 and segmenter.parts.out_features == 6 and segmenter.num_categories == 2
    assert all(torch.equal(t, first.state_dict()[name]) for name, t in segmenter.encoder.state_dict().items())
    save_weights(segmenter, tmp_path / "segmenter")
    again = saved_module({"method": "part_segmentation", "encoder": ENCODER}, "segmenter", tmp_path / "segmenter")
    assert all(torch.equal(t, segmenter.state_dict()[name]) for name, t in again.state_dict().items())


def test_the_number_of_parts_covers_the_data_and_the_encoder_is_its_own() -> None:
    data = split_by_height(8, 0)
    method: Any = build_method("part_segmentation", PartSegmentationSettings(), context(data))
    assert method.segmenter.parts.out_features == 4
    with pytest.raises(ConfigError, match="more parts"):
        build_method("part_segmentation", PartSegmentationSettings(num_parts=3), context(data))
    settings = PartSegmentationSettings()
    assert "concord3d.models.dgcnn_partseg" in settings.encoder_modules(ENCODER)
    with pytest.raises(ConfigError, match=r"(?s)another kind of encoder.*encoder.name.*dgcnn_partseg"):
        settings.encoder_modules({"name": "pointnet"})
