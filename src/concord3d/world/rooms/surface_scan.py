"""What scanners on tripods make of a room: coloured points of the surfaces that they see.

Frame: that of the room, z up. Shape legend: E places of the scanner, N points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.mesh import sample_surface
from concord3d.geometry.ray_casting import RayCaster
from concord3d.world.rooms.camera_path import standing_places
from concord3d.world.rooms.frames import Light
from concord3d.world.rooms.meshes import RoomMesh
from concord3d.world.rooms.spaces import Space

Array = NDArray[np.float64]

NUM_STATIONS = 3
_NOISE_M, _COLOR_NOISE = 0.003, 4.0
# A surface so far in front of a point hides it.
_HIDDEN_M = 0.02


@dataclass(frozen=True, eq=False)
class SurfaceScan:
    """Points of a room.

    Attributes:
        points: (N, 3) float64 in the room.
        colors: (N, 3) uint8 RGB.
        identity: (N,) int32 identity of the object, 0 where nobody annotates it.
    """

    points: Array
    colors: NDArray[np.uint8]
    identity: NDArray[np.int32]


def scan_surfaces(
    caster: RayCaster, room: RoomMesh, space: Space, light: Light, density: float, rng: np.random.Generator
) -> SurfaceScan:
    """Scan a room from a few places that lie far from each other.

    Args:
        caster: Casts the rays.
        room: What is scanned.
        space: The space, which says where a tripod may stand.
        light: The light, which the colours keep.
        density: Points per square metre of surface, before those are left out that no scanner sees.
        rng: Source of randomness.
    """
    count = max(1, round(density * float(room.mesh.face_areas().sum())))
    sample = sample_surface(room.mesh, count, rng)
    seen = _seen(caster, room, _stations(space, rng), sample.points)
    face = sample.face_index[seen]
    points = sample.points[seen].astype(np.float64)
    colors = light.shaded(room.colors[face], sample.normals[seen]) + rng.normal(0, _COLOR_NOISE, points.shape)
    return SurfaceScan(
        points + rng.normal(0, _NOISE_M, points.shape), colors.clip(0, 255).astype(np.uint8), room.face_object[face]
    )


def _stations(space: Space, rng: np.random.Generator) -> Array:
    """Return (E, 3) places: the one with most room around it, then each time the one farthest from the others."""
    places, clearance = standing_places(space, rng)
    chosen = [places[clearance.argmax()]]
    while len(chosen) < NUM_STATIONS:
        gaps = np.linalg.norm(places[:, None] - np.stack(chosen), axis=2).min(axis=1)
        chosen.append(places[gaps.argmax()])
    return np.stack(chosen)


def _seen(caster: RayCaster, room: RoomMesh, eyes: Array, points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (N,) whether a point is the first thing on the way from some eye to it."""
    scene = caster.scene(room.mesh)
    seen = np.zeros(len(points), dtype=bool)
    for eye in eyes.astype(np.float32):
        ways = points - eye
        hits = scene.cast(np.concatenate([np.broadcast_to(eye, ways.shape), ways], axis=1))
        seen |= (1 - hits.distance) * np.linalg.norm(ways, axis=1) < _HIDDEN_M
    return seen
