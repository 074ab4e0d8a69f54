"""Small folders of meshes and clouds of two shapes that no encoder confuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from torch import Tensor, nn

from concord3d.pretrained.encoder import PretrainedEncoder

SIZES = {"board": (1.0, 0.1, 1.0), "post": (0.1, 1.0, 0.1)}


def points_of(category: str, seed: int, num_points: int = 40) -> NDArray[np.float32]:
    """Points of a box of the category's proportions."""
    rng = np.random.default_rng(seed)
    return (rng.uniform(-1, 1, (num_points, 3)) * SIZES[category]).astype(np.float32)


def write_clouds(folder: Path, count: int = 4) -> Path:
    """Write ``<class>/<number>.npy``."""
    for category in SIZES:
        (folder / category).mkdir(parents=True)
        for number in range(count):
            np.save(folder / category / f"{number}.npy", points_of(category, number))
    return folder


def write_meshes(folder: Path, suffix: str = "glb", count: int = 3) -> Path:
    """Write ``<class>/<number>.<suffix>``."""
    for category, extents in SIZES.items():
        (folder / category).mkdir(parents=True)
        for number in range(count):
            box = trimesh.creation.box(extents=np.array(extents) * (1 + 0.1 * number))
            box.export(folder / category / f"{number}.{suffix}")
    return folder


class Spread(nn.Module):
    """The spread of a cloud along each axis, and what texts say of it."""

    num_points = 32

    def forward(self, points: Tensor) -> Tensor:
        return points.std(dim=1)

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]:
        return np.array([SIZES["post" if "post" in text else "board"] for text in texts], np.float32)


def spread_encoder(module: nn.Module | None = None) -> PretrainedEncoder:
    """An encoder of the user."""
    run = {"experiment": "spread", "seed": 0, "scale": "own", "method": "own", "encoder": {"name": "spread"}}
    return PretrainedEncoder("spread", module or Spread(), {**run, "data": {"num_points": 32}}, "a test")


class Mute(nn.Module):
    """An encoder that knows no texts."""

    def forward(self, points: Tensor) -> Tensor:
        return torch.cat([points.std(dim=1), points.abs().amax(dim=1)], dim=1)
