"""Random crops of a camera's picture, and where the pixels of pairs end up (CMCR spec 1.6).

Shape legend: n pairs, H and W height and width of the picture, h and w of the crop, H' and W' of the output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from concord3d.errors import ConfigError

# After so many crops that lose too many pairs the last one is taken.
_MAX_DRAWS = 10


@dataclass(frozen=True)
class CropRanges:
    """How pictures are cropped and mirrored.

    Args:
        area: Range of the crop's share of the picture.
        aspect: Range of its width over its height.
        min_pairs: A crop is good if it keeps more pairs than this, or more than ``min_share`` of them.
        min_share: See there.
        flip: Probability of mirroring.

    Raises:
        ConfigError: A range is empty or impossible.
    """

    area: tuple[float, float] = (0.3, 1.0)
    aspect: tuple[float, float] = (14 / 9, 17 / 9)
    min_pairs: int = 1024
    min_share: float = 0.75
    flip: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.area[0] <= self.area[1] <= 1 or not 0 < self.aspect[0] <= self.aspect[1]:
            raise ConfigError(
                "Pictures cannot be cropped like this",
                expected="an area in (0, 1] and a positive aspect, the smaller first",
                found=f"area {self.area}, aspect {self.aspect}",
            )


class Crop(NamedTuple):
    """A part of a picture.

    Attributes:
        top: First row.
        left: First column.
        height: h.
        width: w.
        mirrored: Whether columns run backwards.
    """

    top: int
    left: int
    height: int
    width: int
    mirrored: bool


def whole_picture(size: tuple[int, int]) -> Crop:
    """Return the crop that leaves an (H, W) picture as it is."""
    return Crop(0, 0, *size, mirrored=False)


def drawn_crop(pixels: Tensor, size: tuple[int, int], ranges: CropRanges, draw: torch.Generator) -> Crop:
    """Draw a crop that keeps enough pairs.

    A crop that does not fit into the picture is made smaller. A picture without pairs takes the first crop; after ten
    crops that lose too many pairs the last one is taken, where the released code would go on for ever.

    Args:
        pixels: (n, 2) int64 row and column of the picture's pairs.
        size: H and W.
        ranges: What is drawn from.
        draw: CPU generator.

    Source: CMCR spec 1.6, step 2.
    """
    height, width = size
    enough = min(ranges.min_pairs, ranges.min_share * len(pixels))
    for _ in range(_MAX_DRAWS):
        share, ratio, down, across = torch.rand(4, generator=draw).tolist()
        area = height * width * (ranges.area[0] + share * (ranges.area[1] - ranges.area[0]))
        low, high = (math.log(end) for end in ranges.aspect)
        aspect = math.exp(low + ratio * (high - low))
        h, w = min(height, round(math.sqrt(area / aspect))), min(width, round(math.sqrt(area * aspect)))
        crop = Crop(round(down * (height - h)), round(across * (width - w)), max(1, h), max(1, w), mirrored=False)
        if not len(pixels) or int(_inside(pixels, crop).sum()) > enough:
            break
    return crop._replace(mirrored=bool(torch.rand((), generator=draw) < ranges.flip))


def cropped_pixels(pixels: Tensor, crop: Crop, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Find pixels again in a crop that was resized.

    Args:
        pixels: (n, 2) int64 row and column in the picture.
        crop: The crop.
        size: H' and W' of the output.

    Returns:
        (m,) int64 which pixels lie in the crop, and their (m, 2) int64 rows and columns in the output.
    """
    kept = _inside(pixels, crop).nonzero().squeeze(1)
    corner = torch.tensor([crop.top, crop.left])
    sides, outer = torch.tensor([crop.height, crop.width]), torch.tensor(size)
    # The centre of pixel 0 lies half a pixel from the edge, in the crop as in the output.
    places = (pixels[kept] - corner + 0.5) * outer / sides - 0.5
    found = torch.minimum(places.round().long().clamp(min=0), outer - 1)
    if crop.mirrored:
        found[:, 1] = size[1] - 1 - found[:, 1]
    return kept, found


def _inside(pixels: Tensor, crop: Crop) -> Tensor:
    row, column = pixels[:, 0] - crop.top, pixels[:, 1] - crop.left
    return (row >= 0) & (row < crop.height) & (column >= 0) & (column < crop.width)
