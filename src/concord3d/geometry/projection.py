"""Which pixels of several cameras see the points of a cloud (CMCR spec 1.5).

Shape legend: P points, V cameras, M pairs of a point and a pixel, H and W image height and width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PointPixels:
    """Points that lie in pictures, camera by camera; a point may lie in several pictures.

    Attributes:
        point: (M,) int64 index of the point.
        camera: (M,) int64 index of the camera.
        row: (M,) int64 row of the pixel.
        column: (M,) int64 column of the pixel.
    """

    point: NDArray[np.int64]
    camera: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.point)


def project_points(
    points: NDArray[np.floating],
    camera_from_lidar: NDArray[np.float64],
    intrinsics: NDArray[np.float64],
    height: int,
    width: int,
    min_depth: float = 1.0,
) -> PointPixels:
    """Project points into all cameras (CMCR spec 1.5): nothing hides a point but the edge of the picture.

    A pixel's centre has whole coordinates. Points count whose depth is above ``min_depth`` and whose image lies
    strictly between the centres of the outermost pixels, at 0 and at ``width - 1``; the pixel is the nearest one. The
    nuScenes devkit (``map_pointcloud_to_image``) does the same, but leaves a pixel more out on the left and above.

    Args:
        points: (P, 3 or more), the first three are xyz.
        camera_from_lidar: (V, 4, 4) rigid transformations to the camera frames (x right, y down, z forward).
        intrinsics: (V, 3, 3) for pictures of this height and width.
        height: H.
        width: W.
        min_depth: In metres.

    Returns:
        Pairs ordered by camera, then by point.
    """
    xyz = points[:, :3].astype(np.float64)
    in_camera = xyz @ camera_from_lidar[:, :3, :3].transpose(0, 2, 1) + camera_from_lidar[:, None, :3, 3]
    depth = in_camera[..., 2]
    image = in_camera @ intrinsics.transpose(0, 2, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = image[..., 0] / depth, image[..., 1] / depth
    seen = (depth > min_depth) & (u > 0) & (u < width - 1) & (v > 0) & (v < height - 1)
    camera, point = np.nonzero(seen)
    return PointPixels(point, camera, np.rint(v[seen]).astype(np.int64), np.rint(u[seen]).astype(np.int64))
