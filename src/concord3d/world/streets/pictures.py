"""What cameras in a street see.

Shape legend: V cameras, H and W image height and width, R rays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.cameras import Cameras
from concord3d.geometry.ray_casting import RayScene, pixel_rays
from concord3d.geometry.rigid import Matrix, inverse
from concord3d.world.streets.meshes import LabelledMesh
from concord3d.world.streets.plan import StreetPlan

_ZENITH, _HORIZON = np.array([96.0, 146.0, 214.0]), np.array([196.0, 210.0, 224.0])
_OVERCAST = np.array([168.0, 172.0, 178.0])
_HAZE_M = 260.0
_GRAIN = 0.16


def take_pictures(
    scene: RayScene,
    street: LabelledMesh,
    plan: StreetPlan,
    street_from_camera: Matrix,
    focal: NDArray[np.float64],
    height: int,
    width: int,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Take one picture with each camera.

    Args:
        scene: The street made ready for rays.
        street: The same with its colours.
        plan: Tells sun, light and weather.
        street_from_camera: (V, 4, 4).
        focal: (V,) in widths of the picture.
        height: H.
        width: W.
        rng: Source of the noise.

    Returns:
        (V, H, W, 3) uint8 RGB.
    """
    camera_from_street = inverse(street_from_camera)
    rays = np.concatenate([
        pixel_rays(Cameras(one[None, :3, :3], one[None, :3, 3], float(share * width), height, width)).reshape(-1, 6)
        for one, share in zip(camera_from_street, focal, strict=True)
    ])  # fmt: skip
    hits = scene.cast(rays)
    directions = rays[:, 3:] / np.linalg.norm(rays[:, 3:], axis=1, keepdims=True)
    sky = _sky(directions, plan)
    seen = hits.face >= 0
    face, depth = hits.face[seen], hits.distance[seen]
    base = street.colors_of(face)
    place = rays[seen, :3] + rays[seen, 3:] * depth[:, None]
    # Both sides of a face are seen; the one that is turned to the camera is lit.
    normal = street.normals_of(face)
    facing = np.where(np.einsum("rc,rc->r", normal, directions[seen]) > 0, -1.0, 1.0)
    sunlight = np.clip(facing * (normal @ np.array(plan.sun)), 0, 1)
    lit = base * (_grain(place) * (0.52 + 0.5 * sunlight * (0.3 if plan.rain else 1.0)))[:, None]
    haze = np.exp(-depth / (_HAZE_M * (0.4 if plan.rain else 1.0)))[:, None]
    picture = sky
    picture[seen] = lit * haze + sky[seen] * (1 - haze)
    picture = picture * plan.light + rng.normal(0, 2.5, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8).reshape(len(focal), height, width, 3)


def _sky(directions: NDArray[np.float32], plan: StreetPlan) -> NDArray[np.float64]:
    if plan.rain:
        return np.tile(_OVERCAST, (len(directions), 1))
    rise = np.clip(directions[:, 2:].astype(np.float64) * 2.2, 0, 1)
    return _HORIZON * (1 - rise) + _ZENITH * rise


def _grain(place: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (R,) factors about 1 that belong to cells of space: the grain of asphalt, walls and leaves."""
    factors = np.ones(len(place))
    for size, share in ((0.09, 0.4), (0.7, 0.6)):
        cell = np.floor(place / size).astype(np.int64)
        mixed = (cell[:, 0] * 73856093) ^ (cell[:, 1] * 19349663) ^ (cell[:, 2] * 83492791)
        mixed = (mixed ^ (mixed >> 13)) * 1274126177
        factors += _GRAIN * share * (((mixed >> 8) & 1023) / 511.5 - 1)
    return factors
