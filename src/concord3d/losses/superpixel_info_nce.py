"""InfoNCE from points to pixels, both averaged over superpixels, as in SLidR (CMCR spec 3.1).

Shape legend: n pairs, B pictures, H rows and W columns of a picture, D feature width, S superpixels with a point.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from concord3d.errors import BadCloud
from concord3d.losses.embeddings import full_precision
from concord3d.losses.point_pixel_info_nce import point_pixel_info_nce


class PooledFeatures(NamedTuple):
    """Mean features of the superpixels that hold at least one point.

    Attributes:
        points: (S, D) over the paired points.
        pixels: (S, D) over all pixels.
    """

    points: Tensor
    pixels: Tensor


def superpixel_features(points: Tensor, pixels: Tensor, pictures: Tensor, superpixels: Tensor) -> PooledFeatures:
    """Average features over superpixels, without normalising them again.

    Args:
        points: (n, D) features of the points of pairs.
        pixels: (n, 3) int64 picture, row and column of each.
        pictures: (B, D, H, W) features of pixels.
        superpixels: (B, H, W) integers from 0; a superpixel is named by picture and number.

    Raises:
        BadCloud: The superpixels have another size than the pictures, or negative numbers.
    """
    if superpixels.shape != (len(pictures), *pictures.shape[2:]) or (superpixels.numel() and superpixels.min() < 0):
        raise BadCloud(
            "Superpixels do not fit the pictures",
            expected=f"{(len(pictures), *pictures.shape[2:])} numbers from 0",
            found=tuple(superpixels.shape),
        )
    with torch.autocast(points.device.type, enabled=False):
        per_picture = int(superpixels.max()) + 1 if superpixels.numel() else 1
        first = torch.arange(len(pictures), device=superpixels.device) * per_picture
        names = superpixels.long() + first[:, None, None]
        picture, row, column = pixels.unbind(1)
        seen, own = torch.unique(names[picture, row, column], return_inverse=True)
        # Where a name stands among those that are seen; others get the row behind the last one, which is dropped.
        places = names.new_full((len(pictures) * per_picture,), len(seen))
        places[seen] = torch.arange(len(seen), device=places.device)
        flat = full_precision(pictures).movedim(1, 3).flatten(0, 2)
        return PooledFeatures(
            _means(full_precision(points), own, len(seen)), _means(flat, places[names].flatten(), len(seen) + 1)[:-1]
        )


def superpixel_info_nce(
    points: Tensor, pixels: Tensor, pictures: Tensor, superpixels: Tensor, temperature: float
) -> Tensor:
    """Return the loss of :func:`~concord3d.losses.point_pixel_info_nce.point_pixel_info_nce` on mean features.

    Args:
        points: See :func:`superpixel_features`.
        pixels: See :func:`superpixel_features`.
        pictures: See :func:`superpixel_features`.
        superpixels: See :func:`superpixel_features`.
        temperature: Positive.

    Returns:
        Scalar; without pairs exactly 0, and its gradient too.

    Raises:
        BadCloud: The superpixels do not fit.

    Source: CMCR spec 3.1, SLidR.
    """
    return point_pixel_info_nce(*superpixel_features(points, pixels, pictures, superpixels), temperature)


def _means(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """Return (count, D) means of the (m, D) values of each row; 0 where there are none."""
    sums = values.new_zeros(count, values.shape[1]).index_add(0, rows, values)
    return sums / torch.bincount(rows, minlength=count).clamp(min=1)[:, None].to(values)
