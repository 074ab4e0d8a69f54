"""What every mesh renderer takes and gives, and the shading they share so that their colours agree.

Shape legend: V views, H and W image height and width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.cameras import Cameras
from concord3d.geometry.mesh import Mesh

BACKGROUND = 255
DEFAULT_FACE_COLOR = (180, 180, 180)
AMBIENT = 0.35


@dataclass(frozen=True)
class Views:
    """Pictures of one mesh.

    Attributes:
        color: (V, H, W, 3) uint8 RGB, background 255.
        depth: (V, H, W) float32 z in the camera frame, world units, background 0.
        normal: (V, H, W, 3) float32 unit normals in the world frame, turned to the viewer, background 0.
        mask: (V, H, W) bool, True on the object.
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.float32]
    normal: NDArray[np.float32]
    mask: NDArray[np.bool_]


class Renderer(Protocol):
    """Draws a mesh from several cameras; ``name`` enters the identity of stored views."""

    @property
    def name(self) -> str:
        """Adapter name as used in a view specification."""

    def render(self, mesh: Mesh, cameras: Cameras) -> Views:
        """Draw ``mesh`` from every camera."""


def face_normals(mesh: Mesh) -> NDArray[np.float32]:
    """Return (F, 3) float32 unit normals by the right-hand rule; zero for a triangle without area."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    unit = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
    return unit.astype(np.float32)


def face_colors(mesh: Mesh) -> NDArray[np.uint8]:
    """Return (F, 3) uint8 colours of the faces, light grey where the mesh has none."""
    if mesh.face_colors is not None:
        return mesh.face_colors
    return np.broadcast_to(np.array(DEFAULT_FACE_COLOR, np.uint8), (len(mesh.faces), 3))


def shade_hits(mesh: Mesh, cameras: Cameras, face: NDArray[np.integer], depth: NDArray[np.floating]) -> Views:
    """Turn the face seen and the depth of every pixel into pictures: Lambert under a head light, plus ambient.

    ``color = face colour * (AMBIENT + (1 - AMBIENT) |n . v|)`` with v the direction from the pixel to the camera.

    Args:
        mesh: The mesh drawn.
        cameras: V cameras.
        face: (V, H, W) integer index of the face seen, -1 where there is none.
        depth: (V, H, W) z in the camera frame; ignored where there is no face.
    """
    mask = face >= 0
    view, row, column = np.nonzero(mask)
    seen = face[mask]
    ray = np.stack(
        [
            (column + 0.5 - cameras.width / 2) / cameras.focal,
            (row + 0.5 - cameras.height / 2) / cameras.focal,
            np.ones(len(row)),
        ],
        axis=1,
    ).astype(np.float32)
    ray /= np.sqrt((ray * ray).sum(axis=1, keepdims=True))
    toward = -_to_world(ray, cameras, view)
    normal_seen = face_normals(mesh)[seen]
    cosine = (normal_seen * toward).sum(axis=1)
    normal_seen = np.where(cosine[:, None] < 0, -normal_seen, normal_seen)
    light = np.float32(AMBIENT) + np.float32(1 - AMBIENT) * np.abs(cosine)
    color = np.full((*mask.shape, 3), BACKGROUND, np.uint8)
    color[mask] = np.rint(face_colors(mesh)[seen] * np.minimum(light, 1)[:, None]).astype(np.uint8)
    normal = np.zeros((*mask.shape, 3), np.float32)
    normal[mask] = normal_seen
    return Views(color, np.where(mask, depth, 0).astype(np.float32), normal, mask)


def _to_world(vectors: NDArray[np.float32], cameras: Cameras, view: NDArray[np.int64]) -> NDArray[np.float32]:
    """Turn (n, 3) directions in the frames of the cameras ``view`` (n,), in ascending order, to the world frame."""
    counts = np.bincount(view, minlength=len(cameras))
    parts = np.split(vectors, np.cumsum(counts)[:-1])
    turned = [part @ rotation for part, rotation in zip(parts, cameras.rotation.astype(np.float32), strict=True)]
    return np.concatenate(turned)
