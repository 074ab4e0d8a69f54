"""Rooms cut into square columns: what each holds, in what frame, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.geometry.room_blocks import cut_room


def room(num_points: int, size: tuple[float, float, float], seed: int = 0):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 1, (num_points, 3)) * size + np.array([-7.0, 12.0, 3.0])
    points[:2] = [[-7, 12, 3], np.array([-7, 12, 3]) + size]
    return points, rng.integers(0, 256, (num_points, 3)).astype(np.uint8), np.arange(num_points)


def test_channels_are_block_frame_colour_and_place_in_the_room() -> None:
    size = (3.0, 2.0, 2.5)
    points, colors, numbers = room(6000, size)
    cut = cut_room(points, colors, numbers, 64, np.random.default_rng(0))
    assert cut.features.shape == (6, 64, 9) and cut.features.dtype == np.float32 and cut.labels.shape == (6, 64)
    corners = [(x, y) for x in range(3) for y in range(2)]
    for (x, y), features, chosen in zip(corners, cut.features, cut.labels, strict=True):
        local = points[chosen] - np.array([-7, 12, 3])
        assert len(set(chosen)) == 64
        np.testing.assert_allclose(features[:, :3], local - np.array([x + 0.5, y + 0.5, 0]), atol=1e-5)
        assert np.abs(features[:, :2]).max() <= 0.5 + 1e-6
        np.testing.assert_allclose(features[:, 3:6], colors[chosen] / 255, atol=1e-6)
        np.testing.assert_allclose(features[:, 6:], local / size, atol=1e-6)


@pytest.mark.parametrize(("length", "stride", "expected"), [(3.0, 1.0, 3), (3.2, 1.0, 4), (3.0, 0.5, 5), (0.6, 1.0, 1)])
def test_blocks_reach_the_end_of_the_room(length: float, stride: float, expected: int) -> None:
    points, colors, numbers = room(4000, (length, 0.9, 2.0))
    cut = cut_room(points, colors, numbers, 4000, np.random.default_rng(0), stride=stride, min_points=1)
    assert len(cut.labels) == expected
    assert set(cut.labels.ravel()) == set(range(4000))


def test_few_points_are_taken_again_and_fewer_left_out() -> None:
    points, colors, numbers = room(120, (0.9, 0.9, 2.0))
    cut = cut_room(points, colors, numbers, 300, np.random.default_rng(0))
    assert cut.labels.shape == (1, 300)
    counts = np.bincount(cut.labels[0], minlength=120)
    assert counts.min() == 2 and counts.max() == 3
    none = cut_room(points[:99], colors[:99], numbers[:99], 300, np.random.default_rng(0))
    assert none.features.shape == (0, 300, 9) and none.labels.shape == (0, 300)
