"""How clouds are seen."""

from __future__ import annotations

import numpy as np

from concord3d.reporting.figures.projection import project


def test_projection_keeps_lengths_and_puts_up_upwards() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3))
    assert np.allclose(np.linalg.norm(project(points), axis=1), np.linalg.norm(points, axis=1))
    up = project(np.array([[0.0, 1.0, 0.0]]))[0]
    front = project(np.array([[0.0, 0.0, 1.0]]))[0]
    assert up[1] > 0.9 and abs(up[0]) < 1e-12 and front[2] > 0.5
