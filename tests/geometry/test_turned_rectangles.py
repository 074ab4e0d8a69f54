"""Turned boxes overlap as clipping one outline by the other says, and the worse of two is left out."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.geometry.oriented_boxes import clipped, polygon_area
from concord3d.geometry.turned_rectangles import outlines, overlaps, shared_areas, without_near, without_overlapping


def boxes(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([
        rng.uniform(-3, 3, (count, 3)), rng.uniform(0.5, 5, (count, 3)), rng.uniform(-9, 9, count)
    ])  # fmt: skip


def test_areas_are_those_of_clipped_outlines() -> None:
    first, second = boxes(300, 0), boxes(300, 1)
    # A box with itself, with a turned copy, with one inside, and with neighbours that share a corner or a side.
    first[:5] = second[:5] = [1.0, 2.0, 0.0, 4.0, 2.0, 1.0, 0.3]
    second[1, 6] += np.pi / 2
    second[2, 3:5] = 1.0
    first[3:5, 6] = second[3:5, 6] = 0.0
    second[3, :2] += (4.0, 2.0)
    second[4, :2] += (4.0, 0.0)
    found = shared_areas(first, second)
    expected = [polygon_area(clipped(a, b)) for a, b in zip(outlines(first), outlines(second), strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-7)
    np.testing.assert_allclose(found[:5], [8, 4, 1, 0, 0], atol=1e-7)
    far = np.array([2000.0, -1500.0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(shared_areas(first + far, second + far), found, atol=1e-6)


def test_overlaps_with_and_without_height() -> None:
    first = np.array([[0.0, 0, 0, 2, 2, 2, 0], [50.0, 0, 0, 2, 2, 2, 0]])
    second = np.array([[1.0, 0, 1, 2, 2, 2, np.pi], [0.0, 0, 5, 2, 2, 2, 0]])
    np.testing.assert_allclose(overlaps(first, second), [[2 / 14, 0], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(overlaps(first, second, with_height=False), [[2 / 6, 1], [0, 0]], atol=1e-12)
    assert overlaps(first, second[:0]).shape == (2, 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_box_stays_that_no_box_before_it_which_stays_excludes(seed: int) -> None:
    several = boxes(40, seed)
    shared = overlaps(several, several, with_height=False)
    ways = np.linalg.norm(several[:, None, :2] - several[None, :, :2], axis=2)
    for kept, excludes in ((without_overlapping(several, 0.2), shared > 0.2), (without_near(several, 1.0), ways < 1.0)):
        assert 0 < len(kept) < 40 and kept[0] == 0
        for row in range(40):
            excluded = excludes[row, kept[kept < row]].any()
            assert (row in kept) != excluded
    assert without_overlapping(several[:0], 0.2).shape == (0,)
