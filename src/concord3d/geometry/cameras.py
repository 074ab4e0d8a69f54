"""Pinhole cameras, one convention for every renderer.

World: right-handed, y up. Camera: x right, y down, z forward (OpenCV). A world point p lies at
``R p + t`` in the camera frame and at pixel ``(fx x/z + cx, fy y/z + cy)``; pixel centres are at +0.5,
the origin is the upper-left corner of the image. Depth is z, in world units, not the length of the ray.

Shape legend: V views, N points, H and W image height and width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Cameras:
    """A batch of pinhole cameras with square pixels.

    Attributes:
        rotation: (V, 3, 3) float64, world to camera.
        translation: (V, 3) float64, world to camera.
        focal: Focal length in pixels.
        height: Image height in pixels.
        width: Image width in pixels.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    focal: float
    height: int
    width: int

    def __len__(self) -> int:
        return len(self.rotation)

    @property
    def centers(self) -> NDArray[np.float64]:
        """(V, 3) camera positions in the world."""
        return -np.einsum("vji,vj->vi", self.rotation, self.translation)

    def intrinsics(self) -> NDArray[np.float64]:
        """(3, 3) matrix of focal length and principal point (the middle of the image)."""
        return np.array([[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1.0]])

    def project(self, points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Project (N, 3) world points; return (V, N, 2) pixel coordinates (x, y) and (V, N) depths."""
        camera = np.einsum("vij,nj->vni", self.rotation, points) + self.translation[:, None]
        depth = camera[..., 2]
        pixels = self.focal * camera[..., :2] / depth[..., None] + np.array([self.width / 2, self.height / 2])
        return pixels, depth


def orbit_cameras(
    azimuth_deg: NDArray[np.floating] | list[float],
    elevation_deg: NDArray[np.floating] | list[float] | float,
    *,
    image_size: int,
    distance: float = 2.6,
    field_of_view_deg: float = 49.0,
) -> Cameras:
    """Cameras around the origin that look at it.

    Azimuth 0 stands on +z (the front), 90 on +x; elevation is measured from the xz plane towards +y.

    Args:
        azimuth_deg: (V,) degrees.
        elevation_deg: (V,) or scalar, degrees.
        image_size: H = W in pixels.
        distance: From the origin, world units. The default shows a unit sphere whole.
        field_of_view_deg: Full vertical angle.
    """
    azimuth, elevation = np.broadcast_arrays(np.radians(np.asarray(azimuth_deg, float)), np.radians(elevation_deg))
    outward = np.stack(
        [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], axis=1
    )
    forward = -outward
    # Straight down or up the y axis has no horizontal "right"; the azimuth still gives one.
    right = np.stack([np.cos(azimuth), np.zeros_like(azimuth), -np.sin(azimuth)], axis=1)
    down = np.cross(forward, right)
    rotation = np.stack([right, down, forward], axis=1)
    translation = -np.einsum("vij,vj->vi", rotation, outward * distance)
    focal = image_size / 2 / np.tan(np.radians(field_of_view_deg) / 2)
    return Cameras(rotation, translation, float(focal), image_size, image_size)


def pixel_directions(cameras: Cameras) -> NDArray[np.float32]:
    """Return (H, W, 3) float32 directions through the pixel centres in the camera frame, with z = 1."""
    x = (np.arange(cameras.width) + 0.5 - cameras.width / 2) / cameras.focal
    y = (np.arange(cameras.height) + 0.5 - cameras.height / 2) / cameras.focal
    return np.stack([*np.meshgrid(x, y), np.ones((cameras.height, cameras.width))], axis=-1).astype(np.float32)
