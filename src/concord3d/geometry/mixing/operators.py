"""Mixing two point clouds into one: every operator behind one function.

Shape legend: B pairs of clouds, N points, C channels with x, y, z first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError, nearest
from concord3d.geometry.mixing.cut import fps_mix, point_cut_mix_k, point_cut_mix_r, rsmix
from concord3d.geometry.mixing.interpolation import Saliency, point_mixup, sage_mix
from concord3d.geometry.mixing.parts import Mixed, distinct_share, first_places
from concord3d.geometry.mixing.patches import point_patch_mix
from concord3d.geometry.mixing.settings import OPERATORS, MixingSettings

_EVERYWHERE: dict[str, Callable[[Tensor, Tensor, Tensor, torch.Generator, MixingSettings], Mixed]] = {
    "point_cut_mix_r": point_cut_mix_r,
    "fps_mix": fps_mix,
    "point_mixup": point_mixup,
    "point_patch_mix": point_patch_mix,
}
# These mix around a point that they draw, which must be no copy.
_AROUND_ANCHORS: dict[str, Callable[..., Mixed]] = {
    "point_cut_mix_k": point_cut_mix_k,
    "rsmix": rsmix,
    "sage_mix": sage_mix,
}


def mix_clouds(
    operator: str,
    first: Tensor,
    second: Tensor,
    weight: Tensor,
    generator: torch.Generator,
    settings: MixingSettings,
    saliency: Saliency | None = None,
    sources: tuple[Tensor, Tensor] | None = None,
) -> Mixed:
    """Mix pairs of clouds.

    Args:
        operator: One of :data:`concord3d.geometry.mixing.settings.OPERATORS`.
        first: (B, N, C) float, coordinates in the first three channels; the other channels go with their point.
        second: (B, N, C).
        weight: (B,) weight of the first cloud in [0, 1]: 1 gives the first cloud, as a set of points.
        generator: Source of all randomness.
        settings: Constants of the operators.
        saliency: For ``sage_mix`` only: two (B, N) of non-negative importances of the points.
        sources: Two (B, N) int64 from 0 to N - 1, which point stands at each place of a cloud, where some are copies
            of others; None where all differ. Distinct points alone are counted and drawn as anchors.

    Returns:
        Clouds of N points with the ratio realised, to be used in place of ``weight`` from here on. It differs from
        the weight by rounding, and where the operator's own rule bounds or shifts it (RSMix, SageMix).

    Raises:
        ConfigError: The operator is unknown, a weight is out of range, or a saliency does not fit.
        BadCloud: The clouds are not two equal (B, N, C) with B, N >= 1 and C >= 3.

    Source: MM-Mixing spec 3.4.
    """
    if operator not in OPERATORS:
        raise ConfigError(
            f"Unknown mixing operator '{operator}'{nearest(operator, OPERATORS)}", expected=OPERATORS, found=operator
        )
    if first.shape != second.shape or first.ndim != 3 or first.shape[2] < 3 or 0 in first.shape:
        raise BadCloud(
            "Clouds cannot be mixed",
            expected="two (B, N, C) with B, N >= 1 and C >= 3",
            found=(tuple(first.shape), tuple(second.shape)),
        )
    if weight.shape != first.shape[:1] or not bool(((weight >= 0) & (weight <= 1)).all()):
        raise ConfigError(
            "Weights of mixed clouds do not fit", expected=f"({len(first)},) within [0, 1]", found=weight.tolist()
        )
    weight = weight.to(first.device)
    if saliency is not None and operator != "sage_mix":
        raise ConfigError("Only sage_mix reads a saliency", expected="sage_mix", found=operator)
    mix = _EVERYWHERE.get(operator)
    if mix is None:
        distinct = None if sources is None else (first_places(sources[0]), first_places(sources[1]))
        if saliency is not None:
            return sage_mix(first, second, weight, generator, settings, distinct, saliency)
        mix = partial(_AROUND_ANCHORS[operator], distinct=distinct)
    if sources is None:
        return mix(first, second, weight, generator, settings)
    # The sources go with their points as one channel more.
    first, second = (torch.cat([c, own[:, :, None].to(c)], 2) for c, own in zip((first, second), sources, strict=True))
    mixed = mix(first, second, weight, generator, settings)
    points, from_first = mixed.points[..., :-1], mixed.from_first
    ratio = mixed.ratio if from_first is None else distinct_share(mixed.points[..., -1].long(), from_first)
    return Mixed(points, ratio, from_first)
