"""Operators that interpolate between matched points: PointMixup and SageMix.

Shape legend: B pairs of clouds, N points, C channels with x, y, z first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.errors import ConfigError
from concord3d.geometry.grouping import gather_points
from concord3d.geometry.mixing.assignment import match_clouds
from concord3d.geometry.mixing.parts import Mixed
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
    saliency: Saliency | None = None,
) -> Mixed:
    """Interpolate between matched points with weights that fall with the distance from an anchor in each cloud.

    The first anchor is drawn by saliency, the second by saliency times its distance from the first anchor. A point's
    share of the first cloud is ``w g1 / (w g1 + (1 - w) g2)`` with Gaussian kernels g around the anchors.

    Args:
        first: (B, N, C).
        second: (B, N, C).
        weight: (B,) prior weight w of the first cloud; the ratio realised is the mean share.
        generator: Source of all randomness.
        settings: Width of the kernel and size of the matching.
        saliency: Two (B, N) of non-negative importances of the points; None, or a cloud without any, means uniform.

    Raises:
        ConfigError: The saliency does not fit the clouds.
    """
    own, other = _checked(saliency, first)
    matches = match_clouds(first, second, settings.match_points, generator)
    matched, other = gather_points(second, matches), other.gather(1, matches)
    clouds = torch.arange(len(first), device=first.device)
    anchor = first[clouds, _draw(own, generator), :3]
    apart = (matched[..., :3] - anchor[:, None]).norm(dim=2)
    matched_anchor = matched[clouds, _draw(other * apart, generator), :3]
    near = (first[..., :3] - anchor[:, None]).square().sum(2)
    matched_near = (matched[..., :3] - matched_anchor[:, None]).square().sum(2)
    # The share of the docstring as a logistic function: no kernel underflows, and weights 0 and 1 give exactly that.
    share = torch.sigmoid(weight.logit()[:, None] - (near - matched_near) / (2 * settings.sage_sigma**2))
    return Mixed(_between(first, matched, share), share.float().mean(dim=1), None)


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


def _draw(chances: Tensor, generator: torch.Generator) -> Tensor:
    # (B,) a point of each cloud, drawn in proportion; uniformly where all chances are zero.
    nothing = chances.sum(dim=1, keepdim=True) == 0
    usable = chances.double().masked_fill(nothing, 1.0).to(generator.device)
    return torch.multinomial(usable, 1, generator=generator)[:, 0].to(chances.device)
