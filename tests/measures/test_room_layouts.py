"""Layouts of rooms: sizes and numbers of objects by class."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.room_layouts import layout_scores, room_layout


def test_a_layout_knows_no_direction_and_no_place() -> None:
    points = np.random.default_rng(0).uniform(0, 1, (50, 3)).astype(np.float32) * [4, 2, 3]
    turned = points[:, [1, 0, 2]] + 7
    layout = room_layout(points, np.array([0, 2, 2, -1]), 4)
    assert layout[3:].tolist() == [1, 0, 2, 0] and layout[0] > layout[1]
    np.testing.assert_allclose(layout, room_layout(turned, np.array([2, 0, 2]), 4), atol=1e-5)


def test_every_number_counts_by_its_spread() -> None:
    layouts = np.array([[1.0, 100, 5], [2, 100, 5], [1, 300, 5]])
    scores = layout_scores(layouts, layouts, layouts)
    assert np.diag(scores).tolist() == [0, 0, 0]
    # What never varies says nothing; what varies counts alike, whatever its unit.
    assert scores[0, 1] == pytest.approx(scores[0, 2])
    with pytest.raises(EvaluationError, match="differ in width"):
        layout_scores(layouts, layouts[:, :2], layouts)
