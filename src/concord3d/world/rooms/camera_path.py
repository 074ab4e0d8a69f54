"""Where somebody stands who scans a room, and what he looks at.

Shape legend: T tries, V views, O objects.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix
from concord3d.world.rooms.spaces import Space

Array = NDArray[np.float64]

# As far as the eye keeps from objects and walls, sideways; a camera is held over low furniture.
EYE_DISTANCE = 0.3
_AT_EASE = 0.7
_TRIES = 60
_EYE = (1.3, 1.75)
_LOOKED_AT_FROM = 2.1


def camera_path(space: Space, count: int, rng: np.random.Generator) -> Matrix:
    """Draw the poses of a scan: every object is looked at in turn, from where the eye has room.

    Args:
        space: The space.
        count: V.
        rng: Source of randomness.

    Returns:
        (V, 4, 4) room_from_camera; camera axes x right, y down, z forward.
    """
    eyes, clearance = standing_places(space, rng)
    seen = [one for one in space.annotated if one.kind not in ("door", "window")] or list(space.annotated)
    order = rng.permutation(len(seen))
    middle = space.layout.size / 2
    # The round begins where chance says and goes on around the middle of the room, as a person walks.
    start = rng.uniform(-np.pi, np.pi)
    targets = [seen[order[number % len(seen)]] for number in range(count)]
    targets.sort(key=lambda one: (np.arctan2(*(one.middle[:2] - middle)[::-1]) - start) % (2 * np.pi))
    poses = []
    for one in targets:
        aim = one.middle + rng.normal(0, 0.12, 3)
        distance = np.linalg.norm(eyes[:, :2] - aim[:2], axis=1)
        front = np.array([np.cos(one.yaw), np.sin(one.yaw)])
        behind = ((eyes[:, :2] - one.place[:2]) @ front) < 0
        cost = np.abs(distance - _LOOKED_AT_FROM) + 1.5 * behind + rng.uniform(0, 0.8, len(eyes))
        cost += 2 * np.clip(_AT_EASE - clearance, 0, None)
        poses.append(_look_at(eyes[cost.argmin()], aim, float(rng.normal(0, 0.03))))
    return np.stack(poses)


def standing_places(space: Space, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return (T, 3) places of the eye with room around them and (T,) how much; in a full room those that have most."""
    places = np.column_stack([rng.uniform(0, 1, (_TRIES, 2)) * space.layout.size, rng.uniform(*_EYE, _TRIES)])
    clearance = space.layout.clearance(places[:, :2])
    tall = [one.box for one in space.objects if one.box[1][2] > 0.9]
    for low, high in tall:
        gaps = np.maximum(low - places, places - high)
        clearance = np.minimum(clearance, np.linalg.norm(np.clip(gaps, 0, None), axis=1) - (gaps < 0).all(axis=1))
    free = clearance >= EYE_DISTANCE
    chosen = np.flatnonzero(free) if free.sum() >= 4 else np.argsort(-clearance)[:4]
    return places[chosen], clearance[chosen]


def _look_at(eye: Array, aim: Array, roll: float) -> Matrix:
    forward = aim - eye
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1] = c * right + s * down, c * down - s * right
    pose[:3, 2], pose[:3, 3] = forward, eye
    return pose
