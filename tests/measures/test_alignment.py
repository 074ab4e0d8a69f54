"""Cosines of matched pairs and their margins."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.alignment import alignment
from concord3d.measures.vectors import unit_rows


def units(count: int, seed: int) -> NDArray[np.float64]:
    return unit_rows(np.random.default_rng(seed).normal(size=(count, 7)))


def test_equals_literal_means() -> None:
    rows, targets = units(9, 0), units(9, 1)
    found = alignment(rows, targets)
    for i in range(9):
        cosines = [float(rows[i] @ targets[j]) for j in range(9)]
        assert found.cosine[i] == pytest.approx(cosines[i])
        assert found.margin[i] == pytest.approx(cosines[i] - np.mean(cosines[:i] + cosines[i + 1 :]))


def test_perfect_alignment_has_cosine_one() -> None:
    rows = units(9, 0)
    np.testing.assert_allclose(alignment(rows, rows).cosine, 1)
    assert (alignment(rows, rows).margin > 0).all()


def test_constant_embeddings_have_no_margin_however_high_their_cosine() -> None:
    cone = unit_rows(np.random.default_rng(0).normal(size=(50, 6)) + 4)
    constant = np.tile(unit_rows(cone.mean(axis=0, keepdims=True)), (50, 1))
    found = alignment(constant, cone)
    assert found.cosine.mean() > 0.9
    assert found.margin.mean() == pytest.approx(0, abs=1e-12)


def test_a_single_shape_has_no_margin() -> None:
    assert np.isnan(alignment(units(1, 0), units(1, 1)).margin).all()


def test_rows_and_targets_must_match() -> None:
    with pytest.raises(EvaluationError, match="do not match"):
        alignment(units(3, 0), units(4, 0))
