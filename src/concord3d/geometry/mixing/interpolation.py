"""Operators that interpolate between matched points: PointMixup and SageMix.

Shape legend: B pairs of clouds, N points, C channels with x, y, z first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.errors import ConfigError
from concord3d.geometry.grouping import gather_points
from concord3d.geometry.mixing.assignment import match_clouds
from concord3d.geometry.mixing.parts import Distinct, Mixed, drawn_point
from concord3d.geometry.mixing.settings import MixingSettings

Saliency = tuple[Tensor, Tensor]


def point_mixup(
    first: Tensor, second: Tensor, weight: Tensor, generator: torch.Generator, settings: MixingSettings
) -> Mixed:
    """Interpolate linearly between matched points, in every channel."""
    matched = gather_points(second, match_clouds(first, second, settings.match_points, generator))
    return Mixed(_between(first, matched, weight[:, None]), weight.float(), None)


def sage_mix(
    first: Tensor,
    second: Tensor,
    weight: Tensor,
    generator: torch.Generator,
    settings: MixingSettings,
    distinct: Distinct = None,
    saliency: Saliency | None = None,
) -> Mixed:
    """Interpolate between matched points with weights that fall with the distance from an anchor in each cloud.

    The first anchor is drawn by saliency, the second by saliency times its distance from the first anchor. A point's
    share of the first cloud is ``w g1 / (w g1 + (1 - w) g2)`` with Gaussian kernels g around the anchors.

    Args:
        first: (B, N, C).
        second: (B, N, C).
        weight: (B,) prior weight w of the first cloud; the ratio realised is the mean share over its distinct points.
        generator: Source of all randomness.
        settings: Width of the kernel and size of the matching.
        distinct: Places that hold distinct points: others are no anchors.
        saliency: Two (B, N) of non-negative importances of the points; None, or a cloud without any, means uniform.

    Raises:
        ConfigError: The saliency does not fit the clouds.
    """
    own, other = _checked(saliency, first)
    if distinct is not None:
        own, other = own * distinct[0], other * distinct[1]
    matches = match_clouds(first, second, settings.match_points, generator)
    matched, other = gather_points(second, matches), other.gather(1, matches)
    clouds = torch.arange(len(first), device=first.device)
    anchor = first[clouds, drawn_point(own, generator), :3]
    apart = (matched[..., :3] - anchor[:, None]).norm(dim=2)
    matched_anchor = matched[clouds, drawn_point(other * apart, generator), :3]
    near = (first[..., :3] - anchor[:, None]).square().sum(2)
    matched_near = (matched[..., :3] - matched_anchor[:, None]).square().sum(2)
    # The share of the docstring as a logistic function: no kernel underflows, and weights 0 and 1 give exactly that.
    share = torch.sigmoid(weight.logit()[:, None] - (near - matched_near) / (2 * settings.sage_sigma**2))
    counted = torch.ones_like(share) if distinct is None else distinct[0].to(share)
    ratio = (share * counted).sum(dim=1) / counted.sum(dim=1)
    return Mixed(_between(first, matched, share), ratio.float(), None)


def _between(first: Tensor, matched: Tensor, share: Tensor) -> Tensor:
    # share (B, N) or (B, 1) of the first cloud.
    share = share[:, :, None].to(first.dtype)
    return share * first + (1 - share) * matched


def _checked(saliency: Saliency | None, clouds: Tensor) -> Saliency:
    shape = clouds.shape[:2]
    if saliency is None:
        uniform = torch.ones(shape, device=clouds.device)
        return uniform, uniform
    for values in saliency:
        if values.shape != shape or not bool((torch.isfinite(values) & (values >= 0)).all()):
            raise ConfigError(
                "The saliency does not fit the clouds",
                expected=f"finite values, not negative, of shape {tuple(shape)}",
                found=tuple(values.shape),
            )
    own, other = (values.to(clouds.device) for values in saliency)
    return own, other
