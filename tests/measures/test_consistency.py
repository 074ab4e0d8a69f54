"""Consistency under mixing: the formula, and its ends."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.consistency import consistency


def test_equals_the_formula() -> None:
    rng = np.random.default_rng(0)
    mixed, clean = rng.normal(size=(2, 6, 5)).astype(np.float32)
    partner, ratio = np.array([1, 2, 3, 4, 5, 0]), rng.uniform(size=6)
    found = consistency(mixed, clean, partner, ratio)
    for i in range(6):
        mixture = ratio[i] * clean[i].astype(float) + (1 - ratio[i]) * clean[partner[i]].astype(float)
        expected = mixed[i] @ mixture / np.linalg.norm(mixed[i]) / np.linalg.norm(mixture)
        assert found.cosine[i] == pytest.approx(expected)


def test_an_encoder_that_maps_everything_to_one_point_has_no_margin() -> None:
    constant = np.full((8, 4), 0.3, np.float32)
    found = consistency(constant, constant, np.roll(np.arange(8), 1), np.full(8, 0.5))
    np.testing.assert_allclose(found.cosine, 1)
    np.testing.assert_allclose(found.margin, 0, atol=1e-12)


def test_numbers_must_agree() -> None:
    rows = np.ones((4, 3), np.float32)
    with pytest.raises(EvaluationError, match="differ in number"):
        consistency(rows, rows, np.array([1, 2, 3, 0]), np.ones(3))
