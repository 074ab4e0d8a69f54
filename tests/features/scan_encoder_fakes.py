"""Encoders of scans of microseconds: of pictures, and of clouds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Picture = NDArray[np.uint8]


class MeanColors:
    """The mean colour of a picture, and of frames the largest value of each channel too."""

    dim = 3

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def summaries(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        self.shapes += [picture.shape for picture in pictures]
        return np.array([picture.mean((0, 1)) for picture in pictures], np.float32)

    def frames(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        largest = np.array([picture.max((0, 1)) for picture in pictures])
        return np.concatenate([self.summaries(pictures), largest], axis=1).astype(np.float32)


class MaxCoordinates(nn.Module):
    """The largest value of each channel of a cloud, times a weight of 1."""

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.in_channels = self.feature_dim = in_channels
        self.weight = nn.Parameter(torch.ones(()))
        self.seen: list[tuple[int, ...]] = []

    def forward(self, clouds: Tensor) -> Tensor:
        self.seen.append(tuple(clouds.shape))
        return self.weight * clouds.amax(dim=1)
