"""Intersections and unions that are added up before they are divided."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.block_iou import accumulated_iou, block_counts, miou_interval


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
    labels = np.random.default_rng(1).choice(3, size=(60, 24), p=[0.5, 0.34, 0.16])
    noisy = np.where(np.random.default_rng(2).random(labels.shape) < 0.3, 0, labels)
    inter, union = block_counts(noisy, labels, 3)
    one_room = miou_interval(inter, union, ("only",) * 60)
    assert one_room.low == pytest.approx(one_room.value) == pytest.approx(one_room.high)
    many = miou_interval(inter, union, tuple(f"b{i}" for i in range(60)))
    assert many.low < many.value < many.high


def test_no_class_at_all_is_refused() -> None:
    with pytest.raises(EvaluationError):
        miou_interval(np.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64), ("a", "b"))
    with pytest.raises(EvaluationError):
        block_counts(np.zeros((0, 4), np.int64), np.zeros((0, 4), np.int64), 3)
