"""Clouds seen from above."""

from __future__ import annotations

import numpy as np

from concord3d.geometry.top_view import top_view


def grid(height: float) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, 4, 60), np.linspace(0, 2, 30))
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], axis=1)


def test_the_highest_points_are_seen_and_a_ceiling_is_not() -> None:
    floor, table, ceiling = grid(0), grid(0.8), grid(3)
    table = table[table[:, 0] > 2]
    points = np.concatenate([ceiling, table, floor])
    colors = np.repeat(
        np.array([[9, 9, 9], [200, 0, 0], [0, 200, 0]], np.uint8), [len(ceiling), len(table), len(floor)], 0
    )
    picture = top_view(points, colors, 48)
    # Twice as wide as high, in the middle of a white square.
    assert (picture[:8] == 255).all() and (picture[-8:] == 255).all()
    assert picture[24, 8].tolist() == [0, 200, 0] and picture[24, 40].tolist() == [200, 0, 0]
    assert top_view(points, colors, 48, None)[24, 8].tolist() == [9, 9, 9]


def test_y_points_up_and_single_points_are_dots() -> None:
    picture = top_view(np.array([[0.0, 0, 0], [1, 1, 0]]), np.array([[1, 1, 1], [2, 2, 2]], np.uint8), 10)
    assert picture[-1, 0].tolist() == [1, 1, 1] and picture[0, -1].tolist() == [2, 2, 2]
    alone = top_view(np.zeros((1, 3)), np.zeros((1, 3), np.uint8), 9)
    assert (alone[3:6, 3:6] == 0).all() and (alone[0] == 255).all()


def test_a_sparse_floor_has_no_holes_and_what_no_point_is_near_stays_white() -> None:
    x, y = np.meshgrid(np.arange(0, 4, 0.25), np.arange(0, 4, 0.25))
    floor = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    floor = floor[(floor[:, 0] < 1.5) | (floor[:, 1] < 1.5)]
    picture = top_view(floor, np.full((len(floor), 3), 7, np.uint8), 96)
    assert (picture[10:-2, 2:30] == 7).all() and (picture[5:40, 60:90] == 255).all()


def test_nothing_is_a_white_picture() -> None:
    assert (top_view(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), 4) == 255).all()
