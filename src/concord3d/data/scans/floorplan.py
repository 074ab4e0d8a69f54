"""Picture of a floorplan: a horizontal section, seen from above, of layout edges and CAD models (CrossOver spec 1.7).

Shape legend: E layout edges, V vertices, F faces, H and W height and width of the raster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.mesh import Mesh
from concord3d.geometry.ray_casting import RayCaster

EDGE_RADIUS_M = 0.02
NEAR_PLANE_M = 0.05
# The raster of which a picture of 224 pixels is made, and the white border around what is drawn.
RASTER = (400, 800)
BORDER = 50
PIXELS = 224
# Half the height of what is seen, in extents of the mesh along y; half the width is twice as much.
_REACH = 0.8
_SIDES = 12
# A white surface in a light of intensity 2 that comes from the camera (Lambert).
_LIGHT = 2 / np.pi
_WHITE = 255


class _View(NamedTuple):
    """Half-extents of what is seen in metres, and the height and width of the raster."""

    half_height: float
    half_width: float
    height: int
    width: int


def floorplan(
    caster: RayCaster, edges: NDArray[np.float64], models: Sequence[Mesh], pixels: int
) -> NDArray[np.uint8] | None:
    """Draw a floorplan.

    Edges are drawn at least one pixel of the raster thick. Only what lies below the middle of the height is seen.

    Args:
        caster: Casts the rays.
        edges: (E, 2, 3) ends in the frame of the scan, z up.
        models: CAD models in the frame of the scan.
        pixels: Side of the picture; the raster has the size for it that :data:`RASTER` has for 224.

    Returns:
        (pixels, pixels, 3) uint8, or None where nothing is to be seen.
    """
    from PIL import Image

    ends = [edges.reshape(-1, 3), *(model.vertices.astype(np.float64) for model in models)]
    corners = _turned(np.concatenate(ends))
    if not len(corners):
        return None
    low, high = corners.min(axis=0), corners.max(axis=0)
    height = round(RASTER[0] * pixels / PIXELS)
    extent = max(float(high[1] - low[1]), 2 * EDGE_RADIUS_M)
    view = _View(_REACH * extent, 2 * _REACH * extent, height, 2 * height)
    radius = max(EDGE_RADIUS_M, view.half_height / height)
    parts = [_tube(start, end, radius) for start, end in edges if np.linalg.norm(end - start) > 1e-9]
    mesh = _joined([*parts, *models])
    if mesh is None:
        return None
    vertices = _turned(mesh.vertices.astype(np.float64))
    vertices -= (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    raster = _section(caster, Mesh(vertices.astype(np.float32), mesh.faces), view)
    rows, columns = np.nonzero(raster != _WHITE)
    if not len(rows):
        return None
    border = round(BORDER * pixels / PIXELS)
    drawn = raster[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    drawn = np.pad(drawn, border, constant_values=_WHITE)
    picture = np.asarray(Image.fromarray(drawn).resize((pixels, pixels), Image.Resampling.BICUBIC))
    return np.ascontiguousarray(np.repeat(picture[:, :, None], 3, axis=2))


def _section(caster: RayCaster, mesh: Mesh, view: _View) -> NDArray[np.uint8]:
    """Return (H, W) uint8: what rays straight down from just below the middle meet, lit from above."""
    y = (1 - 2 * (np.arange(view.height) + 0.5) / view.height) * view.half_height
    x = (2 * (np.arange(view.width) + 0.5) / view.width - 1) * view.half_width
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    # Rays beside the mesh need not be cast.
    rows = np.flatnonzero((y >= low[1]) & (y <= high[1]))
    columns = np.flatnonzero((x >= low[0]) & (x <= high[0]))
    rays = np.zeros((len(rows), len(columns), 6), np.float32)
    rays[..., 0], rays[..., 1], rays[..., 2], rays[..., 5] = x[columns], y[rows, None], -NEAR_PLANE_M, -1
    raster = np.full((view.height, view.width), _WHITE, np.uint8)
    if rays.size:
        face = caster.scene(mesh).cast(rays.reshape(-1, 6)).face
        shade = np.abs(mesh.face_normals()[face, 2]) * _LIGHT * _WHITE
        seen = np.where(face >= 0, shade, _WHITE).round().astype(np.uint8)
        raster[np.ix_(rows, columns)] = seen.reshape(rays.shape[:2])
    return raster


def _turned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn by -90 degrees about z."""
    return np.stack([points[:, 1], -points[:, 0], points[:, 2]], axis=1)


def _tube(start: NDArray[np.float64], end: NDArray[np.float64], radius: float) -> Mesh:
    import trimesh

    tube = trimesh.creation.cylinder(radius, sections=_SIDES, segment=np.stack([start, end]))
    return Mesh(tube.vertices.astype(np.float32), tube.faces.astype(np.int32))


def _joined(parts: Sequence[Mesh]) -> Mesh | None:
    if not parts:
        return None
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    faces = [part.faces + np.int32(offset) for part, offset in zip(parts, offsets, strict=True)]
    return Mesh(np.concatenate([part.vertices for part in parts]), np.concatenate(faces))
