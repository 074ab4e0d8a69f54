"""Folds over areas, and intersections and unions that are added up before they are divided."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from concord3d.errors import EvaluationError
from concord3d.measures.block_iou import accumulated_iou, block_counts, miou_interval
from concord3d.protocols.semantic_segmentation import LabelledBlocks, area_folds, cross_validate, join_blocks
from concord3d.training.fine_tuning_settings import FineTuning


def blocks(num_blocks: int, seed: int, num_channels: int = 9) -> LabelledBlocks:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(num_blocks, 24, num_channels)).astype(np.float32)
    areas = np.arange(num_blocks) % 3 + 1
    rooms = tuple(f"Area_{area}_room_{i // 3 % 2}" for i, area in enumerate(areas))
    labels = (features[..., 2] > 0).astype(np.int64) + (features[..., 2] > 1)
    return LabelledBlocks(features, labels, areas, rooms, tuple(f"b{i}" for i in range(num_blocks)))


def test_counts_equal_a_literal_count() -> None:
    rng = np.random.default_rng(0)
    predicted, truth = rng.integers(4, size=(5, 30)), rng.integers(4, size=(5, 30))
    inter, union = block_counts(predicted, truth, 4)
    for s in range(5):
        for c in range(4):
            pairs = list(zip(predicted[s], truth[s], strict=True))
            assert inter[s, c] == sum(p == c and t == c for p, t in pairs)
            assert union[s, c] == sum(p == c or t == c for p, t in pairs)


def test_iou_accumulates_before_it_divides() -> None:
    # One block all right with 1 point of class 1, one block all wrong with 3: the mean of IoUs would be 0.5.
    predicted, truth = np.array([[1, 0, 0, 0], [0, 0, 0, 0]]), np.array([[1, 0, 0, 0], [1, 1, 1, 0]])
    inter, union = block_counts(predicted, truth, 3)
    iou = accumulated_iou(inter.sum(axis=0), union.sum(axis=0))
    assert iou[1] == pytest.approx(1 / 4) and iou[0] == pytest.approx(4 / 7) and np.isnan(iou[2])
    interval = miou_interval(inter, union, ("a", "b"))
    assert interval.value == pytest.approx((1 / 4 + 4 / 7) / 2)
    assert interval.low < interval.value < interval.high


def test_interval_resamples_rooms_not_blocks() -> None:
    data = blocks(60, 1)
    noisy = np.where(np.random.default_rng(2).random(data.labels.shape) < 0.3, 0, data.labels)
    inter, union = block_counts(noisy, data.labels, 3)
    one_room = miou_interval(inter, union, ("only",) * 60)
    assert one_room.low == pytest.approx(one_room.value) == pytest.approx(one_room.high)
    many = miou_interval(inter, union, data.names)
    assert many.low < many.value < many.high


def test_folds_leave_out_one_area_each() -> None:
    areas = np.array([1, 2, 3, 1, 2])
    folds = area_folds(areas, (1, 3))
    assert [(area, train.tolist(), test.tolist()) for area, train, test in folds] == [
        (1, [1, 2, 4], [0, 3]),
        (3, [0, 1, 3, 4], [2]),
    ]
    with pytest.raises(EvaluationError, match="Area 6"):
        area_folds(areas, (6,))
    with pytest.raises(EvaluationError, match="Area 1"):
        area_folds(np.array([1, 1]), (1,))


def test_no_class_at_all_is_refused() -> None:
    with pytest.raises(EvaluationError):
        miou_interval(np.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64), ("a", "b"))
    with pytest.raises(EvaluationError):
        block_counts(np.zeros((0, 4), np.int64), np.zeros((0, 4), np.int64), 3)


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 3))


def test_cross_validation_tests_each_block_once_learns_and_repeats() -> None:
    data = join_blocks(blocks(18, 0), blocks(12, 5))
    recipe = FineTuning(epochs=12, batch_size=6, label_smoothing=0.0)
    tested, predicted, losses = cross_validate(build, data, (1, 2, 3), recipe, seed=1)
    assert len(tested.names) == 30 and sorted(losses) == [1, 2, 3]
    assert (predicted == tested.labels).mean() > 0.8
    global_state = torch.random.get_rng_state()
    _, again, _ = cross_validate(build, data, (1, 2, 3), recipe, seed=1)
    np.testing.assert_array_equal(predicted, again)
    assert torch.equal(global_state, torch.random.get_rng_state())


def test_blocks_that_are_not_finite_are_refused() -> None:
    data = blocks(12, 0)
    data.features[3, 2, 1] = np.nan
    with pytest.raises(EvaluationError, match="not finite"):
        cross_validate(build, data, (1,), FineTuning(epochs=1, batch_size=4))
