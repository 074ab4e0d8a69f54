"""How far an object moved between two scans of a space (CrossOver spec 7.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix, transformed


def turn_and_shift(
    transform: Matrix,
    reference_from_rescan: Matrix,
    before: NDArray[np.floating],
    after: NDArray[np.floating],
) -> tuple[float, float]:
    """Measure a movement in the frame of the reference scan.

    Files differ in whether an object's transformation leads from the reference scan to the rescan or back. The one that
    brings the middle of the vertices before nearer to the middle of those after is taken.

    Args:
        transform: (4, 4) of the object between the raw frames of the two scans.
        reference_from_rescan: (4, 4) between the same frames, of what did not move.
        before: (n, 3) the object's vertices in the reference scan.
        after: (m, 3) its vertices in the rescan, in the frame of the reference scan.

    Returns:
        Degrees that it turned, and metres that the middle of its vertices shifted. Without vertices in the reference
        scan the shift is that of the origin.
    """
    movements = reference_from_rescan @ transform, reference_from_rescan @ np.linalg.inv(transform)
    middle = before.mean(axis=0, dtype=np.float64) if len(before) else np.zeros(3)
    movement = movements[0]
    if len(before) and len(after):
        target = after.mean(axis=0, dtype=np.float64)
        movement = min(movements, key=lambda one: float(np.linalg.norm(transformed(middle, one) - target)))
    cosine = (np.trace(movement[:3, :3]) - 1) / 2
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return angle, float(np.linalg.norm(transformed(middle, movement) - middle))
