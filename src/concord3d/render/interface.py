"""What every mesh renderer takes and gives, and the shading they share so that their colours agree.

Shape legend: V views, H and W image height and width.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.cameras import Cameras, pixel_directions
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
    """Draws a mesh from several cameras; ``name`` enters the identity of stored views, ``library`` their record."""

    @property
    def name(self) -> str:
        """Adapter name as used in a view specification."""

    @property
    def library(self) -> str:
        """The library that draws and its own version, such as ``open3d 0.20.0``."""

    def render(self, mesh: Mesh, cameras: Cameras) -> Views:
        """Draw ``mesh`` from every camera."""


def face_colors(mesh: Mesh) -> NDArray[np.uint8]:
    """Return (F, 3) uint8 colours of the faces, light grey where the mesh has none."""
    if mesh.face_colors is not None:
        return mesh.face_colors
    return np.broadcast_to(np.array(DEFAULT_FACE_COLOR, np.uint8), (len(mesh.faces), 3))


def shade_hits(
    mesh: Mesh,
    cameras: Cameras,
    face: NDArray[np.integer],
    depth: NDArray[np.floating],
    toward_camera: NDArray[np.float32] | None = None,
    num_threads: int = 1,
) -> Views:
    """Turn the face seen and the depth of every pixel into pictures: Lambert under a head light, plus ambient.

    ``color = face colour * (AMBIENT + (1 - AMBIENT) |n . v|)`` with v the direction from the pixel to the camera.

    Args:
        mesh: The mesh drawn.
        cameras: V cameras.
        face: (V, H, W) integer index of the face seen, -1 where there is none.
        depth: (V, H, W) z in the camera frame; ignored where there is no face.
        toward_camera: What :func:`directions_to_camera` gives for ``cameras``, from a caller that keeps it.
        num_threads: Threads, each for some of the views.
    """
    num_views = len(face)
    toward = directions_to_camera(cameras) if toward_camera is None else toward_camera
    toward = toward.reshape(3, *face.shape)
    # One coordinate, or one colour, at a time: rows of three are several times slower.
    normals = np.ascontiguousarray(mesh.face_normals().T)
    colors = face_colors(mesh).T.astype(np.float32, order="C")
    views = Views(
        np.empty((*face.shape, 3), np.uint8),
        np.empty(face.shape, np.float32),
        np.empty((*face.shape, 3), np.float32),
        np.empty(face.shape, bool),
    )

    def shade(block: slice) -> None:
        mask = np.greater_equal(face[block], 0, out=views.mask[block])
        views.depth[block] = np.where(mask, depth[block], np.float32(0))
        hit = np.flatnonzero(mask)
        seen = face[block].reshape(-1).take(hit)
        normal = [axis.take(seen) for axis in normals]
        cosine = np.zeros(len(hit), np.float32)
        for axis in range(3):
            cosine += normal[axis] * toward[axis, block].reshape(-1).take(hit)
        light = np.minimum(np.float32(AMBIENT) + np.float32(1 - AMBIENT) * np.abs(cosine), np.float32(1))
        to_viewer = np.where(cosine < 0, np.float32(-1), np.float32(1))
        color_image, normal_image = views.color[block].reshape(-1, 3), views.normal[block].reshape(-1, 3)
        color_image.fill(BACKGROUND)
        normal_image.fill(0)
        for axis, channel in enumerate(colors):
            shaded = channel.take(seen) * light
            color_image[hit, axis] = np.rint(shaded, out=shaded)
            normal_image[hit, axis] = normal[axis] * to_viewer

    bounds = np.linspace(0, num_views, max(1, min(num_threads, num_views)) + 1).astype(int)
    blocks = [slice(start, stop) for start, stop in pairwise(bounds)]
    if len(blocks) == 1:
        shade(blocks[0])
    else:
        with ThreadPoolExecutor(len(blocks)) as pool:
            list(pool.map(shade, blocks))
    return views


def directions_to_camera(cameras: Cameras) -> NDArray[np.float32]:
    """Return (3, V * H * W) float32 unit world directions from the pixel centres to their camera."""
    toward = -pixel_directions(cameras).reshape(-1, 3)
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    turned = np.concatenate([toward @ rotation for rotation in cameras.rotation.astype(np.float32)])
    return np.ascontiguousarray(turned.T)
