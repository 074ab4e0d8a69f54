"""Zero-shot accuracy: a literal ranking, and ties that count as chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.zero_shot import zero_shot_correct


def rows(count: int, seed: int, width: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


@given(st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=30)
def test_equals_a_literal_ranking(num_classes: int, seed: int) -> None:
    embeddings, classes = rows(9, seed), rows(num_classes, seed + 1)
    labels = np.random.default_rng(seed).integers(num_classes, size=9)
    ks = tuple(range(1, num_classes + 1))
    found = zero_shot_correct(embeddings, classes, labels, ks)
    for shape in range(9):
        cosines = [
            float(np.dot(embeddings[shape], c) / np.linalg.norm(embeddings[shape]) / np.linalg.norm(c)) for c in classes
        ]
        order = sorted(range(num_classes), key=lambda c: -cosines[c])
        for k in ks:
            assert found[k][shape] == float(labels[shape] in order[:k])


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_constant_embeddings_score_chance_on_constant_classes(value: float) -> None:
    labels = np.arange(40) % 8
    embeddings, classes = np.full((40, 5), value, np.float32), np.full((8, 5), 2.0, np.float32)
    for k, outcomes in zero_shot_correct(embeddings, classes, labels, (1, 3, 5, 8)).items():
        np.testing.assert_allclose(outcomes, k / 8)


def test_constant_embeddings_score_chance_on_any_classes() -> None:
    labels = np.arange(40) % 8
    found = zero_shot_correct(np.full((40, 6), 0.3, np.float32), rows(8, 0), labels, (1, 3))
    assert found[1].mean() == pytest.approx(1 / 8) and found[3].mean() == pytest.approx(3 / 8)


def test_length_of_the_embeddings_does_not_matter() -> None:
    embeddings, classes, labels = rows(30, 0), rows(5, 1), np.arange(30) % 5
    scaled = embeddings * np.linspace(0.01, 100, 30, dtype=np.float32)[:, None]
    for k, outcomes in zero_shot_correct(embeddings, classes, labels, (1, 2)).items():
        np.testing.assert_array_equal(outcomes, zero_shot_correct(scaled, 7 * classes, labels, (k,))[k])


def test_a_single_class_is_always_right() -> None:
    assert zero_shot_correct(rows(4, 0), rows(1, 1), np.zeros(4, dtype=np.int64), (1,))[1].tolist() == [1, 1, 1, 1]


def test_k_above_the_number_of_classes_is_refused() -> None:
    with pytest.raises(EvaluationError, match="k lies above the number of classes"):
        zero_shot_correct(rows(4, 0), rows(3, 1), np.zeros(4, dtype=np.int64), (1, 4))


@pytest.mark.parametrize("side", ["embeddings of shapes", "features of class names"])
def test_nan_is_refused_by_name(side: str) -> None:
    embeddings, classes = rows(4, 0), rows(3, 1)
    (embeddings if side == "embeddings of shapes" else classes)[2, 1] = np.nan
    with pytest.raises(EvaluationError, match=side):
        zero_shot_correct(embeddings, classes, np.zeros(4, dtype=np.int64), (1,))
