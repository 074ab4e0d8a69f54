"""PointPatchMix: whole patches of one cloud change places with matching patches of the other.

Shape legend: B pairs of clouds, N points, G patches, S points per patch, R points in no patch, C channels with x, y, z
first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.geometry.fps import farthest_point_sample
from concord3d.geometry.grouping import gather_points
from concord3d.geometry.mixing.assignment import match_clouds
from concord3d.geometry.mixing.parts import Mixed, compose, random_order, random_point, share_of
from concord3d.geometry.mixing.settings import MixingSettings


def point_patch_mix(
    first: Tensor, second: Tensor, weight: Tensor, generator: torch.Generator, settings: MixingSettings
) -> Mixed:
    """Replace randomly chosen patches of the first cloud by the patches of the second whose centres match theirs.

    The weight sets the number of patches kept. Where the number of points is no multiple of the number of patches, it
    sets the number of remaining points kept as well.
    """
    num_clouds, num_points, _ = first.shape
    num_patches = min(settings.num_patches, num_points)
    patches, rest = partition(first, num_patches, generator)
    other_patches, other_rest = partition(second, num_patches, generator)
    matches = match_clouds(_centres(first, patches), _centres(second, other_patches), num_patches, generator)
    matched = other_patches.gather(1, matches[:, :, None].expand_as(other_patches))
    kept = random_order(num_clouds, num_patches, generator, first.device) < share_of(num_patches, weight)[:, None]
    kept_rest = _random_subset(rest, share_of(rest.shape[1], weight), generator)
    places = torch.cat([patches.flatten(1), rest], dim=1)
    keeps = torch.cat([kept[:, :, None].expand_as(patches).flatten(1), kept_rest], dim=1)
    fills = torch.cat([matched.flatten(1), other_rest], dim=1)
    from_first = torch.empty_like(keeps).scatter_(1, places, keeps)
    return compose(first, second, from_first, torch.empty_like(fills).scatter_(1, places, fills))


def _centres(clouds: Tensor, patches: Tensor) -> Tensor:
    return gather_points(clouds, patches.flatten(1))[..., :3].unflatten(1, patches.shape[1:]).mean(dim=2)


def _random_subset(members: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
    num_clouds, num_members = members.shape
    return random_order(num_clouds, num_members, generator, members.device) < counts[:, None]


def partition(clouds: Tensor, num_patches: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Cut clouds into patches of equal size that share no point.

    The centres are a farthest point sample; each in turn takes its nearest points among those not yet taken.

    Args:
        clouds: (B, N, C).
        num_patches: G, at most N.
        generator: Source of the first centre.

    Returns:
        (B, G, S) indices of the patches with S = N // G, and (B, R) of the N - G S points left over.
    """
    num_clouds, num_points, _ = clouds.shape
    coordinates = clouds[..., :3]
    start = random_point(clouds, generator)
    centres = gather_points(coordinates, farthest_point_sample(coordinates, num_patches, start))
    taken = torch.zeros(num_clouds, num_points, dtype=torch.bool, device=clouds.device)
    patches = []
    for patch in range(num_patches):
        distances = (coordinates - centres[:, patch, None]).square().sum(2).masked_fill(taken, torch.inf)
        members = distances.topk(num_points // num_patches, dim=1, largest=False).indices
        taken.scatter_(1, members, True)
        patches.append(members)
    rest = (~taken).nonzero()[:, 1].view(num_clouds, -1)
    return torch.stack(patches, dim=1), rest
