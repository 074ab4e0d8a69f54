"""Part IoU against a literal version."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.errors import EvaluationError
from concord3d.measures.part_iou import shape_ious

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


def test_unequal_predictions_and_unknown_categories_are_refused() -> None:
    truth = np.zeros((2, 4), np.int64)
    with pytest.raises(EvaluationError):
        shape_ious(truth[:1], truth, np.array([0, 0]), PARTS)
    with pytest.raises(EvaluationError, match="without parts"):
        shape_ious(truth, truth, np.array([0, 9]), PARTS)
