"""Part IoU against a literal version, and a fine-tuning that learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from concord3d.errors import BadCloud, EvaluationError
from concord3d.measures.part_iou import instance_and_class_miou, shape_ious
from concord3d.protocols.part_segmentation import LabelledShapes, checked_shapes, finetune_parts, parts_by_category
from concord3d.training.fine_tuning_settings import FineTuning

PARTS = {0: (0, 1, 2), 1: (3,), 2: (4, 5)}


def literal_shape_iou(predicted: list[int], truth: list[int], parts: tuple[int, ...]) -> float:
    total = 0.0
    for part in parts:
        inter = sum(p == part and t == part for p, t in zip(predicted, truth, strict=True))
        union = sum(p == part or t == part for p, t in zip(predicted, truth, strict=True))
        total += 1.0 if union == 0 else inter / union
    return total / len(parts)


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(max_examples=60)
def test_ious_equal_the_literal_version(seed: int, num_shapes: int) -> None:
    rng = np.random.default_rng(seed)
    categories = rng.integers(3, size=num_shapes)
    truth = np.array([rng.choice(PARTS[c], size=9) for c in categories])
    predicted = rng.integers(6, size=(num_shapes, 9))
    ious = shape_ious(predicted, truth, categories, PARTS)
    for i in range(num_shapes):
        assert ious[i] == pytest.approx(
            literal_shape_iou(predicted[i].tolist(), truth[i].tolist(), PARTS[int(categories[i])])
        )


def test_an_absent_part_counts_one() -> None:
    truth = np.array([[0, 0, 0, 1]])
    assert shape_ious(truth, truth, np.array([0]), PARTS)[0] == 1
    # Part 2 is absent from both: (2/3 + 1/2 + 1) / 3.
    predicted = np.array([[0, 0, 1, 1]])
    assert shape_ious(predicted, truth, np.array([0]), PARTS)[0] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)


def test_a_part_of_another_category_is_plainly_wrong() -> None:
    truth = np.array([[3, 3, 3, 3]])
    assert shape_ious(np.array([[4, 4, 3, 3]]), truth, np.array([1]), PARTS)[0] == pytest.approx(0.5)


def test_instance_and_class_means_differ_when_categories_do() -> None:
    instance, per_class, by_category = instance_and_class_miou(np.array([1, 1, 1, 0.0]), np.array([0, 0, 0, 2]))
    assert (instance, per_class) == (0.75, 0.5)
    assert by_category == {0: 1.0, 2: 0.0}


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


def test_unequal_predictions_and_unknown_categories_are_refused() -> None:
    truth = np.zeros((2, 4), np.int64)
    with pytest.raises(EvaluationError):
        shape_ious(truth[:1], truth, np.array([0, 0]), PARTS)
    with pytest.raises(EvaluationError, match="without parts"):
        shape_ious(truth, truth, np.array([0, 9]), PARTS)


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
