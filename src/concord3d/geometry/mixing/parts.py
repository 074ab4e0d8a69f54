"""What the operators have in common: results, counts, random orders and the choice of points.

Shape legend: B pairs of clouds, N points, C channels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from concord3d.geometry.grouping import gather_points


class Mixed(NamedTuple):
    """Clouds mixed from two.

    Attributes:
        points: (B, N, C) of the type and on the device of the clouds mixed.
        ratio: (B,) float32 weight of the first cloud as realised: its share of the points, counted by index and each
            point once, or the mean weight where points are interpolated.
        from_first: (B, N) bool, whether a point comes from the first cloud; None where points are interpolated.
    """

    points: Tensor
    ratio: Tensor
    from_first: Tensor | None


def share_of(count: int, weight: Tensor) -> Tensor:
    """Return the whole numbers nearest to ``weight * count``, halves upwards, (B,) int64."""
    return (weight.double() * count + 0.5).floor().long()


def random_order(num_clouds: int, num_points: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Draw an independent permutation of the points of each cloud, (B, N) int64."""
    draw = torch.rand((num_clouds, num_points), generator=generator, device=generator.device)
    return draw.argsort(dim=1).to(device)


# Which places of two (B, N) clouds hold points that no place before them holds; None where all do.
Distinct = tuple[Tensor, Tensor] | None


def random_point(clouds: Tensor, generator: torch.Generator, among: Tensor | None = None) -> Tensor:
    """Draw a point of each cloud, (B,) int64.

    Args:
        clouds: (B, N, C).
        generator: Source of all randomness.
        among: (B, N) bool, the places that may be drawn; None means all.
    """
    if among is not None:
        return drawn_point(among.float(), generator)
    num_clouds, num_points, _ = clouds.shape
    return torch.randint(num_points, (num_clouds,), generator=generator, device=generator.device).to(clouds.device)


def drawn_point(chances: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a point of each cloud in proportion to its chances (B, N), (B,) int64; uniformly where all are zero."""
    nothing = chances.sum(dim=1, keepdim=True) == 0
    usable = chances.double().masked_fill(nothing, 1.0).to(generator.device)
    return torch.multinomial(usable, 1, generator=generator)[:, 0].to(chances.device)


def ranks_of(order: Tensor) -> Tensor:
    """Return the place of each point in an order, (B, N) int64: the inverse permutation."""
    places = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


def by_distance(clouds: Tensor, anchor: Tensor) -> Tensor:
    """Return the points of each cloud (B, N, C) from the nearest to the farthest from its point ``anchor`` (B,)."""
    centre = clouds[torch.arange(len(clouds), device=clouds.device), anchor, :3]
    return (clouds[..., :3] - centre[:, None]).square().sum(2).argsort(dim=1, stable=True)


def first_places(source: Tensor) -> Tensor:
    """Return whether each place holds a point that no place before it holds, (B, N) bool.

    Args:
        source: (B, N) int64 from 0 to N - 1, which point stands at each place.
    """
    places = torch.arange(source.shape[1], device=source.device).expand_as(source)
    earliest = torch.full_like(source, source.shape[1]).scatter_reduce_(1, source, places, "amin")
    return earliest.gather(1, source) == places


def distinct_share(source: Tensor, from_first: Tensor) -> Tensor:
    """Return the share of the first clouds among the distinct points of mixed clouds.

    Args:
        source: (B, N) int64, from 0 to N - 1, which point of its own cloud stands at each place; copies share theirs.
        from_first: (B, N) bool, whether it is a point of the first cloud.

    Returns:
        (B,) float32.
    """
    num_points = source.shape[1]
    point = torch.where(from_first, source, source + num_points)
    present = torch.zeros(len(source), 2 * num_points, device=source.device).scatter_(1, point, 1.0)
    return present[:, :num_points].sum(1) / present.sum(1)


def compose(first: Tensor, second: Tensor, from_first: Tensor, second_index: Tensor) -> Mixed:
    """Keep points of the first cloud in place and fill the other places with points of the second.

    Args:
        first: (B, N, C).
        second: (B, N, C).
        from_first: (B, N) bool, places that keep their point.
        second_index: (B, N) point of the second cloud for each place; read only where a place is not kept.

    Returns:
        The mixed clouds, with the share of kept places as ratio.
    """
    points = torch.where(from_first[:, :, None], first, gather_points(second, second_index))
    return Mixed(points, from_first.float().mean(dim=1), from_first)
