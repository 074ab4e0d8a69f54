"""One-to-one matching of the points of two clouds.

Shape legend: B pairs of clouds, N points.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor

from concord3d.geometry.mixing.parts import random_order


def match_clouds(first: Tensor, second: Tensor, max_points: int, generator: torch.Generator) -> Tensor:
    """Match the points of two clouds one to one so that the sum of their distances is small.

    Up to ``max_points`` points the sum is the smallest possible (the earth mover's distance). Larger clouds are cut at
    random into blocks of equal size (to within one), and each block of one cloud is matched optimally with a block of
    the other: the cost then grows linearly with the number of points.

    Args:
        first: (B, N, C) with the coordinates in the first three channels.
        second: (B, N, C).
        max_points: Largest block.
        generator: Source of the blocks; not read if there is one block only.

    Returns:
        (B, N) int64 on the device of ``first``: for each point of the first cloud its match in the second; a
        permutation.
    """
    num_clouds, num_points, _ = first.shape
    num_blocks = math.ceil(num_points / max_points)
    orders = [
        random_order(num_clouds, num_points, generator, torch.device("cpu")).numpy()
        if num_blocks > 1
        else np.broadcast_to(np.arange(num_points), (num_clouds, num_points))
        for _ in range(2)
    ]
    left, right = (_coordinates(clouds) for clouds in (first, second))
    matches = np.empty((num_clouds, num_points), dtype=np.int64)
    for cloud in range(num_clouds):
        blocks = zip(*(np.array_split(order[cloud], num_blocks) for order in orders), strict=True)
        for mine, theirs in blocks:
            rows, columns = linear_sum_assignment(cdist(left[cloud, mine], right[cloud, theirs]))
            matches[cloud, mine[rows]] = theirs[columns]
    return torch.from_numpy(matches).to(first.device)


def _coordinates(clouds: Tensor) -> NDArray[np.float64]:
    coordinates: NDArray[np.float64] = clouds[..., :3].detach().double().cpu().numpy()
    return coordinates
