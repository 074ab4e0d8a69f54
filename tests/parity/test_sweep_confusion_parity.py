"""Segmentation of sweeps against literal formulas and scikit-learn (CMCR spec 5)."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import jaccard_score

from concord3d.measures.sweep_confusion import (
    class_iou,
    confusion_matrix,
    frequency_weighted_iou,
    mean_iou,
    point_accuracy,
)

NUM_CLASSES = 16


def drawn(seed: int, num_true: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(-1, num_true, 4000)
    predicted = np.where(rng.random(4000) < 0.5, np.maximum(truth, 0), rng.integers(0, num_true, 4000))
    return predicted, truth


def literal(predicted: np.ndarray, truth: np.ndarray) -> tuple[float, float, float, float]:
    """Mean IoU by both rules, frequency-weighted IoU and accuracy, point by point."""
    true_positive, false_positive, false_negative = ([0] * NUM_CLASSES for _ in range(3))
    right = total = 0
    for guess, answer in zip(predicted.tolist(), truth.tolist(), strict=True):
        if answer == -1:
            continue
        total += 1
        if guess == answer:
            right += 1
            true_positive[answer] += 1
        else:
            false_positive[guess] += 1
            false_negative[answer] += 1
    with_one, only_seen, weighted = [], [], 0.0
    for c in range(NUM_CLASSES):
        union = true_positive[c] + false_positive[c] + false_negative[c]
        if union == 0:
            with_one.append(1.0)
            continue
        with_one.append(true_positive[c] / union)
        only_seen.append(true_positive[c] / union)
        weighted += (true_positive[c] + false_negative[c]) / total * true_positive[c] / union
    return sum(with_one) / NUM_CLASSES, sum(only_seen) / len(only_seen), weighted, right / total


@pytest.mark.parametrize("num_true", [16, 11])
def test_it_agrees_with_literal_formulas(num_true: int) -> None:
    predicted, truth = drawn(num_true, num_true)
    found = confusion_matrix(predicted, truth, NUM_CLASSES)
    measured = (mean_iou(found), mean_iou(found, "left_out"), frequency_weighted_iou(found), point_accuracy(found))
    assert [float(number) for number in measured] == pytest.approx(literal(predicted, truth), abs=1e-12)


@pytest.mark.parametrize("num_true", [16, 11])
def test_it_agrees_with_scikit_learn(num_true: int) -> None:
    predicted, truth = drawn(num_true, num_true)
    kept = truth != -1
    found = confusion_matrix(predicted, truth, NUM_CLASSES)
    np.testing.assert_array_equal(found, sklearn_confusion(truth[kept], predicted[kept], labels=np.arange(NUM_CLASSES)))
    jaccard = jaccard_score(truth[kept], predicted[kept], average="macro")
    assert mean_iou(found, "left_out") == pytest.approx(jaccard, abs=1e-12)


def semantic_kitti_scores(predicted: np.ndarray, truth: np.ndarray) -> tuple[float, np.ndarray]:
    """The rule of semantic-kitti-api: class 0 is ignored where it is true, a class without any point counts 0."""
    counts = np.zeros((NUM_CLASSES + 1, NUM_CLASSES + 1))
    for guess, answer in zip((predicted + 1).tolist(), (truth + 1).tolist(), strict=True):
        counts[guess, answer] += 1 if answer else 0
    hits = counts.diagonal()
    of_class = hits / (counts.sum(axis=1) + counts.sum(axis=0) - hits + 1e-15)
    return float(of_class[1:].mean()), of_class[1:]


@pytest.mark.parametrize("num_true", [16, 11])
def test_it_agrees_with_the_rule_of_semantic_kitti(num_true: int) -> None:
    predicted, truth = drawn(num_true, num_true)
    predicted = np.where(predicted >= num_true, 0, predicted) if num_true < NUM_CLASSES else predicted
    found = confusion_matrix(predicted, truth, NUM_CLASSES)
    mean, of_class = semantic_kitti_scores(predicted, truth)
    ious = class_iou(found)
    absent = np.isnan(ious)
    assert absent.sum() == NUM_CLASSES - num_true
    np.testing.assert_allclose(ious[~absent], of_class[~absent], atol=1e-12)
    # There a class that is in neither counts 0, in the released code 1, and here on demand nothing.
    assert mean == pytest.approx(float(np.where(absent, 0.0, ious).mean()), abs=1e-12)
    assert float(mean_iou(found, "left_out")) * num_true / NUM_CLASSES == pytest.approx(mean, abs=1e-12)
