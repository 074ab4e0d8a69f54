"""The mesh that a scanner makes of a room: shifted a little, and only what some frame saw.

Shape legend: V vertices, F faces, N views.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import inverse
from concord3d.world.rooms.frames import Frames, Light
from concord3d.world.rooms.meshes import RoomMesh

Array = NDArray[np.float64]

# Least difference of depths at which a vertex lies behind what the frame saw, and its growth with the distance.
_BEHIND_M, _BEHIND = 0.06, 0.03
_NOISE_M, _DRIFT_M = 0.003, 0.004


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A scanned mesh.

    Attributes:
        vertices: (V, 3) float32 in the room.
        faces: (F, 3) int32.
        colors: (V, 3) uint8 RGB as the light made them.
        identity: (V,) int32 identity of the object, 0 where nobody annotated it.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8]
    identity: NDArray[np.int32]


def reconstruct(room: RoomMesh, frames: Frames, light: Light, rng: np.random.Generator) -> Reconstruction:
    """Return what a scanner makes of a room.

    Args:
        room: The room.
        frames: What was seen of it.
        light: The light, which its colours keep.
        rng: Source of noise.
    """
    vertices = room.mesh.vertices.astype(np.float64)
    seen = _seen(vertices, frames)
    kept = seen[room.mesh.faces].all(axis=1)
    if not kept.any():
        kept = seen[room.mesh.faces].any(axis=1)
    used = np.zeros(len(vertices), dtype=bool)
    used[room.mesh.faces[kept]] = True
    colors = _vertex_colors(room, light)[used] + rng.normal(0, 4, (int(used.sum()), 3))
    places = vertices[used]
    waves = rng.uniform(-1, 1, (3, 3)), rng.uniform(0, 2 * np.pi, 3)
    drift = _DRIFT_M * np.sin(places @ waves[0] + waves[1])
    number = np.cumsum(used) - 1
    return Reconstruction(
        (places + drift + rng.normal(0, _NOISE_M, places.shape)).astype(np.float32),
        number[room.mesh.faces[kept]].astype(np.int32),
        colors.clip(0, 255).astype(np.uint8),
        room.vertex_object[used],
    )


def _seen(vertices: Array, frames: Frames) -> NDArray[np.bool_]:
    """Return (V,) whether a vertex lies on the surface that some frame saw in its direction."""
    height, width = frames.depth.shape[1:]
    view = inverse(frames.poses)
    camera = vertices @ np.swapaxes(view[:, :3, :3], 1, 2) + view[:, None, :3, 3]
    z = camera[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        column = frames.focal * camera[..., 0] / z + width / 2
        row = frames.focal * camera[..., 1] / z + height / 2
    inside = (z > 0.1) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    number, vertex = np.nonzero(inside)
    depth = frames.depth[number, row[inside].astype(int), column[inside].astype(int)]
    near = (depth > 0) & (z[inside] - depth < _BEHIND_M + _BEHIND * depth)
    seen = np.zeros(len(vertices), dtype=bool)
    seen[vertex[near]] = True
    return seen


def _vertex_colors(room: RoomMesh, light: Light) -> Array:
    """Return (V, 3) the mean colours of the faces around each vertex."""
    count, corner = len(room.mesh.vertices), room.mesh.faces.ravel()
    shaded = np.repeat(light.shaded(room.colors, room.normals), 3, axis=0)
    sums = np.stack([np.bincount(corner, shaded[:, c], count) for c in range(3)], axis=1)
    counts = np.bincount(corner, minlength=count).clip(1)
    means: Array = sums / counts[:, None]
    return means
