"""Places whose occupancy a sweep tells: behind a return there is matter, before it there is none (CMCR spec 3.5).

Shape legend: P points of a sweep, Q queries, n pairs of a query and a point near it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError

UNKNOWN_INTENSITY = -1.0
_LEAST_RANGE = 1e-6


@dataclass(frozen=True)
class OccupancyQueries:
    """Queries of one sweep: those behind a return, those before it, those anywhere on the ray.

    Args:
        positions: (Q, 3) float32.
        occupied: (Q,) bool.
        intensity: (Q,) float32 of the return, ``UNKNOWN_INTENSITY`` for those anywhere on the ray.
    """

    positions: Tensor
    occupied: Tensor
    intensity: Tensor


class NearPairs(NamedTuple):
    """Pairs of a query and a point, ordered by query, then by distance.

    Attributes:
        queries: (n,) int64 rows of the queries.
        points: (n,) int64 rows of the points.
    """

    queries: Tensor
    points: Tensor


def query_counts(num_queries: int) -> tuple[int, int, int]:
    """Return how many queries lie behind a return, before it, and on the ray: 684, 682 and 682 of 2,048."""
    third = num_queries // 3
    return num_queries - 2 * third, third, third


def occupancy_queries(
    points: Tensor, intensity: Tensor, draw: torch.Generator, num_queries: int = 2048, margin: float = 0.1
) -> OccupancyQueries:
    """Draw queries from the returns of a sweep, before the sweep is changed; both are then changed alike.

    Each query has its own return, as long as there are enough. With d = x / |x| and u uniform in [0, 1), they lie at
    x + margin u d, at x - margin u d, and at u x.

    Args:
        points: (P, 3) returns x in metres, the sensor at the origin; those at the sensor itself are left out.
        intensity: (P,) of the returns.
        draw: CPU generator.
        num_queries: Q.
        margin: Largest distance before and behind a return, in metres.

    Returns:
        Q queries; none where there is no return.

    Raises:
        ConfigError: A number is not positive.
        BadCloud: Shapes do not fit, or coordinates are not finite.

    Source: CMCR spec 3.5.
    """
    if num_queries < 1 or not margin > 0:
        raise ConfigError("Queries need a number and a margin", found=f"{num_queries} queries, margin {margin}")
    if points.ndim != 2 or points.shape[1] != 3 or intensity.shape != points.shape[:1]:
        raise BadCloud(
            "Returns do not fit", expected="(P, 3) and (P,)", found=f"{tuple(points.shape)}, {tuple(intensity.shape)}"
        )
    if not torch.isfinite(points).all():
        raise BadCloud("Queries need finite returns", found="NaN or infinity")
    away = points.norm(dim=1) > _LEAST_RANGE
    returns, bright = points[away].float(), intensity[away].float()
    rows = _drawn_rows(len(returns), num_queries, draw) if len(returns) else torch.zeros(0, dtype=torch.int64)
    u = torch.rand((len(rows), 1), generator=draw)
    origin, known = returns[rows], bright[rows]
    step = margin * u * origin / origin.norm(dim=1, keepdim=True)
    counts = query_counts(num_queries) if len(rows) else (0, 0, 0)
    behind, before, _ = (part for part in torch.arange(len(rows)).split(counts))
    positions = u * origin
    positions[behind], positions[before] = (origin + step)[behind], (origin - step)[before]
    occupied = torch.zeros(len(rows), dtype=torch.bool)
    occupied[behind] = True
    known[len(behind) + len(before) :] = UNKNOWN_INTENSITY
    return OccupancyQueries(positions, occupied, known)


def near_pairs(queries: Tensor, points: Tensor, radius: float = 1.0, max_neighbours: int = 32) -> NearPairs:
    """Find the points near each query, the nearest first.

    Args:
        queries: (Q, 3).
        points: (P, 3).
        radius: Largest distance, in the unit of the coordinates.
        max_neighbours: Points per query at most; the nearest are kept, where the released code keeps any.

    Raises:
        ConfigError: A number is not positive.

    Source: CMCR spec 3.5.
    """
    # SciPy's spatial module takes a tenth of a second to import.
    from scipy.spatial import cKDTree

    if max_neighbours < 1 or not radius > 0:
        raise ConfigError("Neighbours need a radius and a number", found=f"radius {radius}, at most {max_neighbours}")
    if not len(queries) or not len(points):
        return NearPairs(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    tree = cKDTree(points.detach().cpu().numpy().astype(np.float64))
    # The bound of a search excludes itself.
    bound = np.nextafter(radius, np.inf)
    asked = queries.detach().cpu().numpy().astype(np.float64)
    _, found = tree.query(asked, k=range(1, max_neighbours + 1), distance_upper_bound=bound)
    near = found < len(points)
    return NearPairs(
        torch.from_numpy(near.nonzero()[0].astype(np.int64)), torch.from_numpy(found[near].astype(np.int64))
    )


def _drawn_rows(total: int, count: int, draw: torch.Generator) -> Tensor:
    """Return (count,) rows, all different as long as there are enough."""
    rounds = [torch.randperm(total, generator=draw) for _ in range(-(-count // total))]
    return torch.cat(rounds)[:count]
