"""A world object as somebody filmed it: frames on the way around it, and the cloud that is reconstructed from them.

Shape legend: V frames, H and W height and width of a frame, P points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.cameras import Cameras, orbit_cameras, pixel_directions
from concord3d.geometry.mesh import Mesh, sample_surface
from concord3d.geometry.photo import photo_background
from concord3d.geometry.ray_casting import RayCaster
from concord3d.world.objects.scan import ScannedScene, Shape, object_only, observe

NUM_FRAMES = 10
FRAME_PIXELS = 128
_SAMPLES_PER_POINT = 4
_VIEWPOINTS = 12
_GREY = 180


@dataclass(frozen=True)
class Walk:
    """Where the camera is at each frame, about an object in the unit sphere, in degrees and radii of the sphere.

    Attributes:
        azimuth: (V,) about y.
        elevation: (V,) above the floor.
        distance: (V,) from the middle of the object.
        roll: (V,) about the line of sight.
        aside: (V, 2) how far the middle of the object is from the line of sight.
    """

    azimuth: NDArray[np.float64]
    elevation: NDArray[np.float64]
    distance: NDArray[np.float64]
    roll: NDArray[np.float64]
    aside: NDArray[np.float64]

    def cameras(self, image_size: int) -> Cameras:
        """Return the cameras of the frames."""
        level = orbit_cameras(self.azimuth, self.elevation, image_size=image_size, distance=1.0)
        cosine, sine, zero = np.cos(np.radians(self.roll)), np.sin(np.radians(self.roll)), np.zeros(len(self.roll))
        turn = np.stack([[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, zero + 1]]).transpose(2, 0, 1)
        translation = np.column_stack([self.aside, self.distance])
        return Cameras(
            np.einsum("vij,vjk->vik", turn, level.rotation), translation, level.focal, image_size, image_size
        )


def handheld_walk(num_frames: int, rng: np.random.Generator) -> Walk:
    """Draw a walk around an object: once around, with the unsteadiness of a hand.

    Args:
        num_frames: V.
        rng: Source of randomness.
    """
    phase = np.arange(num_frames) / num_frames
    azimuth = rng.uniform(0, 360) + 360 * phase + rng.normal(0, 5, num_frames)
    sway = rng.uniform(3, 14) * np.sin(2 * np.pi * (phase + rng.random()))
    elevation = rng.uniform(10, 35) + sway + rng.normal(0, 2, num_frames)
    distance = rng.uniform(2.0, 2.7) * (1 + rng.normal(0, 0.05, num_frames))
    return Walk(
        azimuth,
        elevation.clip(-5, 70),
        distance.clip(1.8, 3.2),
        rng.normal(0, 3, num_frames),
        rng.normal(0, 0.08, (num_frames, 2)),
    )


def photographed(mesh: Mesh, walk: Walk, rng: np.random.Generator, image_size: int = FRAME_PIXELS) -> NDArray[np.uint8]:
    """Photograph an object in the light of one place.

    Args:
        mesh: Any position and scale, y up.
        walk: Where the camera stands.
        rng: Source of the light, of backgrounds and of the camera's faults.
        image_size: H = W in pixels.

    Returns:
        (V, H, W, 3) uint8 RGB.
    """
    centred = mesh.normalized()
    cameras = walk.cameras(image_size)
    face = _caster().cast(centred, cameras).face
    mask = face >= 0
    normals = centred.face_normals()[face] * mask[..., None]
    # Both sides of a face are seen; its normal is turned to the camera.
    sight = np.einsum("hwi,vij->vhwj", pixel_directions(cameras), cameras.rotation)
    normals = np.where((normals * sight).sum(axis=-1, keepdims=True) > 0, -normals, normals)
    colors = np.full((len(centred.faces), 3), _GREY, np.uint8) if centred.face_colors is None else centred.face_colors
    height, around = np.radians(rng.uniform(35, 75)), rng.uniform(0, 2 * np.pi)
    sun = np.array([np.sin(around) * np.cos(height), np.sin(height), np.cos(around) * np.cos(height)])
    lit = 0.55 + 0.45 * np.einsum("vhwc,c->vhw", normals, sun).clip(0)
    color = np.where(mask[..., None], colors[face] * lit[..., None], 255).astype(np.uint8)
    return photo_background(color, mask, normals, rng)


def reconstructed(obj: Shape, num_points: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Reconstruct an object from views around it: noise grows with the distance, what no view saw is missing.

    The object stands on the floor, so its underside is missing.

    Args:
        obj: The object, in metres.
        num_points: P.
        rng: Source of randomness.

    Returns:
        (P, 3) float32 metres, y up, the origin in the middle of the object's bounding box.
    """
    low, high = obj.mesh.vertices.min(axis=0), obj.mesh.vertices.max(axis=0)
    mesh = Mesh((obj.mesh.vertices - (low + high) / 2).astype(np.float32), obj.mesh.faces)
    size = (high - low).astype(np.float64)
    sample = sample_surface(mesh, max(_SAMPLES_PER_POINT * num_points, 4096), rng)
    walk = handheld_walk(_VIEWPOINTS, rng)
    extent = float(np.linalg.norm(size))
    eyes = walk.cameras(1).centers / walk.distance[:, None] * (extent * 0.9 + 0.4)
    # Nobody films from below the floor.
    eyes[:, 1] = np.maximum(eyes[:, 1], -size[1] / 2 + 0.05)
    points, normals = sample.points.astype(np.float64), sample.normals.astype(np.float64)
    spacing = float(np.sqrt(mesh.face_areas().sum() / len(points)))
    under = (points[:, 1] < -size[1] / 2 + 0.02 * size[1]) & (np.abs(normals[:, 1]) > 0.7)
    index, seen = observe(points[~under], normals[~under], eyes, spacing, rng)
    scene = ScannedScene(seen.astype(np.float32), np.ones(len(index), dtype=bool), size)
    return object_only(scene, num_points, rng)[0]


@cache
def _caster() -> RayCaster:
    # Data sets are built by several processes, each with one thread.
    return RayCaster(1)
