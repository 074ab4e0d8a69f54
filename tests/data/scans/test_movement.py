"""Turns and shifts of objects between scans."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.data.scans.movement import turn_and_shift
from concord3d.geometry.rigid import inverse, rigid, turn_about_z


def about(middle: np.ndarray, angle: float, shift: list[float]) -> np.ndarray:
    """A turn about a vertical axis through the middle, then a shift."""
    turn = turn_about_z(np.radians(angle))
    return rigid(turn, middle - turn @ middle + np.array(shift))


@pytest.mark.parametrize("back", [False, True])
def test_the_movement_is_found_whichever_way_the_transformation_leads(back: bool) -> None:
    before = np.random.default_rng(0).uniform(2, 3, (50, 3))
    middle = before.mean(axis=0)
    movement = about(middle, 30, [0.3, -0.4, 0.0])
    after = before @ movement[:3, :3].T + movement[:3, 3]
    reference_from_rescan = rigid(turn_about_z(1.2), [4.0, -2.0, 0.1])
    rescan_from_reference = inverse(reference_from_rescan) @ movement
    transform = inverse(rescan_from_reference) if back else rescan_from_reference
    angle, shift = turn_and_shift(transform, reference_from_rescan, before, after)
    assert angle == pytest.approx(30, abs=1e-6) and shift == pytest.approx(0.5, abs=1e-9)


def test_what_did_not_move_and_what_has_no_vertices() -> None:
    reference_from_rescan = rigid(turn_about_z(1.2), [4.0, -2.0, 0.1])
    none = np.zeros((0, 3))
    assert turn_and_shift(inverse(reference_from_rescan), reference_from_rescan, none, none) == pytest.approx((0, 0))
    moved = inverse(reference_from_rescan) @ rigid(np.eye(3), [0, 0, 2.0])
    assert turn_and_shift(moved, reference_from_rescan, none, none) == pytest.approx((0, 2))
