"""Panoptic quality against a literal transcription of its definition (CMCR spec 5)."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.measures.panoptic_quality import Segments, panoptic_counts, panoptic_quality

NUM_CLASSES, MIN_POINTS = 5, 15


def drawn(seed: int) -> tuple[Segments, Segments]:
    """Segments of 1 to 80 points; predictions err in classes, split and join segments."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 80, 40)
    truth = Segments(np.repeat(rng.integers(-1, NUM_CLASSES, 40), sizes), np.repeat(rng.integers(0, 9, 40), sizes))
    own = np.maximum(truth.classes, 0)
    classes = np.where(rng.random(len(own)) < 0.15, rng.integers(0, NUM_CLASSES, len(own)), own)
    numbers = np.where(rng.random(len(own)) < 0.2, rng.integers(0, 9, len(own)), truth.numbers)
    return Segments(classes, numbers), truth


def point_sets(segments: Segments, truth: Segments) -> dict[tuple[int, int], set[int]]:
    found: dict[tuple[int, int], set[int]] = {}
    pairs = zip(segments.classes.tolist(), segments.numbers.tolist(), truth.classes.tolist(), strict=True)
    for point, (each, number, answer) in enumerate(pairs):
        if answer != -1:
            found.setdefault((each, number), set()).add(point)
    return found


def literal(predicted: Segments, truth: Segments) -> tuple[list[float], list[float], list[float]]:
    """PQ, SQ and RQ of each class, by sets of points."""
    own, true = point_sets(predicted, truth), point_sets(truth, truth)
    pq, sq, rq = [], [], []
    for c in range(NUM_CLASSES):
        mine = {key: points for key, points in own.items() if key[0] == c}
        theirs = {key: points for key, points in true.items() if key[0] == c}
        ious = {}
        for p, first in mine.items():
            for q, second in theirs.items():
                iou = len(first & second) / len(first | second)
                if iou > 0.5:
                    ious[p, q] = iou
        matched_p, matched_q = {p for p, _ in ious}, {q for _, q in ious}
        fp = sum(len(points) >= MIN_POINTS for p, points in mine.items() if p not in matched_p)
        fn = sum(len(points) >= MIN_POINTS for q, points in theirs.items() if q not in matched_q)
        sq.append(sum(ious.values()) / len(ious) if ious else 0.0)
        rq.append(len(ious) / (len(ious) + fp / 2 + fn / 2) if len(ious) + fp + fn else 0.0)
        pq.append(sq[-1] * rq[-1])
    return pq, sq, rq


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_the_definition(seed: int) -> None:
    predicted, truth = drawn(seed)
    quality = panoptic_quality(panoptic_counts(predicted, truth, NUM_CLASSES, MIN_POINTS))
    expected = literal(predicted, truth)
    assert 0.1 < np.mean(expected[0]) < 0.95
    for ours, theirs in zip(quality, expected, strict=True):
        assert ours.tolist() == pytest.approx(theirs, abs=1e-12)
