"""Part segmentation: parts by category, and a fine-tuning that learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.protocols.small_jobs import CLASSES, TINY, check_contract, make_job
from torch import Tensor, nn

from concord3d.errors import BadCloud, EvaluationError
from concord3d.measures.part_iou import shape_ious
from concord3d.protocols.evaluation.evaluate import evaluate
from concord3d.protocols.part_segmentation import LabelledShapes, checked_shapes, finetune_parts, parts_by_category
from concord3d.training.fine_tuning_settings import FineTuning


def test_parts_of_a_category_come_from_all_splits() -> None:
    def shapes(categories: list[int], parts: list[list[int]]) -> LabelledShapes:
        return LabelledShapes(np.zeros((len(parts), 2, 3), np.float32), np.array(categories), np.array(parts))

    assert parts_by_category(shapes([0], [[0, 1]]), shapes([0, 1], [[2, 0], [3, 3]])) == {0: (0, 1, 2), 1: (3,)}


def test_shapes_without_part_labels_are_refused() -> None:
    points, categories = np.zeros((2, 4, 3), np.float32), np.zeros(2, np.int64)
    with pytest.raises(EvaluationError, match="no part labels"):
        checked_shapes(points, categories, None, 4, "here")
    with pytest.raises(EvaluationError, match="negative"):
        checked_shapes(points, categories, np.full((2, 4), -1), 4, "here")
    with pytest.raises(BadCloud):
        checked_shapes(points, categories, np.zeros((2, 4), np.int64), 5, "here")


class PerPoint(nn.Module):
    """A per-point classifier that also sees the category."""

    def __init__(self) -> None:
        super().__init__()
        self.category = nn.Embedding(2, 3)
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, points: Tensor, categories: Tensor) -> Tensor:
        shared = self.category(categories)[:, None].expand(-1, points.shape[1], -1)
        logits: Tensor = self.layers(torch.cat([points, shared], dim=2))
        return logits


def split_by_height(num_shapes: int, seed: int) -> LabelledShapes:
    points = np.random.default_rng(seed).normal(size=(num_shapes, 32, 3)).astype(np.float32)
    categories = np.arange(num_shapes) % 2
    return LabelledShapes(points, categories, (2 * categories[:, None] + (points[..., 1] > 0)).astype(np.int64))


RECIPE = FineTuning(epochs=15, batch_size=8, label_smoothing=0.1, evaluate_every=5)


def test_fine_tuning_learns_parts_and_repeats_bit_for_bit() -> None:
    train, test = split_by_height(24, 0), split_by_height(10, 1)
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        runs.append(finetune_parts(PerPoint(), train, test, RECIPE, augment=True, seed=3))
    first, second = runs
    assert first.losses == second.losses and first.losses[-1] < first.losses[0]
    np.testing.assert_array_equal(first.last, second.last)
    parts = parts_by_category(train, test)
    assert shape_ious(first.last, test.parts, test.categories, parts).mean() > 0.7
    assert first.best is not None and first.best_epoch in (5, 10, 15)
    best = shape_ious(first.best, test.parts, test.categories, parts).mean()
    assert best >= shape_ious(first.last, test.parts, test.categories, parts).mean()


def test_part_segmentation(tmp_path: Path) -> None:
    job = make_job(tmp_path, "part_segmentation", {"k": 5, "training": TINY, "num_examples": 6}, "dgcnn_partseg")
    evaluate(job)
    body, arrays = check_contract(job)
    assert [record["metric"] for record in body["records"]] == ["instance_miou", "class_miou"]
    assert arrays["example_points"].shape == (6, 16, 3) and arrays["example_predicted"].shape == (6, 16)
    assert set(arrays["example_category"]) == {0, 1, 2, 3}
    assert set(body["details"]["category_miou"]) == set(CLASSES)
