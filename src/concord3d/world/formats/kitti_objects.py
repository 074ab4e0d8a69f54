"""Lines of KITTI's label files: one object that a picture shows.

Angles are about the camera's y axis, which points down; 0 looks along its x axis, to the right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix, transformed
from concord3d.world.streets.actors import Actor

# Bicycles and motorcycles have no rider here, and the real files leave them out.
_TYPES = {
    "vehicle.car": "Car", "vehicle.truck": "Truck", "vehicle.bus.rigid": "Misc", "vehicle.bus.bendy": "Misc",
    "vehicle.trailer": "Misc", "vehicle.construction": "Misc",
}  # fmt: skip
_LEAST_PIXELS = 6
_NEAREST_M = 0.1
# Least visible share of what is fully visible (0) and partly hidden (1); else largely hidden (2).
_VISIBLE = (0.8, 0.4)


@dataclass(frozen=True)
class KittiObject:
    """One line.

    Attributes:
        type: ``Car``, ``Truck``, ``Pedestrian``, ``Person_sitting``, ``Misc`` or ``DontCare``.
        truncated: Share of its rectangle outside of the picture.
        occluded: 0, 1 or 2.
        alpha: Direction in which it is seen.
        rectangle: Left, top, right, bottom in pixels.
        size: Height, width, length in metres.
        place: Middle of its lower face in the camera's frame.
        rotation_y: Direction of its front.
    """

    type: str
    truncated: float
    occluded: int
    alpha: float
    rectangle: tuple[float, float, float, float]
    size: tuple[float, float, float]
    place: tuple[float, float, float]
    rotation_y: float


def object_line(found: KittiObject) -> str:
    """Return the line of a file ``label_2``, without its end."""
    if found.type == "DontCare":
        rectangle = " ".join(f"{number:.2f}" for number in found.rectangle)
        return f"DontCare -1 -1 -10 {rectangle} -1 -1 -1 -1000 -1000 -1000 -10"
    numbers = (found.alpha, *found.rectangle, *found.size, *found.place, found.rotation_y)
    return " ".join(
        [found.type, f"{found.truncated:.2f}", str(found.occluded), *(f"{number:.4f}" for number in numbers)]
    )


def actor_object(
    actor: Actor, camera_from_street: Matrix, intrinsics: Matrix, size: tuple[int, int], shown: int, alone: int
) -> KittiObject | None:
    """Return what a label file says of an actor, or None where the picture has no rectangle for it.

    Args:
        actor: At the first instant.
        camera_from_street: (4, 4), of a level camera.
        intrinsics: (3, 3).
        size: Height and width of the picture.
        shown: Pixels that show it.
        alone: Pixels that would show it if nothing else was there.
    """
    kind = _TYPES.get(actor.category)
    if actor.category.startswith("human."):
        kind = "Person_sitting" if actor.model.variant == "sitting" else "Pedestrian"
    whole = _rectangle(actor, camera_from_street, intrinsics)
    if kind is None or whole is None:
        return None
    edges = np.array([size[1] - 1, size[0] - 1, size[1] - 1, size[0] - 1])
    cut = np.clip(whole, 0, edges)
    if (cut[2:] <= cut[:2]).any():
        return None
    visible = shown / max(alone, 1)
    front = camera_from_street[:3, :3] @ np.array([np.cos(actor.yaw), np.sin(actor.yaw), 0.0])
    x, y, z = transformed(actor.at(0.0)[None], camera_from_street)[0].tolist()
    rotation = float(np.arctan2(-front[2], front[0]))
    length, width, height = actor.model.size.tolist()
    left, top, right, bottom = cut.tolist()
    return KittiObject(
        kind if shown >= _LEAST_PIXELS else "DontCare",
        float(1 - np.prod(cut[2:] - cut[:2]) / np.prod(whole[2:] - whole[:2])),
        next((level for level, least in enumerate(_VISIBLE) if visible >= least), len(_VISIBLE)),
        _wrapped(rotation - float(np.arctan2(x, z))),
        (left, top, right, bottom),
        (height, width, length),
        (x, y, z),
        rotation,
    )


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def _rectangle(actor: Actor, camera_from_street: Matrix, intrinsics: Matrix) -> NDArray[np.float64] | None:
    """Return (4,) the rectangle about all corners of its box, or None where the box is behind the camera."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (0, 2)])
    half = signs * actor.model.size / 2
    c, s = np.cos(actor.yaw), np.sin(actor.yaw)
    corners = half @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + actor.at(0.0)
    in_camera = transformed(corners, camera_from_street)
    if (in_camera[:, 2] < _NEAREST_M).all():
        return None
    in_camera[:, 2] = np.maximum(in_camera[:, 2], _NEAREST_M)
    pixels = in_camera @ intrinsics.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
