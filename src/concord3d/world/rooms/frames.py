"""Colour and depth frames of a room with the object of every pixel.

Shape legend: V views, H and W image height and width, F faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.cameras import Cameras
from concord3d.geometry.ray_casting import RayCaster
from concord3d.geometry.rigid import Matrix, inverse
from concord3d.world.rooms.meshes import RoomMesh

Array = NDArray[np.float64]

# Focal length of ScanNet's exported frames, in widths of the picture (CrossOver spec 1.4).
FOCAL = 577.870605 / 640
_CEILING = np.array([222.0, 222.0, 218.0])


@dataclass(frozen=True)
class Light:
    """Light of one visit.

    Attributes:
        direction: (3,) unit vector towards it.
        cast: (3,) factors on red, green and blue.
        ambient: Share of the light that comes from everywhere.
    """

    direction: Array
    cast: Array
    ambient: float

    def shaded(self, colors: NDArray[np.uint8], normals: NDArray[np.float32]) -> Array:
        """Return (..., 3) colours as they look in this light; both sides of a face are lit."""
        facing = np.abs(normals @ self.direction)
        lit: Array = colors.astype(np.float64) * (self.ambient + (1 - self.ambient) * facing)[..., None] * self.cast
        return lit


@dataclass(frozen=True, eq=False)
class Frames:
    """What a scanner's camera saw.

    Attributes:
        color: (V, H, W, 3) uint8 RGB.
        depth: (V, H, W) float32 metres along the optical axis, 0 where nothing is.
        identity: (V, H, W) int32 identity of the object, 0 where there is none.
        poses: (V, 4, 4) room_from_camera.
        focal: Focal length in pixels; the optical axis goes through the middle of the picture.
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.float32]
    identity: NDArray[np.int32]
    poses: Matrix
    focal: float


def draw_light(rng: np.random.Generator) -> Light:
    """Draw the light of one visit: daylight or lamps, bright or dim."""
    direction = rng.normal(size=3) * np.array([0.6, 0.6, 0.2]) + np.array([0.0, 0.0, 0.9])
    warm = rng.normal(0, 0.06)
    cast = np.array([1 + warm, 1.0, 1 - warm]) * rng.uniform(0.82, 1.05)
    return Light(direction / np.linalg.norm(direction), cast, float(rng.uniform(0.5, 0.68)))


def take_frames(
    caster: RayCaster, room: RoomMesh, light: Light, poses: Matrix, height: int, width: int, rng: np.random.Generator
) -> Frames:
    """Take one frame from every pose.

    Args:
        caster: Casts the rays.
        room: What is seen.
        light: The light.
        poses: (V, 4, 4) room_from_camera.
        height: H.
        width: W.
        rng: Source of noise and exposure.
    """
    view = inverse(poses)
    focal = FOCAL * max(height, width)
    hits = caster.cast(room.mesh, Cameras(view[:, :3, :3], view[:, :3, 3], focal, height, width))
    face_colors = light.shaded(room.colors, room.normals)
    seen = hits.face >= 0
    picture = np.broadcast_to(_CEILING * light.cast, (*hits.face.shape, 3)).copy()
    picture[seen] = face_colors[hits.face[seen]]
    exposure = rng.normal(1, 0.05, (len(poses), 1, 1, 1))
    picture = picture * exposure + rng.normal(0, 3.0, picture.shape)
    identity = np.where(seen, room.face_object[hits.face], 0).astype(np.int32)
    return Frames(picture.clip(0, 255).astype(np.uint8), hits.depth, identity, poses, focal)
