"""A small classifier of pictures and clouds, and pictures for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.batches.unlabelled import Pictures, UnlabelledData
from concord3d.models.hybrid_vit import HybridViT
from concord3d.models.point_transformer import PointTransformer
from concord3d.models.two_branch import TwoBranchClassifier

PATCH, SIDE, WIDTH, CLASSES, GROUPS, GROUP = 4, 16, 8, ("bed", "glass_box", "sofa"), 6, 4


def small_student(predicts_points: bool = False, seed: int = 0) -> TwoBranchClassifier:
    torch.manual_seed(seed)
    trunk = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(PATCH))
    points = PointTransformer(
        num_groups=GROUPS, group_size=GROUP, token_width=16, width=12, depth=1, num_heads=2, mlp_ratio=2, drop_path=0.0,
        out_dim=5,
    )  # fmt: skip
    pictures = HybridViT(trunk, 6, PATCH, WIDTH, 1, 2, 16, 5)
    return TwoBranchClassifier(pictures, points, torch.randn(len(CLASSES), 5), 10.0, predicts_points)


@dataclass
class SmallPictures:
    """Random pictures of a number of objects, two views each; half of the patches are hidden."""

    count: int
    num_views: int = 2
    are_maps: bool = False

    def __len__(self) -> int:
        return self.count

    def weak(self, units: NDArray[np.int64], view: int | NDArray[np.int64]) -> Tensor:
        views = np.broadcast_to(view, len(units))
        return torch.stack([self._drawn(int(unit), int(view)) for unit, view in zip(units, views, strict=True)])

    def read(self, units: NDArray[np.int64], draw: torch.Generator) -> Pictures:
        pixels = self.weak(units, 0)
        masks = torch.rand(len(units), SIDE // PATCH, SIDE // PATCH, generator=draw) < 0.5
        return Pictures(pixels, pixels, pixels, masks)

    @staticmethod
    def _drawn(unit: int, view: int) -> Tensor:
        return torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(100 * view + unit))


def small_data(count: int = 10, labelled: bool = True) -> UnlabelledData:
    rng = np.random.default_rng(0)
    return UnlabelledData(
        rng.normal(size=(count, 40, 3)).astype(np.float32),
        SmallPictures(count),
        CLASSES,
        np.zeros((len(CLASSES), 5), np.float32),
        "modelnet40",
        np.arange(count) % len(CLASSES) if labelled else None,
    )
