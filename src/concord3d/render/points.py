"""Depth views of bare point clouds: PointCLIP-V2's ten pictures, and z-buffered splats for any cameras.

Shape legend: B clouds, N points, V views, H and W image height and width, R cells along a side of the grid,
D depth slices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from concord3d.errors import BadCloud, RenderError
from concord3d.geometry.cameras import Cameras

REALISTIC_AZIMUTH_DEG = (45.0, 135.0, 225.0, 315.0, 0.0, 90.0, 180.0, 270.0, 0.0, 0.0)
# Each view is tilted after it is aimed: side views by 20 degrees from 0, the polar ones by 12 from -90 and from 90,
# so the upper one passes the pole and looks from behind.
REALISTIC_ELEVATION_DEG = (20.0,) * 8 + (-78.0, 102.0)
REALISTIC_VIEWS = tuple(range(len(REALISTIC_AZIMUTH_DEG)))

_OBJECT_RATIO = 0.8
_DEPTH_BIAS = 0.2
_DEPTH_CELLS = 8
_SLICES = _DEPTH_CELLS - 2  # the first and the last of the eight cells along depth can never be filled
_SMOOTHING_SIGMA = 3.0
_REFERENCE_GRID = 112
_REFERENCE_POOL = 7
_CHUNK_CELLS = 400_000  # keeps the grid of one chunk within the processor's caches


def realistic_projection(points: Tensor, image_size: int, views: Sequence[int] = REALISTIC_VIEWS) -> Tensor:
    """Draw PointCLIP-V2's ten "realistic" depth views of each cloud, or some of them.

    Eight views stand around the object, 20 degrees above the horizon (azimuths 45, 135, 225, 315, then 0, 90, 180,
    270), one looks from below and one from above, both 12 degrees off the pole. Near is dark, the background white.
    At ``image_size`` 224 the grid has the original 112 cells along a side and the original pooling window of 7; other
    sizes scale both, so that a point keeps its share of the picture.

    Args:
        points: (B, N, 3) float, any position and scale, y up.
        image_size: H = W in pixels, at least 16.
        views: V of the ten, in the order in which they are returned.

    Returns:
        (B, V, H, W) uint8, a function of each cloud alone: neither the batch nor the order of points matters. Which
        other views are drawn may move a pixel by one grey level, because the library that resizes rounds otherwise.

    Raises:
        BadCloud: Not (B, N, 3), no points, or coordinates that are not finite.
        RenderError: The image is too small, or there is no such view.

    Source: PointCLIP V2, section 3.2, and its authors' code.
    """
    _require_clouds(points)
    if image_size < 16:
        raise RenderError("The image is too small for a projection", expected="image_size >= 16", found=image_size)
    if not views or not set(views) <= set(REALISTIC_VIEWS):
        raise RenderError("There is no such view", where="views", expected=f"some of {REALISTIC_VIEWS}", found=[*views])
    cells = image_size // 2
    chunk = max(1, _CHUNK_CELLS // (len(views) * _SLICES * cells * cells))
    parts = [_project_chunk(part, cells, image_size, tuple(views)) for part in points.float().split(chunk)]
    return torch.cat(parts) if parts else points.new_zeros((0, len(views), image_size, image_size)).byte()


def depth_views(points: Tensor, cameras: Cameras, *, radius_px: int = 1) -> Tensor:
    """Draw z-buffered depth views in which each point is a square splat.

    Args:
        points: (B, N, 3) float, world coordinates.
        cameras: V cameras.
        radius_px: A point covers ``2 radius_px + 1`` pixels along a side.

    Returns:
        (B, V, H, W) float32 depth z in world units; 0 is background. Points behind a camera are left out.

    Raises:
        BadCloud: Not (B, N, 3), no points, or coordinates that are not finite.
        RenderError: The radius is negative.
    """
    _require_clouds(points)
    if radius_px < 0:
        raise RenderError("The radius of a splat is negative", expected="radius_px >= 0", found=radius_px)
    batch, num_views, height, width = len(points), len(cameras), cameras.height, cameras.width
    rotation = torch.as_tensor(cameras.rotation, dtype=torch.float32, device=points.device)
    translation = torch.as_tensor(cameras.translation, dtype=torch.float32, device=points.device)
    x, y, z = (axis + translation[:, i, None] for i, axis in enumerate(_rotate(points.float(), rotation)))
    column = torch.floor(cameras.focal * x / z + width / 2)
    row = torch.floor(cameras.focal * y / z + height / 2)
    # A margin of one radius keeps splats whose centre lies just outside the image.
    tall, wide = height + 2 * radius_px, width + 2 * radius_px
    row, column = row + radius_px, column + radius_px
    inside = (z > 1e-6) & (row >= 0) & (row < tall) & (column >= 0) & (column < wide)
    cell = torch.where(inside, row * wide + column, torch.full_like(row, tall * wide)).long()
    buffer = torch.full((batch * num_views, tall * wide + 1), math.inf, device=points.device)
    buffer.scatter_reduce_(1, cell.flatten(0, 1), z.flatten(0, 1), reduce="amin")
    nearest = buffer[:, :-1].view(batch * num_views, tall, wide)
    window = 2 * radius_px + 1
    nearest = -_slide_max(_slide_max(-nearest, window, 1), window, 2)
    return torch.where(nearest.isinf(), torch.zeros_like(nearest), nearest).view(batch, num_views, height, width)


def _require_clouds(points: Tensor) -> None:
    if points.ndim != 3 or points.shape[2] != 3 or points.shape[1] == 0:
        raise BadCloud("Clouds have the wrong shape", expected="(B, N, 3), N > 0", found=tuple(points.shape))
    finite = torch.isfinite(points).all(dim=2).all(dim=1)
    if not bool(finite.all()):
        raise BadCloud(
            "A cloud holds coordinates that are not finite",
            expected="finite coordinates",
            found=f"first bad cloud: index {int((~finite).nonzero()[0, 0])} of {len(points)}",
        )


@cache
def _realistic_axes() -> Tensor:
    """(10, 3, 3) rows: image right, image down, towards the viewer, as directions of the object."""
    azimuth = torch.tensor(REALISTIC_AZIMUTH_DEG, dtype=torch.float64).deg2rad()
    elevation = torch.tensor(REALISTIC_ELEVATION_DEG, dtype=torch.float64).deg2rad()
    zero = torch.zeros_like(azimuth)
    right = torch.stack([azimuth.cos(), zero, -azimuth.sin()], dim=1)
    viewer = torch.stack([azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], dim=1)
    return torch.stack([right, torch.linalg.cross(right, viewer), viewer], dim=1).float()


def _rotate(points: Tensor, rotation: Tensor) -> list[Tensor]:
    """Return the three coordinates, each (B, V, N), of (B, N, 3) points under (V, 3, 3) rotations.

    Written without a matrix product, whose rounding depends on the size of the batch: a point on the edge of a cell
    would then move with the number of clouds.
    """
    x, y, z = (points[:, None, :, i] for i in range(3))
    return [x * rotation[:, i, 0, None] + y * rotation[:, i, 1, None] + z * rotation[:, i, 2, None] for i in range(3)]


def _project_chunk(points: Tensor, cells: int, image_size: int, views: tuple[int, ...]) -> Tensor:
    grid = _fill_grid(points, cells, views)
    # Densify, smooth, look along depth.
    pool = pooling_window(cells)
    # The window of 7 came with a margin of 2, not 3: pictures lose one cell on each side.
    grid = F.pad(grid, [(pool - 3) // 2] * 4) if pool > 3 else grid
    grid = _slide_max(_slide_max(grid, pool, 3), pool, 4)
    picture = _smooth(grid).amax(dim=2)
    picture = 1 - picture / picture.amax(dim=(2, 3), keepdim=True)
    picture = F.interpolate(picture, size=(image_size, image_size), mode="bilinear", align_corners=True)
    return picture.mul_(255).round_().clamp_(0, 255).byte()


def pooling_window(cells: int) -> int:
    """Return the odd side of the densifying window for a grid of ``cells``: 7 at 112, never below 3."""
    return max(3, 2 * (_REFERENCE_POOL * cells // (2 * _REFERENCE_GRID)) + 1)


def _fill_grid(points: Tensor, cells: int, views: tuple[int, ...] = REALISTIC_VIEWS) -> Tensor:
    """Quantise (B, N, 3) clouds to (B, V, D, R, R) grids that hold the greatest depth value of each cell."""
    right, down, near = _rotate(points, _realistic_axes()[list(views)].to(points.device))
    sides = [(axis.amin(dim=2, keepdim=True), axis.amax(dim=2, keepdim=True)) for axis in (right, down, near)]
    extent = torch.stack([high - low for low, high in sides]).amax(dim=0).clamp_min(1e-12)
    right, down, near = (
        (axis - (low + high) / 2) / extent * 2 for axis, (low, high) in zip((right, down, near), sides, strict=True)
    )
    column = ((right * _OBJECT_RATIO + 1) / 2 * cells).ceil_().clamp_(1, cells - 2)
    row = ((down * _OBJECT_RATIO + 1) / 2 * cells).ceil_().clamp_(1, cells - 2)
    value = (((near + 1) / 2 + _DEPTH_BIAS) / (1 + _DEPTH_BIAS) * _SLICES).clamp_(1, _SLICES)
    cell = (((value.ceil() - 1) * cells + row) * cells + column).long()
    batch = len(points)
    grid = torch.zeros((batch * len(views), _SLICES * cells * cells), device=points.device)
    grid.scatter_reduce_(1, cell.flatten(0, 1), value.flatten(0, 1), reduce="amax")
    return grid.view(batch, len(views), _SLICES, cells, cells)


def _slide_max(values: Tensor, window: int, dim: int) -> Tensor:
    """Maximum over each run of ``window`` neighbours along ``dim``, in about log2(window) passes."""
    span = 1
    while span < window:
        step = min(span, window - span)
        length = values.shape[dim] - step
        values = torch.maximum(values.narrow(dim, 0, length), values.narrow(dim, step, length))
        span += step
    return values


def _smooth(grid: Tensor) -> Tensor:
    """Convolve the last two axes with a normalised 3 x 3 Gaussian, zeros outside."""
    side = math.exp(-1 / (2 * _SMOOTHING_SIGMA**2))
    for dim in (3, 4):
        length = grid.shape[dim]
        total = grid.clone()
        total.narrow(dim, 1, length - 1).add_(grid.narrow(dim, 0, length - 1), alpha=side)
        total.narrow(dim, 0, length - 1).add_(grid.narrow(dim, 1, length - 1), alpha=side)
        grid = total
    return grid.div_((1 + 2 * side) ** 2)
