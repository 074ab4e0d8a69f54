"""Boxes keep their corners and velocities from frame to frame."""

from __future__ import annotations

import numpy as np
import torch

from concord3d.geometry.box_frames import moved_boxes
from concord3d.geometry.centre_targets import MapFrame, decoded_boxes, encoded_boxes
from concord3d.geometry.rigid import inverse, rigid, transformed, turn_about_z
from concord3d.geometry.sweep_turns import draw_turn, turned_boxes
from concord3d.geometry.turned_rectangles import outlines


def boxes(count: int = 20) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack([
        rng.uniform(-9, 9, (count, 3)), rng.uniform(0.5, 5, (count, 3)), rng.uniform(-3, 3, count),
        rng.normal(0, 3, (count, 2)),
    ])  # fmt: skip


def test_corners_move_with_their_box_and_back() -> None:
    own, matrix = boxes(), rigid(turn_about_z(0.7), [1500.0, -40.0, 2.0])
    moved = moved_boxes(own, matrix)
    corners = np.concatenate([outlines(own), np.zeros((20, 4, 1))], axis=2)
    np.testing.assert_allclose(outlines(moved), transformed(corners, matrix)[..., :2], atol=1e-9)
    np.testing.assert_allclose(moved[:, 7:], own[:, 7:] @ turn_about_z(0.7)[:2, :2].T)
    np.testing.assert_allclose(moved_boxes(moved, inverse(matrix)), own, atol=1e-9)


def test_turns_and_mirrors_take_outline_front_and_velocity_along() -> None:
    own = torch.from_numpy(boxes())
    own[0, 7:] = torch.nan
    for seed in range(6):
        turn = draw_turn(torch.Generator().manual_seed(seed)).double()
        moved = turned_boxes(own, turn)
        corners = torch.from_numpy(outlines(own.numpy())) @ turn[:2, :2].T
        found = torch.from_numpy(outlines(moved.numpy()))
        # A mirror exchanges left and right.
        distances = torch.cdist(corners, found).min(dim=2).values
        assert distances.max() < 1e-5
        front = torch.stack([own[:, 6].cos(), own[:, 6].sin()], 1) @ turn[:2, :2].T
        torch.testing.assert_close(torch.stack([moved[:, 6].cos(), moved[:, 6].sin()], 1), front, atol=1e-6, rtol=0)
        torch.testing.assert_close(moved[:, 7:], own[:, 7:] @ turn[:2, :2].T, equal_nan=True)


def test_codes_of_a_map_are_read_back() -> None:
    own, frame = torch.from_numpy(boxes()), MapFrame((-9.6, -9.6), 0.8, (24, 24))
    cells, code = encoded_boxes(own, frame)
    assert ((code[:, :2] >= 0) & (code[:, :2] < 1)).all() and cells.min() >= 0
    torch.testing.assert_close(decoded_boxes(cells, code, frame), own)
