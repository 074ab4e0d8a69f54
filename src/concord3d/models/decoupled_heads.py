"""Shared and specific features of voxels and of pixels (CMCR spec 2.1, 2.3, 2.4).

Shared features are aligned between the modalities, so they have length 1; specific ones keep what one modality alone
knows.

Shape legend: M voxels, B pictures, C channels of a trunk, D channels of a head, h x w a map, H x W a picture, n pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class SharedAndSpecific(NamedTuple):
    """Features of voxels (M, D), of pictures (B, D, H, W), or of single pixels (n, D).

    Attributes:
        shared: Of length 1 over the channels.
        specific: Not normalised.
    """

    shared: Tensor
    specific: Tensor


class VoxelHeads(nn.Module):
    """Two linear maps of the features of voxels.

    Args:
        in_dim: C, the width of the point encoder.
        out_dim: D.

    Source: CMCR spec 2.1.
    """

    def __init__(self, in_dim: int = 96, out_dim: int = 64) -> None:
        super().__init__()
        self.shared, self.specific = nn.Linear(in_dim, out_dim), nn.Linear(in_dim, out_dim)

    def forward(self, features: Tensor) -> SharedAndSpecific:
        """Return (M, D) features of (M, C)."""
        return SharedAndSpecific(functional.normalize(self.shared(features), dim=1), self.specific(features))


class PictureHeads(nn.Module):
    """Two 1x1 convolutions of a frozen map, and bilinear interpolation to the size of the picture.

    The corners of map and picture coincide (``align_corners``), and length is made 1 after the interpolation.

    Args:
        in_dim: C, channels of the map.
        out_dim: D.
        size: H and W.

    Example:
        >>> heads = PictureHeads(8, 4, size=(32, 48))
        >>> features = heads(torch.rand(2, 8, 4, 6))
        >>> features.shared.shape
        torch.Size([2, 4, 32, 48])

    Source: CMCR spec 2.3.
    """

    def __init__(self, in_dim: int = 2048, out_dim: int = 64, size: tuple[int, int] = (224, 416)) -> None:
        super().__init__()
        self.size = size
        self.shared, self.specific = nn.Conv2d(in_dim, out_dim, 1), nn.Conv2d(in_dim, out_dim, 1)

    def forward(self, maps: Tensor) -> SharedAndSpecific:
        """Return (B, D, H, W) features of (B, C, h, w) maps."""
        return SharedAndSpecific(self.shared_everywhere(maps), self._interpolated(self.specific(maps)))

    def _interpolated(self, maps: Tensor) -> Tensor:
        # With the channels of a pixel side by side all that follows is faster, and a list of pixels is no copy.
        dense = maps.contiguous(memory_format=torch.channels_last)
        return functional.interpolate(dense, self.size, mode="bilinear", align_corners=True)

    def shared_everywhere(self, maps: Tensor) -> Tensor:
        """Return the (B, D, H, W) shared features of (B, C, h, w) maps alone."""
        return functional.normalize(self._interpolated(self.shared(maps)), dim=1)

    def shared_at(self, maps: Tensor, pixels: Tensor) -> Tensor:
        """Return the shared features of some pixels, without computing those of all others.

        Args:
            maps: (B, C, h, w).
            pixels: (n, 3) int64 picture, row and column.

        Returns:
            (n, D), what :meth:`forward` has there.
        """
        return functional.normalize(_interpolated_at(self.shared(maps), pixels, self.size), dim=1)


def features_at(pictures: Tensor, pixels: Tensor) -> Tensor:
    """Return the (n, D) features in (B, D, H, W) at (n, 3) int64 picture, row and column."""
    picture, row, column = pixels.unbind(1)
    return pictures[picture, :, row, column]


def replaced_at(pictures: Tensor, pixels: Tensor, features: Tensor) -> Tensor:
    """Replace the features of pixels; where a pixel is named several times it gets the mean.

    This is the geometry enhancement of masked pictures: hidden pixels get the quantised features of the voxels that
    they show. Gradients reach both inputs.

    Args:
        pictures: (B, D, H, W).
        pixels: (n, 3) int64 picture, row and column.
        features: (n, D) of their new features.

    Returns:
        (B, D, H, W).

    Source: CMCR spec 3.4.
    """
    height, width = pictures.shape[2:]
    picture, row, column = pixels.unbind(1)
    places, own = torch.unique((picture * height + row) * width + column, return_inverse=True)
    sums = features.new_zeros(len(places), features.shape[1]).index_add(0, own, features)
    means = sums / torch.bincount(own, minlength=len(places))[:, None].to(sums)
    flat = pictures.movedim(1, 3).flatten(0, 2).index_copy(0, places, means.to(pictures.dtype))
    return flat.view(len(pictures), height, width, -1).movedim(3, 1)


def _interpolated_at(maps: Tensor, pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the (n, D) values of (B, D, h, w) maps at pixels of their bilinear interpolation to ``size``."""
    picture, *places = pixels.unbind(1)
    corners = []
    for place, full, side in zip(places, size, maps.shape[2:], strict=True):
        position = place.to(maps.dtype) * ((side - 1) / max(1, full - 1))
        lower = position.floor().long().clamp(max=side - 1)
        share = position - lower
        corners.append(((lower, 1 - share), ((lower + 1).clamp(max=side - 1), share)))
    total = maps.new_zeros(len(pixels), maps.shape[1])
    for row, of_row in corners[0]:
        for column, of_column in corners[1]:
            total = total + maps[picture, :, row, column] * (of_row * of_column)[:, None]
    return total
