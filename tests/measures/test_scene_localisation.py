"""The two steps at use: scenes for a query, then objects in the scene found."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.scene_localisation import find_scenes, localise


def test_the_closest_scenes_come_first_and_absent_ones_never() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6]], np.float32)
    present = np.array([True, True, True, False])
    found = find_scenes(vectors, present, np.array([1, 0], np.float32))
    assert found.rows.tolist() == [0, 2, 1]
    np.testing.assert_allclose(found.scores, [1, 0.6, 0], atol=1e-6)
    assert find_scenes(vectors, present, np.array([1, 0], np.float32), 1).rows.tolist() == [0]


def test_objects_are_matched_among_those_with_the_modality() -> None:
    objects = np.eye(3, dtype=np.float32)
    matched = localise(objects[[2, 1]], objects, np.array([True, True, False]))
    assert matched.rows.tolist() == [0, 1]
    nothing = localise(objects, objects, np.zeros(3, bool))
    assert nothing.rows.tolist() == [-1, -1, -1] and np.isnan(nothing.scores).all()
    assert len(localise(objects[:0], objects, np.ones(3, bool)).rows) == 0


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(EvaluationError, match="No scan"):
        find_scenes(np.eye(2, dtype=np.float32), np.zeros(2, bool), np.ones(2, np.float32))
    with pytest.raises(EvaluationError, match="different spaces"):
        find_scenes(np.eye(2, dtype=np.float32), np.ones(2, bool), np.ones(3, np.float32))
    with pytest.raises(EvaluationError, match="not finite"):
        localise(np.full((1, 2), np.nan, np.float32), np.eye(2, dtype=np.float32), np.ones(2, bool))
