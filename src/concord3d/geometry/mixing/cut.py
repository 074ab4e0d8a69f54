"""Operators that copy points of both clouds: PointCutMix-R, PointCutMix-K, FPS mix, RSMix.

Shape legend: B pairs of clouds, N points, C channels with x, y, z first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.geometry.fps import farthest_point_sample
from concord3d.geometry.grouping import gather_points
from concord3d.geometry.mixing.assignment import match_clouds
from concord3d.geometry.mixing.parts import (
    Distinct,
    Mixed,
    by_distance,
    compose,
    random_order,
    random_point,
    ranks_of,
    share_of,
)
from concord3d.geometry.mixing.settings import MixingSettings


def point_cut_mix_r(
    first: Tensor, second: Tensor, weight: Tensor, generator: torch.Generator, settings: MixingSettings
) -> Mixed:
    """Replace a random subset of the first cloud by an independent random subset of the second.

    PointCutMix-R takes the second cloud's points from an assignment to the first's. Here they are drawn on their own,
    which gives the same distribution of either cloud's points without an assignment.
    """
    num_clouds, num_points, _ = first.shape
    kept = share_of(num_points, weight)
    places = random_order(num_clouds, num_points, generator, first.device)
    chosen = random_order(num_clouds, num_points, generator, first.device)
    return compose(first, second, places < kept[:, None], chosen)


def point_cut_mix_k(
    first: Tensor,
    second: Tensor,
    weight: Tensor,
    generator: torch.Generator,
    settings: MixingSettings,
    distinct: Distinct = None,
) -> Mixed:
    """Replace the nearest neighbours of a random point of the first cloud by their matches in the second."""
    num_points = first.shape[1]
    replaced = num_points - share_of(num_points, weight)
    anchor = random_point(first, generator, None if distinct is None else distinct[0])
    ranks = ranks_of(by_distance(first, anchor))
    matches = match_clouds(first, second, settings.match_points, generator)
    return compose(first, second, ranks >= replaced[:, None], matches)


def fps_mix(
    first: Tensor, second: Tensor, weight: Tensor, generator: torch.Generator, settings: MixingSettings
) -> Mixed:
    """Join farthest-point samples of both clouds in random order."""
    num_clouds, num_points, _ = first.shape
    kept = share_of(num_points, weight)
    samples = [_farthest(cloud, count, generator) for cloud, count in ((first, kept), (second, num_points - kept))]
    # Place j of the joint list holds sample j of the first cloud or sample j - kept of the second.
    places = torch.arange(num_points, device=first.device).expand(num_clouds, -1)
    from_first = places < kept[:, None]
    chosen_second = samples[1].gather(1, (places - kept[:, None]).clamp_min(0))
    order = random_order(num_clouds, num_points, generator, first.device)
    shuffled = gather_points(first, samples[0].gather(1, order))
    return compose(shuffled, second, from_first.gather(1, order), chosen_second.gather(1, order))


def _farthest(clouds: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
    # (B, N) indices whose first counts[b] entries are a farthest point sample of cloud b; the rest are not to be read.
    num_clouds, num_points, _ = clouds.shape
    start = random_point(clouds, generator)
    everything = torch.arange(num_points, device=clouds.device).expand(num_clouds, -1)
    partial = counts.masked_fill(counts == num_points, 0)
    longest = int(partial.max())
    if longest == 0:
        return everything
    # A farthest point sample of n points is the beginning of every longer one from the same start.
    sampled = everything.clone()
    sampled[:, :longest] = farthest_point_sample(clouds[..., :3], longest, start)
    return torch.where((counts == num_points)[:, None], everything, sampled)


def rsmix(
    first: Tensor,
    second: Tensor,
    weight: Tensor,
    generator: torch.Generator,
    settings: MixingSettings,
    distinct: Distinct = None,
) -> Mixed:
    """Cut the neighbourhood of a random point out of the first cloud and set one of the second in its place, rigidly.

    Both neighbourhoods hold the same number of nearest neighbours, which ``weight`` sets up to the largest share of
    the settings; the second's is moved so that its centre comes to lie on the first's.
    """
    num_clouds, num_points, _ = first.shape
    largest = int(settings.rsmix_max_share * num_points)
    replaced = (num_points - share_of(num_points, weight)).clamp_max(largest)
    hole, patch = (
        random_point(cloud, generator, among)
        for cloud, among in zip((first, second), distinct or (None, None), strict=True)
    )
    ranks = ranks_of(by_distance(first, hole))
    clouds = torch.arange(num_clouds, device=first.device)
    moved = second.clone()
    moved[..., :3] += (first[clouds, hole, :3] - second[clouds, patch, :3])[:, None]
    matches = by_distance(second, patch).gather(1, ranks)
    return compose(first, moved, ranks >= replaced[:, None], matches)
