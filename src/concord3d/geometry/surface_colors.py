"""The colour of every point of a mesh's surface.

Shape legend: F faces, N points, H and W height and width of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.mesh import SurfaceSample
from concord3d.geometry.srgb import light_of, shown_for

Wrap = Literal["repeat", "mirror", "clamp"]
_LIGHT_OF_BYTE = 255 * light_of(np.arange(256, dtype=np.float32) / 255)


@dataclass(frozen=True)
class Picture:
    """A picture of a material, and what lies between and beyond its pixels.

    Attributes:
        pixels: (H, W, 3) uint8 RGB as a screen shows it.
        across: What follows to its left and right.
        down: What follows above and below.
        nearest: Points show the pixel they lie on; else a blend of the four nearest.
    """

    pixels: NDArray[np.uint8]
    across: Wrap = "repeat"
    down: Wrap = "repeat"
    nearest: bool = False


@dataclass(frozen=True)
class SurfaceColors:
    """The colour of every point of a mesh's surface.

    Where a face has a picture, the colour is the picture's times the corners' (white unless the material tints it).

    Attributes:
        corners: (F, 3, 3) RGB from 0 to 255 at the corners of each face, interpolated in between.
        picture_index: (F,) int32 index into ``pictures``, -1 on faces without one; None where no face has one.
        uv: (F, 3, 2) float32 places in the picture, (0, 0) at its lower left; None where no face has one.
        pictures: Pictures of the materials.
        linear: ``corners`` is light, and blends and products are computed with light, as glTF asks (glTF 2.0, section
            3.9.2). Else they are computed with the numbers of a screen, as for the other formats.
    """

    corners: NDArray[np.uint8] | NDArray[np.float32]
    picture_index: NDArray[np.int32] | None = None
    uv: NDArray[np.float32] | None = None
    pictures: tuple[Picture, ...] = ()
    linear: bool = False

    def at(self, sample: SurfaceSample) -> NDArray[np.uint8]:
        """Return (N, 3) uint8 RGB, as a screen shows it, of points drawn from the mesh these colours belong to."""
        return self._blend(sample.face_index, sample.weights)

    def of_faces(self) -> NDArray[np.uint8]:
        """Return (F, 3) uint8 RGB: the mean of a face's corners, or of ten places where it has a picture."""
        colors = self._shown(self.corners.astype(np.float32).mean(axis=1))
        if self.picture_index is None:
            return colors
        pictured = np.flatnonzero(self.picture_index >= 0)
        places = np.array([(i, j, 3 - i - j) for i in range(4) for j in range(4 - i)], np.float32) / 3
        # Drawn in towards the middle, so that a place does not lie on the seam to another part of the picture.
        places = 0.9 * places + 0.1 / 3
        at_places = [self._blend(pictured, np.tile(place, (len(pictured), 1))).astype(np.float32) for place in places]
        colors[pictured] = np.mean(at_places, axis=0).round().astype(np.uint8)
        return colors

    def _blend(self, faces: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.uint8]:
        colors = np.einsum("nk,nkc->nc", weights, self.corners[faces].astype(np.float32))
        if self.picture_index is not None and self.uv is not None:
            place = np.einsum("nk,nkc->nc", weights, self.uv[faces])
            index = self.picture_index[faces]
            for number in np.unique(index[index >= 0]):
                here = np.flatnonzero(index == number)
                colors[here] *= _looked_up(self.pictures[number], place[here], self.linear) / 255
        return self._shown(colors)

    def _shown(self, colors: NDArray[np.float32]) -> NDArray[np.uint8]:
        shown = 255 * shown_for(colors / np.float32(255)) if self.linear else colors
        return shown.round().clip(0, 255).astype(np.uint8)


def _looked_up(picture: Picture, uv: NDArray[np.floating], linear: bool) -> NDArray[np.float32]:
    """Return (n, 3) float32 colours, of 255, at the places ``uv`` (n, 2) of a picture; its light where ``linear``."""
    height, width = picture.pixels.shape[:2]
    x = uv[:, 0].astype(np.float64) * width - 0.5
    y = (1 - uv[:, 1].astype(np.float64)) * height - 0.5
    if picture.nearest:
        x, y = np.floor(x + 0.5), np.floor(y + 0.5)
    left, top = np.floor(x), np.floor(y)
    across, down = (x - left)[:, None].astype(np.float32), (y - top)[:, None].astype(np.float32)
    columns = [_wrapped(left.astype(np.int64) + step, width, picture.across) for step in (0, 1)]
    rows = [_wrapped(top.astype(np.int64) + step, height, picture.down) for step in (0, 1)]

    def pixels(row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float32]:
        found = picture.pixels[row, column]
        return _LIGHT_OF_BYTE[found] if linear else found.astype(np.float32)

    upper, lower = (pixels(row, columns[0]) * (1 - across) + pixels(row, columns[1]) * across for row in rows)
    blended: NDArray[np.float32] = upper * (1 - down) + lower * down
    return blended


def _wrapped(place: NDArray[np.int64], count: int, wrap: Wrap) -> NDArray[np.int64]:
    """Return the pixels, 0 to ``count`` - 1, that are shown at places beyond the edges."""
    if wrap == "clamp":
        return place.clip(0, count - 1)
    if wrap == "mirror":
        turned = place % (2 * count)
        return np.minimum(turned, 2 * count - 1 - turned)
    return place % count
